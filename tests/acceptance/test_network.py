"""How far functions reach: `none`, `aws`, `egress`. The outside is `internet`, and the host one of its own."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Maker
from tests.acceptance.internet import HOST, NAME, WEB, WEB6, Internet, internet, obstacle
from tests.acceptance.nobody import as_nobody
from tests.acceptance.server import Server, eventually

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=obstacle() or "")

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_LOOK = """
import os, urllib.request
def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError as error:
        reason = getattr(error, "reason", error)
        return type(reason).__name__ + " " + str(getattr(reason, "errno", ""))
def handler(event, context):
    return {
        "got": {url: get(url) for url in event["urls"]},
        "devices": sorted(line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line),
        "endpoint": os.environ.get("AWS_ENDPOINT_URL"), "pid": os.getpid(),
    }
"""
Start = Callable[..., Server]


@pytest.fixture(scope="module")
def outside() -> Iterator[Internet]:
    with internet() as made:
        yield made


@pytest.fixture
def start(outside: Internet, tmp_path: Path) -> Iterator[Start]:
    """lambdads in the host's network, in which the test stands, too."""
    started: list[Server] = []

    def starter(*options: str, data: str = "data", resolv: str | None = None) -> Server:
        prefix = outside.prefix() if resolv is None else outside.prefix(resolv)
        server = Server(tmp_path / data, options, prefix).start()
        started.append(server)
        return server

    with outside.host():
        yield starter
        for server in started:
            if server.process.poll() is None:
                server.stop()


def look(server: Server, *urls: str, **settings: Any) -> dict[str, Any]:
    maker = Maker(server.client("lambda"), newest_python(server))
    seen: dict[str, Any] = maker.python_function(_LOOK, Timeout=30, **settings).invoke({"urls": urls})
    maker.clean()
    return seen


def left() -> str:
    """What of a lambdad is on the host."""
    devices = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    return "".join(line for line in devices.splitlines() if ": ld" in line) + tables


def forwards() -> bool:
    return _FORWARDING.read_text() == "1\n"


def test_egress_is_the_default_where_the_host_can_do_it(start: Start, outside: Internet) -> None:
    before = left(), forwards()
    server = start("--network", "egress")
    assert "network: egress" in server.ready_line
    seen = look(server, f"http://{WEB}/", f"http://{NAME}/")
    assert seen["got"] == {f"http://{WEB}/": HOST, f"http://{NAME}/": HOST}, "in the host's name, and by a name"
    assert seen["devices"] == ["eth0", "lo"]
    assert seen["endpoint"] == "http://127.0.0.1:4566"
    assert server.stop() == 0
    assert before == ("", False)
    assert eventually(lambda: (left(), forwards()) == before), "the kernel takes devices away when it has time"


def test_aws_reaches_lambdad_alone(start: Start) -> None:
    seen = look(start("--network", "aws"), f"http://{WEB}/", "http://127.0.0.1:4566/_lambdad/health")
    assert seen["got"][f"http://{WEB}/"] == "OSError 101", "network is unreachable"
    assert "refused" not in seen["got"]["http://127.0.0.1:4566/_lambdad/health"].lower()
    assert (seen["devices"], seen["endpoint"]) == (["lo"], "http://127.0.0.1:4566")


def test_none_reaches_nothing(start: Start) -> None:
    server = start("--network", "none")
    assert "network: none" in server.ready_line
    seen = look(server, f"http://{WEB}/", "http://127.0.0.1:4566/")
    assert seen["got"] == {f"http://{WEB}/": "OSError 101", "http://127.0.0.1:4566/": "ConnectionRefusedError 111"}
    assert (seen["devices"], seen["endpoint"]) == (["lo"], None)


def test_two_lambdads_and_one_that_was_killed(start: Start) -> None:
    """Neither is disturbed by the other's end, and the next one cleans up."""
    first, second = start("--network", "egress"), start("--network", "egress", data="second")
    assert look(first, f"http://{WEB}/")["got"] == look(second, f"http://{WEB}/")["got"] == {f"http://{WEB}/": HOST}
    first.stop(signal.SIGKILL)
    assert look(second, f"http://{WEB}/")["got"] == {f"http://{WEB}/": HOST}
    again = start("--network", "egress")
    assert left().count("inet lambdad-") == 2, "the second's and its own"
    second.stop()
    assert look(again, f"http://{WEB}/")["got"] == {f"http://{WEB}/": HOST}
    again.stop()
    assert eventually(lambda: (left(), forwards()) == ("", False))


def test_a_forwarding_host_goes_on_forwarding(start: Start) -> None:
    _FORWARDING.write_text("1")
    start("--network", "egress").stop()
    assert forwards()
    _FORWARDING.write_text("0")


def test_an_environment_from_a_template(start: Start) -> None:
    server = start("--network", "egress")
    maker = Maker(server.client("lambda"), newest_python(server))
    function = maker.python_function(_LOOK, Timeout=30, SnapStart={"ApplyOn": "PublishedVersions"})
    version = maker.client.publish_version(FunctionName=function.name)["Version"]
    maker.client.get_waiter("published_version_active").wait(FunctionName=function.name, Qualifier=version)
    found = maker.client.get_function_configuration(FunctionName=function.name, Qualifier=version)
    if found["SnapStart"]["OptimizationStatus"] != "On":
        pytest.skip("this host makes no templates")
    seen = function.invoke({"urls": [f"http://{WEB}/", f"http://{NAME}/"]}, Qualifier=version)
    assert list(seen["got"].values()) == [HOST, HOST]
    assert seen["devices"] == ["eth0", "lo"]


def test_a_hosts_name_server_that_is_its_own_stub_is_left_out(start: Start) -> None:
    """Without another one there are addresses, and no names."""
    seen = look(start("--network", "egress", resolv="nameserver 127.0.0.53\n"), f"http://{WEB}/", f"http://{NAME}/")
    assert seen["got"][f"http://{WEB}/"] == HOST
    assert seen["got"][f"http://{NAME}/"].startswith("gaierror")


def test_an_ordinary_users_functions_reach_out_too(outside: Internet) -> None:
    with as_nobody(["--network", "egress"], outside.prefix(), outside.host) as server:
        seen = look(server, f"http://{WEB}/", f"http://{NAME}/")
        assert seen["got"] == {f"http://{WEB}/": HOST, f"http://{NAME}/": HOST}
        assert seen["devices"] == ["eth0", "lo"]
        assert eventually(lambda: left() == ""), "nothing of it is the host's"


def test_ipv6(tmp_path: Path) -> None:
    with internet(ipv6=True) as outside, outside.host():
        server = Server(tmp_path / "data", ["--network", "egress"], outside.prefix()).start()
        seen = look(server, f"http://[{WEB6}]/", f"http://{WEB}/")
        assert seen["got"] == {f"http://[{WEB6}]/": "2001:db8::2", f"http://{WEB}/": HOST}
        assert server.stop() == 0


def test_without_isolation_there_is_nothing_to_choose(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lambdad", "up", "--port", "0", "--data-dir", str(tmp_path / "data")]
    options = ["--isolation", "process", "--network", "none"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "leave out --network" in done.stderr
