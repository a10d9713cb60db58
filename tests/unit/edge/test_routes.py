from collections.abc import Mapping
from typing import Any

import pytest

from lambdad.domain.caller import Caller
from lambdad.edge.compatibility import page
from lambdad.edge.route import Found, Routes, Unimplemented, Unknown
from lambdad.wire.api import Handler
from lambdad.wire.messages import Request
from lambdad.wire.models import Models

MODELS = Models()


async def nothing(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
    return {}


class Stub:
    def __init__(self, name: str, *operations: str) -> None:
        self.name = name
        self.operations: Mapping[str, Handler] = dict.fromkeys(operations, nothing)


ROUTES = Routes([Stub("lambda", "ListFunctions"), Stub("logs", "CreateLogGroup")], MODELS)


def get(path: str, **headers: str) -> Request:
    return Request("GET", path, "", {name.replace("_", "-"): value for name, value in headers.items()})


def test_an_operation_with_and_without_a_handler() -> None:
    found = ROUTES.find(get("/2015-03-31/functions"), "lambda")
    assert (
        isinstance(found, Found) and found.service.name == "lambda" and found.match.operation.name in found.service.operations
    )
    found = ROUTES.find(get("/2016-08-19/account-settings"), "lambda")
    assert isinstance(found, Found) and found.match.operation.name == "GetAccountSettings"


def test_the_service_of_the_signing_name_goes_first() -> None:
    found = ROUTES.find(Request("POST", "/", "", {}, b"Action=DescribeDBInstances"), "rds")
    assert isinstance(found, Unimplemented) and found.service == "rds"


def test_services_that_share_a_signing_name() -> None:
    found = ROUTES.find(get("/2026-10-01/runtimes"), "lambda")
    assert isinstance(found, Unimplemented)
    assert (found.service, found.operation) == ("lambda-core", "ListRuntimes")


@pytest.mark.parametrize(
    ("request_", "signed", "service", "operation"),
    [
        (get("/", x_amz_target="DynamoDB_20120810.ListTables"), "dynamodb", "dynamodb", "ListTables"),
        (Request("POST", "/", "", {}, b"Action=ListTopics"), "sns", "sns", "ListTopics"),
        (get("/bucket"), "s3", "s3", "ListObjects"),
        (
            Request("POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", "", {}),
            "monitoring",
            "cloudwatch",
            "ListMetrics",
        ),
        (Request("POST", "/", "", {"content-type": "application/x-www-form-urlencoded"}, b"Action=X"), "sns", "sns", "X"),
    ],
)  # fmt: skip
def test_services_that_lambdad_has_not(request_: Request, signed: str, service: str, operation: str) -> None:
    found = ROUTES.find(request_, signed)
    assert isinstance(found, Unimplemented)
    assert (found.service, found.operation) == (service, operation)


def test_what_nobody_knows() -> None:
    assert ROUTES.find(get("/"), "nosuchservice") == Unknown(None)
    assert ROUTES.find(get("/"), None) == Unknown(None)
    found = ROUTES.find(get("/2015-03-31/nothing"), "lambda")
    assert isinstance(found, Unknown) and found.model is MODELS.load("lambda")


@pytest.mark.parametrize(
    ("request_", "service"),
    [
        (get("/2015-03-31/functions"), "lambda"),
        (get("/", x_amz_target="Logs_20140328.X"), "logs"),
        (get("/", host="logs.eu-west-1.amazonaws.com"), "logs"),
        (get("/", host="localhost"), None),
    ],
)
def test_guesses_without_a_signature(request_: Request, service: str | None) -> None:
    model = ROUTES.model_for(request_, None)
    assert (model.name if model else None) == service


def test_the_page_of_what_is_implemented() -> None:
    text = page({"lambda": {"ListFunctions"}, "logs": {"CreateLogGroup"}}, MODELS)
    assert f"| Lambda (`lambda`) | 4 | {len(MODELS.load('lambda').operation_names)} |" in text
    assert "| Invoke | implemented |" in text
    assert "| ListFunctions | implemented |" in text
    assert "| CreateCapacityProvider | – |" in text
    assert "| CloudWatch Logs (`logs`) | 1 |" in text
    with pytest.raises(ValueError, match="lambda has no operations Dance"):
        page({"lambda": {"Dance"}}, MODELS)
