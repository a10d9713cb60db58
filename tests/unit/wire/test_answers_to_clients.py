"""botocore's own parser reads our answers; what it finds must be what the handler gave."""

from datetime import datetime
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdad.domain.errors import CallerError, LambdadError, PlatformError, ResourceNotFound, TooManyRequests, ValidationError
from lambdad.wire.messages import Response
from lambdad.wire.models import Models, Shape
from lambdad.wire.refusals import not_implemented, refusal
from lambdad.wire.serialise import answer
from tests.unit.wire.shapes import comparable, is_streamed, structures

MODELS = Models()
SERVICES = ("lambda", "logs", "sqs", "sns", "s3", "sts", "events", "apigatewayv2")
SETTINGS = settings(
    max_examples=1,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
REQUEST_ID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def clients() -> dict[str, ServiceModel]:
    loader = Loader()
    return {name: ServiceModel(loader.load_service_model(name, "service-2"), name) for name in SERVICES}


def received(response: Response, protocol: str, shape: Any) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    raw = {"status_code": response.status, "headers": CaseInsensitive(response.headers), "body": response.body}
    parsed: dict[str, Any] = create_parser(protocol).parse(raw, shape)
    return parsed


class CaseInsensitive(dict[str, str]):
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__({name.lower(): value for name, value in pairs})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


def epoch(value: Any) -> Any:
    """As handlers give it: numbers for moments."""
    match value:
        case datetime():
            return value.timestamp()
        case dict():
            return {key: epoch(each) for key, each in value.items()}
        case list():
            return [epoch(each) for each in value]
        case _:
            return value


def in_body(shape: Shape, value: dict[str, Any]) -> dict[str, Any]:
    """Status, unmapped headers and raw bytes are tested by name below."""
    payload = shape.payload
    raw = payload.name if payload is not None and payload.shape.kind in ("blob", "string") else None
    return {
        name: each
        for name, each in value.items()
        if shape.members[name].location not in ("statusCode", "headers") and name != raw
    }


def operations() -> list[tuple[str, str]]:
    found = []
    for name in SERVICES:
        model = MODELS.load(name)
        for operation in model.operations():
            output = operation.output
            # The location of a bucket is read by a hook of botocore's client, and is tested by name below.
            special = operation.name == "GetBucketLocation" or operation.traits.get("deprecated")
            if output is not None and not special and not any(map(is_streamed, output.members.values())):
                found.append((name, operation.name))
    return found


@pytest.mark.parametrize(("service", "operation"), operations())
def test_a_client_of_today_reads_what_a_handler_gave(service: str, operation: str, clients: dict[str, ServiceModel]) -> None:
    model = MODELS.load(service)
    found = model.operation(operation)
    assert found is not None and found.output is not None
    shape = found.output

    @SETTINGS
    @given(st.data())
    def check(data: st.DataObject) -> None:
        output = in_body(shape, data.draw(structures(shape)))
        response = answer(model, found, {**epoch(output), "NotInTheModel": 1}, REQUEST_ID, model.protocol)
        parsed = received(response, model.protocol, clients[service].operation_model(operation).output_shape)
        assert parsed.pop("ResponseMetadata")["HTTPStatusCode"] == response.status
        given_back = in_body(shape, {name: value for name, value in parsed.items() if name in shape.members})
        assert comparable(shape, given_back) == comparable(shape, output)

    check()


def test_status_and_header_members_and_dropped_nones() -> None:
    model = MODELS.load("s3")
    operation = model.operation("GetObject")
    assert operation is not None
    output = {"Body": b"abc", "ETag": '"e"', "Metadata": {"color": "blue"}, "LastModified": 0, "VersionId": None}
    response = answer(model, operation, output, REQUEST_ID, "rest-xml")
    assert response.body == b"abc"
    assert sorted(response.headers) == [
        ("Content-Type", "application/octet-stream"),
        ("ETag", '"e"'),
        ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("x-amz-meta-color", "blue"),
        ("x-amz-request-id", REQUEST_ID),
    ]


def test_the_location_of_a_bucket_is_the_root_element() -> None:
    model = MODELS.load("s3")
    operation = model.operation("GetBucketLocation")
    assert operation is not None
    response = answer(model, operation, {"LocationConstraint": "eu-west-1"}, REQUEST_ID, "rest-xml")
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>'
    )


def test_a_handler_may_set_the_status() -> None:
    model = MODELS.load("lambda")
    operation = model.operation("DeleteFunction")
    assert operation is not None
    response = answer(model, operation, {"StatusCode_": 204}, REQUEST_ID, "rest-json")
    assert response.status == 204


def test_older_clients_of_sqs_get_xml() -> None:
    model = MODELS.load("sqs")
    operation = model.operation("GetQueueAttributes")
    assert operation is not None
    response = answer(model, operation, {"Attributes": {"DelaySeconds": "0"}}, REQUEST_ID, "query")
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<GetQueueAttributesResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><GetQueueAttributesResult>'
        b"<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute></GetQueueAttributesResult>"
        b"<ResponseMetadata><RequestId>" + REQUEST_ID.encode() + b"</RequestId></ResponseMetadata></GetQueueAttributesResponse>"
    )


REFUSALS: list[tuple[str, LambdadError, int, bytes, tuple[str, str]]] = [
    (
        "lambda",
        ResourceNotFound("Function not found: f"),
        404,
        b'{"Type":"User","Message":"Function not found: f"}',
        ("x-amzn-ErrorType", "ResourceNotFoundException"),
    ),
    (
        "lambda",
        ValidationError("1 validation error detected: …"),
        400,
        '{"message":"1 validation error detected: …"}'.encode(),
        ("x-amzn-ErrorType", "ValidationException"),
    ),
    (
        "lambda",
        TooManyRequests("Rate Exceeded.", Reason="ReservedFunctionConcurrentInvocationLimitExceeded", retry_after=1),
        429,
        b'{"Type":"User","message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}',
        ("Retry-After", "1"),
    ),
    (
        "lambda",
        PlatformError("Broken"),
        500,
        b'{"Type":"Service","Message":"Broken"}',
        ("x-amzn-ErrorType", "ServiceException"),
    ),
    (
        "lambda",
        not_implemented("lambda", "CreateCapacityProvider"),
        501,
        b'{"message":"lambdad does not implement CreateCapacityProvider of lambda yet; '
        b'docs/compatibility.md lists what it does."}',
        ("x-amzn-ErrorType", "NotImplementedException"),
    ),
    (
        "logs",
        ResourceNotFound("The specified log group does not exist."),
        400,
        b'{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}',
        ("Content-Type", "application/x-amz-json-1.1"),
    ),
    (
        "sqs",
        CallerError.named("QueueDoesNotExist", "No.", 400, query_error="AWS.SimpleQueueService.NonExistentQueue"),
        400,
        b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"No."}',
        ("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender"),
    ),
]


@pytest.mark.parametrize(("service", "error", "status", "body", "header"), REFUSALS)
def test_refusals(service: str, error: LambdadError, status: int, body: bytes, header: tuple[str, str]) -> None:
    response = refusal(error, MODELS.load(service), REQUEST_ID)
    assert (response.status, response.body) == (status, body)
    assert header in response.headers
    assert ("x-amzn-RequestId", REQUEST_ID) in response.headers


@pytest.mark.parametrize(
    ("service", "error", "code"),
    [
        ("lambda", ResourceNotFound("m & <m>"), "ResourceNotFoundException"),
        ("logs", ResourceNotFound("m & <m>"), "ResourceNotFoundException"),
        ("sqs", CallerError.named("QueueDoesNotExist", "m & <m>"), "QueueDoesNotExist"),
        ("sns", CallerError.named("NotFoundException", "m & <m>", 404), "NotFound"),
        ("s3", CallerError.named("NoSuchBucket", "m & <m>", 404, BucketName="b"), "NoSuchBucket"),
        ("sts", PlatformError("m & <m>"), "Service"),
        ("sts", ValidationError("m & <m>"), "ValidationError"),
    ],
)
def test_clients_read_refusals(service: str, error: LambdadError, code: str, clients: dict[str, ServiceModel]) -> None:
    model = MODELS.load(service)
    parsed = received(refusal(error, model, REQUEST_ID), model.protocol, None)
    assert parsed["Error"]["Message"] == "m & <m>"
    assert parsed["Error"]["Code"] == code


def test_without_a_model_a_refusal_is_json() -> None:
    response = refusal(ValidationError("no"), None, REQUEST_ID)
    assert response.body == b'{"message":"no"}'
