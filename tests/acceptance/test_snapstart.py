"""SnapStart for Python: one INIT for a version, and environments that are restored from it."""

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server, eventually

SNAP_START = {"ApplyOn": "PublishedVersions"}
LOOK = """
import asyncio, mmap, os, random, secrets, socket, ssl, tempfile, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot

BORN = str(uuid.uuid4())
HOOKS = []
for name in "ab":
    register_before_snapshot(HOOKS.append, "before " + name)
    register_after_restore(HOOKS.append, "after " + name)
print("INIT", BORN)
with open("/tmp/init", "w") as file:
    file.write("from init")
LOG = open("/tmp/log", "w+")
MEMORY = mmap.mmap(-1, 4096)
LOOP = asyncio.new_event_loop()
LISTENER = socket.create_server(("127.0.0.1", 0))
FAR = socket.create_connection(LISTENER.getsockname())
READ, WRITE = os.pipe()

def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]

async def in_thread():
    return await asyncio.get_running_loop().run_in_executor(None, os.getpid)

def handler(event, context):
    time.sleep(event.get("sleep", 0))
    if event.get("exit"):
        os._exit(3)
    if event.get("hang"):
        time.sleep(30)
    mark = event.get("mark", "")
    MEMORY[:len(mark)] = mark.encode()
    LOG.write(mark)
    LOG.flush()
    os.write(WRITE, mark.encode() or b"-")
    with open("/tmp/" + (mark or "none"), "w"):
        pass
    try:
        FAR.sendall(b"x")
        far = "open"
    except OSError:
        far = "broken"
    asyncio.set_event_loop(LOOP)
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    return {
        "born": BORN, "hooks": HOOKS, "pid": os.getpid(), "processes": processes(),
        "unique": [random.random(), random.getrandbits(64), secrets.token_hex(8), ssl.RAND_bytes(8).hex(), str(uuid.uuid4()),
                   str(uuid.uuid1()), str(uuid.getnode())],
        "tmp": sorted(os.listdir("/tmp")), "init": open("/tmp/init").read(), "log": open("/tmp/log").read(),
        "memory": MEMORY[:4].decode().rstrip(chr(0)), "pipe": os.read(READ, 100).decode(), "far": far,
        "loop": LOOP.run_until_complete(in_thread()) == os.getpid(),
        "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "log_stream": [os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"), context.log_stream_name],
        "uid": os.getuid(), "capabilities": {name: value.strip() for name, value in status.items() if name.startswith("Cap")},
        "no_new_privs": status["NoNewPrivs"].strip(), "version": context.function_version,
    }
"""


class Version:
    """A published version of a function with SnapStart."""

    def __init__(self, function: Function, answer: dict[str, Any]) -> None:
        self.client, self.name, self.number = function.client, function.name, answer["Version"]
        self.answer = answer

    def settled(self) -> dict[str, Any]:
        """Its configuration once it is not Pending any more."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client.get_function_configuration(FunctionName=self.name, Qualifier=self.number)
            return None if found["State"] == "Pending" else found

        found: dict[str, Any] = eventually(look, 60)
        return found

    @property
    def function(self) -> Function:
        return Function(self.client, f"{self.name}:{self.number}")


def publish(make: Maker, source: str = LOOK, **settings: Any) -> Version:
    function = make.python_function(source, SnapStart=SNAP_START, **settings)
    return Version(function, make.client.publish_version(FunctionName=function.name))


def active(make: Maker, source: str = LOOK, **settings: Any) -> Function:
    version = publish(make, source, **settings)
    found = version.settled()
    assert (found["State"], found["SnapStart"]["OptimizationStatus"]) == ("Active", "On"), found
    return version.function


def together(function: Function, *events: dict[str, Any]) -> list[Any]:
    """Invocations at the same time, so that each has an environment of its own."""
    with ThreadPoolExecutor(len(events)) as pool:
        return list(pool.map(lambda event: function.invoke({"sleep": 0.3, **event}), events))


def log_lines(server: Server, function: Function) -> list[tuple[str, str]]:
    """(stream, message) of everything that the function has logged."""
    logs, group = server.client("logs"), f"/aws/lambda/{function.name.partition(':')[0]}"
    found = []
    for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
        name = stream["logStreamName"]
        events = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]
        found += [(name, event["message"].rstrip("\n")) for event in events]
    return found


def test_a_version_is_pending_until_its_snapshot_is_taken(make: Maker) -> None:
    version = publish(make, "import time\ntime.sleep(0.5)\ndef handler(event, context):\n    return 1\n")
    assert version.answer["State"] == "Pending"
    assert version.answer["StateReasonCode"] == "Creating"
    assert version.answer["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    with pytest.raises(version.client.exceptions.SnapStartNotReadyException):
        version.function.invoke()
    found = version.settled()
    assert found["State"] == "Active"
    assert found["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    latest = version.client.get_function_configuration(FunctionName=version.name)
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert version.function.invoke() == 1


def test_environments_are_restored_from_one_init_and_share_nothing(make: Maker) -> None:
    function = active(make)
    one, two = together(function, {"mark": "one"}, {"mark": "two"})
    assert one["born"] == two["born"]
    assert one["type"] == two["type"] == "snap-start"
    assert one["hooks"] == ["before b", "before a", "after a", "after b"] == two["hooks"]
    for first, second in zip(one["unique"], two["unique"], strict=True):
        assert first != second
    for seen, mark in ((one, "one"), (two, "two")):
        assert seen["init"] == "from init"
        assert mark in seen["tmp"] and len([name for name in seen["tmp"] if name in ("one", "two")]) == 1
        assert (seen["log"], seen["memory"], seen["pipe"]) == (mark, mark, mark)
        assert sorted(seen["processes"]) == [1, seen["pid"]]
        assert seen["far"] == "broken"
        assert seen["loop"]
        assert seen["log_stream"] == [None, None]
        assert seen["uid"] == 993
        assert set(seen["capabilities"].values()) == {"0000000000000000"}
        assert seen["no_new_privs"] == "1"
        assert seen["version"] == "1"


def test_networks_are_separate(make: Maker) -> None:
    function = active(
        make,
        """
import socket, time
def handler(event, context):
    if event.get("listen"):
        server = socket.create_server(("127.0.0.1", 8123))
        time.sleep(0.5)
        return "listened"
    time.sleep(0.2)
    try:
        socket.create_connection(("127.0.0.1", 8123), timeout=1)
    except ConnectionRefusedError:
        return "refused"
    return "reached"
""",
    )
    assert together(function, {"listen": True}, {}) == ["listened", "refused"]


def test_the_log_tells_of_init_and_restore(make: Maker, server: Server) -> None:
    function = active(make)
    function.invoke({})
    lines = eventually(
        lambda: (found := log_lines(server, function)) and any("REPORT R" in text for _, text in found) and found
    )
    streams = {text.split()[0]: stream for stream, text in lines}
    assert streams["INIT_START"] == streams["INIT"] == streams["INIT_REPORT"]
    assert streams["RESTORE_START"] == streams["RESTORE_REPORT"] == streams["REPORT"] != streams["INIT_START"]
    texts = [text for _, text in lines]
    assert [text for text in texts if re.fullmatch(r"INIT_REPORT Init Duration: [\d.]+ ms", text)]
    assert [text for text in texts if re.fullmatch(r"RESTORE_REPORT Restore Duration: [\d.]+ ms", text)]
    report = next(text for text in texts if text.startswith("REPORT"))
    assert re.search(r"\tRestore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms\t", report)
    assert "Init Duration" not in report
    assert "Restore Duration" not in function.tail({})


def test_the_json_log_tells_of_init_and_restore(make: Maker, server: Server) -> None:
    function = active(make, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG"})
    function.invoke({})

    def events() -> list[dict[str, Any]] | None:
        found = [json.loads(text) for _, text in log_lines(server, function) if text.startswith("{")]
        return found if any(each.get("type") == "platform.report" for each in found) else None

    found = {each["type"]: each["record"] for each in eventually(events) if "type" in each}
    assert found["platform.initStart"]["initializationType"] == "snap-start"
    assert found["platform.restoreStart"]["functionVersion"] == "1"
    assert found["platform.restoreRuntimeDone"] == {"status": "success"}
    assert found["platform.restoreReport"]["metrics"]["durationMs"] > 0
    assert found["platform.report"]["metrics"]["restoreDurationMs"] > 0
    assert "initDurationMs" not in found["platform.report"]["metrics"]


@pytest.mark.parametrize(
    ("source", "code", "reason"),
    [
        ("raise ValueError('no luck')", "FunctionError.RuntimeInitError", "no luck"),
        ("import os; os._exit(7)", "FunctionError.RuntimeInitError", "exit status 7"),
        (
            "from snapshot_restore_py import register_before_snapshot\n@register_before_snapshot\ndef fail():\n    1 / 0\n"
            "def handler(event, context):\n    pass\n",
            "FunctionError.RuntimeInitError",
            "Runtime.BeforeCheckpointError",
        ),
    ],
)
def test_a_version_whose_init_fails_is_failed(make: Maker, source: str, code: str, reason: str) -> None:
    found = publish(make, source).settled()
    assert (found["State"], found["StateReasonCode"]) == ("Failed", code)
    assert reason in found["StateReason"]
    assert found["SnapStart"]["OptimizationStatus"] == "Off"


@pytest.mark.parametrize(
    "source",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n",
        "import subprocess\nsubprocess.Popen(['sleep', '600'])\n",
    ],
)
def test_what_does_not_survive_a_fork_turns_snapstart_off(make: Maker, server: Server, source: str) -> None:
    handler = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
    version = publish(make, source + handler)
    found = version.settled()
    assert (found["State"], found["SnapStart"]["OptimizationStatus"]) == ("Active", "Off")
    assert version.function.invoke() == "on-demand"
    eventually(lambda: any("that INIT started are still running" in text for _, text in log_lines(server, version.function)))


def test_a_failing_after_restore_hook_is_told(make: Maker) -> None:
    function = active(
        make,
        "from snapshot_restore_py import register_after_restore\n@register_after_restore\ndef fail():\n    1 / 0\n"
        "def handler(event, context):\n    pass\n",
    )
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        function.call()
    assert caught.value.response["Error"]["Code"] == "SnapStartException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_crash_or_timeout_resets_a_restored_environment_but_keeps_its_tmp(make: Maker) -> None:
    function = active(make, Timeout=1)
    first = function.invoke({"mark": "kept"})
    assert "exit status 3" in function.fail({"exit": True})["errorMessage"]
    again = function.invoke({"mark": "next"})
    assert again["born"] == first["born"]
    assert again["pid"] != first["pid"]
    assert {"kept", "next"} <= set(again["tmp"])
    assert again["unique"][0] != first["unique"][0]
    assert "timed out" in function.fail({"hang": True})["errorMessage"]
    assert function.invoke({})["processes"]


def test_memory_is_limited(make: Maker) -> None:
    function = active(
        make, "def handler(event, context):\n    return len(bytearray(event['mb'] << 20))\n", MemorySize=128, Timeout=30
    )
    assert function.invoke({"mb": 40}) == 40 << 20
    assert "signal: killed" in function.fail({"mb": 400})["errorMessage"]
    assert function.invoke({"mb": 40}) == 40 << 20


def test_capabilities_that_a_copy_has_on_its_way_are_good_for_nothing(make: Maker) -> None:
    """A function's own at-fork handlers run before the copy has given them up."""
    function = active(
        make,
        """
import ctypes, os, socket
libc, SEEN = ctypes.CDLL(None, use_errno=True), []

def effective():
    return int(next(line for line in open("/proc/self/status") if line.startswith("CapEff")).split()[1], 16)

def attempt():
    seen = {"capabilities": effective()} if os.path.exists("/proc/self/status") else {}
    for name, call, arguments in (
        ("mount", libc.mount, (b"none", b"/tmp", b"tmpfs", 0, None)),
        ("unmount", libc.umount2, (b"/tmp", 2)),
        ("user", libc.unshare, (0x10000000,)),
        ("net", libc.unshare, (0x40000000,)),
    ):
        seen[name] = ctypes.get_errno() if call(*arguments) < 0 else 0
    for name, family, protocol in (("netfilter", socket.AF_NETLINK, 12), ("route", socket.AF_NETLINK, 0), ("packet", 17, 0)):
        try:
            socket.socket(family, socket.SOCK_RAW, protocol).close()
            seen[name] = 0
        except OSError as error:
            seen[name] = error.errno
    try:
        with socket.socket() as sock:
            sock.setsockopt(socket.IPPROTO_IP, 64, bytes(84))
        seen["iptables"] = 0
    except OSError as error:
        seen["iptables"] = error.errno
    return seen

os.register_at_fork(after_in_child=lambda: SEEN.append(attempt()))
def handler(event, context):
    return SEEN + [attempt()]
""",
    )
    *on_the_way, arrived = function.invoke()
    assert any(each.get("capabilities") for each in on_the_way), on_the_way
    assert arrived["capabilities"] == 0
    not_permitted, no_such_family = 1, 97
    for seen in (*on_the_way, arrived):
        assert [seen[name] for name in ("mount", "unmount", "user", "net", "iptables")] == [not_permitted] * 5
        assert [seen[name] for name in ("netfilter", "route", "packet")] == [no_such_family] * 3


def pids(server: Server, function: Function) -> list[int]:
    name = function.name.partition(":")[0]
    return [each["pid"] for each in server.introspect()["environments"] if each["function"] == name]


def test_kill_9_of_an_environment_of_the_template_and_of_the_launcher(own_server: Server, own_make: Maker) -> None:
    function = active(own_make)
    first = function.invoke({})
    os.kill(pids(own_server, function)[0], signal.SIGKILL)
    assert eventually(lambda: survived(function))["born"] == first["born"]
    (template,) = own_server.introspect()["templates"].values()
    os.kill(template, signal.SIGKILL)
    second = eventually(lambda: survived(function, first))
    for launcher in own_server.introspect()["launchers"]:
        os.kill(launcher, signal.SIGKILL)
    third = eventually(lambda: survived(function, first, second))
    assert third["type"] == "snap-start"


def survived(function: Function, *others: Any) -> Any:
    """An answer from another template than `others`; not one of an environment that was lost in the middle of it."""
    answer = function.call({})
    seen = None if "FunctionError" in answer else json.loads(answer["Payload"].read())
    return seen if seen is not None and seen["born"] not in [each["born"] for each in others] else None


def test_a_snapshot_is_taken_again_after_a_restart(own_server: Server, own_make: Maker) -> None:
    function = active(own_make)
    first = function.invoke({})
    living = [*pids(own_server, function), *own_server.introspect()["templates"].values()]
    assert len(living) == 2
    own_server.stop(signal.SIGKILL)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in living))
    own_server.start()
    function = Function(own_server.client("lambda"), function.name)
    name, _, number = function.name.partition(":")
    found = function.client.get_function_configuration(FunctionName=name, Qualifier=number)
    assert (found["State"], found["SnapStart"]["OptimizationStatus"]) == ("Active", "On")
    second = function.invoke({})
    assert second["type"] == "snap-start"
    assert second["born"] != first["born"]
    assert function.invoke({})["born"] == second["born"]


def test_a_snapshot_goes_with_its_version(own_server: Server, own_make: Maker) -> None:
    function = active(own_make)
    function.invoke({})
    name, _, number = function.name.partition(":")
    assert len(own_server.introspect()["templates"]) == 1
    function.client.delete_function(FunctionName=name, Qualifier=number)
    eventually(lambda: not own_server.introspect()["templates"] and not own_server.introspect()["environments"])


def test_what_aws_refuses_is_refused(make: Maker) -> None:
    refused = botocore.exceptions.ClientError
    with pytest.raises(refused, match="not supported for SnapStart"):
        make.python_function("", SnapStart=SNAP_START, EphemeralStorage={"Size": 1024})
    with pytest.raises(refused, match="not supported for SnapStart"):
        make.create({"bootstrap": ""}, Runtime="provided.al2023", SnapStart=SNAP_START)
    function = active(make, "def handler(event, context):\n    pass\n")
    name, _, number = function.name.partition(":")
    with pytest.raises(refused, match="not supported for SnapStart"):
        function.client.put_provisioned_concurrency_config(
            FunctionName=name, Qualifier=number, ProvisionedConcurrentExecutions=1
        )


def test_without_isolation_there_are_no_snapshots(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", ["--isolation", "process"]).start()
    try:
        make = Maker(
            server.client("lambda"),
            sorted(word for word in server.ready_line.replace(",", " ").split() if word.startswith("python3."))[0],
        )
        version = publish(make, "def handler(event, context):\n    return 1\n")
        found = version.settled()
        assert (found["State"], found["SnapStart"]["OptimizationStatus"]) == ("Active", "Off")
        assert version.function.invoke() == 1
    finally:
        server.stop()


def test_an_interpreter_of_the_functions_own(make: Maker) -> None:
    """Variables that are read only when a process starts."""
    function = active(make, Environment={"Variables": {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}})
    one, two = together(function, {"mark": "one"}, {"mark": "two"})
    assert one["born"] == two["born"] and one["unique"] != two["unique"]
    assert one["type"] == "snap-start"


def test_every_python_of_this_host(make: Maker, server: Server) -> None:
    found = sorted(set(re.findall(r"python3\.\d+", server.ready_line)))
    versions = [publish(make, Runtime=runtime) for runtime in found]
    for version in versions:
        assert version.settled()["SnapStart"]["OptimizationStatus"] == "On"
        seen = version.function.invoke({"mark": "m"})
        assert (seen["type"], seen["log"], seen["memory"], seen["pipe"], seen["loop"]) == ("snap-start", "m", "m", "m", True)
