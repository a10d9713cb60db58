"""The three invocation types, streaming, limits, qualifiers, context: what every client relies on."""

import base64
import json
import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.acceptance.functions import Maker
from tests.acceptance.roles import new_role
from tests.acceptance.server import Server, eventually

ECHO = "def handler(event, context):\n    return event\n"


def error_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str, int]:
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_request_response(make: Maker) -> None:
    function = make.python_function(ECHO)
    answer = function.call({"a": [1, "zwei", None]})
    assert json.loads(answer["Payload"].read()) == {"a": [1, "zwei", None]}
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert uuid.UUID(headers["x-amzn-requestid"])
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert headers["content-type"] == "application/json"


def test_the_request_id_is_the_same_everywhere(make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    return context.aws_request_id\n")
    answer = function.call(LogType="Tail")
    request_id = json.loads(answer["Payload"].read())
    assert request_id == answer["ResponseMetadata"]["RequestId"]
    assert f"START RequestId: {request_id} Version: $LATEST" in base64.b64decode(answer["LogResult"]).decode()


def test_dry_run_runs_nothing(make: Maker) -> None:
    function = make.python_function("raise SystemExit(7)\n")
    answer = function.call(InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert answer["Payload"].read() == b""


def test_event_runs_later_and_answers_at_once(make: Maker, server: Server) -> None:
    function = make.python_function("def handler(event, context):\n    print('ran with', event['n'])\n")
    answer = function.call({"n": 42}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    assert "ExecutedVersion" not in answer
    logs = server.client("logs")

    def lines() -> list[str]:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function.name}")
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"].strip() for event in found["events"]]

    assert eventually(lambda: "ran with 42" in lines())


def test_invoke_async_of_2014(make: Maker) -> None:
    function = make.python_function(ECHO)
    assert make.client.invoke_async(FunctionName=function.name, InvokeArgs=b"{}")["Status"] == 202


def test_an_empty_payload_is_an_empty_object(make: Maker) -> None:
    function = make.python_function(ECHO)
    assert json.loads(make.client.invoke(FunctionName=function.name)["Payload"].read()) == {}


def test_a_payload_that_is_no_json(make: Maker) -> None:
    function = make.python_function(ECHO)
    with pytest.raises(ClientError) as caught:
        make.client.invoke(FunctionName=function.name, Payload=b"{not json")
    code, message, status = error_of(caught)
    assert (code, status) == ("InvalidRequestContentException", 400)
    assert message.startswith("Could not parse request body into json: ")


def test_a_payload_over_six_megabytes(make: Maker) -> None:
    function = make.python_function(ECHO)
    with pytest.raises(ClientError) as caught:
        make.client.invoke(FunctionName=function.name, Payload=b'"' + b"x" * 6_291_456 + b'"')
    code, message, status = error_of(caught)
    assert (code, status) == ("RequestTooLargeException", 413)
    assert "6291456" in message


def test_the_largest_payload_comes_back(make: Maker) -> None:
    function = make.python_function(ECHO)
    event = "x" * (6_291_456 - 2)
    assert function.invoke(event) == event


def test_an_answer_over_six_megabytes(make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    return 'x' * event\n")
    error = function.fail(6_291_557)
    assert error == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert function.invoke(3) == "xxx"


def test_the_context_and_the_client_context(make: Maker) -> None:
    function = make.python_function(
        """
def handler(event, context):
    return {
        "name": context.function_name, "version": context.function_version, "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb, "group": context.log_group_name, "stream": context.log_stream_name,
        "custom": context.client_context.custom if context.client_context else None,
        "remaining": context.get_remaining_time_in_millis(), "tenant": context.tenant_id,
        "identity": context.identity.cognito_identity_id,
    }
"""
    )
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}, "client": {}, "env": {}}).encode()).decode()
    seen = function.invoke(ClientContext=context)
    assert seen["name"] == function.name
    assert seen["version"] == "$LATEST"
    assert seen["arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}"
    assert seen["memory"] == "512"
    assert seen["group"] == f"/aws/lambda/{function.name}"
    assert "[$LATEST]" in seen["stream"]
    assert seen["custom"] == {"k": "v"}
    assert 0 < seen["remaining"] <= 10_000
    assert seen["tenant"] is None
    assert seen["identity"] is None


def test_names_and_qualifiers(make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    return context.invoked_function_arn\n")
    client, name = make.client, function.name
    version = client.publish_version(FunctionName=name)["Version"]
    client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier=version)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"

    def call(**arguments: Any) -> tuple[str, str]:
        answer = client.invoke(**arguments)
        return json.loads(answer["Payload"].read()), answer["ExecutedVersion"]

    assert call(FunctionName=arn) == (arn, "$LATEST")
    assert call(FunctionName=f"000000000000:function:{name}") == (arn, "$LATEST")
    assert call(FunctionName=name, Qualifier="$LATEST") == (f"{arn}:$LATEST", "$LATEST")
    assert call(FunctionName=name, Qualifier=version) == (f"{arn}:{version}", version)
    assert call(FunctionName=f"{name}:live") == (f"{arn}:live", version)
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=f"{name}:live", Qualifier="1")
    assert "derived qualifier" in error_of(caught)[1]
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name, Qualifier="nope")
    assert error_of(caught)[0] == "ResourceNotFoundException"


def test_an_alias_divides_by_weight(make: Maker) -> None:
    function = make.python_function(ECHO)
    client, name = make.client, function.name
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Description="second")
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    client.publish_version(FunctionName=name)
    client.create_alias(
        FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}
    )
    ran = {client.invoke(FunctionName=f"{name}:live")["ExecutedVersion"] for _ in range(40)}
    assert ran == {"1", "2"}


def test_response_stream_of_a_buffered_runtime(make: Maker) -> None:
    function = make.python_function(ECHO)
    answer = make.client.invoke_with_response_stream(FunctionName=function.name, Payload=b'{"x": 1}', LogType="Tail")
    assert answer["ExecutedVersion"] == "$LATEST"
    events = list(answer["EventStream"])
    assert b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event) == b'{"x": 1}'
    assert "START RequestId" in base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).decode()


def test_response_stream_that_fails(make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    raise ValueError('no')\n")
    answer = make.client.invoke_with_response_stream(FunctionName=function.name, Payload=b"{}")
    complete = list(answer["EventStream"])[-1]["InvokeComplete"]
    assert complete["ErrorCode"] == "Unhandled"
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "no"


def test_without_credentials_nothing_is_answered(server: Server) -> None:
    request = urllib.request.Request(f"{server.url}/2015-03-31/functions", method="GET")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as answer:
        assert answer.code == 403
        assert answer.headers["x-amzn-ErrorType"].startswith("MissingAuthenticationToken")
        assert b"Missing Authentication Token" in answer.read()


def test_accounts_and_regions_do_not_see_each_other(make: Maker, server: Server) -> None:
    function = make.python_function(ECHO)
    other_account = server.client("lambda", account="123456789012")
    other_region = server.client("lambda", region="eu-west-1")
    for stranger in (other_account, other_region):
        assert function.name not in [each["FunctionName"] for each in stranger.list_functions()["Functions"]]
        with pytest.raises(stranger.exceptions.ResourceNotFoundException):
            stranger.get_function(FunctionName=function.name)
    theirs = Maker(other_account, make.python)
    role = new_role(server, account="123456789012")
    copy = theirs.python_function("def handler(event, context):\n    return context.invoked_function_arn\n", Role=role)
    assert copy.invoke().startswith("arn:aws:lambda:us-east-1:123456789012:function:")
    theirs.clean()
