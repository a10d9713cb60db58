"""Hungry neighbours: what one environment's hunger does to another's warm invokes.

The echo function by one connection, alone and in turns while one environment of another function does its worst for as
long: takes every processor that its share gives it, with more processes than there are processors; or takes memory, writes
to all of it, and gives it back, again and again. Its share is that of 1,769 MB, one processor, and then that of 10,240 MB,
the most that a function can have.
"""

import json
import threading
import time

from tests.acceptance.server import Server

from bench.context import Context
from bench.functions import ECHO, create
from bench.load import Load, Loads, compared, load, url_of
from bench.rows import Row, ratio_at_most

MOST = 2
"""Times the latency without it."""
HUNGRY = {
    "app.py": """
import mmap, os, signal, time

def handler(event, context):
    until = time.monotonic() + event["seconds"]
    work = {"cpu": spin, "memory": swallow}[event["what"]]
    children = []
    for _ in range(event["processes"]):
        child = os.fork()
        if child == 0:
            work(until, event["mb"])
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return "full"

def spin(until, mb):
    while time.monotonic() < until:
        sum(range(10_000))

def swallow(until, mb):
    while time.monotonic() < until:
        with mmap.mmap(-1, mb << 20) as pages:
            for at in range(0, mb << 20, 4096):
                pages[at] = 1
"""
}
KINDS = (("cpu", "processors", 8), ("memory", "memory", 2))


def measure(context: Context) -> list[Row]:
    rounds, seconds = context.choose(7, 3), context.choose(3, 2)
    rows = []
    with context.lambdad() as server:
        create(server, ["echo"], ECHO)
        url = url_of(server, "echo")
        load(url, 1, 1)
        for memory in (1769, 10240):
            name = f"hungry-{memory}"
            create(server, [name], HUNGRY, memory=memory)
            for what, shown, processes in KINDS:
                context.say(f"  {shown}, {memory} MB")
                event = {"what": what, "processes": processes, "mb": min(memory // 4, 512)}
                alone, beside = list[Load](), list[Load]()
                for _ in range(rounds):
                    alone.append(load(url, 1, seconds))
                    beside.append(with_neighbour(server, name, event, url, seconds))
                ours, quiet = Loads(beside), Loads(alone)
                assert sum(ours.samples("errors")) == 0
                told = f"warm invoke beside one that takes {shown} ({memory:,} MB)"
                rows += compared(told, ours, "alone", quiet, ("p50", "p99"), {"p50": ratio_at_most(MOST)})
    return rows


def with_neighbour(server: Server, name: str, event: dict[str, object], url: str, seconds: int) -> Load:
    """A round while it is at work, from shortly after it has begun to shortly before it ends."""
    answers: list[bytes] = []

    def feed() -> None:
        payload = json.dumps(event | {"seconds": seconds + 1.5})
        answers.append(server.client("lambda").invoke(FunctionName=name, Payload=payload)["Payload"].read())

    feeding = threading.Thread(target=feed)
    feeding.start()
    time.sleep(1)
    found = load(url, 1, seconds)
    feeding.join()
    assert answers == [b'"full"'], answers
    return found
