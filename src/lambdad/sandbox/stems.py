"""lambdad's side of one sandbox: talks with its supervisor and its launcher, applies limits, tells how processes ended."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from lambdad.artifacts.api import Prepared
from lambdad.domain.limits import MIB
from lambdad.sandbox.api import Exit, Limits, Process, SandboxFailure
from lambdad.sandbox.cgroups import Group
from lambdad.sandbox.launcher import messages
from lambdad.sandbox.memory import OutOfMemory, Usage, WatchAt, judge, most_used
from lambdad.sandbox.resident import resident, resident_tree

_SLACK = 8 * MIB
"""Kernel memory of the processes (stacks, tables, sockets) on top of MemorySize and EphemeralStorage in the hard limit."""
_LONGEST_WAIT = 10.0
"""Seconds to wait for a launcher or supervisor; they answer within milliseconds unless the host is in trouble."""
_CLOSER_LOOK = 10.0
"""Seconds after which Max Memory Used is worked out again although the kernel's high-water mark has not moved: files that left
/tmp may have made room, below that mark, for memory that counts. Each look costs as much as a whole invocation's path."""


_WATCH_AFTER = 0.05
"""Seconds from specialising to the first look at the memory, off the way of a cold start; the kernel's limit holds from
the beginning."""


def limit(group: Group, limits: Limits) -> None:
    """The kernel's hard limit leaves room for /tmp, which does not count as the function's memory; see `memory`."""
    hard = (limits.memory_mb + limits.ephemeral_mb) * MIB + _SLACK
    group.limit(limits.memory_mb * MIB, hard, limits.processes)


class Home(Protocol):
    """What a stem needs of its launcher."""

    def specialise(self, identity: str, task: str, opt: str | None, tmp_mb: int) -> Awaitable[int | None]:
        """Asked for at once; await the answer."""
        ...

    def nest(self, identity: str, template: str, tmp_mb: int, control: socket.socket) -> None:
        """Make the place for a copy of a template's runtime process; news of it comes on `control`."""
        ...

    def destroy(self, identity: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Places:
    """What the inside calls its places."""

    task_root: str
    opt_root: str | None
    tmp: str
    runtime_root: str
    real: bool
    """The paths are the host's own: nothing is mounted."""


@dataclass(slots=True)
class Streams:
    """Both ends of a runtime process's connections."""

    mine: tuple[socket.socket, socket.socket, socket.socket]
    theirs: tuple[socket.socket, socket.socket, socket.socket]

    @classmethod
    def make(cls) -> "Streams":
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
        for mine, _theirs in pairs:
            mine.setblocking(False)
        (channel, c), (output, o), (telemetry, t) = pairs
        output.shutdown(socket.SHUT_WR)
        telemetry.shutdown(socket.SHUT_WR)
        return cls((channel, output, telemetry), (c, o, t))

    def descriptors(self) -> list[int]:
        return [end.fileno() for end in self.theirs]

    def sent(self) -> None:
        for end in self.theirs:
            end.close()

    def drop(self) -> None:
        for end in (*self.mine, *self.theirs):
            end.close()


class Stem:
    """Implements `Sandbox`."""

    def __init__(
        self,
        identity: str,
        control: socket.socket,
        streams: Streams | None,
        home: Home,
        group: Group | None,
        watches_memory: bool,
        places: Places,
        on_end: Callable[["Stem"], None],
    ) -> None:
        self.id = identity
        self.runtime_api: socket.socket | None = None
        self.runtime_api_address = ""
        self.endpoint: socket.socket | None = None
        self.task_root, self.opt_root = places.task_root, places.opt_root
        self.tmp, self.runtime_root = places.tmp, places.runtime_root
        self.alive = True
        self._loop = asyncio.get_running_loop()
        self._control, self._home, self._group, self._places = control, home, group, places
        self._watches_memory = watches_memory and group is not None
        self._on_end = on_end
        self._streams: Streams | None = streams
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._limits: Limits | None = None
        self._tmp_fd: int | None = None
        self._watched: int | None = None
        self._arming: asyncio.Future[int] | None = None
        self._frozen = False
        self._out_of_memory = False
        self._kernel_kills = 0
        self._supervisor = 0
        self._peak_resident = 0
        self._peak_charged = -1
        self._peak_counted = 0
        self._look_closer_at = 0.0
        self._destroying: asyncio.Task[None] | None = None
        self._orphaned: Callable[[int, int | None, int | None], None] | None = None
        self.process: Process
        for future in (self._ready, self._started):
            future.add_done_callback(_look)
        control.setblocking(False)
        self._loop.add_reader(control.fileno(), self._receive)

    def __repr__(self) -> str:
        return f"<Stem {self.id} {'alive' if self.alive else 'gone'}{' specialised' if self._limits else ''}>"

    async def ready(self) -> None:
        """Until it can be specialised, its first runtime process (a nest has none) on the way. Raises SandboxFailure."""
        await self._in_time(self._ready, "ready")

    async def started(self) -> None:
        """Until the first runtime process is there. Raises SandboxFailure."""
        await self._in_time(self._started, "started")

    async def _in_time(self, future: "asyncio.Future[None]", what: str) -> None:
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await future
        except TimeoutError as error:
            raise SandboxFailure(f"sandbox {self.id} was not {what} in time") from error

    async def specialise(self, prepared: Prepared, limits: Limits) -> None:
        if self._limits is not None:
            raise SandboxFailure(f"sandbox {self.id} is another's already")
        self._limits = limits
        if self._places.real:
            self.task_root, self.opt_root = str(prepared.task), None if prepared.opt is None else str(prepared.opt)
        task = os.path.realpath(prepared.task)
        opt = None if prepared.opt is None else os.path.realpath(prepared.opt)
        mounted = self._home.specialise(self.id, task, opt, limits.ephemeral_mb)
        try:
            if self._group is not None:  # while the launcher is at work
                limit(self._group, limits)
                self._group.prefer()
        finally:
            self._tmp_fd = await mounted
        if not self._started.done():  # one that was not made ahead
            await self.started()
        if not self.alive:
            raise SandboxFailure(f"sandbox {self.id} is gone")
        self._watch_soon()

    def _watch_soon(self) -> None:
        if self._watches_memory:
            self._loop.call_later(_WATCH_AFTER, self._watch_again)

    def become_template(self, orphaned: Callable[[int, int | None, int | None], None]) -> None:
        """From now on its supervisor also tells of the end of others than the runtime process: their process id in the
        sandbox, status and signal."""
        self._orphaned = orphaned
        self._tell({"op": "template"})

    @property
    def home(self) -> Home:
        return self._home

    @property
    def places(self) -> Places:
        return self._places

    @property
    def limits(self) -> Limits:
        assert self._limits is not None
        return self._limits

    def patrol(self) -> None:
        """Where no control group limits memory, lambdad comes along now and then, and ends what has too much."""
        if not self.alive or self._limits is None or self._watches_memory or self._supervisor == 0:
            return
        used = self._resident()
        self._peak_resident = max(self._peak_resident, used)
        if used > self._limits.memory_mb * MIB and not self.process.exited.done():
            self._out_of_memory = True
            self.kill()

    def burst(self, on: bool) -> None:
        if self._group is not None and self._limits is not None and self.alive:
            self._group.cpu(None if on else self._limits.cores)

    def freeze(self) -> None:
        self._frozen = True
        if self.alive and not (self._group is not None and self._group.freeze(True)):
            self._tell({"op": "stop"})

    def thaw(self) -> None:
        self._frozen = False
        if self.alive and not (self._group is not None and self._group.freeze(False)):
            self._tell({"op": "continue"})

    def kill(self) -> None:
        self._tell({"op": "kill"})

    async def restart(self) -> Process:
        if not self.alive:
            raise SandboxFailure(f"sandbox {self.id} is gone")
        if self._frozen:
            self.thaw()
        self._started = self._loop.create_future()
        self._started.add_done_callback(_look)
        streams = self._streams = Streams.make()
        self._tell({"op": "restart"}, streams.descriptors())
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await self._started
        except TimeoutError as error:
            raise SandboxFailure(f"sandbox {self.id} did not restart in time") from error
        return self.process

    def _resident(self) -> int:
        # Everything in the sandbox but its copies, where it has become a template: they are limited by themselves.
        tmp = self._tmp_used()
        return resident(self._supervisor, tmp) if self._orphaned is None else resident_tree(self.process.pid, tmp)

    def max_memory_used(self) -> int:
        if self._group is None or not self._watches_memory or self._limits is None:
            self._peak_resident = max(self._peak_resident, self._resident())
            return self._peak_resident
        peak, now = self._group.peak(), self._loop.time()
        if peak != self._peak_charged or now >= self._look_closer_at:
            self._peak_charged, self._look_closer_at = peak, now + _CLOSER_LOOK
            self._peak_counted = most_used(peak, self._usage(self._group), self._limits.memory_mb * MIB)
        return self._peak_counted

    async def destroy(self) -> None:
        if self._destroying is None:
            self._destroying = asyncio.create_task(self._destroy())
        await asyncio.shield(self._destroying)

    async def _destroy(self) -> None:
        if self.alive:
            try:
                self._control.shutdown(socket.SHUT_WR)
            except OSError:
                self._lost()  # the other side was faster
            self._home.destroy(self.id)
        await self._gone
        if self._arming is not None:
            await asyncio.wait([self._arming])
        self._control.close()
        if self._tmp_fd is not None:
            os.close(self._tmp_fd)
            self._tmp_fd = None
        if self._group is not None:
            self._group.close()
            await self._remove(self._group)
        self._on_end(self)

    async def _remove(self, group: Group) -> None:
        """What the kernel has not reaped yet keeps a group busy; what stays is removed at lambdad's end or next start."""
        for attempt in range(12):
            if group.remove():
                return
            await asyncio.sleep(0.001 * 2**attempt)

    def discard(self) -> None:
        """Close the sockets of a stem that nobody took."""
        if hasattr(self, "process"):
            for end in (self.process.channel, self.process.output, self.process.telemetry):
                end.close()
        for listener in (self.runtime_api, self.endpoint):
            if listener is not None:
                listener.close()

    def _tell(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        if not self.alive:
            return
        try:
            messages.send(self._control, message, fds or ())
        except messages.Closed:
            self._lost()

    def _receive(self) -> None:
        while True:
            try:
                message, fds, pid = messages.receive(self._control)
            except BlockingIOError:
                return
            except messages.Closed:
                self._lost()
                return
            self._heard(message, fds, pid)

    def _heard(self, message: dict[str, Any], fds: list[int], pid: int) -> None:
        match message["op"]:
            case "ready":
                self._supervisor = pid
                self._take_listeners(fds)
                if not self._ready.done():
                    self._ready.set_result(None)
            case "started":
                self._take_process(pid)
            case "exited":
                self._ended(message["status"], message["signal"])
            case "reaped":
                if self._orphaned is not None:
                    self._orphaned(message["pid"], message["status"], message["signal"])
            case "failed":
                failure = SandboxFailure(f"sandbox {self.id}: {message['error']}")
                for future in (self._ready, self._started):
                    if not future.done():
                        future.set_exception(failure)
            case other:
                raise ValueError(f"a supervisor said {other!r}")

    def _take_listeners(self, fds: list[int]) -> None:
        listeners = [socket.socket(fileno=fd) for fd in fds]
        for listener in listeners:
            listener.setblocking(False)
        self.runtime_api = listeners[0]
        host, port = self.runtime_api.getsockname()
        self.runtime_api_address = f"{host}:{port}"
        if len(listeners) > 1:
            self.endpoint = listeners[1]

    def _take_process(self, pid: int) -> None:
        streams, self._streams = self._streams, None
        assert streams is not None
        streams.sent()
        self._out_of_memory = False
        self.process = Process(pid, *streams.mine, self._loop.create_future())
        if not self._started.done():
            self._started.set_result(None)

    def _ended(self, status: int | None, number: int | None) -> None:
        killed = False
        if self._group is not None and self._watches_memory:
            kills = self._group.kernel_kills()
            killed, self._kernel_kills = kills > self._kernel_kills, kills
        if not self.process.exited.done():
            self.process.exited.set_result(Exit(status, number, self._out_of_memory or (killed and number is not None)))

    def _lost(self) -> None:
        """The supervisor is gone, and with it everything inside."""
        if not self.alive:
            return
        self.alive = False
        self._loop.remove_reader(self._control.fileno())
        self._unwatch()
        failure = SandboxFailure(f"sandbox {self.id} is gone")
        for future in (self._ready, self._started):
            if not future.done():
                future.set_exception(failure)
        if self._streams is not None:
            self._streams.drop()
            self._streams = None
        if hasattr(self, "process") and not self.process.exited.done():
            self.process.exited.set_result(Exit(None, 9, self._out_of_memory, lost=True))
        self._gone.set_result(None)
        if self._destroying is None:
            self._destroying = asyncio.create_task(self._destroy())

    def _usage(self, group: Group) -> Usage:
        charged, cache = group.usage()
        return Usage(charged, cache, self._tmp_used())

    def _tmp_used(self) -> int:
        """Bytes; 0 where /tmp is the host's disk."""
        if self._tmp_fd is None:
            return 0
        stat = os.fstatvfs(self._tmp_fd)
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize

    def _watch(self, threshold: int) -> None:
        """In a thread: with version 1 the kernel makes whoever sets a threshold wait for some 10 ms (an RCU grace period)."""
        assert self._group is not None
        self._unwatch()
        if self._arming is None and self.alive:
            self._arming = self._loop.run_in_executor(None, self._group.watch, threshold)
            self._arming.add_done_callback(lambda armed: self._armed(armed, threshold))

    def _armed(self, armed: "asyncio.Future[int]", threshold: int) -> None:
        self._arming = None
        if not self.alive or self._group is None or armed.cancelled():
            return
        self._watched = armed.result()
        self._loop.add_reader(self._watched, self._look_at_memory)
        if self._group.usage()[0] >= threshold:  # what was charged before the watch began has not been told
            self._look_at_memory()

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._watched = None

    def _look_at_memory(self) -> None:
        if self._group is None or self._limits is None or not self.alive:
            return
        match judge(self._usage(self._group), self._limits.memory_mb * MIB):
            case OutOfMemory():
                self._out_of_memory = True
                self._unwatch()
                self.kill()
                self._loop.call_later(0.1, self._watch_again)
            case WatchAt(threshold):
                self._watch(threshold)

    def _watch_again(self) -> None:
        """For a new runtime: the first, or the one that comes after one that was killed."""
        if self.alive and self._watched is None:
            self._look_at_memory()


def _look(future: "asyncio.Future[None]") -> None:
    """A failure that nobody is waiting for is no news: whoever asks next is told."""
    if not future.cancelled():
        future.exception()
