"""lambdad's side of templates: the test plays a template's runtime process, small programs the first processes of nests."""

import array
import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lambdad.artifacts.api import Prepared
from lambdad.sandbox.api import Exit, Limits, SandboxFailure
from lambdad.sandbox.launcher import messages
from lambdad.sandbox.stems import Stem
from lambdad.sandbox.templates import ForkTemplate, Nested
from tests.component.sandbox.test_stems import Play

pytestmark = pytest.mark.real_time

NEST = """
import os, socket, sys
sys.path.insert(0, sys.argv[2])
import messages
control = socket.socket(fileno=int(sys.argv[1]))
listener = socket.create_server(("127.0.0.1", 0))
null = os.open("/dev/null", os.O_RDONLY)
messages.send(control, {"op": "ready"}, [null] * 8 + [listener.fileno()])
while True:
    try:
        message, _, _ = messages.receive(control)
    except messages.Closed:
        break
    if message["op"] == "clear":
        messages.send(control, {"op": "cleared"})
"""
HEADER = struct.Struct(">BBHI")


class Nests:
    """A stem's launcher: makes what can be told from a nest only by its namespaces."""

    def __init__(self) -> None:
        self.programs: list[subprocess.Popen[bytes]] = []

    async def specialise(self, identity: str, task: str, opt: str | None, tmp_mb: int) -> int | None:
        return None

    def nest(self, identity: str, template: str, tmp_mb: int, control: socket.socket) -> None:
        fd = control.fileno()
        launcher = str(Path(messages.__file__).parent)
        self.programs.append(subprocess.Popen([sys.executable, "-c", NEST, str(fd), launcher], pass_fds=[fd]))

    def destroy(self, identity: str) -> None:
        return


class Order:
    """One that the template's runtime process was given."""

    def __init__(self, head: dict[str, Any], descriptors: list[int]) -> None:
        self.head = head
        self.news, self.rest = socket.socket(fileno=descriptors[0]), descriptors[1:]

    def answer(self, data: bytes) -> None:
        self.news.send(data)
        self.close()

    def close(self) -> None:
        self.news.close()
        for fd in self.rest:
            os.close(fd)


class Stage:
    def __init__(self, play: Play, nests: Nests) -> None:
        self.play, self.nests = play, nests
        orders, self.inside = socket.socketpair()
        self.inside.setblocking(False)
        self.made: list[Nested] = []
        self.template = ForkTemplate(play.stem, orders, self.make)

    async def make(self, template: ForkTemplate) -> Nested:
        nested = Nested(f"n{len(self.made)}", template, None, False, lambda _: None)
        self.made.append(nested)
        await nested.ready()
        return nested

    async def order(self) -> Order:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_reader(self.inside, arrived.set)
        await asyncio.wait_for(arrived.wait(), 20)
        loop.remove_reader(self.inside)
        descriptors = array.array("i")
        data, ancillary, _flags, _address = self.inside.recvmsg(4096, socket.CMSG_SPACE(64))
        for _level, _kind, payload in ancillary:
            descriptors.frombytes(payload)
        kind, _zero, size, _body = HEADER.unpack_from(data)
        assert (kind, len(data)) == (3, 8 + size)
        return Order(json.loads(data[8:]), list(descriptors))

    async def restored(self, pid: int) -> Nested:
        restoring = asyncio.ensure_future(self.template.restore())
        (await self.order()).answer(b'{"op": "started", "pid": %d}' % pid)
        return await restoring

    def reap(self, pid: int, status: int | None, number: int | None) -> None:
        messages.send(self.play.control, {"op": "reaped", "pid": pid, "status": status, "signal": number})


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    play, nests = Play(), Nests()
    play.stem._home = nests
    await play.begin()
    await play.stem.specialise(Prepared(Path("/code"), None), Limits(128, 512, 0.5))
    made = Stage(play, nests)
    yield made
    made.inside.close()
    play.control.close()
    await made.template.destroy()
    for nested in made.made:
        await nested.destroy()
        nested.discard()
    await play.end()
    for program in nests.programs:
        program.wait(10)


async def test_a_copy_is_ordered_with_all_that_it_needs(stage: Stage) -> None:
    restoring = asyncio.ensure_future(stage.template.restore())
    order = await stage.order()
    assert order.head == {"copy_tmp": True}
    assert len(order.rest) == 3 + 7, "three streams, seven namespaces, no control groups here"
    os.write(order.rest[0], b"hello")
    order.answer(b'{"op": "started", "pid": 7}')
    nested = await restoring
    assert nested.process.pid == os.getpid(), "as the kernel says, whatever the message does"
    assert nested.process.channel.recv(5) == b"hello"
    assert nested.runtime_api is not None


@pytest.mark.parametrize("news", [b"nonsense", b"[]", b"{}", b'{"pid": "7"}', b'{"pid": true}', b"[" * 60000, b"\xff"])
async def test_whatever_a_template_says_is_only_its_own_failure(stage: Stage, news: bytes) -> None:
    restoring = asyncio.ensure_future(stage.template.restore())
    (await stage.order()).answer(news)
    with pytest.raises(SandboxFailure, match="did not fork"):
        await restoring
    assert (await stage.restored(8)).alive


async def test_a_template_that_only_hangs_up(stage: Stage) -> None:
    restoring = asyncio.ensure_future(stage.template.restore())
    (await stage.order()).close()
    with pytest.raises(SandboxFailure, match="did not fork"):
        await restoring


async def test_each_copy_learns_of_its_own_end(stage: Stage) -> None:
    one, two = await stage.restored(11), await stage.restored(12)
    stage.reap(99, 0, None)
    stage.reap(12, 3, None)
    stage.reap(11, None, 9)
    assert await asyncio.wait_for(one.process.exited, 20) == Exit(None, 9)
    assert await asyncio.wait_for(two.process.exited, 20) == Exit(3, None)


async def test_an_end_that_is_told_before_the_beginning(stage: Stage) -> None:
    restoring = asyncio.ensure_future(stage.template.restore())
    order = await stage.order()
    stage.reap(13, 5, None)
    await asyncio.sleep(0.05)
    order.answer(b'{"op": "started", "pid": 13}')
    assert await asyncio.wait_for((await restoring).process.exited, 20) == Exit(5, None)


async def test_a_restart_clears_the_nest_and_keeps_its_tmp(stage: Stage) -> None:
    nested = await stage.restored(14)
    first = nested.process
    restarting = asyncio.ensure_future(nested.restart())
    order = await stage.order()
    assert order.head == {"copy_tmp": False}
    order.answer(b'{"op": "started", "pid": 15}')
    assert await restarting is nested.process is not first
    for end in (first.channel, first.output, first.telemetry):
        end.close()


async def test_a_nest_that_is_lost_ends_one_copy(stage: Stage) -> None:
    one, two = await stage.restored(16), await stage.restored(17)
    lost = stage.made.index(one)
    os.kill(stage.nests.programs[lost].pid, signal.SIGKILL)
    assert (await asyncio.wait_for(one.process.exited, 20)).lost
    stage.reap(16, None, 9)
    await asyncio.sleep(0.05)
    assert two.alive and not two.process.exited.done()


async def test_the_end_of_the_template_is_that_of_its_restores(stage: Stage) -> None:
    await stage.restored(18)
    messages.send(stage.play.control, {"op": "exited", "status": None, "signal": 9})
    for _ in range(200):
        if not stage.template.alive:
            break
        await asyncio.sleep(0.01)
    with pytest.raises(SandboxFailure, match="gone"):
        await stage.template.restore()
    assert isinstance(stage.play.stem, Stem)


async def test_a_template_that_reads_no_orders_ends(stage: Stage) -> None:
    stage.template._orders.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with pytest.raises(SandboxFailure, match="no orders"):
        for _ in range(10_000):
            stage.template._order({}, [])
    assert not stage.template.alive
