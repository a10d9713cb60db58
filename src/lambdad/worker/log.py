"""The log of one environment: its function's output and Lambda's own lines, in order, into its stream; and the tail.

The order within one invocation is AWS's: START, what the function wrote, what went wrong, END, REPORT. START is rendered only
when something follows it, so that a warm invocation costs nothing here before its answer has left.
"""

import asyncio
import select
import socket
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from lambdad.domain.limits import LOG_TAIL
from lambdad.logs import lines
from lambdad.logs.api import LogEvent, LogWriter, May, StreamName
from lambdad.worker.output import Lines, Record, Telemetry

_DRAIN_READS: Final = 16
"""Reads per socket at the end of an invocation, at most: a thread or child may go on printing without end."""
_TRUSTED_SKEW_MS: Final = 3_600_000
"""A record that says it was written further away from now than this is dated by when it came."""


class EnvironmentLog:
    """Knows formats and levels, and which invocation is on."""

    def __init__(
        self,
        stream: StreamName,
        writer: LogWriter,
        may: May,
        *,
        wall: Callable[[], float],
        format: lines.Format = "Text",
        system_level: str | None = None,
    ) -> None:
        """`wall`: seconds since the epoch."""
        self.stream = stream
        self._writer = writer
        self._may = may
        self._wall = wall
        self.format: lines.Format = format
        self._render = lines.renderer(format, system_level)
        self._start: tuple[lines.Start, int] | None = None
        self._tail: bytearray | None = None

    def begin(self, start: lines.Start, want_tail: bool) -> None:
        self._start = (start, int(self._wall() * 1000))
        self._tail = bytearray() if want_tail else None

    def write(self, records: Sequence[Record]) -> None:
        """The function's own output."""
        if not records:
            return
        now_ms = int(self._wall() * 1000)
        events = self._opened()
        for time_us, message in records:
            time_ms = time_us // 1000
            events.append(LogEvent(time_ms if abs(time_ms - now_ms) < _TRUSTED_SKEW_MS else now_ms, message))
        self._put(events)

    def platform(self, *entries: lines.Event) -> None:
        """Lambda's own lines, as many of them as the format and level have."""
        now_ms = int(self._wall() * 1000)
        events = self._opened()
        for entry in entries:
            text = self._render(entry, now_ms)
            if text is not None:
                events.append(LogEvent(now_ms, text))
        self._put(events)

    def end(self) -> bytes:
        """The invocation is over; the last 4,096 bytes of its log, where they were wanted."""
        tail, self._tail = self._tail, None
        return b"" if tail is None else bytes(tail)

    def _opened(self) -> list[LogEvent]:
        if self._start is None:
            return []
        (start, time_ms), self._start = self._start, None
        text = self._render(start, time_ms)
        return [] if text is None else [LogEvent(time_ms, text)]

    def _put(self, events: list[LogEvent]) -> None:
        if not events:
            return
        self._writer.write(self.stream, events, self._may)
        if self._tail is not None:
            for event in events:
                self._tail += event.message.encode("utf-8", "replace")
                self._tail += b"\n"
            del self._tail[:-LOG_TAIL]


class _Splitter(Protocol):
    def feed(self, data: bytes) -> list[Record]: ...

    def flush(self) -> list[Record]: ...


class OutputReader:
    """Reads what one runtime process and its children print. Owns both sockets."""

    __slots__ = ("_log", "_loop", "_poll", "_scratch", "_sources", "_view")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        output: socket.socket,
        telemetry: socket.socket,
        log: EnvironmentLog,
        scratch: bytearray,
    ) -> None:
        self._loop = loop
        self._log = log
        self._scratch = scratch
        self._view = memoryview(scratch)
        self._sources: dict[socket.socket, _Splitter] = {telemetry: Telemetry(), output: Lines()}
        # One look at both sockets at the end of each invocation, where a read of each would mean two exceptions.
        self._poll = select.poll()
        self._poll.register(telemetry, select.POLLIN)
        self._poll.register(output, select.POLLIN)
        loop.add_reader(telemetry, self._readable, telemetry)
        loop.add_reader(output, self._readable, output)

    def drain(self) -> None:
        """Everything that was printed until now is in the log afterwards, a line that has only begun too."""
        if self._poll.poll(0):
            for sock in tuple(self._sources):
                for _ in range(_DRAIN_READS):
                    if not self._readable(sock):
                        break
        for splitter in self._sources.values():
            records = splitter.flush()
            if records:
                self._log.write(records)

    def close(self) -> None:
        """Calling it twice is no error."""
        for sock in tuple(self._sources):
            self._close(sock)

    def _readable(self, sock: socket.socket) -> bool:
        try:
            size = sock.recv_into(self._scratch)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            size = 0
        splitter = self._sources[sock]
        if not size:
            self._log.write(splitter.flush())
            self._close(sock)
            return False
        records = splitter.feed(self._view[:size].tobytes())
        if records:
            self._log.write(records)
        return True

    def _close(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock)
        self._poll.unregister(sock)
        sock.close()
        del self._sources[sock]
