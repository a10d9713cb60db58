"""The channel's frames as values and bytes; the format is in docs/design/channel.md. Pure.

    kind: u8 | reserved: u8 (0) | head length: u16 | body length: u32, big-endian | head: JSON object | body

Frames come from user code as much as from our own runtimes, so the decoder is strict and bounded: what it can't accept raises
`BadFrame`, and the environment that sent it is ended.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lambdad.domain.limits import RESPONSE_PAYLOAD

START: Final = 1
INVOKE: Final = 2
NEXT: Final = 16
RESPONSE: Final = 17
ERROR: Final = 18
INIT_ERROR: Final = 19
STREAM: Final = 20
CHUNK: Final = 21
END: Final = 22
SNAPSHOT: Final = 23

TO_RUNTIME: Final = frozenset({START, INVOKE})
TO_LAMBDAD: Final = frozenset({NEXT, RESPONSE, ERROR, INIT_ERROR, STREAM, CHUNK, END, SNAPSHOT})

BODY_LIMIT: Final = RESPONSE_PAYLOAD + 1
"""Bytes: one more than an answer may have, so that an answer that is too large can be told from one that just fits."""

_PREFIX = struct.Struct(">BBHI")
_PREFIX_SIZE: Final = _PREFIX.size


class BadFrame(Exception):
    """Bytes that are no frame of this direction."""


class Frame(msgspec.Struct, frozen=True):
    kind: int
    head: bytes
    """JSON object; b"" = {}."""
    body: bytes


class Head(msgspec.Struct, frozen=True):
    """The members that heads of frames to lambdad may have; what is not known is ignored."""

    id: str = ""
    type: str = ""
    content_type: str | None = None
    error_type: str | None = None
    obstacle: str | None = None


_EMPTY = Head()
_DECODE_HEAD = msgspec.json.Decoder(Head).decode


def head_of(frame: Frame) -> Head:
    """Raises BadFrame for a head that is no JSON object, or has members of other types."""
    if not frame.head:
        return _EMPTY
    try:
        return _DECODE_HEAD(frame.head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFrame(f"the head of a frame of kind {frame.kind} can't be read: {error}") from error


def encode(kind: int, head: Mapping[str, Any] | None = None, body: bytes = b"") -> bytes:
    """The bytes of one frame. Raises BadFrame if the head is longer than its length field can say (65,535 bytes)."""
    text = msgspec.json.encode(head) if head else b""
    if len(text) > 0xFFFF:
        raise BadFrame(f"a head of {len(text)} bytes does not fit a frame")
    return join(kind, text, body)


def join(kind: int, head: bytes, body: bytes) -> bytes:
    """The bytes of one frame whose head is encoded already, and no longer than 65,535 bytes."""
    return b"".join((_PREFIX.pack(kind, 0, len(head), len(body)), head, body))


class Decoder:
    """Bytes in, frames out. Holds at most one unfinished frame."""

    __slots__ = ("_held", "_kinds", "_limit", "_need")

    def __init__(self, kinds: frozenset[int] = TO_LAMBDAD, body_limit: int = BODY_LIMIT) -> None:
        self._kinds = kinds
        self._limit = body_limit
        self._held = bytearray()
        self._need = _PREFIX_SIZE

    @property
    def clean(self) -> bool:
        """Nothing of an unfinished frame is held."""
        return not self._held

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises BadFrame; then the rest of the bytes means nothing any more."""
        if self._held:
            self._held += data
            if len(self._held) < self._need:
                return []
            data = bytes(self._held)
            self._held.clear()
        return self._split(data)

    def _split(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        start, length = 0, len(data)
        need = _PREFIX_SIZE
        while length - start >= _PREFIX_SIZE:
            kind, reserved, head_size, body_size = _PREFIX.unpack_from(data, start)
            if kind not in self._kinds or reserved:
                raise BadFrame(f"a frame of kind {kind} with reserved byte {reserved} is not one of this direction")
            if body_size > self._limit:
                raise BadFrame(f"a body of {body_size} bytes is longer than {self._limit}")
            need = _PREFIX_SIZE + head_size + body_size
            if length - start < need:
                break
            head_end = start + _PREFIX_SIZE + head_size
            frames.append(Frame(kind, data[start + _PREFIX_SIZE : head_end], data[head_end : start + need]))
            start += need
            need = _PREFIX_SIZE
        if start < length:
            self._held += data[start:]
            self._need = need
        return frames
