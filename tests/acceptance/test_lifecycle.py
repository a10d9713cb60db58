"""INIT once, reuse, failures of every kind and what comes after them: the life of an execution environment."""

import concurrent.futures
import re
import uuid
from pathlib import Path

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Maker, zipped
from tests.acceptance.server import Server, eventually

COUNTING = """
import os, uuid
SELF = str(uuid.uuid4())
CALLS = 0
def handler(event, context):
    global CALLS
    CALLS += 1
    return {"self": SELF, "calls": CALLS}
"""


def test_an_idle_environment_is_used_again(make: Maker) -> None:
    function = make.python_function(COUNTING)
    answers = [function.invoke() for _ in range(5)]
    assert len({answer["self"] for answer in answers}) == 1
    assert [answer["calls"] for answer in answers] == [1, 2, 3, 4, 5]


def test_only_the_first_report_has_init_duration(make: Maker) -> None:
    function = make.python_function(COUNTING)
    first, second = function.tail(), function.tail()
    report = re.compile(
        r"REPORT RequestId: [0-9a-f-]{36}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\t"
        r"Max Memory Used: \d+ MB\t(Init Duration: \d+\.\d\d ms\t)?\n"
    )
    assert report.search(first)[1]  # type: ignore[index]
    assert report.search(second)[1] is None  # type: ignore[index]


def test_requests_at_once_get_environments_of_their_own(make: Maker) -> None:
    function = make.python_function(
        "import time, uuid\nSELF = str(uuid.uuid4())\ndef handler(event, context):\n    time.sleep(0.5)\n    return SELF\n",
        MemorySize=1769,
    )
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        selves = list(threads.map(lambda _: function.invoke(), range(8)))
    assert len(set(selves)) == 8


def test_a_timeout_and_the_call_after_it(make: Maker) -> None:
    function = make.python_function(
        """
import os, time
CALLS = 0
def handler(event, context):
    global CALLS
    CALLS += 1
    if event.get("sleep"):
        open("/tmp/kept", "w").write("still here")
        time.sleep(60)
    return {"calls": CALLS, "tmp": os.path.exists("/tmp/kept")}
""",
        Timeout=1,
    )
    answer = function.call({"sleep": True}, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["Payload"].read().decode() == (
        f'{{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {request_id} Error: Task timed out after 1.00 seconds"}}'
    )
    assert function.invoke() == {"calls": 1, "tmp": True}
    log = function.tail({"sleep": True})
    assert "Task timed out after 1.00 seconds" in log
    assert "\tStatus: timeout" in log


def test_exits_and_signals_are_told_in_lambdas_words(make: Maker) -> None:
    function = make.python_function(
        """
import os, signal, sys
def handler(event, context):
    if "exit" in event:
        os._exit(event["exit"])
    if "sys" in event:
        sys.exit(event["sys"])
    if "kill" in event:
        os.kill(os.getpid(), event["kill"])
    return "fine"
"""
    )

    def text(event: dict[str, int]) -> str:
        error = function.fail(event)
        assert error["errorType"] == "Runtime.ExitError"
        return re.sub(r"RequestId: [0-9a-f-]{36} ", "", error["errorMessage"])

    assert text({"exit": 0}) == "Error: Runtime exited without providing a reason"
    assert text({"exit": 3}) == "Error: Runtime exited with error: exit status 3"
    assert text({"sys": 0}) == "Error: Runtime exited without providing a reason"
    assert text({"kill": 9}) == "Error: Runtime exited with error: signal: killed"
    assert text({"kill": 11}).startswith("Error: Runtime exited with error: signal: segmentation fault")
    assert function.invoke() == "fine"


def test_out_of_memory(make: Maker) -> None:
    function = make.python_function(
        "def handler(event, context):\n    return len(bytearray(event['mb'] * 1024 * 1024))\n", MemorySize=128
    )
    assert function.invoke({"mb": 1}) == 1024 * 1024
    answer = function.call({"mb": 400}, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    payload = answer["Payload"].read().decode()
    assert '"errorType":"Runtime.ExitError"' in payload
    assert "Runtime exited with error: signal: killed" in payload
    assert "Error Type: Runtime.OutOfMemory" in function.tail({"mb": 400})
    assert function.invoke({"mb": 1}) == 1024 * 1024


def test_tmp_is_as_large_as_ephemeral_storage_whatever_the_memory(make: Maker) -> None:
    function = make.python_function(
        """
import os
def handler(event, context):
    try:
        with open("/tmp/file", "wb") as file:
            for _ in range(event["mb"]):
                file.write(b"x" * (1024 * 1024))
    except OSError as error:
        os.remove("/tmp/file")
        return error.strerror
    size = os.path.getsize("/tmp/file") // (1024 * 1024)
    os.remove("/tmp/file")
    return size
""",
        MemorySize=128,
        Timeout=60,
    )
    assert function.invoke({"mb": 300}) == 300
    assert function.invoke({"mb": 600}) == "No space left on device"


def test_an_init_that_fails_runs_again_inside_the_invoke_and_is_answered(make: Maker) -> None:
    function = make.python_function("import nothing_of_that_name\n")
    error = function.fail()
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'app': No module named 'nothing_of_that_name'"
    assert function.fail()["errorType"] == "Runtime.ImportModuleError"


def test_a_missing_handler(make: Maker) -> None:
    function = make.python_function("def other(event, context): ...\n")
    error = function.fail()
    assert (error["errorType"], error["errorMessage"]) == (
        "Runtime.HandlerNotFound",
        "Handler 'handler' missing on module 'app'",
    )


def test_an_init_over_ten_seconds_runs_again_with_the_functions_own_timeout(make: Maker) -> None:
    function = make.python_function(
        """
import os, time
FIRST = not os.path.exists("/tmp/tried")
open("/tmp/tried", "w").close()
time.sleep(30 if FIRST else 0)
def handler(event, context):
    return "up"
""",
        Timeout=15,
    )
    assert function.invoke() == "up"


def test_an_update_retires_the_environments_of_the_old_code(make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    return 'old'\n")
    assert function.invoke() == "old"
    make.client.update_function_code(
        FunctionName=function.name, ZipFile=zipped({"app.py": "def handler(event, context):\n    return 'new'\n"})
    )
    make.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.invoke() == "new"


def test_environment_variables_of_an_update_reach_the_function(make: Maker) -> None:
    function = make.python_function("import os\ndef handler(event, context):\n    return os.environ.get('COLOUR')\n")
    assert function.invoke() is None
    make.client.update_function_configuration(FunctionName=function.name, Environment={"Variables": {"COLOUR": "blue"}})
    make.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.invoke() == "blue"


def test_a_layer_is_mounted_and_later_layers_win(make: Maker) -> None:
    def layer(greeting: str) -> str:
        name = f"layer-{uuid.uuid4().hex[:8]}"
        content = {"ZipFile": zipped({"python/greet.py": f"WORD = {greeting!r}\n", f"only-{greeting}": "x"})}
        arn: str = make.client.publish_layer_version(LayerName=name, Content=content)["LayerVersionArn"]
        return arn

    function = make.python_function(
        "import greet, os\ndef handler(event, context):\n    return [greet.WORD, sorted(os.listdir('/opt'))]\n",
        Layers=[layer("first"), layer("second")],
    )
    assert function.invoke() == ["second", ["only-first", "only-second", "python"]]


def test_output_of_children_and_of_the_function_is_logged_before_the_report(make: Maker) -> None:
    function = make.python_function(
        "import subprocess\ndef handler(event, context):\n"
        "    print('from python', flush=True)\n    subprocess.run(['echo', 'from a child'], check=True)\n"
    )
    tail = function.tail()
    assert tail.index("START RequestId") < tail.index("from python") < tail.index("REPORT RequestId")
    assert tail.index("START RequestId") < tail.index("from a child") < tail.index("END RequestId")


def test_an_environment_ends_when_its_function_is_deleted(make: Maker) -> None:
    function = make.python_function(COUNTING)
    first = function.invoke()["self"]
    make.client.delete_function(FunctionName=function.name)
    again = make.python_function(COUNTING, FunctionName=function.name)
    assert eventually(lambda: again.invoke()["self"] != first)


def test_an_idle_environment_ends_after_the_keep_warm_time(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", ["--keep-warm", "1"]).start()
    try:
        make = Maker(server.client("lambda"), newest_python(server))
        function = make.python_function(COUNTING)
        first = function.invoke()["self"]
        assert function.invoke() == {"self": first, "calls": 2}
        (environment,) = server.introspect()["environments"]
        eventually(lambda: server.introspect()["environments"] == [])
        eventually(lambda: not Path(f"/proc/{environment['pid']}").exists())
        assert function.invoke()["calls"] == 1
    finally:
        server.stop()


def test_nothing_runs_between_invocations(make: Maker) -> None:
    ticking = make.python_function(
        "import threading, time\ncount = 0\n"
        "def tick():\n    global count\n    while True:\n        time.sleep(0.01)\n        count += 1\n"
        "threading.Thread(target=tick, daemon=True).start()\n"
        "def handler(event, context):\n    return count\n"
    )
    other = make.python_function("import time\ndef handler(event, context):\n    time.sleep(event)\n")
    before = ticking.invoke()
    other.invoke(4.0)
    assert ticking.invoke() - before < 200, "of 400 ticks, those of the second before it was frozen"
