"""kill -9 while sixteen clients invoke: what was not inside does not notice, the pool heals, counts come back to zero."""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest

from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server, eventually
from tests.acceptance.test_faults import descendants

CLIENTS = 16
WORK = """
import time
def handler(event, context):
    time.sleep(0.02)
    return event["n"]
"""
OWN_WORDS = {"Runtime.ExitError", "Sandbox.Failure"}
"""Lambda's error types for a runtime, and for a sandbox, that is gone."""


class Load:
    """Clients that invoke one after the other until told to stop; what became of every request."""

    def __init__(self, server: Server, function: Function) -> None:
        self._stop = threading.Event()
        self.answers: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(server.client("lambda"), function.name)) for _ in range(CLIENTS)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, client: Any, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            self.answers.append(outcome(client, name, number))

    @property
    def good(self) -> int:
        return self.answers.count("ok")

    def wait_for_more(self, count: int) -> None:
        """Until so many more requests have been answered well."""
        goal = self.good + count
        eventually(lambda: self.good >= goal, 60)


def outcome(client: Any, name: str, number: int) -> str:
    """`ok`, or the type of the error."""
    try:
        answer = client.invoke(FunctionName=name, Payload=json.dumps({"n": number}))
        payload = json.loads(answer["Payload"].read())
    except botocore.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    except botocore.exceptions.BotoCoreError as error:
        return type(error).__name__
    if "FunctionError" in answer:
        return str(payload.get("errorType"))
    assert payload == number, "an answer of somebody else"
    return "ok"


def one_environment(server: Server) -> None:
    kill(server.introspect()["environments"][0]["pid"])


def every_environment(server: Server) -> None:
    for environment in server.introspect()["environments"]:
        kill(environment["pid"])


def every_launcher(server: Server) -> None:
    for pid in server.introspect()["launchers"]:
        kill(pid)


def everything(server: Server) -> None:
    for pid in descendants(server.process.pid):
        kill(pid)


def kill(pid: int | None) -> None:
    try:
        if pid:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it went before


@pytest.mark.parametrize("killed, rounds", [(one_environment, 5), (every_environment, 2), (every_launcher, 2), (everything, 2)])
def test_only_what_was_inside_fails(own_server: Server, own_make: Maker, killed: Callable[[Server], None], rounds: int) -> None:
    function = own_make.python_function(WORK, MemorySize=256)
    with Load(own_server, function) as load:
        load.wait_for_more(100)
        for _ in range(rounds):
            killed(own_server)
            load.wait_for_more(100)
    failed = Counter(answer for answer in load.answers if answer != "ok")
    assert set(failed) <= OWN_WORDS
    # Each client can have had one request inside at each kill, and, where one after the other is killed, the next one too.
    assert failed.total() <= rounds * (1 if killed is one_environment else 2 * CLIENTS)

    def at_rest() -> bool:
        state = own_server.introspect()
        return state["in_flight"] == 0 and all(
            pool["busy"] == pool["starting"] == pool["waiting"] == 0 for pool in state["pools"]
        )

    assert eventually(at_rest)
    state = own_server.introspect()
    assert sum(pool["idle"] for pool in state["pools"]) == len(state["environments"]), "what is counted is alive"
    assert [function.invoke({"n": number}) for number in range(5)] == [0, 1, 2, 3, 4]
