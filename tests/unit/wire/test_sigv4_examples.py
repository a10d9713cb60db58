"""The examples that AWS has published, with the signatures that AWS has published."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from lambdad.domain.errors import CallerError
from lambdad.wire.chunks import Chunks, decoded, is_chunked
from lambdad.wire.messages import Request
from lambdad.wire.sigv4 import STREAMING_SIGNED, STREAMING_SIGNED_TRAILER
from tests.unit.wire.signing import changed, verified

S3_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
S3_DAY = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
EMPTY = sha256().hexdigest()


def test_iam_list_users() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html, formerly of the General Reference."""
    request = Request(
        "GET",
        "/",
        "Action=ListUsers&Version=2010-05-08",
        {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "host": "iam.amazonaws.com",
            "x-amz-date": "20150830T123600Z",
            "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        },
    )
    then = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
    assert verified(request, then, services=("iam",)).scope == "20150830/us-east-1/iam/aws4_request"


def s3(
    method: str, path: str, names: str, signature: str, query: str = "", payload: str = EMPTY, body: bytes = b"", **more: str
) -> Request:
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": payload,
        "x-amz-date": "20130524T000000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={names},Signature={signature}",
    }
    return Request(method, path, query, headers | {name.replace("_", "-"): value for name, value in more.items()}, body)


WELCOME = b"Welcome to Amazon S3."

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
S3_EXAMPLES = [
    s3(
        "GET",
        "/test.txt",
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        range="bytes=0-9",
    ),
    s3(
        "PUT",
        "/test$file.text",
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        payload=sha256(WELCOME).hexdigest(),
        body=WELCOME,
        date="Fri, 24 May 2013 00:00:00 GMT",
        x_amz_storage_class="REDUCED_REDUNDANCY",
    ),
    s3(
        "GET",
        "/",
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        query="lifecycle",
    ),
    s3(
        "GET",
        "/",
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        query="max-keys=2&prefix=J",
    ),
]


@pytest.mark.parametrize("request_", S3_EXAMPLES, ids=lambda request: f"{request.method} {request.path}?{request.query}")
def test_s3(request_: Request) -> None:
    assert verified(request_, S3_DAY, S3_SECRET).payload == request_.headers["x-amz-content-sha256"]


def test_a_presigned_url_of_s3() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    request = Request("GET", "/test.txt", query, {"host": "examplebucket.s3.amazonaws.com"})
    assert verified(request, S3_DAY + 86_400, S3_SECRET).payload == "UNSIGNED-PAYLOAD"
    with pytest.raises(CallerError, match="Request has expired"):
        verified(request, S3_DAY + 86_401, S3_SECRET)


def upload(payload: str, names: str, signature: str, chunks: list[tuple[int, str]], end: bytes, **more: str) -> Request:
    body = b"".join(
        b"%x;chunk-signature=%s\r\n%s" % (size, chunk.encode(), b"a" * size + b"\r\n" if size else b"")
        for size, chunk in chunks
    )
    request = s3("PUT", "/examplebucket/chunkObject.txt", names, signature, payload=payload, body=body + end, **more)
    sent = {
        "host": "s3.amazonaws.com",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    return changed(request, headers=sent)


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
CHUNKED = upload(
    STREAMING_SIGNED,
    "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    [
        (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ],
    b"\r\n",
    content_length="66824",
)
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
WITH_TRAILER = upload(
    STREAMING_SIGNED_TRAILER,
    "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    [
        (65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
        (1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
        (0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
    ],
    b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    x_amz_trailer="x-amz-checksum-crc32c",
)


@pytest.mark.parametrize(
    ("request_", "trailers"), [(CHUNKED, {}), (WITH_TRAILER, {"x-amz-checksum-crc32c": "sOO8/Q=="})], ids=["plain", "trailer"]
)
def test_a_chunked_upload(request_: Request, trailers: dict[str, str]) -> None:
    holds = verified(request_, S3_DAY, S3_SECRET)
    assert is_chunked(holds)
    assert decoded(request_, holds) == (b"a" * 66_560, trailers)
    chunks = Chunks(request_, holds)
    assert b"".join(chunks.feed(bytes((byte,))) for byte in request_.body) == b"a" * 66_560
    assert chunks.finish() == trailers
