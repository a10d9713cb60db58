"""Event mode: events accepted, and run.

Every event is on disk when it is answered. They are sent to a function that is busy, so that accepting is all that is measured;
and to one that returns its event of 1 KB, from the first request until the last of them was run.
"""

import statistics
import time
import urllib.request

from tests.acceptance.server import Server

from bench.context import Context
from bench.functions import ECHO, create
from bench.load import connected
from bench.queues import exchange
from bench.rows import Row, at_least

BUSY = {"app.py": "import time\n\ndef handler(event, context):\n    time.sleep(50)\n"}
BODY = '{"data":"' + "x" * 1000 + '"}'


def measure(context: Context) -> list[Row]:
    rounds, scale = context.choose(5, 2), context.choose(3, 1)
    rows = []
    with context.lambdad() as server:
        create(server, ["busy"], BUSY)
        create(server, ["echo"], ECHO)
        server.client("lambda").put_function_concurrency(FunctionName="busy", ReservedConcurrentExecutions=1)
        for connections, count in ((1, 500 * scale), (16, 3000 * scale)):
            rates = [accepted(server, "busy", connections, count) for _ in range(rounds)]
            goals = (at_least(3000),) if connections == 16 else ()
            what = f"events accepted, {connected(connections)}"
            rows.append(Row(what, statistics.median(rates), "/s", goals=goals, samples=rates))
        rates = [run(server, "echo", 3000 * scale) for _ in range(rounds)]
        rows.append(Row("events accepted and run, 16 connections", statistics.median(rates), "/s", samples=rates))
    return rows


def accepted(server: Server, name: str, connections: int, count: int) -> float:
    seconds, answers = exchange(server.port, [request(name)] * count, connections)
    assert len(answers) == count
    return count / seconds


def run(server: Server, name: str, count: int) -> float:
    begun = time.perf_counter()
    accepted(server, name, 16, count)
    while waiting(server, name):
        time.sleep(0.02)
    return count / (time.perf_counter() - begun)


def waiting(server: Server, name: str) -> float:
    """Events that were accepted and are not done."""
    with urllib.request.urlopen(f"{server.url}/_lambdad/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("lambdad_async_events_waiting{") and f'function_name="{name}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def request(name: str) -> bytes:
    return (
        f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n"
        "X-Amz-Invocation-Type: Event\r\nX-Amz-Date: 20261121T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
        f"000000000000/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature={'0' * 64}\r\n\r\n{BODY}"
    ).encode()
