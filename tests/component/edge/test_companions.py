"""Services that lambdad does not have itself: who may, what is forwarded, and errors in each service's protocol."""

import json
from typing import Any

import pytest

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied, PlatformError
from lambdad.edge.authenticate import AnyCredentials
from lambdad.edge.hosts import Hosts
from lambdad.edge.service import Edge
from lambdad.testing.access import allow
from lambdad.wire.match import Match
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Model, Models
from tests.component.callbacks import told

MODELS = Models()
RPC = "/service/GraniteServiceVersion20100801/operation/ListMetrics"


class Elsewhere:
    """Serves four services, and remembers what it was asked."""

    remark = "Install it."

    def __init__(self) -> None:
        self.forwarded: list[tuple[str, str, str]] = []
        self.asked: list[tuple[str, str, dict[str, Any] | None]] = []
        self.failure: Exception | None = None

    def serves(self, service: str) -> bool:
        return service in ("dynamodb", "s3", "sns", "cloudwatch")

    def needs(self, service: str, operation: str, caller: Caller, params: dict[str, Any] | None) -> list[Need]:
        self.asked.append((service, operation, params))
        return [Need(f"{service}:{operation}", caller.account)]

    async def forward(self, caller: Caller, model: Model, operation: str, match: Match | None, request: Request) -> Response:
        if self.failure is not None:
            raise self.failure
        self.forwarded.append((model.name, operation, request.path))
        return Response(200, [], b"elsewhere")


def deny(caller: Caller, need: Need, policy: str | None) -> None:
    raise AccessDenied(f"not authorized to perform: {need.action}")


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


def edge(elsewhere: Elsewhere | None, **settings: Any) -> Edge:
    nothing: Any = None
    return Edge(
        services=[],
        frontend=nothing,
        authenticator=AnyCredentials(),
        artifacts=nothing,
        links=nothing,
        hosts=Hosts(),
        health=dict,
        state=dict,
        models=MODELS,
        new_id=lambda: "request-1",
        companions=elsewhere,
        **{"require": allow} | settings,
    )


def signed(service: str, path: str = "/", method: str = "POST", body: bytes = b"{}", **headers: str) -> Request:
    scope = f"AKID/20261121/eu-west-1/{service}/aws4_request"
    found = {
        "host": "localhost:4566",
        "x-amz-date": "20261121T000000Z",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'a' * 64}",
    }
    return Request(method, path, "", found | {name.replace("_", "-"): value for name, value in headers.items()}, body)


GET_ITEM = signed("dynamodb", body=b'{"TableName":"t"}', x_amz_target="DynamoDB_20120810.GetItem")


async def answer(elsewhere: Elsewhere | None, request: Request, **settings: Any) -> Response:
    response: Response = await told(edge(elsewhere, **settings).handle, request)
    return response


@pytest.mark.parametrize(
    ("request_", "asked", "path"),
    [
        (GET_ITEM, ("dynamodb", "GetItem", {"TableName": "t"}), "/"),
        (signed("sns", body=b"Action=Publish&Message=m"), ("sns", "Publish", {"Message": "m"}), "/"),
        (signed("s3", "/b/k", "GET", b""), ("s3", "GetObject", {"Bucket": "b", "Key": "k"}), "/b/k"),
        (signed("s3", "/k", "GET", b"", host="b.localhost"), ("s3", "GetObject", {"Bucket": "b", "Key": "k"}), "/b/k"),
        (signed("monitoring", RPC, body=b"\xa0"), ("cloudwatch", "ListMetrics", None), RPC),
    ],
)
async def test_what_is_read_is_asked_and_forwarded(
    elsewhere: Elsewhere, request_: Request, asked: tuple[str, str, Any], path: str
) -> None:
    assert (await answer(elsewhere, request_)).body == b"elsewhere"
    assert elsewhere.asked == [asked]
    assert elsewhere.forwarded == [(*asked[:2], path)]


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (GET_ITEM, 403, b'"__type":"AccessDeniedException"'),
        (signed("sns", body=b"Action=ListTopics"), 403, b"<Code>AccessDenied</Code>"),
        (signed("s3", "/b", "GET", b""), 403, b"<Error><Code>AccessDenied</Code>"),
        (signed("monitoring", RPC, body=b"\xa0"), 403, b"\xa2\x66__type\x75AccessDeniedException\x67message\x78"),
    ],
)
async def test_a_denial_is_in_the_services_protocol(elsewhere: Elsewhere, request_: Request, status: int, said: bytes) -> None:
    response = await answer(elsewhere, request_, require=deny)
    assert elsewhere.forwarded == []
    assert isinstance(response.body, bytes)
    assert said in response.body and b"not authorized to perform" in response.body
    assert response.status == status
    assert "request-1" in dict(response.headers).values()


async def test_a_failure_is_told(elsewhere: Elsewhere) -> None:
    elsewhere.failure = PlatformError("it broke")
    response = await answer(elsewhere, GET_ITEM)
    assert isinstance(response.body, bytes)
    assert (response.status, json.loads(response.body)["message"]) == (500, "it broke")


@pytest.mark.parametrize(
    "request_",
    [
        signed("dynamodb", x_amz_target="Another.GetItem"),
        signed("dynamodb", x_amz_target="DynamoDB_20120810.Nothing"),
        signed("monitoring", "/service/GraniteServiceVersion20100801/operation/Nothing"),
        signed("braket", "/devices", body=b"{}"),
    ],
)
async def test_what_can_not_be_read_is_not_forwarded(elsewhere: Elsewhere, request_: Request) -> None:
    assert (await answer(elsewhere, request_)).status == 501
    assert elsewhere.asked == elsewhere.forwarded == []


async def test_how_to_get_it_is_said(elsewhere: Elsewhere) -> None:
    response = await answer(elsewhere, signed("kinesis", x_amz_target="Kinesis_20131202.ListStreams"))
    assert isinstance(response.body, bytes)
    assert response.status == 501
    assert json.loads(response.body)["message"].endswith("lists what it does. Install it.")
    assert (await answer(None, GET_ITEM)).status == 501


async def test_an_error_before_the_operation_is_known_is_in_the_services_protocol(elsewhere: Elsewhere) -> None:
    class Nobody(AnyCredentials):
        def authenticate(self, request: Request, credential: Any, request_id: str) -> Caller:
            raise AccessDenied("who are you")

    one = edge(elsewhere)
    one = one.seen_by(Nobody())
    response: Response = await told(one.handle, signed("s3", "/b", "GET", b""))
    assert isinstance(response.body, bytes)
    assert b"<Error><Code>AccessDenied</Code>" in response.body
