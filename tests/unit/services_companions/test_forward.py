"""What moto is sent of a request."""

import pytest

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.edge.buckets import path_style
from lambdad.services.companions.forward import for_moto, normal
from lambdad.wire.match import Operations
from lambdad.wire.messages import Request
from lambdad.wire.models import Models

CALLER = Caller("111122223333", "eu-west-1", "request", "AKIA", "arn:aws:iam::111122223333:user/u")
MODELS = Models()


def sent(service: str, request: Request, caller: Caller = CALLER) -> Request:
    model = MODELS.load(service)
    match = Operations(model).find(request)
    assert match is not None
    operation = match.operation.name
    return for_moto(normal(caller, model, operation, match, request), caller, service, model, operation)


def test_the_account_and_the_region_are_the_callers() -> None:
    headers = {
        "host": "dynamodb.us-east-1.amazonaws.com",
        "user-agent": "x region/us-east-1",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20261126/us-east-1/s3/aws4_request",
        "x-amz-security-token": "token",
        "x-moto-account-id": "999999999999",
        "x-lambdad-backend": "moto_api",
        "x-amz-target": "DynamoDB_20120810.GetItem",
        "content-type": "application/x-www-form-urlencoded",
    }
    request = sent("dynamodb", Request("POST", "/", "Action=DeleteTable&TableName=x", headers, b"{}"))
    assert (request.path, request.query) == ("/", "")
    assert request.headers == {
        "host": "dynamodb.eu-west-1.amazonaws.com",
        "authorization": "AWS4-HMAC-SHA256 Credential=lambdad/20000101/eu-west-1/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=0",
        "x-moto-account-id": "111122223333",
        "x-lambdad-backend": "dynamodb",
        "x-lambdad-operation": "GetItem",
        "x-amz-target": "DynamoDB_20120810.GetItem",
        "content-type": "application/x-amz-json-1.0",
    }


def test_a_form_says_everything_once() -> None:
    request = sent("sns", Request("POST", "/", "Version=2010-03-31", {}, b"Action=Publish&Message=a+b"))
    assert (request.query, request.body) == ("", b"Version=2010-03-31&Action=Publish&Message=a+b")
    with pytest.raises(CallerError, match="more than once"):
        sent("sns", Request("POST", "/", "Action=ListTopics", {}, b"Action=Publish"))


def test_a_query_is_what_the_operation_knows() -> None:
    request = sent("s3", Request("GET", "/b", "list-type=2&Action=x&prefix=a%2Fb&uploads2", {}))
    assert request.query == "list-type=2&prefix=a%2Fb"
    assert request.headers["x-lambdad-operation"] == "ListObjectsV2"


@pytest.mark.parametrize("path", ["/a%2Fb", "/..%2F/key"])
def test_a_bucket_is_a_name(path: str) -> None:
    with pytest.raises(CallerError, match="bucket is not valid"):
        sent("s3", Request("GET", path, "", {}))


@pytest.mark.parametrize("region", ["", "eu", "x.y", "us-east-1.amazonaws.com"])
def test_a_region_is_one(region: str) -> None:
    caller = Caller("111122223333", region, "request", "AKIA", "arn")
    with pytest.raises(CallerError, match="valid region"):
        sent("s3", Request("GET", "/b", "", {}), caller)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("b.s3.eu-west-1.amazonaws.com", "/b/k"),
        ("b.c.s3.amazonaws.com", "/b.c/k"),
        ("b.s3-eu-west-1.amazonaws.com", "/b/k"),
        ("b.s3.dualstack.eu-west-1.amazonaws.com", "/b/k"),
        ("b.localhost:4566", "/b/k"),
        ("b.s3.localhost:4566", "/b/k"),
        ("s3.localhost:4566", "/k"),
        ("s3.eu-west-1.amazonaws.com", "/k"),
        ("localhost:4566", "/k"),
        ("127.0.0.1:4566", "/k"),
        ("111122223333.s3-control.eu-west-1.amazonaws.com", "/k"),
    ],
)
def test_a_bucket_in_the_host(host: str, path: str) -> None:
    assert path_style(Request("GET", "/k", "", {"host": host})).path == path
