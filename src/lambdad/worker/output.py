"""What a sandbox prints, cut into log events: lines of stdout and stderr, framed records of the telemetry socket. Pure.

The frames are those that AWS's own runtime clients write to `_LAMBDA_TELEMETRY_LOG_FD` (docs/design/channel.md, "Log records").
The writer is user code: everything is bounded, and bytes that are no frames are shown as they are.
"""

import struct
from typing import Final, NamedTuple

EVENT_LIMIT: Final = 262_144
"""Bytes of one log event; longer ones become several. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""

_FRAME = struct.Struct(">IIQ")
_KINDS: Final = frozenset({0xA55A0002, 0xA55A0003}) | frozenset(
    0xA55A0000 + base + level for base in (2, 3) for level in (4, 8, 12, 16, 20, 24)
)
"""JSON and text, plain and with each level: TRACE +4, DEBUG +8, INFO +12, WARN +16, ERROR +20, FATAL +24."""


class Record(NamedTuple):
    time_us: int
    """0: when it came."""
    message: str


def pieces(data: bytes, limit: int = EVENT_LIMIT) -> list[str]:
    """`data` as text, in pieces of at most `limit` bytes that do not cut a character in two."""
    if len(data) <= limit:
        return [data.decode("utf-8", "replace")]
    found = []
    while data:
        end = min(limit, len(data))
        if end < len(data):
            back = 0
            while back < 3 and data[end - back] & 0xC0 == 0x80:
                back += 1
            end -= back if data[end - back] & 0xC0 == 0xC0 else 0
        found.append(data[:end].decode("utf-8", "replace"))
        data = data[end:]
    return found


class Lines:
    """Bytes in, lines out, without their ends."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Record]:
        *whole, self._held = (self._held + data if self._held else data).split(b"\n")
        records = [Record(0, piece) for line in whole for piece in pieces(line)]
        while len(self._held) > EVENT_LIMIT:
            piece = pieces(self._held)[0]
            records.append(Record(0, piece))
            self._held = self._held[min(EVENT_LIMIT, len(piece.encode("utf-8", "replace"))) :]
        return records

    def flush(self) -> list[Record]:
        """The line that has begun, as far as it has come."""
        if not self._held:
            return []
        held, self._held = self._held, b""
        return [Record(0, piece) for piece in pieces(held)]


class Telemetry:
    """Bytes in, records out. After bytes that are no frame, the rest is taken as lines."""

    __slots__ = ("_held", "_left", "_lines", "_time_us")

    def __init__(self) -> None:
        self._held = b""
        self._left: int | None = None
        """Bytes of the present record's message that are still to come or held; None between records."""
        self._time_us = 0
        self._lines: Lines | None = None

    def feed(self, data: bytes) -> list[Record]:
        if self._lines is not None:
            return self._lines.feed(data)
        data = self._held + data if self._held else data
        records: list[Record] = []
        at = 0
        while True:
            if self._left is None:
                if len(data) - at < _FRAME.size:
                    break
                kind, self._left, self._time_us = _FRAME.unpack_from(data, at)
                if kind not in _KINDS:
                    self._lines, self._held = Lines(), b""
                    return records + self._lines.feed(data[at:])
                at += _FRAME.size
            size = min(self._left, EVENT_LIMIT)
            if len(data) - at < size:
                break
            message = data[at : at + size].decode("utf-8", "replace")
            records.append(Record(self._time_us, message.removesuffix("\n")))
            at += size
            self._left = self._left - size or None
        self._held = data[at:]
        return records

    def flush(self) -> list[Record]:
        """What is left where the frames were none; a frame that has begun stays, since its end will come."""
        return [] if self._lines is None else self._lines.flush()
