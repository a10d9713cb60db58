import pytest

from lambdad.domain.errors import CallerError, IncompleteSignature, MissingAuthenticationToken
from lambdad.wire.messages import Request
from lambdad.wire.signature import Credential, credential

GOOD = (
    "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/lambda/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "a" * 64
)


def request(authorization: str | None, query: str = "", **headers: str) -> Request:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    if authorization is not None:
        found |= {"authorization": authorization, "x-amz-date": found.get("x-amz-date", "20261121T000000Z")}
    return Request("GET", "/", query, found)


def test_a_header() -> None:
    signed = ("host", "x-amz-date")
    assert credential(request(GOOD)) == Credential("AKID", "20261121", "eu-west-1", "lambda", signed, "a" * 64)
    assert credential(request(GOOD.replace(", ", ","), x_amz_security_token="t")).session_token == "t"
    reordered = f"AWS4-HMAC-SHA256 Signature={'b' * 64}, SignedHeaders=host, Credential=A/20261121/r/s/aws4_request"
    assert credential(request(reordered)) == Credential("A", "20261121", "r", "s", ("host",), "b" * 64)


def test_a_presigned_query() -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261121%2Feu-west-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20261121T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=abc"
    )
    found = credential(request(None, query))
    assert (found.access_key_id, found.region, found.service) == ("AKID", "eu-west-1", "s3")
    assert found.presigned and found.expires == 60
    with pytest.raises(IncompleteSignature, match="must include 'X-Amz-Expires'"):
        credential(request(None, query.replace("&X-Amz-Expires=60", "")))
    with pytest.raises(CallerError, match="604800"):
        credential(request(None, query.replace("Expires=60", "Expires=604801")))


def test_nothing_at_all() -> None:
    with pytest.raises(MissingAuthenticationToken, match="Missing Authentication Token"):
        credential(request(None))


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        ("Bearer abc", "Unsupported AWS 'algorithm': 'Bearer'."),
        (
            "AWS4-HMAC-SHA256 Credential=A/20261121/r/s/aws4_request",
            "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
            "Authorization=AWS4-HMAC-SHA256",
        ),
        (
            "AWS4-HMAC-SHA256 nonsense",
            "'nonsense' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 nonsense'.",
        ),
        (
            GOOD.replace("/lambda", ""),
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            "got 'AKID/20261121/eu-west-1/aws4_request'",
        ),
        (
            GOOD.replace("aws4_request", "aws5"),
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'.",
        ),
        (GOOD.replace("20261121", "2026"), "Date in Credential scope must be YYYYMMDD, got '2026'."),
        (GOOD.replace("eu-west-1", ""), "Credential should be scoped to a valid region."),
        (
            GOOD.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
            "lambdad does not support multi-region signatures (AWS4-ECDSA-P256-SHA256, SigV4A); sign with AWS4-HMAC-SHA256.",
        ),
    ],
)
def test_malformed_headers(authorization: str, text: str) -> None:
    with pytest.raises(IncompleteSignature) as caught:
        credential(request(authorization))
    assert caught.value.message == text


def test_a_date_is_needed() -> None:
    with pytest.raises(IncompleteSignature, match="existence of either a 'X-Amz-Date' or a 'Date' header"):
        credential(Request("GET", "/", "", {"authorization": GOOD}))
