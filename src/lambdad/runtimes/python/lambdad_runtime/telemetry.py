"""Log frames on the telemetry socket, and standard streams that write through it.

All that a function logs takes this one way, so the order between `print` and `logging` is kept and a record of several lines
stays one event. A full socket blocks the function; nothing is dropped here.
"""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
import time

TEXT = 0xA55A0003
JSON = 0xA55A0002
_STEPS = {10: 8, 20: 12, 30: 16, 40: 20, 50: 24}
"""What a level of the logging module adds to a frame's type; others add nothing."""
_HEADER = struct.Struct(">IIQ")
_PARTIAL_LIMIT = 262_144
"""Bytes of a line without an end that are kept back; CloudWatch Logs cuts events at 256 KB."""


def frame_type(kind: int, level: int) -> int:
    """The type of a frame of `kind` (TEXT or JSON) for a level number of the logging module, e.g. 25 counts as INFO."""
    return kind + _STEPS.get(min(50, level) // 10 * 10, 0)


class Telemetry:
    """Writer of frames; any thread may use it."""

    __slots__ = ("_fd", "lock")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        # Re-entrant, since a signal handler or a finaliser may log while this thread is in the middle of a write.
        self.lock = threading.RLock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self.lock = threading.RLock()

    def write(self, kind: int, message: bytes) -> None:
        """One event."""
        self._send(_HEADER.pack(kind, len(message), time.time_ns() // 1000) + message)

    def write_lines(self, lines: list[bytes]) -> None:
        """Several events of plain text in one write."""
        now = time.time_ns() // 1000
        self._send(b"".join([_HEADER.pack(TEXT, len(line), now) + line for line in lines]))

    def _send(self, data: bytes) -> None:
        with self.lock:
            written = os.write(self._fd, data)
            while written < len(data):
                data = data[written:]
                written = os.write(self._fd, data)


class Lines(io.RawIOBase):
    """A binary stream whose complete lines become events. What has no line end yet waits for `end`, as it would in a pipe."""

    def __init__(self, telemetry: Telemetry, fd: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.mode = "wb"
        self._telemetry = telemetry
        self._number = fd
        self.partial = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """1 or 2: programs that inherit it, and C code, write to the real descriptor."""
        return self._number

    def isatty(self) -> bool:
        return False

    def write(self, data) -> int:
        data = bytes(data)
        with self._telemetry.lock:
            cut = data.rfind(b"\n") + 1
            if cut:
                pieces = (self.partial + data[:cut]).split(b"\n")
                pieces.pop()
                self.partial = data[cut:]
                self._telemetry.write_lines([piece + b"\n" for piece in pieces])
            else:
                self.partial += data
            if len(self.partial) >= _PARTIAL_LIMIT:
                self.end()
        return len(data)

    def end(self) -> None:
        """Let out what has no line end yet: the invocation, or the process, is over."""
        if self.partial:
            with self._telemetry.lock:
                partial, self.partial = self.partial, b""
                if partial:
                    self._telemetry.write(TEXT, partial)


def replace_standard_streams(telemetry: Telemetry) -> tuple[Lines, Lines]:
    """Make `sys.stdout` and `sys.stderr` write events; the answer is what to `end` after each invocation."""
    out = Lines(telemetry, 1, "<stdout>")
    err = Lines(telemetry, 2, "<stderr>")
    sys.stdout = io.TextIOWrapper(out, encoding="utf-8", errors="surrogateescape", newline="\n", write_through=True)
    sys.stderr = io.TextIOWrapper(err, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)
    return out, err
