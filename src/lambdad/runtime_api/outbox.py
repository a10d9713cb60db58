"""What goes out on a socket that may not take all at once: the same for both transports."""

import asyncio
import socket
from collections.abc import Callable


class Outbox:
    """Sends at once what the socket takes, and the rest when it can. The socket is its owner's."""

    __slots__ = ("_loop", "_lost", "_rest", "_sent", "_sock")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, *, sent: Callable[[], None], lost: Callable[[], None]
    ) -> None:
        """`sent`: a rest has gone out. `lost`: the other end is gone; nothing waits any more."""
        self._loop = loop
        self._sock = sock
        self._sent = sent
        self._lost = lost
        self._rest: memoryview | None = None

    @property
    def waiting(self) -> bool:
        return self._rest is not None

    def send(self, data: bytes) -> None:
        if self._rest is not None:
            self._rest = memoryview(bytes(self._rest) + data)
            return
        try:
            size = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            size = 0
        except ConnectionError:
            self._lost()
            return
        if size < len(data):
            self._rest = memoryview(data)[size:]
            self._loop.add_writer(self._sock, self._writable)

    def drop(self) -> None:
        """What waits is not sent any more."""
        if self._rest is not None:
            self._rest = None
            self._loop.remove_writer(self._sock)

    def _writable(self) -> None:
        assert self._rest is not None
        try:
            size = self._sock.send(self._rest)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            self.drop()
            self._lost()
            return
        self._rest = self._rest[size:]
        if not self._rest:
            self.drop()
            self._sent()
