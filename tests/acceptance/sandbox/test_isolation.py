"""What a function sees from inside, with lambdad as root and as an ordinary user: the same promises for both."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import lambdad
from tests.acceptance.sandbox.inside import facts, here, life, run, sandbox, sandboxes

_NOBODY = 65534


@pytest.fixture(scope="module")
def readable() -> Iterator[Path]:
    """A copy of lambdad and of the tests that nobody can read, and an empty directory that nobody owns."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        package = Path(lambdad.__file__).parent
        shutil.copytree(package, place / "lib/lambdad", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(Path(__file__).parent, place / "lib/tests/acceptance/sandbox")
        shutil.copytree(Path(msgspec.__file__).parent, place / "lib/msgspec")
        (place / "own").mkdir()
        subprocess.run(["chmod", "-R", "a+rX", str(place)], check=True)
        if os.geteuid() == 0:
            os.chown(place / "own", _NOBODY, _NOBODY)
        yield place


def _interpreter() -> str | None:
    """One that an ordinary user can execute and that has the version of the running one (msgspec is compiled for it)."""
    own = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    if os.geteuid() != 0:
        return str(own)
    found = shutil.which(f"python{sys.version_info[0]}.{sys.version_info[1]}", path="/usr/bin:/usr/local/bin")
    return found and str(Path(found).resolve())


def _as_user(scenario: str, readable: Path) -> dict[str, Any]:
    interpreter = _interpreter()
    if interpreter is None:
        pytest.skip("no interpreter of this version that an ordinary user may execute")
    place = tempfile.mkdtemp(dir=readable / "own")
    command = [interpreter, str(readable / "lib/tests/acceptance/sandbox/inside.py"), scenario, place]
    if os.geteuid() == 0:
        os.chown(place, _NOBODY, _NOBODY)
        command = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *command]
    environment = {"PYTHONPATH": str(readable / "lib"), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(params=[pytest.param("root", marks=pytest.mark.root), "user"])
async def seen(request: pytest.FixtureRequest, tmp_path: Path, code: Path) -> dict[str, Any]:
    if request.param == "root":
        return await facts(tmp_path / "scratch", code)
    return _as_user("facts", request.getfixturevalue("readable"))


async def test_a_function_sees_only_what_is_its_own(seen: dict[str, Any]) -> None:
    assert seen["pids"] == [1, 2]
    assert seen["pid"] == 2
    assert seen["home"] == seen["root_home"] == seen["private"] == seen["tmp"] == []
    assert seen["shadow"] == "FileNotFoundError"
    assert not {"passwd-", "shadow", "sudoers", "ssh", "machine-id", "hostname"} & set(seen["etc"])
    assert not {"work", "mnt", "srv", "boot", "sys", "run", "media"} & set(seen["root"])
    assert seen["code"] == ["handler.py"]
    assert seen["environment"] == {}
    assert seen["interfaces"] == ["lo"]
    assert seen["host_name"] == "lambda"
    assert seen["fds"] == [0, 1, 2, 3, 4, 5]  # 5 is the directory that is being listed
    assert seen["tmp_size"] == 512 * 1024 * 1024

    # Who it is: as on AWS, and nobody on the host.
    assert (seen["uid"], seen["gid"], seen["groups"], seen["user"]) == (993, 990, [], "sbx_user1051")
    assert seen["capabilities"] == ["0" * 16] * 5
    assert seen["no_new_privileges"] == "1"
    assert seen["open_files"] == [1024, 1024]
    assert seen["core"] == [1, 1], "none, also where the host pipes them to a program"


async def test_a_function_can_change_nothing_but_its_tmp(seen: dict[str, Any]) -> None:
    for place in ("task", "usr", "etc", "runtime", "opt", "shm"):
        assert seen[f"write_{place}"] in ("OSError", "PermissionError"), place
    assert seen["mount"] == seen["umount"] == "PermissionError"
    assert seen["user_namespace"] == "PermissionError"
    assert seen["trace_init"] == seen["init_environment"] == "PermissionError"


@pytest.fixture(params=[pytest.param("root", marks=pytest.mark.root), "user"])
async def lived(request: pytest.FixtureRequest, tmp_path: Path, code: Path) -> dict[str, Any]:
    if request.param == "root":
        return await life(tmp_path / "scratch", code)
    return _as_user("life", request.getfixturevalue("readable"))


async def test_restart_kill_exit_and_destroy(lived: dict[str, Any]) -> None:
    killed = {"status": None, "signal": 9, "out_of_memory": False, "lost": False}
    assert lived["first"] == lived["killed"] == killed
    assert lived["tmp"] == ["kept"]
    assert len(lived["pids"]) == 2, "what the first runtime had left running is gone"
    assert lived["exit"] == {**killed, "status": 7, "signal": None}
    assert lived["lost"] == {**killed, "lost": True}
    assert lived["peak"] > 0


async def test_sandboxes_do_not_see_each_other(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code) as one, sandbox(made, code) as two:
        await run(one.process, "open('/tmp/secret', 'w').write('one')")
        assert await run(two.process, "import os; answer = [os.listdir('/tmp'), os.access('/tmp', os.W_OK)]") == [[], True]
        assert one.process.pid != two.process.pid


@pytest.mark.root
async def test_with_root_every_sandbox_is_a_user_of_its_own(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code) as one, sandbox(made, code) as two:
        owners = {Path(f"/proc/{each.process.pid}").stat().st_uid for each in (one, two)}
        assert len(owners) == 2
        assert 0 not in owners


@pytest.mark.root
async def test_root_without_user_namespaces_still_drops_everything(tmp_path: Path, code: Path) -> None:
    host = replace(here(), user_namespaces=False)
    source = """
import os
lines = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
answer = [os.getuid(), os.getgroups(), [lines[name] for name in ("CapPrm", "CapBnd", "CapAmb")], lines["NoNewPrivs"]]
"""
    async with sandboxes(tmp_path / "scratch", host=host, uid_base=765_000) as made, sandbox(made, code) as one:
        assert await run(one.process, source) == [765_000, [], ["0" * 16] * 3, "1"]


async def test_the_hosts_loopback_is_out_of_reach(tmp_path: Path, code: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code) as one:
            source = f"import socket; answer = socket.socket().connect_ex(('127.0.0.1', {port}))"
            assert await run(one.process, source) == 111  # ECONNREFUSED


async def test_the_runtime_api_is_reached_from_inside_only(tmp_path: Path, code: Path) -> None:
    import asyncio

    async with sandboxes(tmp_path / "scratch", endpoint_port=4566) as made, sandbox(made, code) as one:
        assert one.runtime_api is not None
        assert one.endpoint is not None
        assert one.runtime_api_address == "127.0.0.1:9001"
        loop = asyncio.get_running_loop()
        for listener, port in ((one.runtime_api, 9001), (one.endpoint, 4566)):
            source = f"import socket; s = socket.create_connection(('127.0.0.1', {port})); s.sendall(b'ping'); answer = 1"
            assert await run(one.process, source) == 1
            connection, _address = await loop.sock_accept(listener)
            connection.setblocking(False)
            assert await loop.sock_recv(connection, 16) == b"ping"
            connection.close()


async def test_layers_and_boto3_are_there(tmp_path: Path, code: Path) -> None:
    layers = tmp_path / "layers"
    (layers / "python").mkdir(parents=True)
    (layers / "python/shared.py").write_text("value = 42")
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code, opt=layers) as one:
        assert await run(one.process, "import sys; sys.path.append('/opt/python'); import shared; answer = shared.value") == 42
        assert await run(one.process, "import boto3; answer = boto3.__file__") == "/var/runtime/boto3/__init__.py"
        assert await run(one.process, "import sys; answer = sys.prefix") == "/var/lang"
        assert await run(one.process, "import sys; answer = [n for n in sys.modules if 'launcher' in n]") == []
        source = "import subprocess; answer = subprocess.check_output(['/bin/sh', '-c', 'echo $((6*7))']).decode()"
        assert await run(one.process, source) == "42\n"
