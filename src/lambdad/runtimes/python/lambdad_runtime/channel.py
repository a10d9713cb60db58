"""Frames over the Unix stream socket that leads to lambdad; docs/design/channel.md has the format."""

from __future__ import annotations

import json
import os
import struct
from json.encoder import encode_basestring_ascii as _quote

START = 1
INVOKE = 2
RESTORE = 3
NEXT = 16
RESPONSE = 17
ERROR = 18
INIT_ERROR = 19
SNAPSHOT = 23

BODY_LIMIT = 6_291_556 + 1
"""Bytes. One more than a response may have: a longer one is cut to this length, which is what makes it too large."""
_TYPE_LIMIT = 1024
"""Characters of an error type; a head may have 64 KiB, and a class name may be of any length."""
_READ = 65_536
"""Bytes asked for at once: nearly every event arrives in one read."""
_JOINED = 16_384
"""Bytes below which one copy into a single write is cheaper than a vectored write."""

_HEADER = struct.Struct(">BBHI")
_scan = json.JSONDecoder().scan_once
_NEXT_FRAME = _HEADER.pack(NEXT, 0, 0, 0)


class Channel:
    """Blocking frames on a file descriptor. Not for several threads: only the runtime's loop uses it."""

    __slots__ = ("_fd", "_rest")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""

    def receive(self) -> tuple[int, dict, bytes]:
        """The next frame: kind, head, body. Raises EOFError when lambdad has closed the socket."""
        data = self._rest or self._read()
        while len(data) < 8:
            data += self._read()
        kind, _, head_length, body_length = _HEADER.unpack_from(data)
        start = 8 + head_length
        total = start + body_length
        if len(data) < total:
            data = self._complete(data, total)
        self._rest = data[total:]
        head = _scan(data[8:start].decode(), 0)[0] if head_length else {}
        return kind, head, data[start:total]

    def _read(self) -> bytes:
        data = os.read(self._fd, _READ)
        if not data:
            raise EOFError("lambdad closed the channel")
        return data

    def _complete(self, data: bytes, total: int) -> bytes:
        whole = bytearray(total)
        whole[: len(data)] = data
        view = memoryview(whole)
        have = len(data)
        while have < total:
            count = os.readv(self._fd, [view[have:]])
            if not count:
                raise EOFError("lambdad closed the channel")
            have += count
        return bytes(view)

    def next(self) -> None:
        """Say that the runtime waits for an event."""
        self._write(_NEXT_FRAME)

    def respond(self, request_id: str, body: bytes, content_type: str) -> None:
        """Answer an invocation and wait for the next event, in one write."""
        if content_type == "application/json":
            head = '{"id":%s}' % _quote(request_id)
        else:
            head = '{"id":%s,"content_type":%s}' % (_quote(request_id), _quote(content_type))
        self._answer(RESPONSE, head.encode(), body, _NEXT_FRAME)

    def error(self, request_id: str, error_type: str, body: bytes) -> None:
        """Fail an invocation and wait for the next event, in one write."""
        head = '{"id":%s,"type":%s}' % (_quote(request_id), _quote(error_type[:_TYPE_LIMIT]))
        self._answer(ERROR, head.encode(), body, _NEXT_FRAME)

    def init_error(self, error_type: str, body: bytes) -> None:
        """Report that the function can't be started; the process has to exit then."""
        head = '{"type":%s}' % _quote(error_type[:_TYPE_LIMIT])
        self._answer(INIT_ERROR, head.encode(), body, b"")

    def snapshot(self, obstacle: str | None) -> None:
        """Say that INIT is over and this process waits to be copied, or why it can't be."""
        head = b"{}" if obstacle is None else json.dumps({"obstacle": obstacle[:_TYPE_LIMIT]}).encode()
        self._answer(SNAPSHOT, head, b"", b"")

    def _answer(self, kind: int, head: bytes, body: bytes, after: bytes) -> None:
        if len(body) > BODY_LIMIT:
            body = body[:BODY_LIMIT]
        prefix = _HEADER.pack(kind, 0, len(head), len(body)) + head
        if len(body) < _JOINED:
            self._write(prefix + body + after)
        else:
            self._write_all([prefix, body, after])

    def _write(self, data: bytes) -> None:
        written = os.write(self._fd, data)
        if written != len(data):
            self._write_all([data[written:]])

    def _write_all(self, pieces: list[bytes]) -> None:
        views = [memoryview(piece) for piece in pieces if piece]
        while views:
            written = os.writev(self._fd, views)
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views:
                views[0] = views[0][written:]
