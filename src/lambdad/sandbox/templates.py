"""Templates and what is restored from them: lambdad's side. The other side is `launcher.nests` and the runtime's `snapshot`.

A *nest* is made first, as a stem is, and one is kept ready: namespaces inside those of the template's sandbox, with /tmp,
network and a process 1, but without a runtime process. Restoring is one order to the template's runtime process: it forks, and
the fork enters the nest.

What the runtime process of a template says comes from user code's own process. It can send nonsense, and harm itself.
"""

import asyncio
import os
import signal
import socket
import struct
from array import array
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from lambdad.domain.limits import MIB
from lambdad.sandbox.api import Process, SandboxFailure
from lambdad.sandbox.cgroups import Group
from lambdad.sandbox.demand import Demand
from lambdad.sandbox.launcher import messages
from lambdad.sandbox.resident import resident, resident_tree
from lambdad.sandbox.stems import Stem, Streams, limit

_RESTORE: Final = 3
_HEADER: Final = struct.Struct(">BBHI")
"""The order as a frame of the channel; docs/design/channel.md."""
_SPACES: Final = 7
_LONGEST_WAIT: Final = 10.0
"""Seconds for a nest, or a fork."""
_LEAST, _MOST = 1, 8
"""Nests kept ready for a template."""
_QUIET: Final = 0.02
"""Seconds after a restore before the next nest is made, so that it does not compete with what was just restored."""


class ForkTemplate:
    """Implements `Template`."""

    def __init__(self, stem: Stem, orders: socket.socket, make: "Callable[[ForkTemplate], Awaitable[Nested]]") -> None:
        """`make`: a nest inside this one."""
        self.stem = stem
        self.memory_used = stem.max_memory_used()
        """Bytes: what a copy has from the beginning, shared with the template."""
        self._orders = orders
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._demand = Demand()
        self._spare: list[Nested] = []
        self._making = 0
        self._refill: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._forking = 0
        self._living: dict[int, Nested] = {}
        self._early: dict[int, tuple[int | None, int | None]] = {}
        self._ended = False
        orders.setblocking(False)
        stem.burst(False)
        stem.become_template(self._reaped)
        stem.process.exited.add_done_callback(lambda _: self._end())
        self._fill()

    def __repr__(self) -> str:
        return f"<ForkTemplate {self.stem.id} [{len(self._living)} copies, {len(self._spare)} nests ready]>"

    @property
    def alive(self) -> bool:
        return not self._ended and self.stem.alive and not self.stem.process.exited.done()

    @property
    def pid(self) -> int:
        return self.stem.process.pid

    async def restore(self) -> "Nested":
        self._check()
        self._demand.note(self._loop.time())
        nested = None
        while nested is None and self._spare:
            spare = self._spare.pop()
            if spare.alive:
                nested = spare
            else:
                spare.discard()
        if nested is None:
            nested = await self._make(self)
        try:
            await nested.start(copy_tmp=True)
        except BaseException:
            await nested.destroy()
            nested.discard()
            raise
        finally:
            self._fill_soon()
        return nested

    def _check(self) -> None:
        if not self.alive:
            raise SandboxFailure("the template is gone")

    async def destroy(self) -> None:
        self._end()
        await self.stem.destroy()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._orders.close()
        if self._refill is not None:
            self._refill.cancel()
        for task in self._tasks:
            task.cancel()
        for nested in self._spare:
            nested.discard()
        self._spare.clear()
        self._tasks.add(self._loop.create_task(self.stem.destroy()))

    # --- nests ----------------------------------------------------------------------------------------------------------------

    def _fill_soon(self) -> None:
        if self._refill is not None:
            self._refill.cancel()
        self._refill = None if self._ended else self._loop.call_later(_QUIET, self._fill)

    def _fill(self) -> None:
        wanted = self._demand.wanted(self._loop.time(), _LEAST, _MOST)
        if self._ended or self._making or len(self._spare) >= wanted:
            return
        self._making += 1
        task = self._loop.create_task(self._add())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _add(self) -> None:
        try:
            nested = await self._make(self)
        except SandboxFailure:
            return  # whoever restores next makes its own and is told the reason
        finally:
            self._making -= 1
        if self._ended:
            nested.discard()
            return
        self._spare.append(nested)
        self._fill()

    # --- forks ----------------------------------------------------------------------------------------------------------------

    async def fork(self, nested: "Nested", descriptors: list[int], copy_tmp: bool) -> tuple[int, int]:
        """The new process's id on this host and in the template's sandbox. Raises SandboxFailure."""
        self._check()
        birth, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        birth.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        birth.setblocking(False)
        heard: asyncio.Future[tuple[int, int]] = self._loop.create_future()
        self._loop.add_reader(birth, _hear, birth, heard)
        self._forking += 1
        self.stem.burst(True)
        try:
            self._order({"copy_tmp": copy_tmp}, [theirs.fileno(), *descriptors])
            theirs.close()
            async with asyncio.timeout(_LONGEST_WAIT):
                host, inside = await heard
        except TimeoutError as error:
            self._end()
            raise SandboxFailure("the template did not fork in time") from error
        finally:
            self._forking -= 1
            if not self._forking:
                self.stem.burst(False)
            theirs.close()
            self._loop.remove_reader(birth)
            birth.close()
        self._living[inside] = nested
        how = self._early.pop(inside, None)
        if not self._forking:
            self._early.clear()
        if how is not None:
            self._loop.call_soon(self._reaped, inside, *how)
        return host, inside

    def _order(self, head: dict[str, Any], descriptors: list[int]) -> None:
        text = msgspec.json.encode(head)
        frame = _HEADER.pack(_RESTORE, 0, len(text), 0) + text
        try:
            self._orders.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))])
        except OSError as error:  # it is gone, or does not read them
            self._end()
            raise SandboxFailure(f"the template takes no orders: {error}") from error

    def _reaped(self, pid: int, status: int | None, number: int | None) -> None:
        nested = self._living.pop(pid, None)
        if nested is not None:
            nested.reaped(status, number)
        elif self._forking:
            self._early[pid] = (status, number)


def _hear(birth: socket.socket, heard: "asyncio.Future[tuple[int, int]]") -> None:
    """The one message of a new process, which can be anything."""
    if heard.done():
        return
    try:
        message, fds, pid = messages.receive(birth)
        for fd in fds:
            os.close(fd)
        inside = message["pid"] if "pid" in message else message["error"]
        if type(inside) is not int or not pid:
            raise ValueError(f"{inside!r:.200}")
    except BlockingIOError:
        return
    except (messages.Closed, ValueError, TypeError, KeyError, RecursionError) as error:
        heard.set_exception(SandboxFailure(f"the template did not fork: {str(error) or 'it gave no reason'}"))
    else:
        heard.set_result((pid, inside))


class Nested(Stem):
    """A sandbox inside a template's. First a nest without a runtime process, `start` gives it one."""

    def __init__(
        self,
        identity: str,
        template: ForkTemplate,
        group: Group | None,
        watches_memory: bool,
        on_end: Callable[[Stem], None],
    ) -> None:
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        stem = template.stem
        super().__init__(identity, control, None, _Remote(self), group, watches_memory, stem.places, on_end)
        self._template = template
        self._spaces: list[int] = []
        self._cleared: asyncio.Future[None] | None = None
        self.killer: int | None = None
        self._limits = stem.limits
        try:
            if group is not None:
                limit(group, stem.limits)
            stem.home.nest(identity, stem.id, stem.limits.ephemeral_mb, theirs)
        finally:
            theirs.close()

    async def start(self, copy_tmp: bool) -> Process:
        if self._group is not None and copy_tmp:
            self._group.prefer()
        self._streams = Streams.make()
        procs = [] if self._group is None else self._group.procs
        host, _inside = await self._template.fork(self, [*self._streams.descriptors(), *self._spaces, *procs], copy_tmp)
        self._take_process(host)
        self._watch_soon()
        return self.process

    async def restart(self) -> Process:
        if not self.alive:
            raise SandboxFailure(f"sandbox {self.id} is gone")
        if self._frozen:
            self.thaw()
        self._cleared = self._loop.create_future()
        self._tell({"op": "clear"})
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await self._cleared
        except TimeoutError as error:
            raise SandboxFailure(f"sandbox {self.id} could not be cleared in time") from error
        return await self.start(copy_tmp=False)

    def reaped(self, status: int | None, number: int | None) -> None:
        """Of a nest that is gone it is no news, and its control group may be gone as well."""
        if self.alive:
            self._ended(status, number)

    def max_memory_used(self) -> int:
        """What was copied or is new, and what is shared with the template: a page of that which was copied counts twice."""
        used = super().max_memory_used()
        if self._group is None or not self._watches_memory:
            return used
        return min(self.limits.memory_mb * MIB, used + self._template.memory_used)

    def _resident(self) -> int:
        tmp = self._tmp_used()
        return resident(self._supervisor, tmp) + (resident_tree(self.process.pid, tmp) if hasattr(self, "process") else 0)

    def _heard(self, message: dict[str, Any], fds: list[int], pid: int) -> None:
        if message["op"] == "cleared":
            if self._cleared is not None and not self._cleared.done():
                self._cleared.set_result(None)
            return
        super()._heard(message, fds, pid)

    def _take_listeners(self, fds: list[int]) -> None:
        self.killer = os.pidfd_open(self._supervisor)
        self._spaces, (self._tmp_fd, *listeners) = fds[:_SPACES], fds[_SPACES:]
        super()._take_listeners(listeners)

    def _lost(self) -> None:
        if self._cleared is not None and not self._cleared.done():
            self._cleared.set_exception(SandboxFailure(f"sandbox {self.id} is gone"))
        for fd in self._spaces:
            os.close(fd)
        self._spaces = []
        super()._lost()
        if self.killer is not None:
            os.close(self.killer)
            self.killer = None


class _Remote:
    """What a nest has instead of a launcher: its process 1 is nobody's child that could be asked to end it."""

    def __init__(self, nested: Nested) -> None:
        self._nested = nested

    def specialise(self, identity: str, task: str, opt: str | None, tmp_mb: int) -> Awaitable[int | None]:
        raise SandboxFailure(f"sandbox {identity} is its template's")

    def nest(self, identity: str, template: str, tmp_mb: int, control: socket.socket) -> None:
        raise SandboxFailure(f"sandbox {template} is no template")

    def destroy(self, identity: str) -> None:
        if self._nested.killer is not None:
            try:
                signal.pidfd_send_signal(self._nested.killer, signal.SIGKILL)
            except ProcessLookupError:
                return
