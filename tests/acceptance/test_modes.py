"""lambdad as an ordinary user, and without isolation where that was asked for."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Maker, zipped
from tests.acceptance.nobody import as_nobody
from tests.acceptance.server import Server
from tests.acceptance.test_snapstart import publish, together

WHO = """
import os
HIDDEN = ("/home", "/.lambdad", "/root")
def handler(event, context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    return {
        "uid": os.getuid(), "caps": status["CapEff"].strip(),
        "hidden": [name for place in HIDDEN if os.access(place, os.R_OK) for name in os.listdir(place)],
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "task": os.environ["LAMBDA_TASK_ROOT"], "cwd": os.getcwd(),
    }
"""


@pytest.fixture
def process_server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "data", ["--isolation", "process"]).start()
    yield running
    running.stop()


def test_process_isolation_runs_functions_without_a_sandbox(process_server: Server) -> None:
    assert "process" in process_server.ready_line
    make = Maker(process_server.client("lambda"), newest_python(process_server))
    function = make.python_function(WHO)
    seen = function.invoke()
    assert seen["cwd"] == seen["task"]
    shell = make.create({"bootstrap": BOOTSTRAP.replace("PYTHON", sys.executable)}, Runtime="provided.al2023", Handler="none")
    assert shell.invoke({"n": 3}) == {"n": 3}


def test_process_isolation_finds_layers(process_server: Server) -> None:
    make = Maker(process_server.client("lambda"), newest_python(process_server))

    def layer(name: str, files: dict[str, str]) -> str:
        arn: str = make.client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)})["LayerVersionArn"]
        return arn

    modules = layer("modules", {"python/greeting.py": "WORD = 'hi'\n"})
    python = make.python_function("import greeting\ndef handler(e, c):\n    return greeting.WORD\n", Layers=[modules])
    assert python.invoke() == "hi"
    bootstrap = zipped({"bootstrap": BOOTSTRAP.replace("PYTHON", sys.executable)})
    whole = make.client.publish_layer_version(LayerName="whole", Content={"ZipFile": bootstrap})["LayerVersionArn"]
    custom = make.create({"data.txt": ""}, Runtime="provided.al2023", Handler="none", Layers=[whole])
    assert custom.invoke({"n": 4}) == {"n": 4}


BOOTSTRAP = """#!PYTHON
import http.client, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    event = answer.read()
    api.request("POST", "/2018-06-01/runtime/invocation/%s/response" % answer.headers["Lambda-Runtime-Aws-Request-Id"], event)
    api.getresponse().read()
"""


@pytest.fixture
def nobody_server() -> Iterator[Server]:
    with as_nobody() as server:
        yield server


def test_an_ordinary_user_gets_the_same_sandbox(nobody_server: Server) -> None:
    assert "namespaces" in nobody_server.ready_line
    client: Any = nobody_server.client("lambda")
    make = Maker(client, newest_python(nobody_server))
    function = make.python_function(WHO)
    seen = function.invoke()
    assert seen["uid"] not in (0, 65534)
    assert int(seen["caps"], 16) == 0
    assert seen["processes"] <= 3
    assert seen["task"] == seen["cwd"] == "/var/task"
    assert seen["hidden"] == []
    client.update_function_code(FunctionName=function.name, ZipFile=zipped({"app.py": "def handler(e, c): return 'new'\n"}))
    client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.invoke() == "new"
    crash = make.python_function("import os\ndef handler(event, context):\n    os._exit(5)\n")
    assert "exit status 5" in crash.fail()["errorMessage"]
    slow = make.python_function("import time\ndef handler(event, context):\n    time.sleep(9)\n", Timeout=1)
    assert slow.fail()["errorType"] == "Sandbox.Timedout"


def test_an_ordinary_user_has_snapstart(nobody_server: Server) -> None:
    make = Maker(nobody_server.client("lambda"), newest_python(nobody_server))
    restored = publish(make)
    assert restored.settled()["SnapStart"]["OptimizationStatus"] == "On"
    one, two = together(restored.function, {"mark": "one"}, {"mark": "two"})
    assert one["born"] == two["born"] and one["unique"] != two["unique"]
    assert (one["log"], one["memory"], one["pipe"]) == ("one", "one", "one")
    assert sorted(one["processes"]) == [1, one["pid"]] and set(one["capabilities"].values()) == {"0000000000000000"}
    assert "exit status 3" in restored.function.fail({"exit": True})["errorMessage"]
    assert restored.function.invoke()["born"] == one["born"]
