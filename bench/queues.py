"""SQS: messages sent, received and deleted, with a long queue beside an empty one.

Two queues of one lambdad take turns; in one of them a million messages wait. In each round so many messages are sent, received
and deleted, one at a time; every SendMessage and DeleteMessage is on disk when it is answered. Bodies are 200 bytes.
"""

import json
import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Any

from bench.client import LENGTH
from bench.context import Context
from bench.load import connected
from bench.rows import Beside, Row, ratio_at_least

BODY = "x" * 200
OPERATIONS = ("SendMessage", "ReceiveMessage", "DeleteMessage")
HEAD = (
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{operation}\r\n"
    "Content-Length: {length}\r\nX-Amz-Date: 20261121T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
    "000000000000/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=" + "0" * 64 + "\r\n\r\n"
)


def measure(context: Context) -> list[Row]:
    waiting, rounds = context.choose(1_000_000, 100_000), context.choose(5, 2)
    rates: dict[tuple[str, str, int], list[float]] = {}
    with context.lambdad() as server:
        client = server.client("sqs")
        long, empty = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("long", "empty"))
        context.say(f"  sends {waiting:,} messages")
        fill(server.port, long, waiting)
        for connections, count in ((1, 1_000), (16, 6_000)):
            for _ in range(rounds):
                for queue, url in (("long", long), ("empty", empty)):
                    for operation, rate in one_round(server.port, url, connections, count):
                        rates.setdefault((operation, queue, connections), []).append(rate)
    return [
        row(operation, connections, waiting, rates[operation, "long", connections], rates[operation, "empty", connections])
        for connections in (1, 16)
        for operation in OPERATIONS
    ]


def row(operation: str, connections: int, waiting: int, long: Sequence[float], empty: Sequence[float]) -> Row:
    what = f"{operation}, {connected(connections)}, {waiting:,} messages wait"
    beside = Beside("none wait", median(empty), empty)
    return Row(what, median(long), "/s", beside, (ratio_at_least(0.8),), long)


def median(samples: Sequence[float]) -> float:
    return sorted(samples)[len(samples) // 2]


def fill(port: int, url: str, count: int) -> None:
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(10)]
    batch = request("SendMessageBatch", QueueUrl=url, Entries=entries)
    exchange(port, (batch for _ in range(count // 10)), 16)


def one_round(port: int, url: str, connections: int, count: int) -> Iterable[tuple[str, float]]:
    """Each operation's name and rate."""
    send, receive = request("SendMessage", QueueUrl=url, MessageBody=BODY), request("ReceiveMessage", QueueUrl=url)
    seconds, _ = exchange(port, [send] * count, connections)
    yield "SendMessage", count / seconds
    seconds, received = exchange(port, [receive] * count, connections)
    yield "ReceiveMessage", count / seconds
    handles = [message["ReceiptHandle"] for answer in received for message in json.loads(answer)["Messages"]]
    assert len(handles) == count
    deletions = [request("DeleteMessage", QueueUrl=url, ReceiptHandle=handle) for handle in handles]
    seconds, _ = exchange(port, deletions, connections)
    yield "DeleteMessage", count / seconds


def request(operation: str, **parameters: Any) -> bytes:
    body = json.dumps(parameters)
    return (HEAD.format(operation=operation, length=len(body)) + body).encode()


def exchange(port: int, requests: Iterable[bytes], connections: int) -> tuple[float, list[bytes]]:
    """Each connection sends its next request when it has its answer. Seconds for all of them, and the answers' bodies."""
    rest, bodies = iter(requests), []
    with selectors.DefaultSelector() as selector:
        begun = time.perf_counter()
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, bytearray())
            send_next(selector, connection, rest)
        while selector.get_map():
            for key, _ in selector.select():
                answering, received = key.fileobj, key.data
                assert isinstance(answering, socket.socket)
                received += answering.recv(65536)
                body = whole(received)
                if body is not None:
                    bodies.append(body)
                    received.clear()
                    send_next(selector, answering, rest)
        return time.perf_counter() - begun, bodies


def send_next(selector: selectors.BaseSelector, connection: socket.socket, rest: Iterable[bytes]) -> None:
    data = next(iter(rest), None)
    if data is None:
        selector.unregister(connection)
        connection.close()
    else:
        connection.sendall(data)


def whole(received: bytearray) -> bytes | None:
    """The body, once all of it has come."""
    head, end, body = bytes(received).partition(b"\r\n\r\n")
    length = LENGTH.search(head + b"\r\n")
    if not end or length is None or len(body) < int(length[1]):
        return None
    assert head.startswith(b"HTTP/1.1 20"), received
    return body
