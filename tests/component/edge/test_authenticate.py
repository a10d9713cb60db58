"""Signed requests at the edge: who is let in, and in whose name."""

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.edge.authenticate import Known, SignedRequests
from lambdad.wire.messages import Request
from lambdad.wire.models import Models
from lambdad.wire.refusals import refusal
from lambdad.wire.signature import Credential, credential
from tests.unit.wire.signing import NOW, SECRET, changed, signed

ARN = "arn:aws:iam::111122223333:user/ada"
URL = "http://localhost:4566/2015-03-31/functions/hello/invocations"


class Directory:
    def __init__(self, known: Known) -> None:
        self.known = known

    def __call__(self, credential: Credential) -> Known | None:
        return self.known if credential.access_key_id == "AKID" else None


def admitted(request: Request, known: Known | None = None, now: float = NOW) -> Caller:
    door = SignedRequests(Directory(known or Known(SECRET, "111122223333", ARN)), lambda: now)
    return door.authenticate(request, credential(request), "request-1")


def refused(request: Request, known: Known | None = None, now: float = NOW) -> CallerError:
    with pytest.raises(CallerError) as caught:
        admitted(request, known, now)
    return caught.value


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_a_caller(signer: type) -> None:
    request = changed(signed(signer, URL), headers={"x-amzn-trace-id": "Root=1", "user-agent": "tests"}, peer="192.0.2.7")
    assert admitted(request) == Caller(
        "111122223333",
        "eu-west-1",
        "request-1",
        "AKID",
        ARN,
        "localhost:4566",
        "Root=1",
        source_ip="192.0.2.7",
        user_agent="tests",
    )


def test_an_unknown_key() -> None:
    request = signed(SigV4Auth, URL)
    stranger = changed(request, headers={"authorization": request.headers["authorization"].replace("AKID", "AKIE")})
    error = refused(stranger)
    assert (error.code, error.status) == ("UnrecognizedClientException", 403)
    assert error.message == "The security token included in the request is invalid."


def test_a_wrong_secret() -> None:
    error = refused(signed(SigV4Auth, URL), Known("other", "111122223333", ARN))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_temporary_credentials(signer: type) -> None:
    known = Known(SECRET, "111122223333", ARN, "a/token", NOW + 60)
    request = signed(signer, URL, token="a/token")
    assert admitted(request, known).account == "111122223333"
    for token in (None, "another", "tökén"):
        assert refused(signed(signer, URL, token=token), known).code == "UnrecognizedClientException"
    assert refused(request).code == "UnrecognizedClientException"
    error = refused(request, known, NOW + 60)
    assert (error.code, error.status) == ("ExpiredTokenException", 403)
    assert error.message == "The security token included in the request is expired"


def test_the_names_that_the_older_protocols_have() -> None:
    models = Models()
    request = signed(SigV4Auth, "http://localhost/", service="sts")
    wrong = refused(changed(request, body=b"Action=GetCallerIdentity"))
    assert b"<Code>SignatureDoesNotMatch</Code>" in body(wrong, models, "sts")
    stranger = changed(request, headers={"authorization": request.headers["authorization"].replace("AKID", "AKIE")})
    assert b"<Code>InvalidClientTokenId</Code>" in body(refused(stranger), models, "sts")
    late = refused(signed(SigV4Auth, URL, token="t"), Known(SECRET, "111122223333", ARN, "t", NOW))
    assert b"<Code>ExpiredToken</Code>" in body(late, models, "sts")


def test_the_words_of_s3() -> None:
    request = signed(S3SigV4Auth, "http://localhost/bucket/key", method="GET", service="s3", token="t")
    assert refused(request).code == "InvalidToken"
    late = refused(request, Known(SECRET, "111122223333", ARN, "t", NOW))
    assert (late.code, late.message) == ("ExpiredToken", "The provided token has expired.")
    stranger = changed(request, headers={"authorization": request.headers["authorization"].replace("AKID", "AKIE")})
    assert (refused(stranger).code, refused(stranger).status) == ("InvalidAccessKeyId", 403)
    wrong = refused(changed(request, path="/bucket/<other>"), Known(SECRET, "111122223333", ARN, "t"))
    assert b"<Code>SignatureDoesNotMatch</Code>" in body(wrong, Models(), "s3")


def test_no_secret_is_shown() -> None:
    assert SECRET not in repr(Known(SECRET, "111122223333", ARN, "token"))


def body(error: CallerError, models: Models, service: str) -> bytes:
    response = refusal(error, models.load(service), "request-1")
    assert isinstance(response.body, bytes)
    return response.body
