"""Reading logs with stock clients."""

import json
import signal
import subprocess
import threading
import time
from typing import Any

import pytest

from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server, eventually

TALKING = "def handler(event, context):\n    for word in event['words']:\n        print(word)\n"


@pytest.fixture(scope="module")
def logs(server: Server) -> Any:
    return server.client("logs", inject_host_prefix=False)


@pytest.fixture
def talking(make: Maker) -> Function:
    function = make.python_function(TALKING)
    function.invoke({"words": ["apple", "pear", '{"level":"ERROR","code":500}']})
    return function


def messages(logs: Any, function: Function, **arguments: Any) -> list[str]:
    def found() -> list[dict[str, Any]]:
        try:
            events: list[dict[str, Any]] = logs.filter_log_events(logGroupName=f"/aws/lambda/{function.name}", **arguments)[
                "events"
            ]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return events

    return [event["message"].strip() for event in eventually(found)]


def test_patterns(logs: Any, talking: Function) -> None:
    assert messages(logs, talking, filterPattern="pear") == ["pear"]
    assert messages(logs, talking, filterPattern='"REPORT RequestId"')[0].startswith("REPORT RequestId: ")
    assert messages(logs, talking, filterPattern="{ $.code >= 500 && $.level = ERR* }") == ['{"level":"ERROR","code":500}']
    assert messages(logs, talking, filterPattern="?apple ?pear") == ["apple", "pear"]


def test_groups_streams_and_events(logs: Any, talking: Function) -> None:
    group = f"/aws/lambda/{talking.name}"
    assert messages(logs, talking)[0].startswith("INIT_START Runtime Version: python")
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [each["logGroupName"] for each in described] == [group]
    stream = logs.describe_log_streams(logGroupName=group)["logStreams"][0]
    assert time.strftime("%Y/%m/%d", time.gmtime()) in stream["logStreamName"]
    assert "[$LATEST]" in stream["logStreamName"]
    first = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, limit=2)
    rest = logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], nextToken=first["nextForwardToken"], startFromHead=True
    )
    assert len(first["events"]) == 2
    assert [event["message"].strip() for event in rest["events"]][:2] == ["apple", "pear"]


def test_retention_and_deletion(logs: Any, talking: Function) -> None:
    group = f"/aws/lambda/{talking.name}"
    messages(logs, talking)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 7
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_put_log_events(logs: Any) -> None:
    logs.create_log_group(logGroupName="/app")
    logs.create_log_stream(logGroupName="/app", logStreamName="one")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName="/app", logStreamName="one", logEvents=[{"timestamp": now, "message": "hi"}])
    events = logs.get_log_events(logGroupName="/app", logStreamName="one")["events"]
    assert [(event["timestamp"], event["message"]) for event in events] == [(now, "hi")]
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName="/app")
    logs.delete_log_group(logGroupName="/app")


def test_live_tail(logs: Any, server: Server, make: Maker) -> None:
    function = make.python_function(TALKING)
    function.invoke({"words": ["before"]})
    messages(logs, function)
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{function.name}"
    tail = logs.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="tailed")["responseStream"]
    stop = threading.Event()

    def keep_talking() -> None:
        while not stop.wait(0.2):
            function.invoke({"words": ["tailed", "not this"]})

    thread = threading.Thread(target=keep_talking)
    thread.start()
    try:
        for event in tail:
            results = event.get("sessionUpdate", {}).get("sessionResults", [])
            if results:
                assert {result["message"].strip() for result in results} == {"tailed"}
                break
    finally:
        stop.set()
        thread.join()
        tail.close()


def test_the_cli_filters(server: Server, logs: Any, talking: Function) -> None:
    messages(logs, talking)
    group = f"/aws/lambda/{talking.name}"
    output = server.aws("logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", "apple").stdout
    assert [event["message"].strip() for event in json.loads(output)["events"]] == ["apple"]


def test_the_cli_tails_live(server: Server, logs: Any, make: Maker) -> None:
    function = make.python_function(TALKING)
    function.invoke({"words": ["before"]})
    messages(logs, function)
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{function.name}"
    tail = subprocess.Popen(
        [server.cli, "logs", "start-live-tail", "--log-group-identifiers", arn],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=server.environment() | {"PYTHONUNBUFFERED": "1"},
    )
    assert tail.stdout is not None
    stop = threading.Event()

    def keep_talking() -> None:
        while not stop.wait(0.3):
            function.invoke({"words": ["tailed"]})

    thread = threading.Thread(target=keep_talking)
    thread.start()
    try:
        assert any("tailed" in line for line in tail.stdout)
    finally:
        stop.set()
        thread.join()
        tail.send_signal(signal.SIGINT)
        tail.stdout.read()
        tail.wait(20)
        tail.stdout.close()
