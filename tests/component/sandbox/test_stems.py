"""lambdad's side of a sandbox against a supervisor that the test plays."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lambdad.artifacts.api import Prepared
from lambdad.sandbox.api import Exit, Limits, SandboxFailure
from lambdad.sandbox.launcher import messages
from lambdad.sandbox.stems import Places, Stem, Streams

PLACES = Places("/var/task", "/opt", "/tmp", "/var/runtime", real=False)
MIB = 1024 * 1024


class Home:
    def __init__(self) -> None:
        self.destroyed: list[str] = []

    async def specialise(self, identity: str, task: str, opt: str | None, tmp_mb: int) -> int | None:
        return None

    def destroy(self, identity: str) -> None:
        self.destroyed.append(identity)


class Group:
    """A control group in memory; `grow` charges and tells the watcher as the kernel does."""

    def __init__(self) -> None:
        self.procs: list[int] = []
        self.charged = self.kills = self.hard = 0
        self.quota: list[float | None] = []
        self.removed = 0
        self._event = os.eventfd(0, os.EFD_NONBLOCK)
        self._threshold: int | None = None
        self.watched = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def limit(self, memory: int, hard: int, processes: int) -> None:
        self.hard = hard

    def freeze(self, on: bool) -> bool:
        return False

    def prefer(self) -> None:
        self.preferred = True

    def cpu(self, cores: float | None) -> None:
        self.quota.append(cores)

    def watch(self, threshold: int) -> int:
        self._threshold = threshold
        self._loop.call_soon_threadsafe(self.watched.set)
        return self._event

    def grow(self, count: int) -> None:
        self.charged += count
        if self._threshold is not None and self.charged >= self._threshold:
            os.eventfd_write(self._event, 1)

    def usage(self) -> tuple[int, int]:
        return self.charged, 0

    def peak(self) -> int:
        return self.charged

    def kernel_kills(self) -> int:
        return self.kills

    def processes(self) -> list[int]:
        return []

    def close(self) -> None:
        os.close(self._event)

    def remove(self) -> bool:
        self.removed += 1
        return self.removed > 1  # the kernel has not reaped everything at once


class Play:
    """A stem, and the other side of its control socket."""

    def __init__(self) -> None:
        mine, self.control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setblocking(False)
        self.home, self.group = Home(), Group()
        self.ended: list[Stem] = []
        self.fds: list[int] = []
        self.stem = Stem("s0", mine, Streams.make(), self.home, self.group, True, PLACES, self.ended.append)

    async def begin(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            messages.send(self.control, {"op": "ready"}, [listener.fileno()])
        messages.send(self.control, {"op": "started"})
        await self.stem.ready()
        await self.stem.started()

    async def heard(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()
        loop.add_reader(self.control.fileno(), lambda: arrived.done() or arrived.set_result(None))
        await arrived
        loop.remove_reader(self.control.fileno())
        message, fds, _pid = messages.receive(self.control)
        self.fds += fds
        return message

    async def end(self) -> None:
        self.control.close()
        await self.stem.destroy()
        self.stem.discard()
        for fd in self.fds:
            os.close(fd)


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    made = Play()
    yield made
    await made.end()


async def _specialised(play: Play) -> None:
    await play.begin()
    await play.stem.specialise(Prepared(Path("/code"), None), Limits(128, 512, 0.5))


async def test_a_supervisor_that_fails_says_why(play: Play) -> None:
    messages.send(play.control, {"op": "failed", "error": "mount proc at /proc"})
    with pytest.raises(SandboxFailure, match="mount proc"):
        await play.stem.ready()


async def test_a_supervisor_that_says_nothing_is_a_failure(play: Play) -> None:
    with pytest.raises(SandboxFailure, match="not ready in time"):
        await play.stem.ready()


async def test_a_supervisor_that_does_not_restart_the_runtime_is_a_failure(play: Play) -> None:
    await play.begin()
    with pytest.raises(SandboxFailure, match="did not restart in time"):
        await play.stem.restart()


async def test_a_supervisor_that_vanishes_is_a_failure_and_a_lost_process(play: Play) -> None:
    await play.begin()
    play.control.close()
    assert await play.stem.process.exited == Exit(None, 9, lost=True)
    with pytest.raises(SandboxFailure, match="gone"):
        await play.stem.restart()
    play.stem.kill()  # nobody there: no error
    await play.stem.destroy()
    assert play.ended == [play.stem]
    assert play.group.removed == 2


async def test_the_cpu_limit_waits_for_the_end_of_the_burst(play: Play) -> None:
    await play.begin()
    play.stem.burst(False)
    assert play.group.quota == [], "a stem has no limits yet"
    await play.stem.specialise(Prepared(Path("/code"), None), Limits(128, 512, 0.5))
    play.stem.burst(False)
    play.stem.burst(True)
    assert play.group.quota == [0.5, None]
    assert play.group.hard >= (128 + 512) * MIB


async def test_growth_beyond_the_limit_is_killed_and_told_as_out_of_memory(play: Play) -> None:
    await _specialised(play)
    process = play.stem.process
    await play.group.watched.wait()
    play.group.grow(129 * MIB)
    assert await play.heard() == {"op": "kill"}
    messages.send(play.control, {"op": "exited", "status": None, "signal": 9})
    assert await process.exited == Exit(None, 9, out_of_memory=True)


async def test_a_kill_by_the_kernel_is_told_as_out_of_memory_once(play: Play) -> None:
    await _specialised(play)
    first = play.stem.process
    play.group.kills = 1
    messages.send(play.control, {"op": "exited", "status": None, "signal": 9})
    assert await first.exited == Exit(None, 9, out_of_memory=True)
    again = asyncio.ensure_future(play.stem.restart())
    assert await play.heard() == {"op": "restart"}
    messages.send(play.control, {"op": "started"})
    second = await again
    messages.send(play.control, {"op": "exited", "status": None, "signal": 9})
    assert await second.exited == Exit(None, 9)
    for process in (first,):
        for end in (process.channel, process.output, process.telemetry):
            end.close()


async def test_an_exit_with_a_status_is_not_out_of_memory(play: Play) -> None:
    await _specialised(play)
    play.group.kills = 1  # some child of the function's
    messages.send(play.control, {"op": "exited", "status": 3, "signal": None})
    assert await play.stem.process.exited == Exit(3, None)
