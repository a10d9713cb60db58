"""The edge as a whole, without sockets: requests in, answers out, with a scripted frontend and services."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest

from lambdad.artifacts.api import Artifacts
from lambdad.domain.access import Need, Require
from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied, LambdadError, PlatformError, ResourceNotFound, TooManyRequests
from lambdad.domain.functions import Code
from lambdad.edge.authenticate import AnyCredentials
from lambdad.edge.downloads import CodeLinks
from lambdad.edge.hosts import Hosts
from lambdad.edge.service import Edge
from lambdad.frontend.api import Answer, Invoke, StreamedAnswer
from lambdad.testing.access import allow
from lambdad.wire.api import Handler
from lambdad.wire.eventstream import Decoder
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Models
from lambdad.wire.signature import Credential
from lambdad.worker.api import Completion, Outcome
from tests.component.callbacks import told

MODELS = Models()
CALLER = Caller("000000000000", "eu-west-1", "request-1", "AKID", "arn:aws:iam::000000000000:root", "localhost:4566")


class ScriptedFrontend:
    def __init__(self) -> None:
        self.seen: list[Invoke] = []
        self.outcome = Outcome(b"", log_tail=b"log")
        self.breaks_off = False

    def invoke(self, request: Invoke, done: Callable[[Answer | LambdadError], None]) -> None:
        self.seen.append(request)
        match request.function, request.invocation_type:
            case "missing", _:
                done(ResourceNotFound("Function not found: missing"))
            case "busy", _:
                done(TooManyRequests("Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded", retry_after=1))
            case "bug", _:
                raise RuntimeError("a secret of the inside")
            case _, "Event":
                done(Answer(202, b"", None, None, None, "Root=1"))
            case _:
                done(Answer(200, b'"hello"', "$LATEST", None, None, "Root=1"))

    async def invoke_stream(self, request: Invoke) -> StreamedAnswer | Answer:
        self.seen.append(request)
        completion = Completion()

        async def chunks() -> AsyncIterator[bytes]:
            yield b"a" * (1024 * 1024 + 1)
            yield b""
            if self.breaks_off:
                raise PlatformError("lost")
            completion.outcome = self.outcome

        return StreamedAnswer("7", "text/plain", chunks(), completion, "Root=1", request.log_type == "Tail")

    async def close(self) -> None:
        return None


class Packages:
    async def read(self, code: Code) -> bytes:
        return b"zip of " + code.digest.encode()


class Service:
    def __init__(self, name: str, operations: Mapping[str, Handler]) -> None:
        self.name = name
        self.operations = operations

    def needs(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> Sequence[Need]:
        return [Need(f"{self.name}:{operation}", caller.account)]

    def resource_policy(self, need: Need) -> str | None:
        return None


async def list_functions(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
    return {"Functions": [{"FunctionName": caller.account}], "NextMarker": None}


async def create_function(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("a secret of the inside")


async def describe_groups(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
    raise ResourceNotFound("no such group")


@pytest.fixture
def frontend() -> ScriptedFrontend:
    return ScriptedFrontend()


@pytest.fixture
def links() -> CodeLinks:
    return CodeLinks(b"secret", lambda: "http://localhost", lambda: 0.0)


def edge_of(frontend: ScriptedFrontend, links: CodeLinks, require: Require, *services: Service) -> Edge:
    packages: Any = Packages()
    artifacts: Artifacts = packages
    return Edge(
        services=services,
        frontend=frontend,
        authenticator=AnyCredentials(),
        artifacts=artifacts,
        links=links,
        hosts=Hosts(),
        require=require,
        health=lambda: {"status": "ok"},
        state=lambda: {"environments": []},
        models=MODELS,
        new_id=lambda: "request-1",
    )


@pytest.fixture
def edge(frontend: ScriptedFrontend, links: CodeLinks) -> Edge:
    functions = Service("lambda", {"ListFunctions": list_functions, "CreateFunction": create_function})
    return edge_of(frontend, links, allow, functions, Service("logs", {"DescribeLogGroups": describe_groups}))


async def handle(edge: Edge, request: Request) -> Response:
    response: Response = await told(edge.handle, request)
    return response


def signed(method: str, target: str, service: str = "lambda", body: bytes = b"", **headers: str) -> Request:
    path, _, query = target.partition("?")
    found = {
        "host": "localhost:4566",
        "x-amz-date": "20261121T000000Z",
        "authorization": f"AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/{service}/aws4_request, "
        f"SignedHeaders=host, Signature={'a' * 64}",
    }
    found |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, query, found, body)


def invoke(name: str, body: bytes = b"{}", **headers: str) -> Request:
    return signed("POST", f"/2015-03-31/functions/{name}/invocations", body=body, **headers)


def said(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


def header(response: Response, name: str) -> str:
    return dict(response.headers)[name]


async def test_invoke(edge: Edge, frontend: ScriptedFrontend) -> None:
    response = await handle(edge, invoke("f", b"[1]"))
    assert (response.status, response.body) == (200, b'"hello"')
    assert header(response, "x-amzn-RequestId") == "request-1"
    assert frontend.seen == [Invoke(CALLER, "f", None, b"[1]")]


async def test_errors_of_the_frontend_in_lambdas_shapes(edge: Edge) -> None:
    response = await handle(edge, invoke("missing"))
    assert (response.status, said(response)) == (404, {"Type": "User", "Message": "Function not found: missing"})
    assert header(response, "x-amzn-ErrorType") == "ResourceNotFoundException"
    response = await handle(edge, invoke("busy"))
    assert (response.status, header(response, "Retry-After")) == (429, "1")
    assert said(response)["Reason"] == "ConcurrentInvocationLimitExceeded"


@pytest.mark.parametrize(
    "request_",
    [
        invoke("bug"),
        signed(
            "POST", "/2015-03-31/functions", body=b'{"FunctionName":"f","Code":{},"Role":"arn:aws:iam::000000000000:role/r"}'
        ),
    ],
)
async def test_what_nobody_expected_is_logged_and_not_told(
    edge: Edge, request_: Request, caplog: pytest.LogCaptureFixture
) -> None:
    response = await handle(edge, request_)
    assert (response.status, header(response, "x-amzn-ErrorType")) == (500, "ServiceException")
    assert "secret" not in json.dumps(said(response))
    assert "request-1" in caplog.text and "secret" in caplog.text


async def frames(response: Response) -> bytes:
    assert not isinstance(response.body, bytes)
    return b"".join([frame async for frame in response.body])


STREAM = "/2021-11-15/functions/f/response-streaming-invocations"


async def test_invoke_with_response_stream(edge: Edge) -> None:
    response = await handle(edge, signed("POST", STREAM, x_amz_log_type="Tail"))
    assert header(response, "Content-Type") == "application/vnd.amazon.eventstream"
    assert header(response, "X-Amz-Executed-Version") == "7"
    first, second, end = Decoder().feed(await frames(response))
    assert (len(first.payload), second.payload) == (1024 * 1024, b"a")
    assert json.loads(end.payload) == {"LogResult": "bG9n"}


async def test_a_stream_that_ends_in_an_error(edge: Edge, frontend: ScriptedFrontend) -> None:
    frontend.outcome = Outcome(b'{"errorMessage":"m"}', "Unhandled", error_type="Runtime.ExitError")
    *_, end = Decoder().feed(await frames(await handle(edge, signed("POST", STREAM))))
    assert json.loads(end.payload) == {"ErrorCode": "Unhandled", "ErrorDetails": '{"errorMessage":"m"}'}
    frontend.breaks_off = True
    *_, end = Decoder().feed(await frames(await handle(edge, signed("POST", STREAM))))
    assert end.headers == {":error-code": "ServiceException", ":error-message": "lost", ":message-type": "error"}


async def test_invoke_async(edge: Edge, frontend: ScriptedFrontend) -> None:
    request = signed("POST", "/2014-11-13/functions/f/invoke-async/", body=b"{}", x_amzn_trace_id="Root=1")
    response = await handle(edge, request)
    assert (response.status, said(response)) == (202, {"Status": 202})
    assert (frontend.seen[0].invocation_type, frontend.seen[0].trace_id) == ("Event", "Root=1")


class Somebody:
    def authenticate(self, request: Request, credential: Credential, request_id: str) -> Caller:
        return Caller("111111111111", credential.region, request_id, "ASIA", "arn:aws:sts::111111111111:assumed-role/r/f")


async def test_callers_who_are_known_by_their_socket(edge: Edge, frontend: ScriptedFrontend) -> None:
    other = edge.seen_by(Somebody())
    await handle(other, invoke("f"))
    await handle(edge, invoke("f"))
    assert [seen.caller.account for seen in frontend.seen] == ["111111111111", "000000000000"]


async def test_an_operation_of_a_service(edge: Edge) -> None:
    response = await handle(edge, signed("GET", "/2015-03-31/functions/"))
    assert (response.status, said(response)) == (200, {"Functions": [{"FunctionName": "000000000000"}]})
    response = await handle(edge, signed("GET", "/2015-03-31/functions?MaxItems=0"))
    assert (response.status, said(response)) == (
        400,
        {
            "message": "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1"
        },
    )
    target = "Logs_20140328.DescribeLogGroups"
    response = await handle(edge, signed("POST", "/", "logs", b"{}", x_amz_target=target))
    assert (response.status, said(response)) == (
        400,
        {"__type": "ResourceNotFoundException", "message": "no such group"},
    )


async def test_what_is_not_implemented_says_so(edge: Edge) -> None:
    response = await handle(edge, signed("GET", "/2025-11-30/capacity-providers"))
    assert (response.status, said(response)["message"]) == (
        501,
        "lambdad does not implement ListCapacityProviders of lambda yet; docs/compatibility.md lists what it does.",
    )
    response = await handle(edge, signed("POST", "/", "kms", x_amz_target="TrentService.ListKeys"))
    assert (response.status, said(response)["message"]) == (
        501,
        "lambdad does not implement ListKeys of kms yet; docs/compatibility.md lists what it does.",
    )
    response = await handle(edge, signed("GET", "/x", "nosuchservice"))
    assert (response.status, header(response, "x-amzn-ErrorType")) == (404, "UnknownOperationException")


async def test_requests_without_a_signature(edge: Edge) -> None:
    for request in (invoke("f"), signed("GET", "/2015-03-31/functions")):
        del request.headers["authorization"]
        response = await handle(edge, request)
        assert (response.status, said(response)) == (403, {"message": "Missing Authentication Token"})
        assert header(response, "x-amzn-ErrorType") == "MissingAuthenticationTokenException"
    request = signed("POST", "/", "logs", b"{}", x_amz_target="Logs_20140328.DescribeLogGroups")
    del request.headers["authorization"]
    assert said(await handle(edge, request))["__type"] == "MissingAuthenticationTokenException"


async def test_what_is_opened_in_a_browser_does_nothing_by_a_signed_link(edge: Edge, frontend: ScriptedFrontend) -> None:
    scope = "X-Amz-Credential=AKID%2F20261121%2Feu-west-1%2Flambda%2Faws4_request"
    link = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&{scope}&X-Amz-Date=20261121T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
    headers = {"host": "localhost:4566", "sec-fetch-site": "none"}
    for method, path in (("POST", "/2015-03-31/functions/f/invocations"), ("GET", "/2015-03-31/functions")):
        query = f"{link}&X-Amz-Signature={'a' * 64}"
        assert (await handle(edge, Request(method, path, query, {"host": "localhost:4566"}))).status == 200
        before = len(frontend.seen)
        assert (await handle(edge, Request(method, path, query, headers))).status == 403
        assert len(frontend.seen) == before
    assert (await handle(edge, Request("GET", "/_lambdad/health", "", headers))).status == 200


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions/f/invocations", "/2021-11-15/functions/f/response-streaming-invocations"]
)
async def test_a_signature_for_another_service_invokes_nothing(edge: Edge, frontend: ScriptedFrontend, path: str) -> None:
    refused = await handle(edge, signed("POST", path, "s3", b"{}"))
    assert (refused.status, header(refused, "x-amzn-ErrorType")) == (403, "InvalidSignatureException")
    assert frontend.seen == []


async def test_foreign_hosts_and_pages_get_nothing(edge: Edge, frontend: ScriptedFrontend) -> None:
    for request in (invoke("f", host="evil.example"), invoke("f", origin="http://evil.example")):
        response = await handle(edge, request)
        assert (response.status, header(response, "x-amzn-ErrorType")) == (403, "AccessDeniedException")
    health = Request("GET", "/_lambdad/health", "", {"host": "evil.example"})
    assert (await handle(edge, health)).status == 403
    assert frontend.seen == []


async def test_health_and_downloads_need_no_signature(edge: Edge, links: CodeLinks) -> None:
    def get(path: str, query: str = "") -> Request:
        return Request("GET", path, query, {"host": "localhost"})

    assert said(await handle(edge, get("/_lambdad/health"))) == {"status": "ok"}
    assert said(await handle(edge, get("/_lambdad/state"))) == {"environments": []}
    path, _, query = links.location(Code("d" * 64, 1), CALLER).removeprefix("http://localhost").partition("?")
    response = await handle(edge, get(path, query))
    assert (response.status, response.body) == (200, b"zip of " + b"d" * 64)
    assert (await handle(edge, get(path, query[:-1]))).status == 403
    assert (await handle(edge, get("/_lambdad/other"))).status == 404


def test_limits_of_bodies_and_their_refusals(edge: Edge) -> None:
    create = signed("POST", "/2015-03-31/functions")
    assert edge.body_limit(create) == 70_167_211
    refused = edge.too_large(create, 70_167_212)
    assert (refused.status, said(refused)) == (
        413,
        {"message": "Request must be smaller than 70167211 bytes for the CreateFunction operation"},
    )
    for method, path in (("PUT", "/2015-03-31/functions/f/code"), ("POST", "/2018-10-31/layers/l/versions")):
        assert edge.body_limit(signed(method, path)) == 70_167_211
    for method, path in (("PUT", "/2015-03-31/functions/f/configuration"), ("POST", "/")):
        assert edge.body_limit(signed(method, path)) == 8_388_608
    event = invoke("f", x_amz_invocation_type="Event")
    assert edge.body_limit(event) == 1_048_576
    refused = edge.too_large(event, 1_048_577)
    assert header(refused, "x-amzn-ErrorType") == "RequestTooLargeException"


async def test_requests_run_side_by_side(edge: Edge) -> None:
    answers = await asyncio.gather(*(handle(edge, invoke("f")) for _ in range(100)))
    assert {answer.status for answer in answers} == {200}


async def test_nothing_is_done_that_is_not_allowed(frontend: ScriptedFrontend, links: CodeLinks) -> None:
    asked: list[tuple[Need, str | None]] = []

    def nobody(caller: Caller, need: Need, policy: str | None) -> None:
        asked.append((need, policy))
        raise AccessDenied("no")

    async def never(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("it was called")

    edge = edge_of(frontend, links, nobody, Service("lambda", {"ListFunctions": never}))
    response = await handle(edge, signed("GET", "/2015-03-31/functions"))
    assert (response.status, ("x-amzn-ErrorType", "AccessDeniedException") in response.headers) == (403, True)
    assert asked == [(Need("lambda:ListFunctions", "000000000000"), None)]
