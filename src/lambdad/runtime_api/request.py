"""HTTP/1.1 requests, decoded piece by piece. Pure, strict and bounded: the sender is user code.

Why our own: streamed answers end in trailers (`Lambda-Runtime-Function-Error-Type`, `…-Error-Body`), which httptools does not
hand out. RFC 9112: the request line and fields end in CRLF, a message has either a length or the chunked coding, whitespace
before a field's colon and folded lines are refused.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

HEAD_LIMIT: Final = 65_536
"""Bytes of request line and fields, and of trailers. The largest that clients send is the X-Ray cause; runtimes cut it."""
_LINES_LIMIT: Final = 512
"""Fields of a request, or trailers. Runtimes send a dozen."""
_CHUNK_LINE_LIMIT: Final = 1024

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_VALUE_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,8}")


class BadRequest(Exception):
    """Bytes that are no request; the connection can't be used any more."""

    def __init__(self, message: str, status: Literal[400, 431, 501, 505] = 400) -> None:
        super().__init__(message)
        self.status = status


class Head(Struct, frozen=True):
    method: str
    target: str
    fields: Mapping[str, str]
    """By lower-case name; repeated ones joined with `, `."""
    keep_alive: bool
    """The client will use the connection again."""


class Piece(Struct, frozen=True):
    """Some of the body."""

    data: bytes


class Finished(Struct, frozen=True):
    """The request is complete."""

    trailers: Mapping[str, str]


Part = Head | Piece | Finished
_Mode = Literal["head", "length", "chunk size", "chunk", "chunk end", "trailers"]
_NO_TRAILERS: Final = Finished({})


class RequestDecoder:
    """Bytes in, parts out, in order. `take` answers one part at a time, so that its user may stop between requests."""

    __slots__ = ("_held", "_left", "_mode")

    def __init__(self) -> None:
        self._held = bytearray()
        self._mode: _Mode = "head"
        self._left = 0

    def feed(self, data: bytes) -> None:
        self._held += data

    @property
    def held(self) -> int:
        """Bytes that were fed and not taken."""
        return len(self._held)

    @property
    def between(self) -> bool:
        """No request has begun that is not complete."""
        return self._mode == "head" and not self._held

    def take(self) -> Part | None:
        """The next part, or None until more bytes are fed. Raises BadRequest."""
        while True:
            match self._mode:
                case "head":
                    return self._head()
                case "length":
                    return self._of_length()
                case "chunk size":
                    if not self._chunk_size():
                        return None
                case "chunk":
                    return self._piece("chunk end") if self._held else None
                case "chunk end":
                    if len(self._held) < 2:
                        return None
                    if self._held[:2] != b"\r\n":
                        raise BadRequest("a chunk does not end where its size says")
                    del self._held[:2]
                    self._mode = "chunk size"
                case "trailers":
                    return self._trailers()

    def _head(self) -> Head | None:
        while self._held[:2] == b"\r\n":
            del self._held[:2]  # RFC 9112, 2.2: empty lines before the request line are skipped
        lines = self._block()
        if lines is None:
            return None
        request = lines[0].split(b" ")
        if len(request) != 3:
            raise BadRequest("the request line can't be read")
        method, target, version = request
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise BadRequest("only HTTP/1.1 is spoken here", 505)
        if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
            raise BadRequest("the request line can't be read")
        fields = _fields(lines[1:])
        self._body_of(fields, version)
        connection = fields.get("connection", "").lower()
        keep_alive = "close" not in connection if version == b"HTTP/1.1" else "keep-alive" in connection
        return Head(method.decode(), target.decode(), fields, keep_alive)

    def _block(self) -> list[bytes] | None:
        """Lines up to an empty one."""
        end = self._held.find(b"\r\n\r\n", 0, HEAD_LIMIT + 4)
        if end < 0:
            if len(self._held) > HEAD_LIMIT:
                raise BadRequest("the request's fields are too long", 431)
            return None
        lines = bytes(self._held[:end]).split(b"\r\n")
        if len(lines) > _LINES_LIMIT:
            raise BadRequest("the request has too many fields", 431)
        del self._held[: end + 4]
        return lines

    def _body_of(self, fields: Mapping[str, str], version: bytes) -> None:
        coding, length = fields.get("transfer-encoding"), fields.get("content-length")
        if coding is not None:
            if length is not None or version == b"HTTP/1.0":
                raise BadRequest("a request has either a length or a transfer coding")
            if coding.strip().lower() != "chunked":
                raise BadRequest("the only transfer coding known here is chunked", 501)
            self._mode = "chunk size"
            return
        self._mode = "length"
        self._left = 0
        if length is not None:
            if not (length.isascii() and length.isdigit()) or len(length) > 18:
                raise BadRequest("the length of the body can't be read")
            self._left = int(length)

    def _of_length(self) -> Part | None:
        if self._left:
            return self._piece("length") if self._held else None
        self._mode = "head"
        return _NO_TRAILERS

    def _piece(self, then: _Mode) -> Piece:
        data = bytes(self._held[: self._left])
        del self._held[: len(data)]
        self._left -= len(data)
        if not self._left:
            self._mode = then
        return Piece(data)

    def _chunk_size(self) -> bool:
        end = self._held.find(b"\r\n", 0, _CHUNK_LINE_LIMIT)
        if end < 0:
            if len(self._held) >= _CHUNK_LINE_LIMIT:
                raise BadRequest("the size of a chunk can't be read")
            return False
        size, _, extension = bytes(self._held[:end]).partition(b";")
        size = size.rstrip(b" \t") if extension else size
        if not _HEX.fullmatch(size) or _VALUE_FORBIDDEN.search(extension):
            raise BadRequest("the size of a chunk can't be read")
        del self._held[: end + 2]
        self._left = int(size, 16)
        self._mode = "chunk" if self._left else "trailers"
        return True

    def _trailers(self) -> Finished | None:
        if self._held[:2] == b"\r\n":
            del self._held[:2]
            self._mode = "head"
            return _NO_TRAILERS
        if len(self._held) < 2:
            return None
        lines = self._block()
        if lines is None:
            return None
        self._mode = "head"
        return Finished(_fields(lines))


def _fields(lines: list[bytes]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or _VALUE_FORBIDDEN.search(value):
            raise BadRequest("a field of the request can't be read")
        key = name.decode().lower()
        text = value.strip(b" \t").decode("latin-1")
        if key in fields:
            if key in ("content-length", "transfer-encoding"):
                raise BadRequest(f"{key} was sent twice")
            text = f"{fields[key]}, {text}"
        fields[key] = text
    return fields
