"""The control plane through stock boto3: waiters, preconditions, conflicts, layers, policies, tags."""

import base64
import hashlib
import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.acceptance.functions import ROLE, Maker, zipped

SOURCE = "def handler(event, context):\n    return event\n"


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_get_function_lets_one_download_the_code(make: Maker) -> None:
    package = zipped({"app.py": SOURCE})
    function = make.create({}, Code={"ZipFile": package}, Tags={"team": "blue"})
    answer = make.client.get_function(FunctionName=function.name)
    assert answer["Configuration"]["CodeSha256"] == base64.b64encode(hashlib.sha256(package).digest()).decode()
    assert answer["Configuration"]["CodeSize"] == len(package)
    assert answer["Tags"] == {"team": "blue"}
    with urllib.request.urlopen(answer["Code"]["Location"]) as download:
        assert download.read() == package


def test_create_reply_and_defaults(make: Maker) -> None:
    client, name = make.client, "defaults"
    reply = client.create_function(
        FunctionName=name, Runtime=make.python, Role=ROLE, Handler="app.handler", Code={"ZipFile": zipped({"app.py": SOURCE})}
    )
    make.made.append(name)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (reply["State"], reply["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in reply
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    found = client.get_function_configuration(FunctionName=name)
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")
    assert (found["Timeout"], found["MemorySize"], found["EphemeralStorage"]) == (3, 128, {"Size": 512})
    assert found["Architectures"] in (["x86_64"], ["arm64"])
    assert found["TracingConfig"] == {"Mode": "PassThrough"}
    assert found["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert "Environment" not in found


def test_a_name_that_is_taken(make: Maker) -> None:
    function = make.python_function(SOURCE)
    with pytest.raises(make.client.exceptions.ResourceConflictException) as caught:
        make.python_function(SOURCE, FunctionName=function.name)
    assert f"Function already exist: {function.name}" in str(caught.value)


def test_several_faults_are_told_at_once(client: Any, python: str) -> None:
    with pytest.raises(ClientError) as caught:
        client.create_function(
            FunctionName="bad name!", Runtime=python, Role="no-arn", Handler="app.handler", Code={"ZipFile": b"x"}
        )
    code, status = code_of(caught)
    assert (code, status) == ("ValidationException", 400)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("2 validation errors detected: ")
    assert "Value 'bad name!' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression" in message
    assert "at 'role' failed to satisfy constraint" in message


def test_an_unknown_runtime(client: Any) -> None:
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        client.create_function(
            FunctionName="x", Runtime="cobol85", Role=ROLE, Handler="a.b", Code={"ZipFile": zipped({"a.py": ""})}
        )
    assert "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [" in str(caught.value)


def test_a_runtime_that_this_host_lacks_is_one_clear_sentence(client: Any) -> None:
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        client.create_function(
            FunctionName="x", Runtime="dotnet10", Role=ROLE, Handler="a.b", Code={"ZipFile": zipped({"a.py": ""})}
        )
    message = caught.value.response["Error"]["Message"]
    assert "dotnet10" in message
    assert "provided.al2023" in message


def test_publishing_twice_is_publishing_once(make: Maker) -> None:
    function, client = make.python_function(SOURCE), make.client
    first = client.publish_version(FunctionName=function.name)
    client.get_waiter("published_version_active").wait(FunctionName=function.name, Qualifier="1")
    again = client.publish_version(FunctionName=function.name)
    assert first["Version"] == again["Version"] == "1"
    client.update_function_configuration(FunctionName=function.name, Description="changed")
    client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert client.publish_version(FunctionName=function.name)["Version"] == "2"
    client.delete_function(FunctionName=function.name, Qualifier="2")
    client.update_function_configuration(FunctionName=function.name, Description="again")
    client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert client.publish_version(FunctionName=function.name)["Version"] == "3"


def test_revision_ids_guard(make: Maker) -> None:
    function, client = make.python_function(SOURCE), make.client
    revision = client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    client.update_function_configuration(FunctionName=function.name, Timeout=4, RevisionId=revision)
    client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    with pytest.raises(client.exceptions.PreconditionFailedException) as caught:
        client.update_function_configuration(FunctionName=function.name, Timeout=5, RevisionId=revision)
    assert code_of(caught) == ("PreconditionFailedException", 412)


def test_resource_policies(make: Maker) -> None:
    function, client = make.python_function(SOURCE), make.client
    client.add_permission(
        FunctionName=function.name,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::bucket",
        SourceAccount="000000000000",
    )
    policy = json.loads(client.get_policy(FunctionName=function.name)["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "s3",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}",
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": "000000000000"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
            },
        }
    ]
    client.remove_permission(FunctionName=function.name, StatementId="s3")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=function.name)


def test_whole_resource_policies(make: Maker) -> None:
    function, client = make.python_function(SOURCE), make.client
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "lambda:DeleteFunction", "Resource": f"{arn}:*"}
    policy = {"Version": "2012-10-17", "Statement": [{**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
    put = client.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy, indent=4))
    assert json.loads(put["Policy"]) == policy
    client.add_permission(
        FunctionName=function.name, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    found = client.get_resource_policy(ResourceArn=arn)
    assert found["Policy"] == client.get_policy(FunctionName=function.name)["Policy"]
    assert [each.get("Sid") for each in json.loads(found["Policy"])["Statement"]] == [None, "s3"]
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.delete_resource_policy(ResourceArn=arn, RevisionId=put["RevisionId"])
    client.delete_resource_policy(ResourceArn=arn, RevisionId=found["RevisionId"])
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_resource_policy(ResourceArn=arn)
    for wrong in ("{", json.dumps({**policy, "Statement": [{**deny, "Resource": "*"}]})):
        with pytest.raises(client.exceptions.InvalidParameterValueException):
            client.put_resource_policy(ResourceArn=arn, Policy=wrong)


def test_reserved_concurrency_of_zero_stops_a_function(make: Maker) -> None:
    function, client = make.python_function(SOURCE), make.client
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        function.invoke()
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert "retry-after" in caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    client.delete_function_concurrency(FunctionName=function.name)
    assert function.invoke(5) == 5


def test_listing_in_pages(make: Maker) -> None:
    names = sorted(make.python_function(SOURCE).name for _ in range(5))
    paginator = make.client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    pages = [[function["FunctionName"] for function in page["Functions"]] for page in paginator]
    assert all(len(page) <= 2 for page in pages)
    listed = [name for page in pages for name in page]
    assert set(names) <= set(listed)
    assert len(listed) == len(set(listed))


def test_the_lambda_service_of_another_region_is_empty(server: Any) -> None:
    assert server.client("lambda", region="ap-southeast-2").list_functions()["Functions"] == []
