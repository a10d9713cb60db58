"""Event source mappings with stock clients."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server, eventually

ARN = "arn:aws:sqs:us-east-1:000000000000:"

FORWARD = """
import boto3, json, os
sqs = boto3.client("sqs")
def handler(event, context):
    url = sqs.get_queue_url(QueueName=os.environ["TO"])["QueueUrl"]
    failures = []
    for record in event["Records"]:
        group = record["attributes"].get("MessageGroupId")
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record), **({"MessageGroupId": group} if group else {}))
        if "fails" in record["body"]:
            failures.append({"itemIdentifier": record["messageId"]})
    if failures and os.environ.get("RAISES"):
        raise ValueError("no")
    return {"batchItemFailures": failures}
"""
"""Sends the records it gets to another queue."""


class Queue:
    def __init__(self, server: Server, region: str = "us-east-1", **attributes: str) -> None:
        self.name = f"q-{uuid.uuid4().hex}" + (".fifo" if "FifoQueue" in attributes else "")
        self.arn = ARN + self.name
        self.sqs = server.client("sqs", region)
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]

    def send(self, *bodies: str, **params: Any) -> list[str]:
        """Their ids."""
        return [self.sqs.send_message(QueueUrl=self.url, MessageBody=each, **params)["MessageId"] for each in bodies]

    def take(self, count: int, seconds: float = 20.0) -> list[str]:
        """The bodies of so many messages, which are deleted."""
        found: list[str] = []
        deadline = time.monotonic() + seconds
        while len(found) < count:
            assert time.monotonic() < deadline, found
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def is_empty(self) -> bool:
        names = [f"ApproximateNumberOfMessages{each}" for each in ("", "NotVisible", "Delayed")]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return set(counts.values()) == {"0"}


def forwarder(make: Maker, to: Queue, **variables: str) -> Function:
    return make.python_function(FORWARD, Environment={"Variables": {"TO": to.name} | variables})


def mapped(function: Function, queue: Queue, **settings: Any) -> str:
    """The uuid of a mapping that is enabled, or disabled."""
    client = function.client
    mapping: str = client.create_event_source_mapping(
        EventSourceArn=queue.arn, FunctionName=function.name, **settings
    )["UUID"]  # fmt: skip
    settled(client, mapping)
    return mapping


def settled(client: Any, mapping: str) -> str:
    def state() -> str | None:
        found: str = client.get_event_source_mapping(UUID=mapping)["State"]
        return found if found in ("Enabled", "Disabled") else None

    return str(eventually(state))


def gone(client: Any, mapping: str) -> bool:
    try:
        assert client.get_event_source_mapping(UUID=mapping)["State"] == "Deleting"
    except client.exceptions.ResourceNotFoundException:
        return True
    return False


@pytest.fixture
def told(server: Server) -> Queue:
    return Queue(server)


def test_messages_become_an_event_and_are_deleted(server: Server, make: Maker, told: Queue) -> None:
    queue = Queue(server)
    mapped(forwarder(make, told), queue)
    (identifier,) = queue.send("hello", MessageAttributes={"n": {"DataType": "Number", "StringValue": "5"}})
    (record,) = [json.loads(each) for each in told.take(1)]
    assert record.pop("receiptHandle")
    attributes = record.pop("attributes")
    assert attributes["ApproximateReceiveCount"] == "1"
    assert {"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= set(attributes)
    assert record == {
        "messageId": identifier,
        "body": "hello",
        "messageAttributes": {"n": {"stringValue": "5", "stringListValues": [], "binaryListValues": [], "dataType": "Number"}},
        "md5OfMessageAttributes": record["md5OfMessageAttributes"],
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": "us-east-1",
    }
    assert eventually(queue.is_empty)


def test_the_life_of_a_mapping(server: Server, make: Maker, told: Queue) -> None:
    queue, function = Queue(server), forwarder(make, told)
    client = function.client
    created = client.create_event_source_mapping(EventSourceArn=queue.arn, FunctionName=function.name, Enabled=False)
    assert (created["State"], created["StateTransitionReason"]) == ("Creating", "USER_INITIATED")
    mapping = created["UUID"]
    assert settled(client, mapping) == "Disabled"
    queue.send("waits")
    assert client.update_event_source_mapping(UUID=mapping, Enabled=True, BatchSize=3)["State"] == "Enabling"
    assert settled(client, mapping) == "Enabled"
    assert [json.loads(each)["body"] for each in told.take(1)] == ["waits"]
    (listed,) = client.list_event_source_mappings(EventSourceArn=queue.arn)["EventSourceMappings"]
    assert (listed["UUID"], listed["BatchSize"], listed["FunctionArn"].rpartition(":")[2]) == (mapping, 3, function.name)
    assert client.delete_event_source_mapping(UUID=mapping)["State"] == "Deleting"
    assert eventually(lambda: gone(client, mapping))
    queue.send("stays")
    assert not queue.is_empty()


def test_the_cli(server: Server, make: Maker, told: Queue) -> None:
    queue, function = Queue(server), forwarder(make, told)
    server.aws(
        "lambda", "create-event-source-mapping", "--function-name", function.name, "--event-source-arn", queue.arn,
        "--batch-size", "5", "--scaling-config", "MaximumConcurrency=4",
        "--filter-criteria", json.dumps({"Filters": [{"Pattern": '{"body":{"kind":["wanted"]}}'}]}),
    )  # fmt: skip
    listed = json.loads(server.aws("lambda", "list-event-source-mappings", "--function-name", function.name).stdout)
    (mapping,) = listed["EventSourceMappings"]
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (5, {"MaximumConcurrency": 4})
    queue.send('{"kind":"other"}', '{"kind":"wanted"}', "text")
    assert [json.loads(each)["body"] for each in told.take(1)] == ['{"kind":"wanted"}']
    assert eventually(queue.is_empty), "what is filtered out is deleted"
    eventually(
        lambda: server.aws("lambda", "delete-event-source-mapping", "--uuid", mapping["UUID"], check=False).returncode == 0
    )
    refused = server.aws(
        "lambda", "create-event-source-mapping", "--function-name", function.name, "--event-source-arn", f"{ARN}none",
        check=False,
    )  # fmt: skip
    assert "The specified queue does not exist." in refused.stderr


def test_only_failed_items_come_again(server: Server, make: Maker, told: Queue) -> None:
    queue = Queue(server, VisibilityTimeout="10")
    function = forwarder(make, told)
    mapping = mapped(function, queue, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    queue.send("one", "fails", "two")
    function.client.update_event_source_mapping(UUID=mapping, Enabled=True)
    first = [json.loads(each) for each in told.take(3)]
    assert sorted(each["body"] for each in first) == ["fails", "one", "two"]
    (again,) = [json.loads(each) for each in told.take(1)]
    assert (again["body"], again["attributes"]["ApproximateReceiveCount"]) == ("fails", "2")


def test_a_poison_message_ends_in_its_dead_letter_queue(server: Server, make: Maker, told: Queue) -> None:
    dead = Queue(server)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    # Long enough for a cold start on a busy machine: a message that is still at work then would be received again.
    queue = Queue(server, VisibilityTimeout="10", RedrivePolicy=redrive)
    function = forwarder(make, told, RAISES="yes")
    mapped(function, queue, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    queue.send("fails", *[str(number) for number in range(10)])
    assert dead.take(1, seconds=60) == ["fails"]
    bodies = [json.loads(each)["body"] for each in told.take(12)]
    assert sorted(bodies) == sorted(["fails", "fails", *[str(number) for number in range(10)]])
    assert eventually(queue.is_empty)


ROUND = """
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    (record,) = event["Records"]
    url = sqs.get_queue_url(QueueName=os.environ["TO"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=str(int(record["body"]) + 1))
"""


def test_a_recursive_loop_through_a_queue_is_stopped(server: Server, make: Maker) -> None:
    dead = Queue(server)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    queue = Queue(server, VisibilityTimeout="3", RedrivePolicy=redrive)
    function = make.python_function(ROUND, Environment={"Variables": {"TO": queue.name}}, Timeout=3)
    mapped(function, queue, BatchSize=1)
    queue.send("1")
    assert dead.take(1, 40.0) == ["17"]


def test_a_mapping_outlives_its_function_and_a_restart(own_server: Server, own_make: Maker) -> None:
    queue, told = Queue(own_server), Queue(own_server)
    function = forwarder(own_make, told)
    mapping = mapped(function, queue)
    function.client.delete_function(FunctionName=function.name)
    queue.send("waits")
    own_server.stop()
    own_server.start()
    client = own_server.client("lambda")
    found = client.get_event_source_mapping(UUID=mapping)
    assert found["State"] == "Enabled"
    assert found["LastProcessingResult"].startswith("PROBLEM: Function not found")
    status = own_server.introspect()["mappings"]
    assert [(each["mapping"], each["polled"]) for each in status] == [(mapping, 0)]
    told = Queue(own_server)
    maker = Maker(client, newest_python(own_server))
    maker.python_function(FORWARD, FunctionName=function.name, Environment={"Variables": {"TO": told.name}})
    (record,) = [json.loads(each) for each in told.take(1)]
    assert (record["body"], record["attributes"]["ApproximateReceiveCount"]) == ("waits", "1")
    assert "LastProcessingResult" not in client.get_event_source_mapping(UUID=mapping)


def test_groups_of_a_fifo_queue_keep_their_order(server: Server, make: Maker) -> None:
    told = Queue(server, FifoQueue="true", ContentBasedDeduplication="true")
    queue = Queue(server, FifoQueue="true", ContentBasedDeduplication="true")
    mapped(forwarder(make, told), queue, BatchSize=3)
    for number in range(12):
        for group in "abc":
            queue.send(f"{group}{number}", MessageGroupId=group)
    bodies = [json.loads(each)["body"] for each in told.take(36)]
    for group in "abc":
        assert [each for each in bodies if each[0] == group] == [f"{group}{number}" for number in range(12)]
    assert eventually(queue.is_empty)


def test_metrics_and_status(own_server: Server, own_make: Maker) -> None:
    queue, told = Queue(own_server), Queue(own_server)
    function = forwarder(own_make, told)
    mapping = mapped(function, queue, FilterCriteria={"Filters": [{"Pattern": '{"body":[{"prefix":"in"}]}'}]})
    queue.send("in", "out")
    told.take(1)
    assert eventually(queue.is_empty)
    (shown,) = own_server.introspect()["mappings"]
    expected = {"mapping": mapping, "queue": queue.name, "function": function.name, "state": "Enabled", "problem": None}
    expected |= {"polled": 2, "filtered": 1, "invoked": 1, "failed": 0, "deleted": 2, "running": 0}
    assert {name: shown[name] for name in expected} == expected


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "remote").start()
    yield running
    running.stop()


def test_a_queue_of_another_server_is_polled_with_its_own_credentials(remote: Server, tmp_path: Path) -> None:
    """A second lambdad stands for AWS: the profile says where it is, and its access key is of account 123456789012."""
    account = "123456789012"
    config = tmp_path / "aws-config"
    config.write_text(
        f"[profile there]\nregion = eu-central-1\nendpoint_url = {remote.url}\n"
        f"aws_access_key_id = {account}\naws_secret_access_key = secret\n"
    )
    sqs = remote.client("sqs", "eu-central-1", account)
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    here = Server(tmp_path / "here", ["--remote-queues", f"{account}=there"], ["env", f"AWS_CONFIG_FILE={config}"]).start()
    try:
        told = Queue(here, "eu-central-1")
        client = here.client("lambda", "eu-central-1")
        function = Maker(client, newest_python(here)).python_function(FORWARD, Environment={"Variables": {"TO": told.name}})
        arn = f"arn:aws:sqs:eu-central-1:{account}:orders"
        mapping = client.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name)["UUID"]
        assert settled(client, mapping) == "Enabled"
        for number in range(25):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        records = [json.loads(each) for each in told.take(25, 40.0)]
        assert sorted(int(each["body"]) for each in records) == list(range(25))
        assert {(each["eventSourceARN"], each["awsRegion"]) for each in records} == {(arn, "eu-central-1")}

        def empty() -> bool:
            names = [f"ApproximateNumberOfMessages{each}" for each in ("", "NotVisible")]
            return set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()) == {"0"}

        assert eventually(empty)
        with pytest.raises(client.exceptions.InvalidParameterValueException, match=r"The specified queue does not exist\."):
            client.create_event_source_mapping(EventSourceArn=f"{arn}-none", FunctionName=function.name)
    finally:
        assert here.stop() == 0
