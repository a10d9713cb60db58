"""Event mode with stock clients: nothing that was accepted is lost."""

import json
import signal
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server, eventually

PICKY = """
def handler(event, context):
    print("ran with", event["n"])
    if event.get("fails"):
        raise ValueError("can't do " + str(event["n"]))
    return {"twice": 2 * event["n"]}
"""


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A lambdad that does not wait long between tries."""
    running = Server(tmp_path_factory.mktemp("hasty") / "data", ["--retry-delay", "0.2"]).start()
    yield running
    assert running.stop() == 0, running.errors.read_text()


@pytest.fixture
def hasty_make(hasty: Server) -> Iterator[Maker]:
    maker = Maker(hasty.client("lambda"), newest_python(hasty))
    yield maker
    maker.clean()


class Queue:
    """An SQS queue of a running lambdad."""

    def __init__(self, server: Server) -> None:
        self.name = f"q-{uuid.uuid4().hex}"
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{self.name}"
        server.client("sqs").create_queue(QueueName=self.name)

    def receive(self, server: Server, wait: int = 20) -> list[dict[str, Any]]:
        """Some messages, which are deleted."""
        sqs = server.client("sqs")
        url = sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
        names = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["AWSTraceHeader"]}
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait}
        found: list[dict[str, Any]] = sqs.receive_message(**asked, **names).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


def send(function: Function, event: Any) -> str:
    """The request's id."""
    answer = function.call(event, InvocationType="Event")
    assert answer["StatusCode"] == 202
    request_id: str = answer["ResponseMetadata"]["RequestId"]
    return request_id


def destinations(function: Function, **settings: Any) -> None:
    function.client.put_function_event_invoke_config(FunctionName=function.name, **settings)


def runs(server: Server, function: Function, n: int) -> int:
    """How often it was run with `n`."""
    logs = server.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function.name}", filterPattern=f'"ran with {n}"')
    except logs.exceptions.ResourceNotFoundException:
        return 0
    return len(found["events"])


def test_on_success_gets_the_record_of_an_event_that_ran_once(hasty: Server, hasty_make: Maker) -> None:
    function, done = hasty_make.python_function(PICKY), Queue(hasty)
    destinations(function, DestinationConfig={"OnSuccess": {"Destination": done.arn}})
    request_id = send(function, {"n": 7})
    (message,) = done.receive(hasty)
    record = json.loads(message["Body"])
    datetime.strptime(record.pop("timestamp"), "%Y-%m-%dT%H:%M:%S.%fZ")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"n": 7},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"twice": 14},
    }
    assert runs(hasty, function, 7) == 1


def test_a_failing_event_is_tried_three_times_and_told_to_destination_and_dead_letter_queue(
    hasty: Server, hasty_make: Maker
) -> None:
    failed, dead = Queue(hasty), Queue(hasty)
    function = hasty_make.python_function(PICKY, DeadLetterConfig={"TargetArn": dead.arn})
    destinations(function, DestinationConfig={"OnFailure": {"Destination": failed.arn}})
    request_id = send(function, {"n": 8, "fails": True})
    (message,) = failed.receive(hasty)
    record = json.loads(message["Body"])
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorMessage"] == "can't do 8"
    assert record["responsePayload"]["errorType"] == "ValueError"
    (letter,) = dead.receive(hasty)
    assert json.loads(letter["Body"]) == {"n": 8, "fails": True}
    assert letter["MessageAttributes"] == {
        "RequestID": {"DataType": "String", "StringValue": request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "can't do 8"},
    }
    assert runs(hasty, function, 8) == 3
    traces = {each["Attributes"]["AWSTraceHeader"] for each in (message, letter)}
    assert len(traces) == 1, "both are of one event"
    assert traces.pop().startswith("Root=1-")


def test_reserved_concurrency_of_0_sends_events_straight_to_failure_handling(hasty: Server, hasty_make: Maker) -> None:
    function, failed = hasty_make.python_function(PICKY), Queue(hasty)
    destinations(function, DestinationConfig={"OnFailure": {"Destination": failed.arn}})
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    send(function, {"n": 9})
    (message,) = failed.receive(hasty)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record["requestPayload"] == {"n": 9}
    assert "responseContext" not in record and "responsePayload" not in record
    assert runs(hasty, function, 9) == 0


def test_another_function_as_destination(hasty: Server, hasty_make: Maker) -> None:
    second = hasty_make.python_function('def handler(event, context):\n    return event["responsePayload"]\n')
    done = Queue(hasty)
    destinations(second, DestinationConfig={"OnSuccess": {"Destination": done.arn}})
    first = hasty_make.python_function(PICKY)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{second.name}"
    destinations(first, DestinationConfig={"OnSuccess": {"Destination": arn}})
    send(first, {"n": 10})
    (message,) = done.receive(hasty)
    assert json.loads(message["Body"])["responsePayload"] == {"twice": 20}


def test_what_is_not_reached_yet_is_refused(hasty: Server, hasty_make: Maker) -> None:
    function = hasty_make.python_function(PICKY)
    with pytest.raises(botocore.exceptions.ClientError, match="lambdad does not deliver to SNS topics yet"):
        topic = "arn:aws:sns:us-east-1:000000000000:topic"
        destinations(function, DestinationConfig={"OnFailure": {"Destination": topic}})
    with pytest.raises(botocore.exceptions.ClientError, match="lambdad does not deliver to SNS topics yet"):
        function.client.update_function_configuration(FunctionName=function.name, DeadLetterConfig={"TargetArn": topic})


def test_a_megabyte_is_accepted(hasty: Server, hasty_make: Maker) -> None:
    function = hasty_make.python_function('def handler(event, context):\n    print("ran with", len(event["x"]))\n')
    size = 1_048_576 - len('{"x": ""}')
    send(function, {"x": "x" * size})
    assert eventually(lambda: runs(hasty, function, size))
    with pytest.raises(botocore.exceptions.ClientError, match="limit 1048576 bytes"):
        send(function, {"x": "x" * (size + 1)})


LOOP = """
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    print("ran with", event["n"])
    client.invoke(FunctionName=context.function_name, InvocationType="Event", Payload=json.dumps({"n": event["n"] + 1}))
"""


def test_a_recursive_loop_of_events_is_stopped(hasty: Server, hasty_make: Maker) -> None:
    function, failed = hasty_make.python_function(LOOP), Queue(hasty)
    destinations(function, DestinationConfig={"OnFailure": {"Destination": failed.arn}})
    send(function, {"n": 1})
    (message,) = failed.receive(hasty)
    assert json.loads(message["Body"])["requestPayload"] == {"n": 17}
    assert runs(hasty, function, 16) == 1


def test_metrics_tell_of_events(hasty: Server, hasty_make: Maker) -> None:
    function, done = hasty_make.python_function(PICKY), Queue(hasty)
    destinations(function, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": done.arn}})
    send(function, {"n": 1, "fails": True})
    assert done.receive(hasty)
    labels = f'{{account="000000000000",region="us-east-1",function_name="{function.name}"}}'

    def counted() -> bool:
        with urllib.request.urlopen(f"{hasty.url}/_lambdad/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return {
            f"lambdad_async_events_received_total{labels} 1",
            f"lambdad_async_event_age_milliseconds_count{labels} 2",
            f"lambdad_async_event_retries_total{labels} 1",
            f"lambdad_async_events_dropped_total{labels} 1",
            f"lambdad_destination_deliveries_total{labels} 1",
        } <= set(lines)

    assert eventually(counted)


def test_accepted_events_survive_kill_9(tmp_path: Path) -> None:
    """Events are sent and run while lambdad is killed three times; each that was accepted is told to a destination."""
    server = Server(tmp_path / "data", ["--retry-delay", "0.2"]).start()
    try:
        maker = Maker(server.client("lambda"), newest_python(server))
        function, told = maker.python_function(PICKY), Queue(server)
        both = {"OnSuccess": {"Destination": told.arn}, "OnFailure": {"Destination": told.arn}}
        destinations(function, DestinationConfig=both)
        accepted: dict[int, str] = {}
        for start in (1000, 2000, 3000):
            send_until_killed(server, function.name, start, accepted)
            server.start()
        assert len(accepted) > 300
        missing = set(accepted)

        def all_told() -> bool:
            for message in told.receive(server, wait=1):
                record = json.loads(message["Body"])
                n = record["requestPayload"]["n"]
                condition = "RetriesExhausted" if n % 10 == 0 else "Success"
                assert record["requestContext"]["condition"] == condition
                assert n not in accepted or record["requestContext"]["requestId"] == accepted[n]
                missing.discard(n)
            return not missing

        eventually(all_told, 60.0)
    finally:
        server.stop()


def send_until_killed(server: Server, name: str, start: int, accepted: dict[int, str]) -> None:
    def work(offset: int) -> None:
        function = Function(server.client("lambda"), name)
        for n in range(start + offset, start + 1000, 4):
            try:
                accepted[n] = send(function, {"n": n, "fails": n % 10 == 0})
            except botocore.exceptions.BotoCoreError:
                return

    before = len(accepted)
    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(accepted) - before > 150)
    server.stop(signal.SIGKILL)
    for thread in threads:
        thread.join()


MEMORY = """
import time
SEEN = set()
def handler(event, context):
    if "n" in event:
        SEEN.add(event["n"])
        time.sleep(0.3)
    return sorted(SEEN)
"""


def test_a_full_disk_refuses_events_and_is_recovered_from(crowded: Server) -> None:
    """The data directory is a file system of 24 MB, which events of 1 MB fill faster than they are run."""
    function = Maker(crowded.client("lambda"), newest_python(crowded)).python_function(MEMORY)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    accepted: list[int] = []
    with pytest.raises(function.client.exceptions.ServiceException):
        for n in range(40):
            send(function, {"n": n, "x": "x" * 1_000_000})
            accepted.append(n)
    assert len(accepted) > 3
    # Each one that was run makes room.
    eventually(lambda: accepts(function, 100))
    eventually(lambda: seen(function) >= {*accepted, 100}, 60.0)


def accepts(function: Function, n: int) -> bool:
    try:
        send(function, {"n": n, "x": "x" * 1_000_000})
    except function.client.exceptions.ServiceException:
        return False
    return True


def seen(function: Function) -> set[int]:
    """What the only environment was run with; nothing while it is busy."""
    try:
        return set(function.invoke())
    except function.client.exceptions.TooManyRequestsException:
        return set()
