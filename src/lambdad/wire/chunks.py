"""aws-chunked: a payload of S3 in chunks, each signed on top of the one before, and checksums behind them.

    SIZE;chunk-signature=HEX CRLF data CRLF … 0;chunk-signature=HEX CRLF
    x-amz-checksum-crc32c:VALUE CRLF x-amz-trailer-signature:HEX CRLF CRLF

SIZE is in hex. `STREAMING-UNSIGNED-PAYLOAD-TRAILER` has no signatures, `STREAMING-AWS4-HMAC-SHA256-PAYLOAD` no trailers.
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and …/sigv4-streaming-trailers.html
"""

import hmac
import re
from hashlib import sha256

from lambdad.wire import signature_refusals as refusals
from lambdad.wire.messages import Request
from lambdad.wire.sigv4 import STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER, Verified

LARGEST_CHUNK = 16 * 1024 * 1024
"""Bytes of a signed chunk, which has to be held until its signature is verified; SDKs send 64 KB to 1 MB."""
SMALLEST_CHUNK = 8192
"""Bytes of every chunk but the last one with data."""

_LONGEST_LINE = 128
_LARGEST_TRAILER = 16 * 1024
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER_LINE = re.compile(r"([a-z0-9-]+):[ \t]*([\x21-\x7e]+)[ \t]*")
_TRAILER_NAME = re.compile(r"x-amz-checksum-[a-z0-9]+")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
_EMPTY_HASH = sha256().hexdigest()


def is_chunked(verified: Verified) -> bool:
    """Whether the body of the request is in chunks."""
    return verified.payload in (STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER)


def decoded(request: Request, verified: Verified) -> tuple[bytes, dict[str, str]]:
    """The payload of a body that is there as a whole, and its trailers. Raises CallerError, as `Chunks` does."""
    chunks = Chunks(request, verified)
    data = chunks.feed(request.body)
    return data, chunks.finish()


class Chunks:
    """Bytes of the body in, cut anywhere; bytes of the payload out, those of signed chunks once their signature holds.

    `feed` and `finish` raise CallerError, after which no more may be fed: SignatureDoesNotMatch (403) for a wrong signature,
    IncompleteBody (400) for wrong framing or another length than `x-amz-decoded-content-length`, InvalidChunkSizeError (403),
    MalformedTrailerError (400). The trailers' checksums are not compared with the payload here.
    """

    def __init__(self, request: Request, verified: Verified) -> None:
        """Raises CallerError: MissingContentLength (411), InvalidRequest (400) for trailers that are no checksums."""
        self._verified = verified
        self._signed = verified.payload != STREAMING_UNSIGNED_TRAILER
        self._names = _announced(request) if verified.payload != STREAMING_SIGNED else ()
        self._missing = _decoded_length(request)
        """Bytes of the payload that are still to come."""
        self._previous = verified.signature
        self._buffer = bytearray()
        self._searched = 0
        self._chunk = 0
        """Bytes of the present chunk that are still to come, its CRLF aside; 0 between chunks and in an unsigned one's end."""
        self._signature = b""
        self._inside = False
        """In a chunk, or its CRLF."""
        self._small: int | None = None
        """Size of the chunk before, where it was too small not to be the last."""
        self._ended = False
        """The chunk of no bytes has come, and what follows are trailers."""

    def feed(self, data: bytes) -> bytes:
        """The part of the payload that is certain now."""
        buffer = self._buffer
        buffer += data
        out = bytearray()
        while not self._ended and (self._data(out) if self._inside else self._size()):
            pass
        if self._ended and len(buffer) > _LARGEST_TRAILER:
            raise refusals.malformed_trailer()
        return bytes(out)

    def finish(self) -> dict[str, str]:
        """The body is complete. Answers the trailers by name."""
        if not self._ended or self._missing:
            raise refusals.incomplete_body()
        return self._trailers(bytes(self._buffer))

    def _size(self) -> bool:
        """Read the line before a chunk. False where it is not complete yet."""
        buffer = self._buffer
        end = buffer.find(b"\r\n", self._searched, _LONGEST_LINE)
        if end < 0:
            if len(buffer) >= _LONGEST_LINE:
                raise refusals.incomplete_body()
            self._searched = max(len(buffer) - 1, 0)
            return False
        found = _SIZE_LINE.fullmatch(bytes(buffer[:end]))
        if found is None or (found[2] is not None) != self._signed:
            raise refusals.incomplete_body()
        del buffer[: end + 2]
        self._searched = 0
        size = int(found[1], 16)
        self._signature = found[2] or b""
        if size == 0:
            self._check(b"")
            self._ended = True
            return True
        self._begin(size)
        return True

    def _begin(self, size: int) -> None:
        if size > self._missing:
            raise refusals.incomplete_body()
        if self._small is not None:
            raise refusals.small_chunk(self._small)
        if self._signed and size > LARGEST_CHUNK:
            raise refusals.large_chunk(size, LARGEST_CHUNK)
        self._small = size if size < SMALLEST_CHUNK else None
        self._missing -= size
        self._chunk = size
        self._inside = True

    def _data(self, out: bytearray) -> bool:
        """Move what can be given out. False where more has to come first."""
        buffer, size = self._buffer, self._chunk
        if not self._signed and size:
            size = min(size, len(buffer))
            out += buffer[:size]
            del buffer[:size]
            self._chunk -= size
            return size > 0
        if len(buffer) < size + 2:
            return False
        if buffer[size : size + 2] != b"\r\n":
            raise refusals.incomplete_body()
        if size:
            chunk = bytes(buffer[:size])
            self._check(chunk)
            out += chunk
        del buffer[: size + 2]
        self._inside = False
        return True

    def _check(self, chunk: bytes) -> None:
        if self._signed:
            text = f"{self._previous}\n{_EMPTY_HASH}\n{sha256(chunk).hexdigest()}"
            self._previous = self._verify("AWS4-HMAC-SHA256-PAYLOAD", text, self._signature)

    def _verify(self, algorithm: str, text: str, signature: bytes) -> str:
        verified = self._verified
        string_to_sign = f"{algorithm}\n{verified.date}\n{verified.scope}\n{text}".encode("utf-8", "replace")
        computed = hmac.digest(verified.key, string_to_sign, "sha256").hex()
        if not hmac.compare_digest(computed.encode(), signature):
            raise refusals.wrong_chunk()
        return computed

    def _trailers(self, data: bytes) -> dict[str, str]:
        """`data` is all that follows the last chunk's line.

        AWS's page ends a trailer with a line feed in its example, some clients with that and CRLF; both mean one line.
        """
        if not self._names:
            if data != b"\r\n":
                raise refusals.incomplete_body()
            return {}
        if not data.endswith(b"\r\n\r\n"):
            raise refusals.incomplete_body()
        found: dict[str, str] = {}
        for line in filter(None, data.decode("latin-1").replace("\r\n", "\n").split("\n")):
            parts = _TRAILER_LINE.fullmatch(line)
            if parts is None or parts[1] in found:
                raise refusals.malformed_trailer()
            found[parts[1]] = parts[2]
        signature = found.pop(_TRAILER_SIGNATURE, None)
        if set(found) != set(self._names) or (signature is not None) != self._signed:
            raise refusals.malformed_trailer()
        if signature is not None:
            lines = "".join(f"{name}:{found[name]}\n" for name in sorted(found))
            text = f"{self._previous}\n{sha256(lines.encode()).hexdigest()}"
            self._verify("AWS4-HMAC-SHA256-TRAILER", text, signature.encode())
        return found


def _decoded_length(request: Request) -> int:
    text = request.headers.get("x-amz-decoded-content-length", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise refusals.missing_length()
    return int(text)


def _announced(request: Request) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(","))
    if not all(_TRAILER_NAME.fullmatch(name) for name in names):
        raise refusals.unknown_trailer()
    return names
