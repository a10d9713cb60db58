"""HTTP/1.1 on the loop: bytes to requests, answers to bytes, and nothing else.

httptools (llhttp, in its strict mode) does the parsing and refuses what request smuggling is made of: a Content-Length beside
a Transfer-Encoding, two Content-Lengths, broken chunks; `heads` refuses the rest. Requests of one connection are answered in
their order, one at a time, and none before the client has taken the answers that it was sent; what it pipelines beyond that
waits, and then reading pauses. One timer for all connections.
RFC 9112: https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from lambdad.edge.connection import Connection
from lambdad.wire.messages import Request, Response
from lambdad.wire.timestamps import http_date

log = logging.getLogger(__name__)

_HEADER_NAMES, _LONGEST_NAME = 512, 64
"""How many spellings of header names are remembered, and how long they may be."""
_HEADERS_LIMIT = 128 * 1024
"""Bytes of target, headers and trailers of a request. The longest that a client of AWS sends is UntagResource with 50 keys of
128 characters in its query: 77 KB, percent-encoded."""
_HEADER_COST = 256
"""Bytes that each of them counts for besides its own, so that they are 512 at most. AWS's clients send a dozen, S3's objects
may have some of their own (2 KB together)."""
_BODIES = 1024 * 1024 * 1024
"""Bytes of bodies that are being received or waited with, together: fifteen of the largest."""
_SHED = 16
"""Where there are too many connections, one of so many is closed at once, since the choice costs a look at all of them."""
_DEADLINE = attrgetter("deadline")


class Application(Protocol):
    """What answers the requests."""

    def body_limit(self, request: Request) -> int:
        """Bytes that the body of this request may have; asked when the headers are there and the body is not."""
        ...

    def too_large(self, request: Request, size: int) -> Response:
        """The refusal of a body that is, or would be, `size` bytes or more."""
        ...

    def handle(self, request: Request, respond: Callable[[Response], None]) -> None:
        """`respond` is called once, in the event loop, perhaps before this returns. Never raises for what a client sends."""
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. The figures are generous: a slow client costs one socket and no task."""

    headers: float = 60.0
    """From the first byte of a request to the end of its headers; also from the connection to its first byte."""
    body: float = 60.0
    """Without a single byte of a body that is still expected; also what a client is forgiven that is slower than `rate`."""
    rate: float = 1024.0
    """Bytes of a body per second, on an average; a modem does five times as much."""
    idle: float = 300.0
    """A kept-alive connection without a request; longer than the 60 s of AWS's own load balancers, so that pools stay warm."""
    write: float = 120.0
    """A client that takes nothing of an answer."""
    linger: float = 10.0
    """Reading on after a refusal, so that the client sees the answer and not a reset."""
    sweep: float = 1.0
    """Between two looks at all connections."""


class Server:
    """Listens, and keeps the connections. `now` is wall-clock time in seconds, for the Date header; `peers`: whether the
    addresses of clients mean anything.

    What clients may take: `most_connections` of them at a time; for a request `header_limit` bytes of head, each header
    counting for `header_cost` more; for the bodies of all together `body_budget` bytes, beyond which they are answered 503.
    """

    def __init__(
        self,
        application: Application,
        *,
        timeouts: Timeouts | None = None,
        most_connections: int = 4096,
        header_limit: int = _HEADERS_LIMIT,
        header_cost: int = _HEADER_COST,
        body_budget: int = _BODIES,
        now: Callable[[], float] = time.time,
        peers: bool = True,
    ) -> None:
        self.application = application
        self.timeouts = timeouts or Timeouts()
        self.header_limit = header_limit
        self.header_cost = header_cost
        self.body_budget = body_budget
        self.most_connections = most_connections
        self.connections: set[Connection] = set()
        self.held = 0
        """Bytes of bodies; see `body_budget`."""
        self.busy = 0
        """Requests in progress."""
        self.header_names: dict[bytes, str] = {}
        self.closing = False
        self.peers = peers
        self._now = now
        self._second = -1
        self._date = ""
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finished: asyncio.Future[None] | None = None
        """While `close` waits for the last request."""

    def __repr__(self) -> str:
        return f"<Server {len(self.connections)} connections, {self.busy} requests{', closing' if self.closing else ''}>"

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Start to accept; port 0 takes any free one. Answers the address. Raises OSError if it is taken."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(self, loop), host, port, backlog=1024, reuse_address=True)
        return self._listening(loop, listener)

    async def listen_on(self, sock: socket.socket) -> tuple[str, int]:
        """The same on a socket that is bound already, e.g. inside a sandbox's network namespace."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(self, loop), sock=sock, backlog=1024)
        return self._listening(loop, listener)

    def _listening(self, loop: asyncio.AbstractEventLoop, listener: asyncio.Server) -> tuple[str, int]:
        self._listeners.append(listener)
        self._loop = loop
        if self._timer is None:
            self._timer = loop.call_later(self.timeouts.sweep, self._sweep)
        address = listener.sockets[0].getsockname()
        return (address[0], address[1]) if isinstance(address, tuple) else (str(address), 0)

    async def close(self, grace: float = 10.0) -> None:
        """Accept no more, let running requests end within `grace` seconds, then cut the rest of the connections off."""
        self.closing = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.wind_down()
        if self.busy:
            self._finished = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._finished], timeout=grace)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        writers = [connection.writer for connection in self.connections if connection.writer is not None]
        for connection in list(self.connections):
            connection.abort()
        self._listeners.clear()
        await asyncio.sleep(0)  # The transports that were cut off report their end in the next turn of the loop.
        if writers:
            await asyncio.wait(writers)

    def opened(self, connection: Connection) -> None:
        """One connection more, for which others that have no request in progress may have to go: those first that would be
        closed first anyway, so one that says nothing before one that is kept alive."""
        self.connections.add(connection)
        if len(self.connections) <= self.most_connections:
            return
        others = sorted((each for each in self.connections if each.waits and each is not connection), key=_DEADLINE)
        for each in others[: max(1, self.most_connections // _SHED)] or [connection]:
            self.connections.discard(each)
            each.abort()

    def finished(self) -> None:
        """One request fewer is in progress."""
        self.busy -= 1
        if not self.busy and self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

    def header_name(self, name: bytes) -> str:
        """In lower case, and remembered: clients send the same dozen with every request."""
        text = name.decode("latin-1").lower()
        if len(self.header_names) < _HEADER_NAMES and len(name) <= _LONGEST_NAME:
            self.header_names[name] = text
        return text

    def date(self) -> str:
        """Value of the Date header, made once per second."""
        second = int(self._now())
        if second != self._second:
            self._second, self._date = second, http_date(second)
        return self._date

    def sweep(self, now: float) -> None:
        """Close what has been waited for too long. `now` is the loop's time."""
        for connection in list(self.connections):
            if connection.deadline <= now:
                connection.expire()

    def _sweep(self) -> None:
        assert self._loop is not None
        self.sweep(self._loop.time())
        self._timer = self._loop.call_later(self.timeouts.sweep, self._sweep)
