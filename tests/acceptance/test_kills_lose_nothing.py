"""kill -9 of lambdad at ten random moments, while 5,000 events and 5,000 messages are sent, run and deleted."""

import contextlib
import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server

EVENTS, PLAIN, KEPT, GROUPS, IN_GROUP = 5000, 2000, 1000, 10, 200
KILLS = 10
ARN = "arn:aws:sqs:us-east-1:000000000000:"

EVERY_25TH_FAILS = """
def handler(event, context):
    if event["n"] % 25 == 0:
        raise ValueError("no")
"""
FORWARD = """
import boto3, os
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName=os.environ["TO"])["QueueUrl"]
def handler(event, context):
    entries = []
    for number, record in enumerate(event["Records"]):
        entry = {"Id": str(number), "MessageBody": record["body"]}
        if "MessageGroupId" in record["attributes"]:
            entry["MessageGroupId"] = record["attributes"]["MessageGroupId"]
            entry["MessageDeduplicationId"] = record["body"]
        entries.append(entry)
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert not answer.get("Failed"), answer
"""
"""Sends what it gets to another queue: that is how one knows what it got, whatever is killed."""


@dataclass
class Load:
    """What is sent, and what is known of it. A request without an answer may have come or not."""

    server: Server
    accepted: dict[int, str] = field(default_factory=dict)
    """Events: number and request id."""
    plain: set[str] = field(default_factory=set)
    """Messages to the queue with a mapping."""
    groups: dict[str, int] = field(default_factory=dict)
    """To the FIFO queue: how many of each group."""
    kept: set[str] = field(default_factory=set)
    """To the queue that is received from outside."""
    deleted: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    came_back: set[str] = field(default_factory=set)
    asked: int = 0
    sent: threading.Event = field(default_factory=threading.Event)
    up: threading.Event = field(default_factory=threading.Event)

    def url(self, queue: str) -> str:
        return f"{self.server.url}/000000000000/{queue}"

    def __post_init__(self) -> None:
        self.up.set()

    def kill_and_start(self) -> None:
        self.up.clear()
        self.server.stop(signal.SIGKILL)
        self.server.start()
        self.up.set()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """lambdad may be killed in the middle of it; then it is waited for."""
        self.asked += 1
        try:
            yield
        except botocore.exceptions.BotoCoreError:
            self.up.wait(60)

    def send_events(self, name: str, start: int, step: int) -> None:
        function = Function(self.server.client("lambda"), name)
        for n in range(start, EVENTS, step):
            with self.asking():
                answer = function.call({"n": n}, InvocationType="Event")
                self.accepted[n] = answer["ResponseMetadata"]["RequestId"]

    def send_messages(self, queue: str, count: int, known: set[str]) -> None:
        sqs = self.server.client("sqs")
        for body in map(str, range(count)):
            with self.asking():
                sqs.send_message(QueueUrl=self.url(queue), MessageBody=body)
                known.add(body)

    def send_in_order(self, group: str) -> None:
        """Each again and again until it is answered: only then comes the next."""
        sqs = self.server.client("sqs")
        while (number := self.groups.setdefault(group, 0)) < IN_GROUP:
            body = f"{group}/{number}"
            with self.asking():
                sqs.send_message(
                    QueueUrl=self.url("ordered.fifo"), MessageBody=body, MessageGroupId=group, MessageDeduplicationId=body
                )
                self.groups[group] += 1

    def receive(self) -> None:
        """From outside; deletes nine of ten."""
        sqs = self.server.client("sqs")
        while not self.sent.is_set():
            with self.asking():
                for message in received(sqs, self.url("kept"), wait=1):
                    body = message["Body"]
                    self.came_back |= {body} & self.deleted
                    if body.endswith("7"):
                        continue
                    self.deleting.add(body)
                    sqs.delete_message(QueueUrl=self.url("kept"), ReceiptHandle=message["ReceiptHandle"])
                    self.deleted.add(body)


def received(sqs: Any, url: str, wait: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait).get(
        "Messages", []
    )
    return found


def take_until(sqs: Any, url: str, enough: Callable[[str], bool], seconds: float = 120.0) -> None:
    """Messages are received, deleted, and their bodies told until it is enough."""
    deadline = time.monotonic() + seconds
    while True:
        found = received(sqs, url, wait=1)
        for message in found:
            if enough(message["Body"]):
                return
        if found:
            entries = [{"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]} for at, each in enumerate(found)]
            assert not sqs.delete_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        assert time.monotonic() < deadline, f"{url} did not get what it should"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Server]:
    """A lambdad with the queues, functions and mappings of the load, which comes back at the same port."""
    server = Server(tmp_path / "data", ["--retry-delay", "0.2"]).start()
    server.options += ["--port", str(server.port)]
    sqs, client = server.client("sqs"), server.client("lambda")
    for name in ("told", "plain", "ran", "kept"):
        sqs.create_queue(QueueName=name)
    for name in ("ordered.fifo", "ran.fifo"):
        sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
    maker = Maker(client, newest_python(server))
    maker.python_function(EVERY_25TH_FAILS, FunctionName="events")
    told = {"Destination": f"{ARN}told"}
    client.put_function_event_invoke_config(FunctionName="events", DestinationConfig={"OnSuccess": told, "OnFailure": told})
    for name, source, to in (("plain", "plain", "ran"), ("ordered", "ordered.fifo", "ran.fifo")):
        maker.python_function(FORWARD, FunctionName=name, Environment={"Variables": {"TO": to}})
        client.create_event_source_mapping(FunctionName=name, EventSourceArn=ARN + source)
    yield server
    server.stop()


def kill_now_and_then(load: Load, senders: list[Future[None]]) -> None:
    total = EVENTS + PLAIN + KEPT + GROUPS * IN_GROUP
    moments = sorted(random.uniform(0.02, 0.95) * total for _ in range(KILLS))
    for moment in moments:
        while load.asked < moment and not all(each.done() for each in senders):
            time.sleep(0.002)
        load.kill_and_start()


def test_nothing_that_was_accepted_is_lost(house: Server) -> None:
    load = Load(house)
    with ThreadPoolExecutor(20) as threads:
        senders = [threads.submit(load.send_events, "events", start, 4) for start in range(4)]
        senders.append(threads.submit(load.send_messages, "plain", PLAIN, load.plain))
        senders.append(threads.submit(load.send_messages, "kept", KEPT, load.kept))
        senders += [threads.submit(load.send_in_order, f"group-{number}") for number in range(GROUPS)]
        receiver = threads.submit(load.receive)
        try:
            kill_now_and_then(load, senders)
            for each in senders:
                each.result()
        finally:
            load.sent.set()
        receiver.result()
    assert min(len(load.accepted) / EVENTS, len(load.plain) / PLAIN, len(load.kept) / KEPT) > 0.95
    every_event_was_run_or_sits_in_its_destination(load)
    every_message_was_run(load)
    every_group_was_run_in_order(load)
    what_was_deleted_stays_deleted(load)


def every_event_was_run_or_sits_in_its_destination(load: Load) -> None:
    missing = dict(load.accepted)

    def told(body: str) -> bool:
        record = json.loads(body)
        n, context = record["requestPayload"]["n"], record["requestContext"]
        assert context["condition"] == ("Success" if n % 25 else "RetriesExhausted")
        assert context["requestId"] == load.accepted.get(n, context["requestId"])
        missing.pop(n, None)
        return not missing

    take_until(load.server.client("sqs"), load.url("told"), told)


def every_message_was_run(load: Load) -> None:
    missing = set(load.plain)

    def ran(body: str) -> bool:
        missing.discard(body)
        return not missing

    take_until(load.server.client("sqs"), load.url("ran"), ran)


def every_group_was_run_in_order(load: Load) -> None:
    assert load.groups == {f"group-{number}": IN_GROUP for number in range(GROUPS)}
    firsts: dict[str, list[int]] = {group: [] for group in load.groups}
    seen: set[str] = set()

    def ran(body: str) -> bool:
        group, _, number = body.partition("/")
        if body not in seen:
            firsts[group].append(int(number))
        seen.add(body)
        return len(seen) == GROUPS * IN_GROUP

    take_until(load.server.client("sqs"), load.url("ran.fifo"), ran)
    assert firsts == {group: list(range(IN_GROUP)) for group in load.groups}


def what_was_deleted_stays_deleted(load: Load) -> None:
    sqs, left = load.server.client("sqs"), set()
    while found := received(sqs, load.url("kept")):
        left |= {each["Body"] for each in found}
    left |= {body for body in load.kept if body.endswith("7")}  # or still in flight
    assert load.came_back | (left & load.deleted) == set()
    assert load.kept - load.deleted - left <= load.deleting, "a deletion without an answer may have happened"
    assert len(load.deleted) > KEPT / 2
