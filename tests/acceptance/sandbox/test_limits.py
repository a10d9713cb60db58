"""Limits, with the control groups of this host: root only."""

from pathlib import Path

import pytest

from lambdad.sandbox.api import Exit, Limits
from tests.acceptance.sandbox.inside import LIMITS, close, here, run, sandbox, sandboxes

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(here().cgroups.version == 0, reason="this host has no control groups for us"),
]


async def test_more_heap_than_memory_size_is_out_of_memory(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code) as one:
        first = one.process
        assert await run(first, "data = b'x' * 300_000_000") == Exit(None, 9, out_of_memory=True)
        assert one.max_memory_used() == 128 * 1024 * 1024

        # The sandbox goes on, and so does its limit.
        second = await one.restart()
        assert await run(second, "data = b'x' * 50_000_000; answer = len(data)") == 50_000_000
        assert await run(second, "data = b'x' * 300_000_000") == Exit(None, 9, out_of_memory=True)
        for end in (second.channel, second.output, second.telemetry):
            end.close()
        third = await one.restart()
        assert await run(third, "import os; os.kill(os.getpid(), 9)") == Exit(None, 9, out_of_memory=False)
        close(one, first)


async def test_tmp_does_not_count_against_memory(tmp_path: Path, code: Path) -> None:
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code) as one:
        write = "f = open('/tmp/data', 'wb'); answer = sum(f.write(b'x' * 1_000_000) for _ in range(300)); f.close()"
        assert await run(one.process, write) == 300_000_000
        assert one.max_memory_used() < 64 * 1024 * 1024
        assert await run(one.process, "data = b'x' * 300_000_000") == Exit(None, 9, out_of_memory=True)


async def test_tmp_has_the_size_that_was_asked_for(tmp_path: Path, code: Path) -> None:
    limits = Limits(memory_mb=128, ephemeral_mb=600, cores=0.5)
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code, limits) as one:
        source = "import os; s = os.statvfs('/tmp'); answer = s.f_blocks * s.f_frsize"
        assert await run(one.process, source) == 600 * 1024 * 1024
    tiny = Limits(memory_mb=128, ephemeral_mb=1, cores=0.5)
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code, tiny) as one:
        source = "open('/tmp/data', 'wb').write(b'x' * 2_000_000)"
        assert await run(one.process, source) == {"error": "OSError: [Errno 28] No space left on device"}


async def test_no_more_processes_than_allowed(tmp_path: Path, code: Path) -> None:
    limits = Limits(memory_mb=512, ephemeral_mb=512, cores=1, processes=20)
    source = """
import os, time
answer = 0
try:
    while answer < 50:
        if os.fork() == 0:
            time.sleep(1000)
        answer += 1
except BlockingIOError:
    pass
"""
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code, limits) as one:
        assert await run(one.process, source) == 19
        second = await one.restart()
        assert await run(second, "import os; answer = len([n for n in os.listdir('/proc') if n.isdigit()])") == 2
        for end in (second.channel, second.output, second.telemetry):
            end.close()


async def test_the_cpu_limit_holds_unless_bursting(tmp_path: Path, code: Path) -> None:
    spin = "import time; end = time.process_time() + 0.02\nwhile time.process_time() < end: pass"
    async with sandboxes(tmp_path / "scratch") as made, sandbox(made, code, LIMITS) as one:
        quota = _cpu_file(one.process.pid)
        assert quota.read_text().split()[0] in ("-1", "max")
        one.burst(False)
        assert quota.read_text().split()[0] == "1447"  # of every 20,000 µs: 128/1769 of a core
        await run(one.process, spin)
        throttled = dict(line.split() for line in (quota.parent / "cpu.stat").read_text().splitlines())
        assert int(throttled["nr_throttled"]) > 0
        one.burst(True)
        assert quota.read_text().split()[0] in ("-1", "max")


def _cpu_file(pid: int) -> Path:
    layout = here().cgroups
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, names, path = line.split(":", 2)
        if "cpu" in names.split(",") or (layout.version == 2 and not names):
            sandbox_group = Path(*Path(path).parts[-2:])
            return layout.directories["cpu"] / sandbox_group / ("cpu.cfs_quota_us" if layout.version == 1 else "cpu.max")
    raise AssertionError(f"process {pid} is in no group")
