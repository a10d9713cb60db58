import pytest

from lambdad.domain.caller import Caller
from lambdad.domain.errors import ValidationError
from lambdad.edge import invoke
from lambdad.frontend.api import Answer
from lambdad.wire.messages import Request
from lambdad.wire.models import Models

CALLER = Caller("000000000000", "eu-west-1", "id", "k", "arn:aws:iam::000000000000:root")
TRACED = Caller("000000000000", "eu-west-1", "id", "k", "arn:aws:iam::000000000000:root", trace_id="Root=1")
INVOKE = "/2015-03-31/functions/{}/invocations"


def request(name: str, query: str = "", body: bytes = b"", **headers: str) -> Request:
    found = {key.replace("_", "-"): value for key, value in headers.items()}
    return Request("POST", INVOKE.format(name), query, found, body)


def parsed(request: Request, caller: Caller = CALLER) -> object:
    where = invoke.target(request)
    assert where is not None
    return invoke.parse(where, request, caller, invoke.INVOCATION_TYPES)


def test_the_compiled_constraints_are_those_of_the_model() -> None:
    model = Models().load("lambda")
    plain = model.shape("InvocationRequest")
    name, qualifier, tenant = (plain.members[key].shape for key in ("FunctionName", "Qualifier", "TenantId"))
    assert (name.pattern, name.minimum, name.maximum) == (invoke.FUNCTION_NAME, 1, invoke.LONGEST_NAME)
    assert (qualifier.pattern, qualifier.minimum, qualifier.maximum) == (invoke.QUALIFIER, 1, invoke.LONGEST_QUALIFIER)
    assert (tenant.pattern, tenant.minimum, tenant.maximum) == (invoke.TENANT_ID, 1, invoke.LONGEST_TENANT_ID)
    assert plain.members["InvocationType"].shape.enum == invoke.INVOCATION_TYPES
    assert plain.members["LogType"].shape.enum == invoke.LOG_TYPES
    streaming = model.shape("InvokeWithResponseStreamRequest")
    assert streaming.members["InvocationType"].shape.enum == invoke.STREAM_TYPES
    paths = {operation.name: operation.uri.replace("{FunctionName}", "f") for operation in model.operations()}
    for kind in invoke.OPERATIONS:
        where = invoke.target(Request("POST", paths[kind], "", {}))
        assert where == invoke.Target(kind, "f")


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions", "/2015-03-31/functions/a/b/invocations", "/x/functions/f/invocations"]
)
def test_other_addresses_are_left_alone(path: str) -> None:
    assert invoke.target(Request("POST", path, "", {})) is None
    assert invoke.target(Request("GET", INVOKE.format("f"), "", {})) is None


def test_everything_a_request_says() -> None:
    found = parsed(
        request(
            "arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af",
            "Qualifier=%24LATEST",
            b"{}",
            x_amz_invocation_type="Event",
            x_amz_log_type="Tail",
            x_amz_client_context="e30=",
            x_amz_tenant_id="t",
        ),
        TRACED,
    )
    assert found == invoke.Invoke(
        TRACED,
        "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "$LATEST",
        b"{}",
        "Event",
        "Tail",
        "e30=",
        "Root=1",
        "t",
    )
    assert parsed(request("f")) == invoke.Invoke(CALLER, "f", None, b"")


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (
            request("f", x_amz_invocation_type="Later"),
            "Value 'Later' at 'invocationType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
        ),
        (
            request("f", x_amz_log_type="Head"),
            "Value 'Head' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]",
        ),
        (
            request("f" * 257),
            f"Value '{'f' * 257}' at 'functionName' failed to satisfy constraint: "
            "Member must have length less than or equal to 256",
        ),
        (
            request("f%20g"),
            "Value 'f g' at 'functionName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {invoke.FUNCTION_NAME}",
        ),
        (
            request("f", "Qualifier=a.b"),
            "Value 'a.b' at 'qualifier' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {invoke.QUALIFIER}",
        ),
    ],
)
def test_faults(bad: Request, text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parsed(bad)
    assert caught.value.message == f"1 validation error detected: {text}"


def test_limits_follow_the_invocation_type() -> None:
    assert invoke.body_limit("Invoke", request("f")) == 6_291_456
    assert invoke.body_limit("Invoke", request("f", x_amz_invocation_type="Event")) == 1_048_576
    assert invoke.body_limit("InvokeAsync", request("f")) == 262_144
    error = invoke.too_large("Invoke", request("f", x_amz_invocation_type="Event"), 2_000_000)
    assert error.message == "2000000 byte payload is too large for the Event invocation type (limit 1048576 bytes)"


def test_headers_of_answers() -> None:
    full = invoke.answered(Answer(200, b"null", "$LATEST", "Unhandled", b"log", "Root=1"), "id")
    assert (full.status, full.body) == (200, b"null")
    assert full.headers == [
        ("x-amzn-RequestId", "id"),
        ("x-amzn-Remapped-Content-Length", "0"),
        ("Content-Type", "application/json"),
        ("X-Amz-Executed-Version", "$LATEST"),
        ("X-Amz-Function-Error", "Unhandled"),
        ("X-Amz-Log-Result", "bG9n"),
        ("X-Amzn-Trace-Id", "Root=1"),
    ]
    accepted = invoke.answered(Answer(202, b"", None, None, None, "Root=1"), "id")
    assert [name for name, _ in accepted.headers] == ["x-amzn-RequestId", "x-amzn-Remapped-Content-Length", "X-Amzn-Trace-Id"]
