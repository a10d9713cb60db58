"""Payloads in chunks: what clients send is read, whatever the cuts; what was changed or is framed otherwise is refused."""

import base64
import hmac
import io
import itertools
import zlib
from hashlib import sha256
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.domain.errors import CallerError
from lambdad.wire.chunks import LARGEST_CHUNK, Chunks, decoded
from lambdad.wire.messages import Request
from lambdad.wire.sigv4 import (
    STREAMING_SIGNED,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED_TRAILER,
    Verified,
    signing_key,
)
from tests.unit.wire.signing import SECRET, changed, signed, verified

EMPTY = sha256().hexdigest()
SCOPE = "20261121/eu-west-1/s3/aws4_request"
SEED = Verified(STREAMING_SIGNED, signing_key(SECRET, "20261121", "eu-west-1", "s3"), "20261121T100000Z", SCOPE, "5" * 64)


def request(payload: str, data: bytes, length: int | None = None) -> tuple[Request, Verified]:
    headers = {"x-amz-decoded-content-length": str(length)}
    if payload != STREAMING_SIGNED:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    return Request("PUT", "/b/k", "", headers, data), Verified(payload, SEED.key, SEED.date, SEED.scope, SEED.signature)


class Sender:
    """Signs as AWS's pages say it, apart from what it is a test of."""

    def __init__(self) -> None:
        self.previous = SEED.signature

    def sign(self, algorithm: str, text: str) -> str:
        string = f"{algorithm}\n{SEED.date}\n{SCOPE}\n{text}"
        return hmac.new(SEED.key, string.encode(), sha256).hexdigest()

    def chunk(self, data: bytes) -> bytes:
        text = f"{self.previous}\n{EMPTY}\n{sha256(data).hexdigest()}"
        self.previous = self.sign("AWS4-HMAC-SHA256-PAYLOAD", text)
        head = b"%x;chunk-signature=%s\r\n" % (len(data), self.previous.encode())
        return head + (data + b"\r\n" if data else b"")

    def trailer(self, line: str, end: bytes = b"\r\n") -> bytes:
        hashed = sha256(line.encode() + b"\n").hexdigest()
        signature = self.sign("AWS4-HMAC-SHA256-TRAILER", f"{self.previous}\n{hashed}")
        return line.encode() + end + f"x-amz-trailer-signature:{signature}\r\n\r\n".encode()


def checksum(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def body(payload: str, parts: list[bytes]) -> bytes:
    line = f"x-amz-checksum-crc32:{checksum(b''.join(parts))}"
    if payload == STREAMING_UNSIGNED_TRAILER:
        return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + f"0\r\n{line}\r\n\r\n".encode()
    sender = Sender()
    chunks = b"".join(map(sender.chunk, [*parts, b""]))
    return chunks + (b"\r\n" if payload == STREAMING_SIGNED else sender.trailer(line))


KINDS = [STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER]
PARTS = [b"a" * 8192, b"b" * 9000, b"c" * 5]
PAYLOAD = b"".join(PARTS)


def refused(payload: str, data: bytes, length: int = len(PAYLOAD)) -> CallerError:
    with pytest.raises(CallerError) as caught:
        decoded(*request(payload, data, length))
    return caught.value


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(KINDS), st.lists(st.integers(1, 20_000), max_size=4), st.data())
def test_whatever_the_cuts(payload: str, cuts: list[int], data: st.DataObject) -> None:
    parts = data.draw(st.sampled_from([PARTS, PARTS[:1], [b"x"], []]))
    whole = b"".join(parts)
    sent = body(payload, parts)
    chunks = Chunks(*request(payload, b"", len(whole)))
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    out = b"".join(chunks.feed(sent[start:end]) for start, end in itertools.pairwise(places))
    assert out == whole
    assert chunks.finish() == ({} if payload == STREAMING_SIGNED else {"x-amz-checksum-crc32": checksum(whole)})


@pytest.mark.parametrize("payload", KINDS)
def test_single_bytes(payload: str) -> None:
    chunks = Chunks(*request(payload, b"", len(PAYLOAD)))
    assert b"".join(chunks.feed(bytes((byte,))) for byte in body(payload, PARTS)) == PAYLOAD
    chunks.finish()


def test_what_botocore_sends() -> None:
    """Its uploads over TLS, where a checksum follows the body."""
    wrapper = AwsChunkedWrapper(
        io.BytesIO(PAYLOAD), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=8192
    )
    headers = {"X-Amz-Trailer": "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length": str(len(PAYLOAD))}
    context: dict[str, Any] = {"checksum": {"request_algorithm": {"in": "trailer", "name": "x-amz-checksum-crc32"}}}
    sent = signed(S3SigV4Auth, "https://localhost/b/k", method="PUT", service="s3", headers=headers, context=context)
    holds = verified(sent)
    assert holds.payload == STREAMING_UNSIGNED_TRAILER
    assert decoded(changed(sent, body=wrapper.read()), holds) == (PAYLOAD, {"x-amz-checksum-crc32": checksum(PAYLOAD)})


def test_a_chunk_is_given_out_once_its_signature_holds() -> None:
    chunks = Chunks(*request(STREAMING_SIGNED, b"", len(PAYLOAD)))
    sent = Sender().chunk(PARTS[0])
    assert chunks.feed(sent[:-1]) == b""
    assert chunks.feed(sent[-1:]) == PARTS[0]


def test_an_unsigned_chunk_is_given_out_as_it_comes() -> None:
    chunks = Chunks(*request(STREAMING_UNSIGNED_TRAILER, b"", 1 << 40))
    assert chunks.feed(b"10000000000\r\nabc") == b"abc"
    assert chunks.feed(b"def") == b"def"


@pytest.mark.parametrize("payload", KINDS[:2])
def test_no_byte_of_a_signed_payload_can_be_changed(payload: str) -> None:
    sent = body(payload, PARTS)
    heads = len(Sender().chunk(PARTS[0]))
    for at in [*range(100), heads - 2, heads - 1, *range(heads, heads + 100), *range(len(sent) - 250, len(sent))]:
        error = refused(payload, sent[:at] + bytes((sent[at] ^ 1,)) + sent[at + 1 :])
        assert error.code in ("SignatureDoesNotMatch", "IncompleteBody", "MalformedTrailerError", "InvalidChunkSizeError")


def test_chunks_in_another_order() -> None:
    sender = Sender()
    first, second = sender.chunk(b"a" * 8192), sender.chunk(b"b" * 8192)
    error = refused(STREAMING_SIGNED, second + first + sender.chunk(b"") + b"\r\n", 16_384)
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)


def test_a_payload_of_another_length() -> None:
    sent = body(STREAMING_SIGNED, PARTS)
    for length in (len(PAYLOAD) - 1, len(PAYLOAD) + 1, 0):
        assert refused(STREAMING_SIGNED, sent, length).code == "IncompleteBody"
    for payload in KINDS:
        sent = body(payload, PARTS)
        for end in (0, 1, 50, 8200, len(sent) - 1):
            assert refused(payload, sent[:end]).code == "IncompleteBody"


@pytest.mark.parametrize("length", [None, "-1", "1e3", "9" * 17, "٣"])
def test_the_length_is_needed(length: str | None) -> None:
    with pytest.raises(CallerError) as caught:
        Chunks(Request("PUT", "/", "", {"x-amz-decoded-content-length": length or ""}), SEED)
    assert (caught.value.code, caught.value.status) == ("MissingContentLength", 411)


@pytest.mark.parametrize(
    "data",
    [
        b"5\nhello\r\n0\r\n",
        b" 5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b"5;a=b\r\nhello\r\n",
        b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n",
        b"5\r\nhello0\r\n",
        b"5\r\nhello\n0\r\n",
        b"00000000000000005\r\nhello\r\n",
        b"6\r\nhello!\r\n",
        b"\r\n",
        b"a" * 4096,
    ],
)
def test_framing_is_strict(data: bytes) -> None:
    assert refused(STREAMING_UNSIGNED_TRAILER, data, 5).code == "IncompleteBody"


def test_only_the_last_chunk_is_small() -> None:
    error = refused(STREAMING_UNSIGNED_TRAILER, body(STREAMING_UNSIGNED_TRAILER, [b"a", b"b"]), 2)
    assert (error.code, error.status, error.members) == ("InvalidChunkSizeError", 403, {"BadChunkSize": 1})


def test_a_signed_chunk_has_a_bound() -> None:
    size = LARGEST_CHUNK + 1
    error = refused(STREAMING_SIGNED, b"%x;chunk-signature=%s\r\n" % (size, b"0" * 64), size)
    assert error.code == "InvalidRequest"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\r\n"])
def test_the_ends_of_trailers_that_clients_send(end: bytes) -> None:
    sender = Sender()
    sent = sender.chunk(b"a") + sender.chunk(b"") + sender.trailer("x-amz-checksum-crc32:AAAAAA==", end)
    assert decoded(*request(STREAMING_SIGNED_TRAILER, sent, 1)) == (b"a", {"x-amz-checksum-crc32": "AAAAAA=="})


@pytest.mark.parametrize(
    "trailers",
    [
        b"",
        b"x-amz-checksum-sha1:AAAA\r\n",
        b"x-amz-checksum-crc32:AAAA\r\nx-amz-checksum-crc32:AAAA\r\n",
        b"x-amz-checksum-crc32:AAAA\r\nx-amz-checksum-sha1:AAAA\r\n",
        b"x-amz-checksum-crc32:AAAA\r\nx-amz-trailer-signature:" + b"0" * 64 + b"\r\n",
        b"x-amz-checksum-crc32\r\n",
        b"x-amz-checksum-crc32:\r\n",
        b"X-Amz-Checksum-CRC32:AAAA\r\n",
        b"x-amz-checksum-crc32:A\xffAA\r\n",
    ],
)
def test_trailers_are_those_that_were_announced(trailers: bytes) -> None:
    error = refused(STREAMING_UNSIGNED_TRAILER, b"1\r\na\r\n0\r\n" + trailers + b"\r\n", 1)
    assert error.code in ("MalformedTrailerError", "IncompleteBody")
    assert error.status == 400


def test_trailers_have_a_bound_and_a_signature() -> None:
    assert refused(STREAMING_UNSIGNED_TRAILER, b"0\r\n" + b"a" * 20_000, 0).code == "MalformedTrailerError"
    sender = Sender()
    sent = sender.chunk(b"a") + sender.chunk(b"")
    assert refused(STREAMING_SIGNED_TRAILER, sent + b"x-amz-checksum-crc32:AAAA\r\n\r\n", 1).code == "MalformedTrailerError"
    forged = b"x-amz-checksum-crc32:AAAA\r\nx-amz-trailer-signature:" + b"0" * 64 + b"\r\n\r\n"
    assert refused(STREAMING_SIGNED_TRAILER, sent + forged, 1).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("names", ["", "x-amz-meta-a", "x-amz-checksum-crc32,", "x-amz-checksum-", "content-type"])
def test_trailers_are_checksums(names: str) -> None:
    sent, holds = request(STREAMING_UNSIGNED_TRAILER, b"", 0)
    with pytest.raises(CallerError, match="The value specified in the x-amz-trailer header is not supported"):
        Chunks(changed(sent, headers={"x-amz-trailer": names}), holds)


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"\r\n", b"0", b"1\r\na\r\n"]))))
def test_nothing_but_errors_of_the_caller(payload: str, pieces: list[bytes]) -> None:
    chunks = Chunks(*request(payload, b"", 3))
    try:
        for piece in pieces:
            chunks.feed(piece)
        chunks.finish()
    except CallerError as error:
        assert error.status in (400, 403)
