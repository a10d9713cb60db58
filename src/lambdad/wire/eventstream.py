"""Event stream frames: what InvokeWithResponseStream answers with.

A frame is: total length (4 bytes), length of the headers (4), CRC-32 of these eight bytes (4), headers, payload, CRC-32 of all
that went before (4); integers are big-endian. https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lambdad.wire.models import Shape

LARGEST_FRAME = 24 * 1024 * 1024
"""Bytes; the specification's bound for a message is 16 MB of payload and 128 KB of headers, what AWS sends stays below this."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_OVERHEAD = _PRELUDE.size + _CRC.size


@dataclass(frozen=True, slots=True)
class Byte:
    value: int


@dataclass(frozen=True, slots=True)
class Short:
    value: int


@dataclass(frozen=True, slots=True)
class Long:
    value: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Uuid:
    data: bytes
    """16 bytes."""


@dataclass(frozen=True, slots=True)
class Message:
    headers: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


class MalformedFrame(ValueError):
    """The bytes are no event stream."""


def encode(message: Message) -> bytes:
    """One frame. Raises ValueError for a header name of more than 255 bytes or a value of more than 32,767."""
    headers = b"".join(_header(name, value) for name, value in message.headers.items())
    return _frame(headers, message.payload)


def _frame(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", _OVERHEAD + len(headers) + len(payload), len(headers))
    crc = zlib.crc32(prelude)
    checked = _CRC.pack(crc)
    crc = zlib.crc32(payload, zlib.crc32(headers, zlib.crc32(checked, crc)))
    return b"".join((prelude, checked, headers, payload, _CRC.pack(crc)))


def _header(name: str, value: Any) -> bytes:
    label = name.encode()
    if not 0 < len(label) < 256:
        raise ValueError(f"header name of {len(label)} bytes")
    return bytes((len(label),)) + label + _header_value(value)


def _header_value(value: Any) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case Byte(number):
            return struct.pack(">Bb", 2, number)
        case Short(number):
            return struct.pack(">Bh", 3, number)
        case int():
            return struct.pack(">Bi", 4, value)
        case Long(number):
            return struct.pack(">Bq", 5, number)
        case bytes():
            return _sized(6, value)
        case str():
            return _sized(7, value.encode())
        case Timestamp(milliseconds):
            return struct.pack(">Bq", 8, milliseconds)
        case Uuid(data):
            return struct.pack(">B16s", 9, data)
        case _:
            raise TypeError(f"an event stream header can't hold {type(value).__name__}")


def _sized(kind: int, data: bytes) -> bytes:
    if len(data) > 32767:
        raise ValueError(f"header value of {len(data)} bytes")
    return struct.pack(">BH", kind, len(data)) + data


class Decoder:
    """Frames out of a stream of bytes that is cut anywhere."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The frames that are complete now. Raises MalformedFrame."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= _PRELUDE.size:
            total, header_length, crc = _PRELUDE.unpack_from(self._buffer)
            if zlib.crc32(self._buffer[:8]) != crc:
                raise MalformedFrame("the prelude's checksum is wrong")
            if not _OVERHEAD + header_length <= total <= LARGEST_FRAME:
                raise MalformedFrame(f"a frame of {total} bytes with {header_length} bytes of headers")
            if len(self._buffer) < total:
                break
            messages.append(_decode(bytes(self._buffer[:total]), header_length))
            del self._buffer[:total]
        return messages

    @property
    def complete(self) -> bool:
        """False in the middle of a frame."""
        return not self._buffer


def _decode(frame: bytes, header_length: int) -> Message:
    if zlib.crc32(frame[:-4]) != _CRC.unpack(frame[-4:])[0]:
        raise MalformedFrame("the frame's checksum is wrong")
    end = _PRELUDE.size + header_length
    headers: dict[str, Any] = {}
    position = _PRELUDE.size
    try:
        while position < end:
            length = frame[position]
            name = frame[position + 1 : position + 1 + length].decode()
            headers[name], position = _decode_value(frame, position + 1 + length)
    except (struct.error, UnicodeDecodeError, IndexError) as problem:
        raise MalformedFrame(f"headers: {problem}") from None
    if position != end:
        raise MalformedFrame("the headers don't end where they should")
    return Message(headers, frame[end:-4])


def _decode_value(frame: bytes, position: int) -> tuple[Any, int]:
    kind = frame[position]
    position += 1
    match kind:
        case 0 | 1:
            return kind == 0, position
        case 2:
            return Byte(*struct.unpack_from(">b", frame, position)), position + 1
        case 3:
            return Short(*struct.unpack_from(">h", frame, position)), position + 2
        case 4:
            return struct.unpack_from(">i", frame, position)[0], position + 4
        case 5:
            return Long(*struct.unpack_from(">q", frame, position)), position + 8
        case 6 | 7:
            (length,) = struct.unpack_from(">H", frame, position)
            data = frame[position + 2 : position + 2 + length]
            return (data if kind == 6 else data.decode()), position + 2 + length
        case 8:
            return Timestamp(*struct.unpack_from(">q", frame, position)), position + 8
        case 9:
            return Uuid(frame[position : position + 16]), position + 16
        case _:
            raise MalformedFrame(f"header value of unknown type {kind}")


# --- events of a model ------------------------------------------------------------------------------------------------------


def _headers(pairs: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(_header(name, value) for name, value in pairs)


_CHUNK_HEADERS = _headers(
    ((":event-type", "PayloadChunk"), (":content-type", "application/octet-stream"), (":message-type", "event"))
)


def payload_chunk(data: bytes) -> bytes:
    """A `PayloadChunk` of InvokeWithResponseStream: its headers never change, so they are made once."""
    return _frame(_CHUNK_HEADERS, data)


def event(stream: Shape, name: str, members: Mapping[str, Any]) -> bytes:
    """One event of a model's event stream, its body in JSON. Raises KeyError for an event that the model does not have."""
    shape = stream.members[name].shape
    headers: dict[str, Any] = {":event-type": name, ":message-type": "event"}
    payload, content_type = None, "application/json"
    body: dict[str, Any] = {}
    for key, member in shape.members.items():
        value = members.get(key)
        if value is None:
            continue
        if member.trait("eventheader"):
            headers[member.wire_name] = value
        elif member.trait("eventpayload"):
            blob = isinstance(value, bytes)
            payload = value if blob else str(value).encode()
            content_type = "application/octet-stream" if blob else "text/plain"
        else:
            body[member.wire_name] = value
    headers[":content-type"] = content_type
    return encode(Message(headers, msgspec.json.encode(body) if payload is None else payload))


def initial_response(body: bytes) -> bytes:
    """What goes first where a protocol has no headers for the other members of the output (the json protocol)."""
    headers = {":event-type": "initial-response", ":content-type": "application/json", ":message-type": "event"}
    return encode(Message(headers, body))


def exception(code: str, message: str) -> bytes:
    """A modelled error in mid-stream."""
    headers = {":exception-type": code, ":content-type": "application/json", ":message-type": "exception"}
    return encode(Message(headers, msgspec.json.encode({"message": message})))


def complete(error_code: str | None = None, error_details: str | None = None, log_result: str | None = None) -> bytes:
    """`InvokeComplete`, the last event of InvokeWithResponseStream. `log_result` is base64."""
    members = {"ErrorCode": error_code, "ErrorDetails": error_details, "LogResult": log_result}
    headers = {":event-type": "InvokeComplete", ":content-type": "application/json", ":message-type": "event"}
    return encode(Message(headers, msgspec.json.encode({key: value for key, value in members.items() if value is not None})))


def error(code: str, message: str) -> bytes:
    """An error that the model does not have, in mid-stream."""
    return encode(Message({":error-code": code, ":error-message": message[:8000], ":message-type": "error"}))
