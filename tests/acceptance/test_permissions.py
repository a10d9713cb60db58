"""Who may do what, with stock clients and real functions."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Function, Maker
from tests.acceptance.roles import LOGS, allow, document, new_role, new_user, set_policy
from tests.acceptance.server import Server, eventually

HOME, AWAY = "000000000000", "222222222222"
ECHO = "def handler(event, context):\n    print('heard', event)\n    return event\n"
SEND = """
import boto3
sqs = boto3.client("sqs")
def handler(event, context):
    return sqs.send_message(QueueUrl=event["url"], MessageBody="hello")["MessageId"]
"""


def denied(call: Any, *arguments: Any, **named: Any) -> str:
    """The message of the denial that a call gets."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    details = caught.value.response
    assert details["Error"]["Code"] in ("AccessDeniedException", "AccessDenied"), details
    # AWS's services of the JSON protocols answer every fault of a client by 400.
    assert details["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    return str(details["Error"]["Message"])


def new_queue(server: Server, account: str = HOME, **attributes: str) -> tuple[str, str]:
    """URL and ARN."""
    name = f"q-{uuid.uuid4().hex[:12]}"
    url = server.client("sqs", account=account).create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:{account}:{name}"


def function_arn(function: Function, account: str = HOME) -> str:
    return f"arn:aws:lambda:us-east-1:{account}:function:{function.name}"


def test_a_function_may_do_what_its_role_allows_and_nothing_else(server: Server, make: Maker) -> None:
    (mine, arn), (other, other_arn) = new_queue(server), new_queue(server)
    role = new_role(server, LOGS, allow("sqs:SendMessage", arn))
    function = make.python_function(SEND, Role=role)
    assert function.invoke({"url": mine})
    failed = function.fail({"url": other})
    assert failed["errorType"] == "ClientError"
    session = f"arn:aws:sts::{HOME}:assumed-role/{role.rpartition('/')[2]}/{function.name}"
    assert failed["errorMessage"].endswith(
        f"User: {session} is not authorized to perform: sqs:SendMessage on resource: {other_arn} "
        "because no identity-based policy allows the sqs:SendMessage action"
    )
    set_policy(server, role, LOGS, allow("sqs:SendMessage", other_arn))
    assert function.invoke({"url": other}), "a change holds at once, in environments that run too"
    assert "AccessDenied" in function.fail({"url": mine})["errorMessage"]


def test_users_may_do_what_their_policies_allow(server: Server, make: Maker) -> None:
    function, other = make.python_function(ECHO), make.python_function(ECHO)
    arn, credentials = new_user(server, allow("lambda:InvokeFunction", function_arn(function)))
    client = server.client("lambda", credentials=credentials)
    assert json.loads(client.invoke(FunctionName=function.name, Payload="7")["Payload"].read()) == 7
    assert client.invoke(FunctionName=function.name, InvocationType="DryRun")["StatusCode"] == 204
    says = (
        f"User: {arn} is not authorized to perform: {{0}} on resource: {{1}} "
        "because no identity-based policy allows the {0} action"
    )
    for kind in ("RequestResponse", "Event", "DryRun"):
        assert denied(client.invoke, FunctionName=other.name, InvocationType=kind) == says.format(
            "lambda:InvokeFunction", function_arn(other)
        )
    assert denied(client.invoke_with_response_stream, FunctionName=other.name)
    assert "lambda:InvokeAsync" in denied(client.invoke_async, FunctionName=function.name, InvokeArgs="{}")
    assert denied(client.list_functions) == says.format("lambda:ListFunctions", "*")
    assert denied(client.get_function, FunctionName=function.name) == says.format("lambda:GetFunction", function_arn(function))
    for service, operation, action in (
        ("iam", "list_users", "iam:ListUsers"),
        ("logs", "describe_log_groups", "logs:DescribeLogGroups"),
        ("sqs", "list_queues", "sqs:ListQueues"),
    ):
        assert action in denied(getattr(server.client(service, credentials=credentials), operation))
    assert server.client("sts", credentials=credentials).get_caller_identity()["Arn"] == arn


def test_passing_a_role_needs_permission_and_trust(server: Server, make: Maker) -> None:
    role = new_role(server, LOGS)
    arn, credentials = new_user(server, allow("lambda:*"))
    theirs = Maker(server.client("lambda", credentials=credentials), make.python)
    says = denied(theirs.python_function, ECHO, Role=role)
    assert says == (
        f"User: {arn} is not authorized to perform: iam:PassRole on resource: {role} "
        "because no identity-based policy allows the iam:PassRole action"
    )
    passing = allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})
    server.client("iam").put_user_policy(
        UserName=arn.rpartition("/")[2], PolicyName="own", PolicyDocument=document(allow("lambda:*"), passing)
    )
    assert theirs.python_function(ECHO, Role=role).invoke(1) == 1
    theirs.clean()
    for other in (new_role(server, trusts="ec2.amazonaws.com"), f"arn:aws:iam::{HOME}:role/none"):
        with pytest.raises(make.client.exceptions.InvalidParameterValueException) as caught:
            make.python_function(ECHO, Role=other)
        assert caught.value.response["Error"]["Message"] == ("The role defined for the function cannot be assumed by Lambda.")


def test_accounts_reach_each_other_by_policies_of_both_sides(server: Server, make: Maker) -> None:
    function = make.python_function(ECHO)
    arn = function_arn(function)
    user, credentials = new_user(server, account=AWAY)
    client, root = server.client("lambda", credentials=credentials), server.client("lambda", account=AWAY)
    foreign = "because no resource-based policy allows the lambda:InvokeFunction action"
    assert denied(client.invoke, FunctionName=arn).endswith(foreign)
    assert denied(root.invoke, FunctionName=f"{arn}-missing").endswith(foreign), "whether it exists is not told"
    function.client.add_permission(
        FunctionName=function.name, StatementId="away", Action="lambda:InvokeFunction", Principal=AWAY
    )
    assert denied(client.invoke, FunctionName=arn).endswith(
        "because no identity-based policy allows the lambda:InvokeFunction action"
    )
    assert root.invoke(FunctionName=arn, Payload="1")["StatusCode"] == 200
    server.client("iam", account=AWAY).put_user_policy(
        UserName=user.rpartition("/")[2], PolicyName="own", PolicyDocument=document(allow("lambda:*"))
    )
    assert json.loads(client.invoke(FunctionName=arn, Payload="2")["Payload"].read()) == 2
    assert denied(client.get_function, FunctionName=arn).endswith("allows the lambda:GetFunction action")
    assert denied(client.delete_function, FunctionName=arn)
    function.client.remove_permission(FunctionName=function.name, StatementId="away")
    assert denied(client.invoke, FunctionName=arn).endswith(foreign)


def test_a_policy_is_about_the_qualifier_that_is_named(server: Server, make: Maker) -> None:
    function = make.python_function(ECHO)
    version = function.client.publish_version(FunctionName=function.name)["Version"]
    _, credentials = new_user(server)
    client = server.client("lambda", credentials=credentials)
    principal = server.client("sts", credentials=credentials).get_caller_identity()["Arn"]
    function.client.add_permission(
        FunctionName=function.name, Qualifier=version, StatementId="v", Action="lambda:InvokeFunction", Principal=principal
    )
    assert client.invoke(FunctionName=function.name, Qualifier=version)["StatusCode"] == 200
    assert denied(client.invoke, FunctionName=function.name)


def test_a_deny_in_a_functions_policy_holds_for_its_own_account(server: Server, make: Maker) -> None:
    function = make.python_function(ECHO)
    arn = function_arn(function)
    statement = {"Effect": "Deny", "Principal": "*", "Action": "lambda:*", "Resource": arn}
    function.client.put_resource_policy(ResourceArn=arn, Policy=document(statement))
    assert denied(function.client.invoke, FunctionName=function.name).endswith(
        "with an explicit deny in a resource-based policy"
    )
    function.client.delete_resource_policy(ResourceArn=arn)
    assert function.invoke(1) == 1, "the root user is never locked out"


def test_queues_of_another_account(server: Server) -> None:
    url, arn = new_queue(server)
    theirs = server.client("sqs", account=AWAY)
    assert (
        "no resource-based policy allows the sqs:sendmessage action"
        in denied(theirs.send_message, QueueUrl=url, MessageBody="x").lower()
    )
    own = server.client("sqs")
    own.add_permission(QueueUrl=url, Label="away", AWSAccountIds=[AWAY], Actions=["SendMessage"])
    theirs.send_message(QueueUrl=url, MessageBody="x")
    assert denied(theirs.receive_message, QueueUrl=url)
    with pytest.raises(ClientError, match="Policy"):
        own.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": "none"})})
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": arn}
    own.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(deny)})
    assert denied(own.receive_message, QueueUrl=url)
    own.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert own.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "x"


def test_without_permission_the_logs_are_lost_and_that_is_told(server: Server, make: Maker) -> None:
    role = new_role(server, allow("logs:PutLogEvents"))
    function = make.python_function(ECHO, Role=role)
    assert "heard" in function.tail("x"), "who calls sees the tail all the same"
    logs, group = server.client("logs"), f"/aws/lambda/{function.name}"
    said = server.lambdad("logs", function.name)
    assert said.returncode == 1
    assert f"The execution role of {function.name} does not allow logs:CreateLogGroup, logs:CreateLogStream" in said.stderr
    assert not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert eventually(lambda: f"{group} of account {HOME} gets no logs" in server.errors.read_text())
    set_policy(server, role, LOGS)

    def heard() -> bool:
        function.invoke("y")
        found = server.lambdad("logs", function.name)
        return found.returncode == 0 and "heard y" in found.stdout

    assert eventually(heard)
    assert "heard x" not in server.lambdad("logs", function.name).stdout


def test_a_mapping_lives_on_the_roles_permission(server: Server, make: Maker) -> None:
    url, arn = new_queue(server)
    polling = allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn)
    role = new_role(server, LOGS)
    function = make.python_function(ECHO, Role=role)
    client, sqs = function.client, server.client("sqs")
    with pytest.raises(
        client.exceptions.InvalidParameterValueException, match="does not have permissions to call ReceiveMessage"
    ):
        client.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name)
    set_policy(server, role, LOGS, polling)
    uuid = client.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name)["UUID"]

    def waiting() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(int(each) for each in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())

    sqs.send_message(QueueUrl=url, MessageBody="1")
    assert eventually(lambda: waiting() == 0)
    set_policy(server, role, LOGS)

    def problem() -> str:
        sqs.send_message(QueueUrl=url, MessageBody="2")
        return str(client.get_event_source_mapping(UUID=uuid).get("LastProcessingResult") or "")

    said = eventually(problem, 40)
    assert said.startswith(f"PROBLEM: {arn} could not be polled: AccessDenied")
    assert f"assumed-role/{role.rpartition('/')[2]}/{function.name} is not authorized to perform: sqs:ReceiveMessage" in said
    set_policy(server, role, LOGS, polling)
    assert eventually(lambda: waiting() == 0, 60)
    client.delete_event_source_mapping(UUID=uuid)


def test_a_destination_needs_the_roles_permission(server: Server, make: Maker) -> None:
    url, arn = new_queue(server)
    role = new_role(server, LOGS)
    function = make.python_function(ECHO, Role=role)
    settings = {"FunctionName": function.name, "DestinationConfig": {"OnSuccess": {"Destination": arn}}}
    client = function.client
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="to call SendMessage on SQS"):
        client.put_function_event_invoke_config(**settings)
    set_policy(server, role, LOGS, allow("sqs:SendMessage", arn))
    client.put_function_event_invoke_config(**settings)
    client.invoke(FunctionName=function.name, InvocationType="Event", Payload="1")
    sqs = server.client("sqs")
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    set_policy(server, role, LOGS)
    client.invoke(FunctionName=function.name, InvocationType="Event", Payload="2")
    refused = f"{role.rpartition('/')[2]}/{function.name} is not authorized to perform: sqs:SendMessage on resource: {arn}"
    assert eventually(lambda: refused in server.errors.read_text())
    set_policy(server, role, LOGS, allow("sqs:SendMessage", arn))
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"], "it is tried again for a while"


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "data", ["--auth", "strict"], able=False).start()
    yield running
    running.stop()


def test_strict_authentication(strict: Server) -> None:
    key = dict(line.strip().split("=", 1) for line in strict.said if "=" in line)
    root = {"aws_access_key_id": key["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": key["AWS_SECRET_ACCESS_KEY"]}
    kept = strict.data_dir / "root-keys" / HOME
    assert kept.stat().st_mode & 0o777 == 0o600
    anybody = strict.client("lambda")
    for client in (anybody, strict.client("lambda", credentials=root | {"aws_secret_access_key": "wrong"})):
        with pytest.raises(ClientError) as caught:
            client.list_functions()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    maker = Maker(strict.client("lambda", credentials=root), newest_python(strict))
    function = maker.python_function(ECHO)
    assert function.invoke("in") == "in"
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        anybody.invoke(FunctionName=function.name)
    environment = {"AWS_ACCESS_KEY_ID": root["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": root["aws_secret_access_key"]}
    assert strict.lambdad("invoke", function.name, "--payload", '"cli"', **environment).stdout == '"cli"\n'
    assert strict.lambdad("invoke", function.name).returncode == 1
    made = strict.lambdad("root-key", "--account", AWAY, "--data-dir", str(strict.data_dir))
    other = dict(line.split("=", 1) for line in made.stdout.split())
    theirs = {"aws_access_key_id": other["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": other["AWS_SECRET_ACCESS_KEY"]}
    assert strict.client("sts", credentials=theirs).get_caller_identity()["Account"] == AWAY
    assert "has a key already" in strict.lambdad("root-key", "--account", AWAY, "--data-dir", str(strict.data_dir)).stderr
    strict.stop()
    strict.start()
    assert not [line for line in strict.said if "=" in line], "it is shown once"
    assert strict.client("sts", credentials=root).get_caller_identity()["Arn"] == f"arn:aws:iam::{HOME}:root"


@pytest.mark.skipif(
    os.geteuid() != 0, reason="an address that is not the loopback's needs a network namespace, which needs root"
)
def test_on_other_addresses_requests_have_to_be_signed(tmp_path: Path) -> None:
    elsewhere = 'ip link set lo up && ip addr add 192.0.2.1/32 dev lo && exec "$@"'
    server = Server(tmp_path / "data", ["--host", "192.0.2.1"], ["unshare", "--net", "sh", "-c", elsewhere, "sh"], able=False)
    server.start()
    try:
        inside = ["nsenter", f"--net=/proc/{server.process.pid}/ns/net", "--"]
        key = dict(line.strip().split("=", 1) for line in server.said if "=" in line)

        def aws(**credentials: str) -> subprocess.CompletedProcess[str]:
            command = [*inside, server.cli, "lambda", "list-functions"]
            return subprocess.run(command, env=server.environment() | credentials, text=True, capture_output=True, check=False)

        assert json.loads(aws(**key).stdout) == {"Functions": []}
        refused = aws()
        assert refused.returncode != 0
        assert "UnrecognizedClientException" in refused.stderr

        def get(path: str) -> str:
            script = (
                "import sys, urllib.request as r, urllib.error as e\n"
                "try: print(r.urlopen(sys.argv[1]).status)\nexcept e.HTTPError as error: print(error.code)"
            )
            command = [*inside, sys.executable, "-c", script, f"{server.url}/_lambdad/{path}"]
            return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()

        assert [get(path) for path in ("health", "state", "metrics")] == ["200", "403", "403"]
    finally:
        server.stop()
    refused = subprocess.run(
        [sys.executable, "-m", "lambdad", "up", "--host", "192.0.2.1", "--auth", "any", "--data-dir", str(tmp_path / "other")],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "`--auth any` is for loopback addresses only" in refused.stderr
