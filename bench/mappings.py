"""Event source mappings: from SendMessage to the handler, and how many messages a second.

The way of a message begins when its sender sends the request and ends where the handler looks at the clock: one message at a
time, each after the one before was handled, while the mapping's poller waits. The rate is that of messages that wait in the
queue when the mapping is enabled, in batches of ten, until the last is deleted; the handler does nothing. Bodies are 200 bytes.
"""

import statistics
import time
from typing import Any

from tests.acceptance.server import Server

from bench.context import Context
from bench.functions import ECHO, create
from bench.load import connected
from bench.queues import exchange, fill, request
from bench.rows import Beside, Row, at_most, quantile

TIMES = {
    "app.py": (
        "import time\n\ndef handler(event, context):\n    now = time.time()\n"
        "    for record in event['Records']:\n        print('took', now - float(record['body']))\n"
    )
}
"""The clock of the host and of a sandbox are one."""
FIRST = 5
"""Messages that are not measured: of a cold start."""
FILTER = '{"body":[{"prefix":"x"}],"attributes":{"SenderId":[{"exists":true}]}}'


def measure(context: Context) -> list[Row]:
    with context.lambdad() as server:
        create(server, ["times"], TIMES)
        create(server, ["echo"], ECHO)
        times = [1000 * each for each in way(server, context.choose(300, 60))]
        rows = [
            Row(f"SendMessage to handler, {name}", quantile(times, share), "ms", goals=goals, samples=times)
            for name, share, goals in (("p50", 0.5, (at_most(30),)), ("p99", 0.99, ()))
        ]
        count, rounds = context.choose(20_000, 4_000), context.choose(3, 1)
        sent = [sending(server, f"beside-{number}", count) for number in range(rounds)]
        beside = Beside(f"SendMessage, {connected(16)}", statistics.median(sent), sent)
        for name, what, options in (("all", "", {}), ("filtered", ", filtered", {"FilterCriteria": criteria()})):
            rates = [drained(server, f"{name}-{number}", count, **options) for number in range(rounds)]
            what = f"messages through a mapping, batches of 10{what}"
            rows.append(Row(what, statistics.median(rates), "/s", beside, samples=rates))
    return rows


def criteria() -> dict[str, Any]:
    """That every message passes."""
    return {"Filters": [{"Pattern": FILTER}]}


def way(server: Server, count: int) -> list[float]:
    """Seconds."""
    sqs, url, _ = mapped(server, "times", "way", enabled=True)
    for number in range(count + FIRST):
        sqs.send_message(QueueUrl=url, MessageBody=repr(time.time()))
        while handled(server) <= number:
            time.sleep(0.002)
    deadline = time.monotonic() + 30
    while len(taken := printed(server)) < count + FIRST:
        assert time.monotonic() < deadline, "lines of the handler are missing"
    return taken[FIRST:]


def printed(server: Server) -> list[float]:
    pages = (
        server.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName="/aws/lambda/times", filterPattern="took")
    )
    return [float(event["message"].split()[-1]) for page in pages for event in page["events"]]


def handled(server: Server) -> int:
    (mapping,) = server.introspect()["mappings"]
    return int(mapping["deleted"])


def sending(server: Server, name: str, count: int) -> float:
    url = server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    send = request("SendMessage", QueueUrl=url, MessageBody="x" * 200)
    seconds, _ = exchange(server.port, [send] * count, 16)
    return count / seconds


def drained(server: Server, name: str, count: int, **options: Any) -> float:
    sqs, url, mapping = mapped(server, "echo", name, enabled=False, **options)
    fill(server.port, url, count)
    begun = time.perf_counter()
    server.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=True)
    while waiting(sqs, url):
        time.sleep(0.02)
    return count / (time.perf_counter() - begun)


def waiting(sqs: Any, url: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return any(int(count) for count in counts.values())


def mapped(server: Server, function: str, queue: str, *, enabled: bool, **options: Any) -> tuple[Any, str, str]:
    """A client of SQS, the queue's URL, the mapping's uuid; the mapping is settled."""
    sqs, client = server.client("sqs"), server.client("lambda")
    url = sqs.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = client.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, Enabled=enabled, **options)["UUID"]
    while client.get_event_source_mapping(UUID=mapping)["State"] not in ("Enabled", "Disabled"):
        time.sleep(0.005)
    return sqs, url, mapping
