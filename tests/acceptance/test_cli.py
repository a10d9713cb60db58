"""The command, as a user types it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.functions import Maker
from tests.acceptance.server import Server, eventually

LAMBDAD = str(Path(sys.executable).parent / "lambdad")


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDAD_"))}
    return subprocess.run(
        [LAMBDAD, *arguments], capture_output=True, text=True, timeout=60, input=stdin, env=environment, check=False
    )


def test_up_says_one_line_when_it_is_ready(server: Server) -> None:
    assert server.url in server.ready_line
    assert "namespaces" in server.ready_line
    assert re.search(r"python3\.\d+", server.ready_line)


def test_doctor_tells_what_the_host_offers() -> None:
    result = run("doctor")
    assert result.returncode == 0, result.stderr
    for word in ("namespaces", "cgroup", "python3."):
        assert word in result.stdout


def test_invoke(server: Server, make: Maker) -> None:
    function = make.python_function(
        "def handler(event, context):\n    print('to the log')\n    return {'got': event}\n",
    )
    result = run("invoke", function.name, "--payload", '{"a": 1}', "--tail", "--endpoint-url", server.url)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"got": {"a": 1}}
    assert "to the log" in result.stderr
    result = run("invoke", function.name, "--payload", "-", "--endpoint-url", server.url, stdin="[2]")
    assert json.loads(result.stdout) == {"got": [2]}


def test_invoke_of_a_function_that_fails(server: Server, make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    raise KeyError('k')\n")
    result = run("invoke", function.name, "--endpoint-url", server.url)
    assert result.returncode == 1
    assert "KeyError" in result.stderr + result.stdout
    assert 'File "/usr' not in result.stderr


def test_invoke_of_nothing(server: Server) -> None:
    result = run("invoke", "nobody", "--endpoint-url", server.url)
    assert result.returncode == 1
    assert "Function not found" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [("invoke", "x"), ("status",)])
def test_no_server(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--endpoint-url", "http://127.0.0.1:1")
    assert result.returncode == 1
    assert "lambdad up" in result.stderr
    assert "Traceback" not in result.stderr


def test_iam_explain(server: Server, make: Maker) -> None:
    iam, queue = server.client("iam"), "arn:aws:sqs:us-east-1:000000000000:explained"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    statements = [
        {"Sid": "Sends", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"{queue}*"},
        {"Sid": "ButNot", "Effect": "Deny", "Action": "sqs:*", "Resource": f"{queue}-dead"},
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    role = iam.create_role(
        RoleName="explained", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
    )["Role"]["Arn"]
    iam.put_role_policy(RoleName="explained", PolicyName="queues", PolicyDocument=json.dumps(document, indent=2))
    iam.attach_role_policy(RoleName="explained", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    function = make.python_function("def handler(event, context):\n    return event\n", Role=role)
    server.client("sqs").create_queue(QueueName="explained")

    def explain(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run("iam", "explain", *arguments, "--endpoint-url", server.url)

    result = explain(function.name, "sqs:SendMessage", queue)
    assert (result.returncode, result.stderr) == (0, "")
    assert "✓ allowed" in result.stdout
    assert "inline policy queues of role explained, lines 4 to 9" in result.stdout
    assert '        "Sid": "Sends",' in result.stdout
    result = explain(role, "sqs:SendMessage", f"{queue}-dead")
    assert result.returncode == 1
    assert '        "Sid": "ButNot",' in result.stdout
    assert "with an explicit deny in an identity-based policy" in result.stdout
    result = explain(function.name, "sqs:DeleteQueue", queue, "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert (found["decision"], found["lacking"]) == ("implicitDeny", "identity")
    # What the execution role may is decided with its managed policy, whose text comes percent-encoded as the others do.
    assert explain(function.name, "logs:PutLogEvents").returncode == 0
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}"
    own = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "lambda:InvokeFunction", "Resource": arn}
    make.client.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [own]}))
    result = explain(function.name, "lambda:InvokeFunction", arn)
    assert result.returncode == 0
    assert f"resource policy of {arn}" in result.stdout
    assert explain("nobody", "sqs:SendMessage").returncode == 2


def test_logs_follows(server: Server, make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    print('line', event['n'])\n")
    function.invoke({"n": 1})
    follower = subprocess.Popen(
        [LAMBDAD, "logs", function.name, "-f", "--endpoint-url", server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert follower.stdout is not None
    seen = []
    try:
        for line in follower.stdout:
            seen.append(line)
            if "line 1" in line:
                function.invoke({"n": 2})
            if "line 2" in line:
                break
    finally:
        follower.send_signal(signal.SIGINT)
        follower.wait(20)
        follower.stdout.close()
    assert any("line 2" in line for line in seen)


def test_status(own_server: Server, own_make: Maker) -> None:
    function, sqs = (
        own_make.python_function("def handler(event, context):\n    raise KeyError('k')\n"),
        own_server.client("sqs"),
    )
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    for body in ("now", "and then"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    function.call({}, InvocationType="Event")

    def told() -> Any:
        result = run("status", "--json", "--endpoint-url", own_server.url)
        assert (result.returncode, result.stderr) == (0, "")
        state = json.loads(result.stdout)
        # The event fails and waits for its retry, which comes after a minute.
        return state if state["events"][0]["delayed"] == 1 and state["functions"][0]["idle"] == 1 else None

    state = eventually(told)
    (found,), (events,), (queue,) = state["functions"], state["events"], state["queues"]
    place = {"account": "000000000000", "region": "us-east-1"}
    assert found == place | {
        "function": function.name,
        **{"in_flight": 0, "busy": 0, "idle": 1, "starting": 0, "invocations": 1, "errors": 1, "throttles": 0},
    }
    assert 0 <= events.pop("oldest_seconds") < 600 and 0 <= queue.pop("oldest_seconds") < 600
    assert events == place | {
        "function": function.name,
        **{"ready": 0, "running": 0, "delayed": 1, "received": 1, "retries": 1, "dropped": 0},
        **{"delivered": 0, "destination_failures": 0, "dead_letter_errors": 0},
    }
    assert queue == place | {
        "queue": "orders",
        **{"visible": 1, "in_flight": 0, "delayed": 1, "sent": 3, "received": 1, "deleted": 1},
    }
    assert len(state["environments"]) == 1
    result = run("status", "--endpoint-url", own_server.url)
    assert (result.returncode, result.stderr) == (0, "")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [function.name, "0", "0", "1", "0", "1", "1", "0"] in rows
    assert [function.name, "0", "0", "1"] in [row[:4] for row in rows]
    assert [function.name, "1", "1", "0", "0", "0", "0"] in rows
    assert ["orders", "1", "0", "1"] in [row[:4] for row in rows]


def test_env_can_be_evaluated_by_a_shell() -> None:
    result = subprocess.run(
        ["sh", "-c", f'eval "$({LAMBDAD} env)"; echo $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_DEFAULT_REGION'],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )
    assert result.stdout.startswith("http://127.0.0.1:4566 ")
    assert len(result.stdout.split()) == 3


def test_help_is_worth_reading() -> None:
    for command in ("up", "doctor", "invoke", "logs", "status", "env"):
        result = run(command, "--help")
        assert result.returncode == 0
        assert len(result.stdout.splitlines()) > 5
