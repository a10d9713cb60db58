import pytest

from lambdad.domain.errors import CallerError
from lambdad.wire import xml
from lambdad.wire.match import Operations
from lambdad.wire.messages import Request
from lambdad.wire.models import Models, UnknownService
from lambdad.wire.parse import parse

MODELS = Models()
LAMBDA = Operations(MODELS.load("lambda"))
S3 = Operations(MODELS.load("s3"))


def read(operations: Operations, request: Request) -> dict[str, object]:
    match = operations.find(request)
    assert match is not None
    return parse(request, match, operations.model)


def refused(operations: Operations, request: Request) -> CallerError:
    with pytest.raises(CallerError) as caught:
        read(operations, request)
    return caught.value


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "Could not parse request body into json: "),
        (b"\xff", "Could not parse request body into json: "),
        (b"[" * 100_000, "Could not parse request body into json: "),
        (b'{"FunctionName": 3}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"FunctionName": true}', "TRUE_VALUE can not be converted to a String"),
        (b'{"FunctionName": {}}', "Start of structure or map found where not expected."),
        (b'{"FunctionName": []}', "Start of list found where not expected"),
        (b'{"MemorySize": "128"}', "STRING_VALUE can not be converted to an Integer"),
        (b'{"MemorySize": 1.5}', "NUMBER_VALUE can not be converted to an Integer"),
        (b'{"Publish": "yes"}', "STRING_VALUE can not be converted to a Boolean"),
        (b'{"Layers": "l"}', "Expected list or null"),
        (b'{"Tags": []}', "Expected map or null"),
        (b'{"Code": []}', "Expected structure or null"),
        (b'{"Code": {"ZipFile": "*"}}', "STRING_VALUE can not be converted to a Blob"),
        (b"[]", "Expected structure or null"),
    ],
)
def test_what_is_no_json_of_the_model(body: bytes, text: str) -> None:
    error = refused(LAMBDA, Request("POST", "/2015-03-31/functions", "", {}, body))
    assert (error.code, error.status) == ("SerializationException", 400)
    assert error.message.startswith(text)


def test_nulls_and_strangers_are_left_out() -> None:
    body = b'{"FunctionName": "f", "Role": null, "Stranger": 1, "MemorySize": 128.0, "Layers": []}'
    assert read(LAMBDA, Request("POST", "/2015-03-31/functions", "", {}, body)) == {
        "FunctionName": "f",
        "MemorySize": 128,
        "Layers": [],
    }


@pytest.mark.parametrize(
    ("method", "path", "query", "operation", "params"),
    [
        ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=a", "GetLayerVersionByArn", {"Arn": "a"}),
        ("GET", "/2018-10-31/layers", "MaxItems=3", "ListLayers", {"MaxItems": 3}),
        ("GET", "/2018-10-31/layers/", "find=Other", "ListLayers", {}),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency",
            "List=ALL",
            "ListProvisionedConcurrencyConfigs",
            {"FunctionName": "f"},
        ),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency",
            "Qualifier=1",
            "GetProvisionedConcurrencyConfig",
            {"FunctionName": "f", "Qualifier": "1"},
        ),
        ("GET", "/2015-03-31/functions/", "", "ListFunctions", {}),
        (
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af/configuration",
            "",
            "GetFunctionConfiguration",
            {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:f"},
        ),
        (
            "DELETE",
            "/2017-03-31/tags/arn:x",
            "tagKeys=a&tagKeys=b%20c",
            "UntagResource",
            {"Resource": "arn:x", "TagKeys": ["a", "b c"]},
        ),
        ("DELETE", "/2017-03-31/tags/arn:x", "", "UntagResource", {"Resource": "arn:x"}),
    ],
)  # fmt: skip
def test_addresses_of_lambda(method: str, path: str, query: str, operation: str, params: dict[str, object]) -> None:
    request = Request(method, path, query, {})
    match = LAMBDA.find(request)
    assert match is not None
    assert match.operation.name == operation
    assert parse(request, match, LAMBDA.model) == params


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/2015-03-31/functions"), ("GET", "/2015-03-31/functions/a/b/c"), ("GET", "/"), ("GET", "*"), ("GET", "//")],
)
def test_addresses_of_nothing(method: str, path: str) -> None:
    assert LAMBDA.find(Request(method, path, "", {})) is None


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "", {"x-amz-copy-source": "c/d"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("GET", "/b/a/b/c/", "", {}, "GetObject"),
        ("GET", "/b/k", "uploadId=u", {}, "ListParts"),
        ("GET", "/b/k", "acl", {}, "GetObjectAcl"),
        ("GET", "/b", "list-type=2&prefix=p", {}, "ListObjectsV2"),
        ("GET", "/b/", "", {}, "ListObjects"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("GET", "/", "", {}, "ListBuckets"),
    ],
)
def test_addresses_of_s3(method: str, path: str, query: str, headers: dict[str, str], operation: str) -> None:
    match = S3.find(Request(method, path, query, headers))
    assert match is not None
    assert match.operation.name == operation


def test_numbers_in_addresses() -> None:
    error = refused(LAMBDA, Request("GET", "/2018-10-31/layers/l/versions/one", "", {}))
    assert (error.code, error.message) == ("SerializationException", "STRING_VALUE can not be converted to a Long")
    assert refused(LAMBDA, Request("GET", "/2015-03-31/functions/%ff", "", {})).code == "SerializationException"


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><Delete>&b;</Delete>",
        b"<a>" * 300,
        b'<?xml version="1.0" encoding="no"?><a/>',
    ],
)
def test_what_is_no_xml(body: bytes) -> None:
    assert refused(S3, Request("POST", "/b", "delete", {}, body)).code == "MalformedXML"


def test_xml_says_what_it_was_told() -> None:
    node = xml.Node("a", {"b": '<"&\n'}, text="<&>\r\x01")
    assert xml.parse(xml.document(node)) == xml.Node("a", {"b": '<"&\n'}, text="<&>\r\ufffd")


def test_forms_that_nest_absurdly() -> None:
    sns = Operations(MODELS.load("sns"))
    body = b"Action=Publish&" + b"a." * 100 + b"b=1"
    assert refused(sns, Request("POST", "/", "", {}, body)).code == "MalformedQueryString"
    assert refused(sns, Request("POST", "/", "", {}, b"Action=Publish&Message.x=1")).code == "SerializationException"


def test_forms_and_documents_of_millions_of_values_are_refused_before_they_are_read() -> None:
    sns = Operations(MODELS.load("sns"))
    assert refused(sns, Request("POST", "/", "", {}, b"Action=Publish" + b"&a" * 20_000)).code == "MalformedQueryString"
    body = b'{"FunctionName":"f","Layers":[' + b'"a",' * 3_000_000 + b'"a"]}'
    assert "too many members" in refused(LAMBDA, Request("POST", "/2015-03-31/functions", "", {}, body)).message
    body = b'{"Code":{"ZipFile":"' + b"AAAA" * 3_000_000 + b'"}}'
    assert read(LAMBDA, Request("POST", "/2015-03-31/functions", "", {}, body))["Code"] == {"ZipFile": bytes(9_000_000)}


def test_names_of_parameters_that_are_odd() -> None:
    """Without a part, which is not the value of what is before it; with a number that is none of a list."""
    iam = Operations(MODELS.load("iam"))
    odd = b"Tags.=x&Tags..member=y&Tags.member.1.Key=k&Tags.member.1.=z&Tags.member." + b"9" * 5000 + b".Key=k"
    read_ = read(iam, Request("POST", "/", "", {}, b"Action=CreateUser&UserName=u&" + odd))
    assert read_ == {"UserName": "u", "Tags": [{"Key": "k"}]}


def test_targets() -> None:
    logs = Operations(MODELS.load("logs"))
    match = logs.find(Request("POST", "/", "", {"x-amz-target": "Logs_20140328.CreateLogGroup"}))
    assert match is not None and match.operation.name == "CreateLogGroup"
    assert logs.find(Request("POST", "/", "", {"x-amz-target": "Other.CreateLogGroup"})) is None
    assert logs.find(Request("POST", "/", "", {"x-amz-target": "Logs_20140328.Nothing"})) is None
    assert logs.find(Request("POST", "/", "", {})) is None


def test_models_by_signing_name() -> None:
    assert set(MODELS.signed_as("lambda")) == {"lambda", "lambda-core", "lambda-microvms", "lambda-web"}
    assert MODELS.signed_as("monitoring") == ("cloudwatch",)
    assert MODELS.signed_as("kms") == ("kms",)
    assert MODELS.signed_as("../lambda") == ()
    assert MODELS.load("lambda") is MODELS.load("lambda")
    for name in ("nothing", "..", "lambda/../sqs"):
        with pytest.raises(UnknownService):
            MODELS.load(name)


def test_a_query_to_a_queues_own_address_names_the_queue() -> None:
    sqs = Operations(MODELS.load("sqs"))
    headers = {"content-type": "application/x-www-form-urlencoded"}

    def queue_of(body: bytes) -> object:
        return read(sqs, Request("POST", "/000000000000/q", "", headers, body)).get("QueueUrl")

    assert queue_of(b"Action=ReceiveMessage") == "/000000000000/q"
    assert queue_of(b"Action=ReceiveMessage&QueueUrl=http%3A%2F%2Fh%2F1%2Fother") == "http://h/1/other"
    assert queue_of(b"Action=ListQueues") is None
