"""Launchers: lost ones, other runtimes, cleaning up."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lambdad.artifacts.api import Prepared
from lambdad.sandbox.api import Exit, SandboxFailure
from lambdad.sandbox.service import NamespaceSandboxes
from tests.acceptance.sandbox.inside import (
    INIT_ERROR,
    LIMITS,
    PYTHON,
    START,
    begun,
    close,
    frame,
    heard,
    here,
    run,
    sandbox,
    sandboxes,
)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_killed_launcher_takes_its_sandboxes_along_and_is_replaced(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made:
        one = await begun(made)
        await one.specialise(Prepared(code, None), LIMITS)
        (launcher,) = [pid for pid in _children(os.getpid()) if b"enter.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        runtime = os.pidfd_open(one.process.pid)
        os.kill(launcher, signal.SIGKILL)
        assert await one.process.exited == Exit(None, 9, lost=True)
        await _ended(runtime)
        with pytest.raises(SandboxFailure):
            await one.restart()
        await one.destroy()
        close(one)
        async with sandbox(made, code) as two:
            assert await run(two.process, "answer = 1") == 1


async def test_everything_is_removed_at_the_end(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch", ready=2) as made:
        async with sandbox(made, code) as one:
            runtime = os.pidfd_open(one.process.pid)
    await _ended(runtime)
    assert list((tmp_path / "scratch").iterdir()) == []
    for directory in here().cgroups.directories.values():
        assert not list(directory.glob(f"lambdad-{os.getpid()}-*"))


async def test_a_killed_lambdad_leaves_nothing_running_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from tests.acceptance.sandbox.inside import PYTHON, sandboxes
async def main():
    async with sandboxes(Path(sys.argv[1])) as made:
        one = await made.take(PYTHON)
        await one.started()
        print(one.process.pid, flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""
    scratch = tmp_path / "scratch"
    command = [sys.executable, "-c", program, str(scratch)]
    lambdad = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 – nothing else runs here
    assert lambdad.stdout is not None
    pid = int(lambdad.stdout.readline())
    runtime = os.pidfd_open(pid)
    lambdad.kill()
    lambdad.wait()
    lambdad.stdout.close()
    await _ended(runtime)
    (left,) = scratch.iterdir()
    assert (
        any((directory / left.name).is_dir() for directory in here().cgroups.directories.values()) or not here().cgroups.version
    )
    async with sandboxes(scratch):
        assert not left.exists()
        assert not any((directory / left.name).exists() for directory in here().cgroups.directories.values())


async def _ended(pidfd: int) -> None:
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(pidfd, lambda: over.done() or over.set_result(None))
    await over
    asyncio.get_running_loop().remove_reader(pidfd)
    os.close(pidfd)


async def test_stems_are_ready_ahead(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch", ready=2, start=[PYTHON]) as made:
        taken = await asyncio.gather(*(begun(made) for _ in range(5)))
        assert len({one.id for one in taken}) == 5
        for one in taken:
            close(one)


async def test_many_are_made_and_destroyed_at_once(tmp_path: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made:
        for _round in range(2):
            taken = await asyncio.gather(*(begun(made) for _ in range(30)))
            assert len({one.process.pid for one in taken}) == 30
            for one in taken:
                close(one)
            await asyncio.gather(*(one.destroy() for one in taken))
        one = await begun(made)
        assert one.process.pid
        close(one)


async def test_a_stem_is_specialised_once(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code) as one:
        with pytest.raises(SandboxFailure, match="another's already"):
            await one.specialise(Prepared(code, None), LIMITS)


async def test_code_that_is_not_there_is_a_failure_that_says_so(tmp_path: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made:
        one = await begun(made)
        with pytest.raises(SandboxFailure, match="No such file"):
            await one.specialise(Prepared(tmp_path / "nowhere", None), LIMITS)
        close(one)


async def test_an_unknown_runtime_is_a_failure_that_says_what_there_is(tmp_path: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made:
        with pytest.raises(SandboxFailure, match=rf"no runtime java21; it has .*{PYTHON}"):
            await made.take("java21")


async def test_a_runtime_that_cannot_be_imported_is_a_failure_that_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "runtimes/python"
    broken.mkdir(parents=True)
    (broken / "bootstrap.py").write_text("import nothing_of_that_name")
    async with sandboxes(tmp_path / "scratch", runtimes=tmp_path / "runtimes") as made:
        with pytest.raises(SandboxFailure, match="nothing_of_that_name"):
            await made.take(PYTHON)


async def test_provided_executes_the_functions_bootstrap(tmp_path: Path, code: Path) -> None:
    bootstrap = code / "bootstrap"
    bootstrap.write_text('#!/bin/sh\necho "$GREETING from $(pwd)"\nls /proc/self/fd\nexit 3\n')
    bootstrap.chmod(0o755)
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code, runtime="provided.al2023") as one:
        await frame(one.process, START, {"environment": {"GREETING": "hello", "PATH": "/usr/bin:/bin"}, "cwd": "/var/task"})
        assert await one.process.exited == Exit(3, None)
        output = await asyncio.get_running_loop().sock_recv(one.process.output, 65536)
        assert output.decode().split() == ["hello", "from", "/var/task", "0", "1", "2", "3"]  # 3: the directory being listed


async def test_provided_without_a_bootstrap_is_an_init_error(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code, runtime="provided.al2023") as one:
        bootstraps = ["/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"]
        await frame(one.process, START, {"environment": {}, "cwd": "/var/task", "bootstraps": bootstraps})
        kind, head, body = await heard(one.process)
        assert (kind, head) == (INIT_ERROR, {"type": "Runtime.InvalidEntrypoint"})
        assert body == (
            b'{"errorType": "Runtime.InvalidEntrypoint", '
            b'"errorMessage": "Couldn\'t find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}'
        )
        assert await one.process.exited == Exit(1, None)


async def test_nodejs_is_executed_at_once(tmp_path: Path, code: Path) -> None:
    node = [one.identifier for one in here().interpreters if one.identifier.startswith("nodejs")]
    if not node:
        pytest.skip("no Node.js here")
    runtimes = tmp_path / "runtimes/nodejs"
    runtimes.mkdir(parents=True)
    (runtimes / "index.mjs").write_text(
        "import fs from 'node:fs';\n"
        "console.log(process.execPath, process.getuid(), fs.readdirSync('/var/task').length, process.pid);\n"
        "process.exit(5);\n"
    )
    async with sandboxes(tmp_path / "scratch", runtimes=tmp_path / "runtimes") as made:
        one = await begun(made, node[0])
        assert await one.process.exited == Exit(5, None)
        assert await asyncio.get_running_loop().sock_recv(one.process.output, 65536) == b"/var/lang/bin/node 993 0 2\n"
        close(one)


async def test_what_is_expected_is_ready_and_grows_with_demand(tmp_path: Path) -> None:
    async with sandboxes(tmp_path / "scratch", ready=1, most=3) as made:
        made.expect("python2.7")
        made.expect(PYTHON)
        await _stems(made, 2)  # the least, and one for the function that was created
        for _ in range(5):
            made.expect(PYTHON)
        await _stems(made, 3)
        assert made.introspect()["launchers"] != []


async def _stems(made: NamespaceSandboxes, count: int) -> None:
    async with asyncio.timeout(20):
        while made.introspect()["stems"] != {PYTHON: count}:  # noqa: ASYNC110 – what is seen from outside has no event
            await asyncio.sleep(0.01)
