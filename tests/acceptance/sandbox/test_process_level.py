"""The level `process`: no isolation, but the same door."""

import asyncio
from pathlib import Path

import pytest

from lambdad.artifacts.api import Prepared
from lambdad.sandbox.api import Exit
from lambdad.sandbox.service import ProcessSandboxes
from tests.acceptance.sandbox.inside import LIMITS, START, begun, close, frame, here, run, sandbox, sandboxes


@pytest.fixture(params=[pytest.param(True, marks=pytest.mark.root, id="control groups"), pytest.param(False, id="none")])
def limited(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_the_paths_are_the_hosts(tmp_path: Path, code: Path, limited: bool) -> None:
    async with sandboxes(tmp_path / "scratch", kind=ProcessSandboxes, host=here(limits=limited)) as made:
        assert made.level == "process"
        async with sandbox(made, code, opt=code) as one:
            assert one.task_root == one.opt_root == str(code)
            assert one.runtime_api is not None
            assert one.runtime_api_address == f"127.0.0.1:{one.runtime_api.getsockname()[1]}"
            assert await run(one.process, f"import os; answer = os.listdir({one.tmp!r})") == []
            assert await run(one.process, "import boto3; answer = boto3.__file__") == f"{one.runtime_root}/boto3/__init__.py"
            assert await run(one.process, "import os; answer = [os.getpid() == os.getsid(0), os.getpid()]") == [
                True,
                one.process.pid,
            ]
            assert await run(one.process, "import bootstrap; answer = bootstrap.__file__") == f"{one.runtime_root}/bootstrap.py"
            assert one.max_memory_used() > 0
        assert not Path(one.tmp).exists()


async def test_restart_kills_what_was_left_running(tmp_path: Path, code: Path, limited: bool) -> None:
    leave = """
import os, subprocess
open(tmp + '/kept', 'w').close()
subprocess.Popen(['sleep', '1000'])
stray = subprocess.Popen(['sh', '-c', 'setsid sleep 1000 & echo $!'], stdout=subprocess.PIPE)
answer = int(stray.stdout.readline())
stray.wait()
"""
    async with sandboxes(tmp_path / "scratch", kind=ProcessSandboxes, host=here(limits=limited)) as made:
        async with sandbox(made, code) as one:
            first = one.process
            stray = await run(first, f"tmp = {one.tmp!r}{leave}")
            second = await one.restart()
            assert await first.exited == Exit(None, 9)
            assert not Path(f"/proc/{stray}").exists()
            assert [path.name for path in Path(one.tmp).iterdir()] == ["kept"]
            one.kill()
            assert await second.exited == Exit(None, 9)
            third = await one.restart()
            assert await run(third, "__import__('os')._exit(4)") == Exit(4, None)
            for process in (second, third):
                for end in (process.channel, process.output, process.telemetry):
                    end.close()
            fourth = await one.restart()
            await one.destroy()
            assert await fourth.exited == Exit(None, 9, lost=True)
            close(one, first)


async def test_memory_is_limited_with_control_groups_and_without(tmp_path: Path, code: Path, limited: bool) -> None:
    async with sandboxes(tmp_path / "scratch", kind=ProcessSandboxes, host=here(limits=limited), patrol=0.01) as made:
        async with sandbox(made, code) as one:
            source = "data = b'x' * 300_000_000\nimport time\nwhile True: time.sleep(1)"
            assert await run(one.process, source) == Exit(None, 9, out_of_memory=True)
            assert one.max_memory_used() > 100_000_000


async def test_provided_reads_start_and_runs_in_its_place(tmp_path: Path, code: Path, limited: bool) -> None:
    bootstrap = code / "bootstrap"
    bootstrap.write_text("#!/bin/sh\npwd\n")
    bootstrap.chmod(0o755)
    async with sandboxes(tmp_path / "scratch", kind=ProcessSandboxes, host=here(limits=limited)) as made:
        one = await made.take("provided.al2023")
        await one.specialise(Prepared(code, None), LIMITS)
        order = {"environment": {"PATH": "/usr/bin:/bin"}, "cwd": str(code), "bootstraps": [f"{one.task_root}/bootstrap"]}
        await frame(one.process, START, order)
        assert await one.process.exited == Exit(0, None)
        assert await asyncio.get_running_loop().sock_recv(one.process.output, 65536) == f"{code}\n".encode()
        close(one)


async def test_stems_of_one_launcher_are_made_side_by_side(tmp_path: Path) -> None:
    async with sandboxes(tmp_path / "scratch", kind=ProcessSandboxes, host=here(limits=False), ready=1) as made:
        taken = await asyncio.gather(*(begun(made) for _ in range(3)))
        assert len({one.process.pid for one in taken}) == 3
        for one in taken:
            close(one)
