"""What a request must fulfil, and the errors it gets else."""

import base64

import pytest

from lambdad.domain.access import Need
from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import (
    CallerError,
    InvalidParameterValue,
    InvalidRequestContent,
    NotImplementedOperation,
    RequestTooLarge,
    ResourceConflict,
    ResourceNotFound,
    ValidationError,
)
from lambdad.frontend import checks
from lambdad.testing.snapshots import ACCOUNT, REGION, make_version

CALLER = Caller(ACCOUNT, REGION, "request", "AKID", f"arn:aws:iam::{ACCOUNT}:user/u")
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fn"


@pytest.mark.parametrize("spelling", ["fn", f"{ACCOUNT}:function:fn", ARN])
def test_every_spelling_means_the_same_function(spelling: str) -> None:
    assert checks.target(spelling, None, CALLER) == checks.Target(
        FunctionName(ACCOUNT, REGION, "fn"), Need("lambda:InvokeFunction", ACCOUNT, ARN)
    )
    assert checks.target(spelling, "live", CALLER).need.resource == f"{ARN}:live"
    assert checks.target(f"{spelling}:live", "live", CALLER).need.resource == f"{ARN}:live"
    assert checks.target(f"{spelling}:$LATEST", None, CALLER).need.resource == f"{ARN}:$LATEST"


@pytest.mark.parametrize(
    ("function", "qualifier", "error", "text"),
    [
        ("fn:1", "2", InvalidParameterValue, "The derived qualifier from the function name does not match"),
        (ARN.replace(REGION, "eu-west-1"), None, ResourceNotFound, "Functions from 'eu-west-1' are not reachable"),
        ("f n", None, CallerError, "f n"),
        ("f" * 65, None, ValidationError, "at 'functionName' failed to satisfy constraint: Member must have length less"),
        ("fn", "a b", ValidationError, "Value 'a b' at 'qualifier' failed to satisfy constraint: Member must satisfy regular"),
    ],
)
def test_targets_that_are_refused(function: str, qualifier: str | None, error: type[CallerError], text: str) -> None:
    with pytest.raises(error) as raised:
        checks.target(function, qualifier, CALLER)
    assert text in raised.value.message


def test_types_are_those_of_the_service_model() -> None:
    for kind in ("RequestResponse", "Event", "DryRun"):
        checks.types(kind, "Tail", streaming=False)
    with pytest.raises(ValidationError, match=r"'invocationType' .* enum value set: \[Event, RequestResponse, DryRun\]"):
        checks.types("Async", "None", streaming=False)
    with pytest.raises(ValidationError, match=r"Value 'Event' .* enum value set: \[RequestResponse, DryRun\]"):
        checks.types("Event", "None", streaming=True)
    with pytest.raises(ValidationError, match=r"'logType' .* enum value set: \[None, Tail\]"):
        checks.types("Event", "Head", streaming=False)


def test_payloads_pass_as_they_are() -> None:
    for data in (b'{"a": 1}', b"null", b'"\xc3\xa9"', b'"\\ud800"', b"[" * 990 + b"]" * 990):
        assert checks.payload(data, "RequestResponse") is data
    assert checks.payload(b"", "Event") == b"{}"


@pytest.mark.parametrize("data", [b"hello", b'{"a":', b'"\xff"', b'{"a":1}x', b"[" * 2000 + b"]" * 2000])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequestContent) as raised:
        checks.payload(data, "DryRun")
    assert raised.value.message.startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_sizes() -> None:
    largest = b'"' + b"x" * (6_291_456 - 2) + b'"'
    assert checks.payload(largest, "RequestResponse") is largest
    with pytest.raises(RequestTooLarge) as raised:
        checks.payload(largest + b" ", "RequestResponse")
    assert raised.value.message == (
        "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)"
    )
    with pytest.raises(RequestTooLarge) as raised:
        checks.payload(largest, "Event")
    assert raised.value.message == "6291456 byte payload is too large for the Event invocation type (limit 1048576 bytes)"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_client_context_is_decoded() -> None:
    assert checks.client_context(None) is None
    assert checks.client_context(encoded(b' {"custom": {"a": "\xc3\xa9"}}')) == ' {"custom": {"a": "é"}}'


@pytest.mark.parametrize("text", ["%%%", "é", encoded(b"hello"), encoded(b"[1]"), encoded(b'{"a":'), encoded(b'{"a":"\xff"}')])
def test_client_context_must_be_a_json_object_in_base64(text: str) -> None:
    with pytest.raises(InvalidRequestContent, match="Client context must be a valid Base64-encoded JSON object"):
        checks.client_context(text)


def test_client_context_is_limited() -> None:
    assert checks.client_context(encoded(b'{"a":"' + b"x" * 2670 + b'"}')) is not None
    with pytest.raises(InvalidRequestContent, match="3583 bytes"):
        checks.client_context(encoded(b'{"a":"' + b"x" * 2700 + b'"}'))


@pytest.mark.parametrize("state", ["Pending", "Inactive", "Failed"])
def test_only_active_versions_run(state: str) -> None:
    checks.invocable(make_version())
    with pytest.raises(ResourceConflict) as raised:
        checks.invocable(make_version(state=state))
    assert raised.value.message == (
        f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
    )


def test_tenants() -> None:
    ordinary, isolated = make_version(), make_version(stored={"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}})
    checks.tenant(ordinary, None)
    with pytest.raises(InvalidParameterValue, match="not enabled with tenancy"):
        checks.tenant(ordinary, "blue")
    with pytest.raises(InvalidParameterValue, match="Add a valid tenant ID"):
        checks.tenant(isolated, None)
    with pytest.raises(NotImplementedOperation):
        checks.tenant(isolated, "blue")
