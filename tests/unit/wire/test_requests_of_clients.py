"""botocore's own serialiser makes the requests; what we read must be what was put in."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdad.wire.match import Operations
from lambdad.wire.messages import Request
from lambdad.wire.models import Model, Models
from lambdad.wire.parse import parse
from tests.unit.wire.shapes import comparable, is_streamed, structures

MODELS = Models()
SERVICES = ("lambda", "logs", "sqs", "sns", "s3", "sts", "events", "apigatewayv2")
SETTINGS = settings(
    max_examples=1,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
# Told from others by the host alone (S3 Express, object lambda), or deprecated twins of another operation at the same address.
ELSEWHERE = {
    ("s3", "ListDirectoryBuckets"),
    ("s3", "WriteGetObjectResponse"),
    ("s3", "GetBucketLifecycle"),
    ("s3", "PutBucketLifecycle"),
    ("s3", "GetBucketNotification"),
    ("s3", "PutBucketNotification"),
}


@pytest.fixture(scope="module")
def clients() -> dict[str, ServiceModel]:
    loader = Loader()
    return {name: ServiceModel(loader.load_service_model(name, "service-2"), name) for name in SERVICES}


@pytest.fixture(scope="module")
def servers() -> dict[str, Operations]:
    return {name: Operations(MODELS.load(name)) for name in SERVICES}


def sent(client: ServiceModel, operation: str, params: dict[str, Any], protocol: str) -> Request:
    """The request as it comes out of an SDK."""
    serialised = create_serializer(protocol, False).serialize_to_request(params, client.operation_model(operation))
    prepare_request_dict(serialised, "http://localhost", {"client_config": None})
    prepared = create_request_object(serialised).prepare()
    url = urlsplit(prepared.url)
    body = prepared.body or b""
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    return Request(prepared.method, url.path or "/", url.query, headers, body if isinstance(body, bytes) else body.encode())


def operations() -> list[tuple[str, str]]:
    return [
        (name, operation)
        for name in SERVICES
        for operation in MODELS.load(name).operation_names
        if (name, operation) not in ELSEWHERE
    ]


def wanted(model: Model, operation: str, params: dict[str, Any]) -> Any:
    found = model.operation(operation)
    assert found is not None
    return comparable(found.input, params) if found.input is not None else {}


@pytest.mark.parametrize(("service", "operation"), operations())
def test_we_read_what_a_client_of_today_sends(
    service: str, operation: str, clients: dict[str, ServiceModel], servers: dict[str, Operations]
) -> None:
    model = MODELS.load(service)
    found = model.operation(operation)
    assert found is not None
    shape = found.input
    if shape is not None and is_streamed(shape.payload):
        pytest.fail(f"{service} {operation} streams its input: give it a test of its own")

    @SETTINGS
    @given(st.data())
    def check(data: st.DataObject) -> None:
        params = data.draw(structures(shape)) if shape is not None else {}
        request = sent(clients[service], operation, params, model.protocol)
        match = servers[service].find(request)
        assert match is not None
        assert match.operation.name == operation
        read = parse(request, match, model)
        assert without_http(model, operation, wanted(model, operation, read)) == without_http(
            model, operation, wanted(model, operation, params)
        )

    check()


def without_http(model: Model, operation: str, params: Any) -> Any:
    """HTTP itself always has a body, if only of no bytes, and its length."""
    found = model.operation(operation)
    payload = found.input.payload if found is not None and found.input is not None else None
    empty = payload.name if payload is not None and params.get(payload.name) == b"" else None
    return {name: value for name, value in params.items() if name not in (empty, "ContentLength")}


OLD_SQS = [
    (
        "SendMessage",
        {
            "QueueUrl": "http://q",
            "MessageBody": "a b&c",
            "MessageAttributes": {"n": {"StringValue": "1", "DataType": "Number"}},
        },
        "Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Fq&MessageBody=a+b%26c"
        "&MessageAttribute.1.Name=n&MessageAttribute.1.Value.StringValue=1&MessageAttribute.1.Value.DataType=Number",
    ),
    (
        "SendMessageBatch",
        {"QueueUrl": "q", "Entries": [{"Id": "a", "MessageBody": "x", "DelaySeconds": 3}, {"Id": "b", "MessageBody": "y"}]},
        "Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=x"
        "&SendMessageBatchRequestEntry.1.DelaySeconds=3&SendMessageBatchRequestEntry.10.Id=b"
        "&SendMessageBatchRequestEntry.10.MessageBody=y",
    ),
    (
        "CreateQueue",
        {"QueueName": "q", "Attributes": {"DelaySeconds": "5"}, "tags": {"k": "v"}},
        "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=k&Tag.1.Value=v",
    ),
    (
        "ReceiveMessage",
        {"QueueUrl": "q", "AttributeNames": ["All"], "MessageAttributeNames": ["a", "b"], "MaxNumberOfMessages": 10},
        "Action=ReceiveMessage&QueueUrl=q&AttributeName.1=All&MessageAttributeName.2=b&MessageAttributeName.1=a"
        "&MaxNumberOfMessages=10",
    ),
]


@pytest.mark.parametrize(("operation", "params", "body"), OLD_SQS, ids=[row[0] for row in OLD_SQS])
def test_older_clients_of_sqs_speak_the_query_protocol(operation: str, params: dict[str, Any], body: str) -> None:
    model = MODELS.load("sqs")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = Request("POST", "/", "", headers, body.encode())
    match = Operations(model).find(request)
    assert match is not None and match.operation.name == operation
    assert parse(request, match, model) == params
