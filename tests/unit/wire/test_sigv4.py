"""What botocore signs is accepted; what was changed afterwards, or sent at another time, is not."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.domain.errors import CallerError, IncompleteSignature, InvalidSignature
from lambdad.wire.messages import Request
from lambdad.wire.signature import Credential, credential
from lambdad.wire.sigv4 import SigningKeys, verify
from tests.unit.wire.signing import NOW, SECRET, changed, signed, verified

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
    "signing method. Consult the service documentation for details."
)
URL = "http://localhost:4566/2015-03-31/functions/hello/invocations"
OBJECT = "http://localhost:4566/bucket/key"
HEADER, S3_HEADER = botocore.auth.SigV4Auth, botocore.auth.S3SigV4Auth
QUERY, S3_QUERY = botocore.auth.SigV4QueryAuth, botocore.auth.S3SigV4QueryAuth


def refused(request: Request, now: float = NOW, **options: Any) -> CallerError:
    with pytest.raises(CallerError) as caught:
        verified(request, now, **options)
    return caught.value


# --- what botocore signs ----------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SEGMENTS = st.one_of(TEXT, st.sampled_from(["", ".", "..", "a:b", "a%2Fb", "functions", "$LATEST", "~"]))
PATHS = st.lists(SEGMENTS, max_size=6).map(lambda parts: "/" + "/".join(quote(part, safe="~") for part in parts))
QUERIES = st.lists(st.tuples(TEXT, TEXT), max_size=5).map(
    lambda pairs: "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
)
HEADERS = st.dictionaries(
    st.from_regex(r"(x-amz-meta-|x-|q)[a-z0-9-]{1,6}", fullmatch=True),
    st.text(st.sampled_from(" \tabcxyz,;=\"'%+éà日🙂"), max_size=12),
    max_size=4,
)
SIGNERS = st.sampled_from([(HEADER, "lambda"), (HEADER, "sqs"), (S3_HEADER, "s3"), (QUERY, "lambda"), (S3_QUERY, "s3")])


@settings(deadline=None)
@given(
    SIGNERS, st.sampled_from(["GET", "PUT", "POST", "DELETE"]), PATHS, QUERIES, HEADERS, st.binary(max_size=64), st.booleans()
)
def test_whatever_botocore_signs(
    signer: tuple[Any, str], method: str, path: str, query: str, headers: dict[str, str], body: bytes, temporary: bool
) -> None:
    kind, service = signer
    if kind in (QUERY, S3_QUERY):
        body = b""  # botocore would take it for a form and move it into the query.
    url = f"http://localhost:4566{path}{'?' if query else ''}{query}"
    request = signed(
        kind, url, method=method, service=service, body=body, headers=headers, token="a/token==" if temporary else None
    )
    assert credential(request).session_token == ("a/token==" if temporary else None)
    assert verified(request).scope == f"20261121/eu-west-1/{service}/aws4_request"


def test_the_date_header_instead_of_amazons() -> None:
    request = signed(HEADER, URL, headers={"Date": "Sat, 01 Jan 2000 00:00:00 GMT"})
    assert "x-amz-date" not in request.headers
    assert verified(request).date == "20261121T100000Z"
    assert refused(changed(request, headers={"date": "Sat, 21 Nov 2026 10:00:01 GMT"})).message == MISMATCH


def test_an_unsigned_payload_is_for_s3_alone() -> None:
    context = {"client_config": SimpleNamespace(s3={"payload_signing_enabled": False})}
    request = signed(S3_HEADER, OBJECT.replace("http:", "https:"), service="s3", body=b"one", context=context)
    assert verified(changed(request, body=b"two")).payload == "UNSIGNED-PAYLOAD"
    other = signed(HEADER, URL, body=b"one", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert refused(other).message == MISMATCH


def test_a_presigned_object_takes_any_body_unless_its_hash_is_signed() -> None:
    request = signed(S3_QUERY, OBJECT, method="PUT", service="s3")
    assert verified(changed(request, body=b"anything")).payload == "UNSIGNED-PAYLOAD"
    hashed = signed(S3_QUERY, OBJECT, method="PUT", service="s3", headers={"X-Amz-Content-SHA256": "0" * 64})
    assert refused(hashed).code == "XAmzContentSHA256Mismatch"
    streamed = signed(S3_QUERY, OBJECT, service="s3", headers={"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"})
    assert refused(streamed).message == "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, or a valid sha256 value."


def test_a_presigned_request_of_another_service_signs_its_body() -> None:
    request = signed(QUERY, URL, method="GET")
    assert verified(request).payload.startswith("e3b0c442")
    assert refused(changed(request, body=b"other")).message == MISMATCH


# --- what was changed -------------------------------------------------------------------------------------------------------

INVOKE = signed(
    HEADER,
    f"{URL}?Qualifier=prod&b=1",
    body=b'{"a": 1}',
    headers={"X-Amz-Invocation-Type": "Event", "Content-Type": "application/json"},
    token="token",
)
PUT = signed(S3_HEADER, f"{OBJECT}?partNumber=1", method="PUT", service="s3", body=b"object")
PRESIGNED = signed(QUERY, f"{URL}?Qualifier=prod", method="GET", token="token")


def others(text: str) -> list[str]:
    """`text` with one character changed, for each of them."""
    return [f"{text[:at]}{'y' if was == 'z' else 'z'}{text[at + 1 :]}" for at, was in enumerate(text)]


@pytest.mark.parametrize("request_", [INVOKE, PUT, PRESIGNED], ids=["header", "s3", "presigned"])
def test_no_byte_can_be_changed(request_: Request) -> None:
    verified(request_)
    presigned = credential(request_).presigned
    variants = [changed(request_, method=method) for method in ("GET" if request_.method == "PUT" else "PUT", "post")]
    variants += [changed(request_, path=path) for path in others(request_.path)]
    # The access key is not signed: it chooses the secret.
    variants += [changed(request_, query=query) for query in others(request_.query) if not presigned or "=AKID%2F" in query]
    variants += [changed(request_, body=bytes(body)) for body in flipped(request_.body)]
    variants += [changed(request_, body=request_.body + b" ")]
    names = [*credential(request_).signed_headers, *([] if presigned else ["authorization"])]
    for name in names:
        variants += [
            changed(request_, headers={name: value})
            for value in others(request_.headers[name])
            if name != "authorization" or "=AKID/" in value
        ]
    assert len(variants) > 200
    for variant in variants:
        error = refused(variant)
        assert SECRET not in f"{error.message}{error.members}"


def flipped(body: bytes) -> list[bytes]:
    return [body[:at] + bytes((was ^ 1,)) + body[at + 1 :] for at, was in enumerate(body)]


def test_another_secret() -> None:
    error = refused(INVOKE, secret=SECRET.replace("+", "/"))
    assert (error.code, error.status, error.message) == ("InvalidSignatureException", 403, MISMATCH)


def test_the_words_of_s3() -> None:
    error = refused(changed(PUT, path="/bucket/other"))
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
    assert error.message.endswith("Check your key and signing method.")
    assert error.members["StringToSign"].startswith("AWS4-HMAC-SHA256\n20261121T100000Z\n20261121/eu-west-1/s3/aws4_request\n")
    error = refused(changed(PUT, body=b"OBJECT"))
    assert (error.code, error.status) == ("XAmzContentSHA256Mismatch", 400)
    assert error.members["ClientComputedContentSHA256"] == PUT.headers["x-amz-content-sha256"]
    error = refused(signed(HEADER, OBJECT, service="s3"))
    assert error.message == "Missing required header for this request: x-amz-content-sha256"
    error = refused(changed(PUT, headers={"x-amz-content-sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}))
    assert (error.code, error.status) == ("InvalidArgument", 400)


@pytest.mark.parametrize("case", [str.upper, str.title])
def test_hex_is_in_lower_case(case: Callable[[str], str]) -> None:
    signature = credential(INVOKE).signature
    authorization = INVOKE.headers["authorization"].replace(signature, case(signature))
    assert refused(changed(INVOKE, headers={"authorization": authorization})).message == MISMATCH


def test_percent_encoding_of_an_object_key_may_be_in_either_case() -> None:
    request = signed(S3_HEADER, "http://localhost/bucket/a%3Ab//../c", method="GET", service="s3")
    verified(changed(request, path="/bucket/a%3ab//../c"))
    assert refused(changed(request, path="/bucket/a%3Ab/c")).code == "SignatureDoesNotMatch"


def test_a_path_is_normalised_and_not_decoded() -> None:
    request = signed(HEADER, "http://localhost/a/b%2Fc", method="GET")
    verified(changed(request, path="/x/..//a/./b%2Fc"))
    for path in ("/a/b/c", "/a/b%252Fc", "/a/b%2Fc/"):
        assert refused(changed(request, path=path)).message == MISMATCH


def test_parameters_in_any_order_and_any_spelling() -> None:
    request = signed(HEADER, "http://localhost/?b=2&a=1%202&a=0&c=", method="GET")
    for query in ("c&a=0&b=2&a=1+2", "a=1%202&&%61=0&b=%32&c="):
        verified(changed(request, query=query))
    for query in ("b=2&a=0&a=1%202", "b=2&a=1%2B2&a=0&c=", "b=2&a=1%202&a=0&c=&c="):
        assert refused(changed(request, query=query)).message == MISMATCH


# --- headers ----------------------------------------------------------------------------------------------------------------


def test_headers_in_any_order() -> None:
    verified(Request(INVOKE.method, INVOKE.path, INVOKE.query, dict(reversed(INVOKE.headers.items())), INVOKE.body))
    names = ";".join(credential(INVOKE).signed_headers)
    backwards = ";".join(reversed(names.split(";")))
    verified(changed(INVOKE, headers={"authorization": INVOKE.headers["authorization"].replace(names, backwards)}))


def test_a_name_that_is_repeated_counts_once() -> None:
    """Else a short request could ask for a canonical form of gigabytes."""
    request = signed(HEADER, URL, headers={"X-B": "b" * 500_000})
    authorization = request.headers["authorization"].replace("x-b,", f"x-b{';x-b' * 100_000},")
    verified(changed(request, headers={"authorization": authorization}))


def test_blanks_in_headers_are_folded() -> None:
    request = signed(HEADER, URL, headers={"X-Amz-Meta-A": "one two", "X-B": "1,2"})
    verified(changed(request, headers={"x-amz-meta-a": "  one \t two "}))
    assert refused(changed(request, headers={"x-amz-meta-a": "onetwo"})).message == MISMATCH
    assert refused(changed(request, headers={"x-b": "1, 2"})).message == MISMATCH


def test_a_signed_header_has_to_be_sent() -> None:
    request = signed(HEADER, URL, headers={"X-B": ""})
    verified(request)
    assert refused(changed(request, headers={"x-b": None})).message == MISMATCH


def test_a_line_break_is_no_second_header() -> None:
    request = signed(HEADER, URL, headers={"X-A": "1", "X-B": "2"})
    assert refused(changed(request, headers={"x-a": "1\nx-b:2", "x-b": None})).message == MISMATCH
    assert refused(changed(request, method="POST\n/2015-03-31/functions/hello/invocations", path="")).message == MISMATCH


@pytest.mark.parametrize("signer", [HEADER, QUERY])
def test_amazons_headers_are_signed(signer: Any) -> None:
    request = signed(signer, URL)
    verified(changed(request, headers={"x-amzn-trace-id": "Root=1", "accept": "*/*"}))
    error = refused(changed(request, headers={"x-amz-invocation-type": "Event"}))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message == "'X-Amz-Invocation-Type' must be a 'SignedHeader' in the AWS Authorization."
    error = refused(changed(request, headers={"x-amz-security-token": "token"}))
    assert error.message == "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."


def test_s3_names_the_headers_that_are_not_signed() -> None:
    request = signed(S3_QUERY, OBJECT, method="PUT", service="s3")
    error = refused(changed(request, headers={"x-amz-acl": "public-read", "x-amz-meta-a": "b"}))
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.message == "There were headers present in the request which were not signed"
    assert error.members == {"HeadersNotSigned": "x-amz-acl, x-amz-meta-a"}


def test_the_host_is_signed() -> None:
    authorization = INVOKE.headers["authorization"].replace("host;", "")
    error = refused(changed(INVOKE, headers={"authorization": authorization}))
    assert error.message == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    assert refused(changed(INVOKE, headers={"host": "elsewhere:4566"})).message == MISMATCH


# --- time and scope ---------------------------------------------------------------------------------------------------------


def test_five_minutes_of_skew() -> None:
    for seconds in (-300, 0, 300.9):
        verified(INVOKE, NOW + seconds)
    error = refused(INVOKE, NOW + 301)
    assert isinstance(error, InvalidSignature)
    assert error.message == (
        "Signature expired: 20261121T100000Z is now earlier than 20261121T100001Z (20261121T100501Z - 5 min.)"
    )
    assert refused(INVOKE, NOW - 301).message == (
        "Signature not yet current: 20261121T100000Z is still later than 20261121T095959Z (20261121T095459Z + 5 min.)"
    )


def test_fifteen_minutes_of_skew_for_s3() -> None:
    verified(PUT, NOW + 900)
    verified(PUT, NOW - 900)
    error = refused(PUT, NOW + 901)
    assert (error.code, error.status) == ("RequestTimeTooSkewed", 403)
    assert error.members["ServerTime"] == "2026-11-21T10:15:01Z"
    assert refused(PUT, NOW - 901).code == "RequestTimeTooSkewed"


def test_a_presigned_request_expires() -> None:
    request = signed(QUERY, URL, method="GET", expires=600)
    for seconds in (-300, 0, 600):
        verified(request, NOW + seconds)
    assert refused(request, NOW + 601).message == (
        "Signature expired: 20261121T100000Z is now earlier than 20261121T100001Z (20261121T101001Z - 10 min.)"
    )
    assert refused(request, NOW - 301).message.startswith("Signature not yet current: 20261121T100000Z")
    short = signed(QUERY, URL, method="GET", expires=1)
    assert refused(short, NOW + 2).message.endswith("(20261121T100002Z - 1 sec.)")


def test_a_presigned_object_expires() -> None:
    request = signed(S3_QUERY, OBJECT, method="GET", service="s3", expires=60)
    verified(request, NOW + 60)
    error = refused(request, NOW + 61)
    assert (error.code, error.message) == ("AccessDenied", "Request has expired")
    assert error.members == {"X-Amz-Expires": 60, "Expires": "2026-11-21T10:01:00Z", "ServerTime": "2026-11-21T10:01:01Z"}
    assert refused(request, NOW - 901).message == "Request is not yet valid"


def test_the_scope_has_the_date_of_the_request() -> None:
    authorization = INVOKE.headers["authorization"].replace("/20261121/", "/20261120/")
    assert refused(changed(INVOKE, headers={"authorization": authorization})).message == (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'20261120' != '20261121', from '20261121T100000Z'."
    )
    authorization = PUT.headers["authorization"].replace("/20261121/", "/20261120/")
    error = refused(changed(PUT, headers={"authorization": authorization}))
    assert (error.code, error.status) == ("AuthorizationHeaderMalformed", 400)
    presigned = signed(S3_QUERY, OBJECT, service="s3")
    error = refused(changed(presigned, query=presigned.query.replace("20261121%2F", "20261120%2F")))
    assert error.code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize(
    "date",
    [
        "",
        "20261121",
        "2026-11-21T10:00:00Z",
        "20261321T100000Z",
        "20261121T100060Z",
        "2026W476T100000Z",
        "２０２６1121T100000Z",
    ],
)
def test_a_date_that_is_none(date: str) -> None:
    error = refused(changed(INVOKE, headers={"x-amz-date": date}))
    assert isinstance(error, IncompleteSignature)
    assert error.message == f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    assert refused(changed(PUT, headers={"x-amz-date": date})).code == "AccessDenied"


def test_the_service_that_is_meant() -> None:
    verified(INVOKE, services=("lambda", "logs"))
    error = refused(INVOKE, services=("sqs",))
    assert (error.code, error.message) == (
        "InvalidSignatureException",
        "Credential should be scoped to correct service: 'sqs'. ",
    )
    error = refused(INVOKE, services=("s3",))
    assert error.message == 'The authorization header is malformed; incorrect service "lambda". This endpoint belongs to "s3".'


# --- keys -------------------------------------------------------------------------------------------------------------------


def test_keys_are_kept_and_bounded() -> None:
    keys = SigningKeys(limit=2)
    for service in ("lambda", "sqs", "logs", "lambda", "lambda"):
        verified(signed(HEADER, URL, service=service), keys=keys)
    assert len(keys) == 2


def test_the_key_of_an_endless_region_is_not_kept() -> None:
    keys = SigningKeys()
    verified(signed(HEADER, URL, service="s" * 1000), keys=keys)
    assert len(keys) == 0


def test_keys_that_prove_nothing_are_not_kept() -> None:
    keys = SigningKeys()
    refused(INVOKE, secret="guess", keys=keys)
    assert len(keys) == 0
    assert verified(INVOKE, keys=keys) == verified(INVOKE, keys=keys)
    assert len(keys) == 1
    refused(INVOKE, secret="guess", keys=keys)


def test_nothing_shows_a_key() -> None:
    keys = SigningKeys()
    holds = verified(INVOKE, keys=keys)
    shown = f"{keys!r} {holds!r} {holds}"
    assert SECRET not in shown
    assert repr(holds.key) not in shown


# --- whatever comes ---------------------------------------------------------------------------------------------------------

ANY = st.one_of(
    st.text(max_size=20), st.text(st.characters(codec="latin-1"), max_size=20), st.just("\ud800"), st.just("%zz%\udcff")
)
LIKELY = st.sampled_from(
    ["20261121T100000Z", INVOKE.headers["authorization"], PUT.headers["authorization"], "UNSIGNED-PAYLOAD", "token", "host"]
)
NAMES = st.sampled_from(
    [
        "host",
        "authorization",
        "x-amz-date",
        "date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "content-type",
        "x-amz-target",
    ]
)
REQUESTS = st.builds(
    Request,
    st.one_of(st.just("GET"), ANY),
    st.one_of(PATHS, ANY),
    st.one_of(QUERIES, ANY, st.just(PRESIGNED.query), st.sampled_from(others(PRESIGNED.query))),
    st.dictionaries(st.one_of(NAMES, ANY), st.one_of(ANY, LIKELY), max_size=8),
    st.binary(max_size=10),
)
CREDENTIALS = st.builds(
    Credential,
    ANY,
    st.one_of(st.just("20261121"), ANY),
    ANY,
    st.one_of(st.sampled_from(["s3", "lambda"]), ANY),
    st.lists(st.one_of(NAMES, ANY), max_size=4).map(tuple),
    ANY,
    st.none() | ANY,
    st.booleans(),
    st.none() | st.integers(0, 604_800),
)


@settings(deadline=None, max_examples=300)
@given(REQUESTS, st.one_of(st.none(), CREDENTIALS), st.one_of(st.just(SECRET), ANY))
def test_nothing_but_errors_of_the_caller(request_: Request, given_credential: Credential | None, secret: str) -> None:
    try:
        found = given_credential or credential(request_)
        verify(request_, found, secret, NOW, keys=SigningKeys(), services=None)
    except CallerError as error:
        assert error.status in (400, 403)


@given(st.integers(0, 20_000))
def test_a_lifetime_of_many_digits(digits: int) -> None:
    with pytest.raises(CallerError):
        verified(changed(PRESIGNED, query=PRESIGNED.query.replace("Expires=3600", "Expires=" + "9" * digits)))
