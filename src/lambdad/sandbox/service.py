"""The sandboxes of both levels: launchers on first use, and a pool of stems for every runtime that is in use."""

import asyncio
import itertools
import os
import shutil
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdad.domain.runtimes import RUNTIMES
from lambdad.sandbox import root
from lambdad.sandbox.api import Interpreter, Level, Sandbox, SandboxFailure, Template
from lambdad.sandbox.cgroups import Cgroups, Group
from lambdad.sandbox.demand import HALF_LIFE, Demand
from lambdad.sandbox.egress import Network
from lambdad.sandbox.host import Host
from lambdad.sandbox.instance import Instance, clean
from lambdad.sandbox.launchers import Launcher, Recipe
from lambdad.sandbox.stems import Places, Stem
from lambdad.sandbox.templates import ForkTemplate, Nested

_PACKAGE = Path(__file__).resolve().parent
RUNTIME_API_PORT = 9001
_QUIET = 0.03
"""Seconds without a take after which stems are made in the place of those that were taken, so that the makers do not
compete with the functions that have just got theirs. Sooner where half of the stems are gone."""
_MAKERS = 2
"""Stems made ahead at a time."""
_HEAVY = 8
"""Stems of a runtime that does not share its memory with a zygote, at most."""
PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What AWS's Python runtimes bring along; https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html"""


@dataclass(frozen=True, slots=True)
class Settings:
    scratch: Path
    """For what lives as long as lambdad: mount points and, at the level `process`, the functions' /tmp. On the host's disk."""
    runtimes: Path = field(default=_PACKAGE.parent / "runtimes")
    """The programs that run inside a sandbox."""
    ready: int = 2
    """Stems kept ready for every runtime in use, at least."""
    most: int = 24
    """Stems kept ready for a runtime at most, however much demand there was lately."""
    idle: float = 900.0
    """Seconds without a taker after which a runtime is not in use any more: its stems go."""
    patrol: float = 0.1
    """Seconds between two looks at the memory of functions, where no control groups limit it."""
    endpoint_port: int | None = None
    """Port inside on which to listen for lambdad's own AWS endpoint."""
    egress: bool = False
    """Functions reach the outside; only where the host has what that takes, and at the level `namespaces`."""
    uid_base: int = 720_000
    """With root, sandboxes run as users of the host from this one on, each its own."""
    start: Sequence[str] = ()
    """Runtimes whose launchers and stems are made at `open`, ahead of the first use."""


@dataclass(slots=True)
class _Line:
    """One runtime's launcher and its ready stems."""

    interpreter: Interpreter
    launcher: "asyncio.Task[Launcher] | None" = None
    ready: deque[Stem] = field(default_factory=deque)
    making: int = 0
    expiry: asyncio.TimerHandle | None = None
    demand: Demand = field(default_factory=Demand)
    taken: float = 0.0
    """When one was taken last."""
    refill: asyncio.TimerHandle | None = None
    fade: asyncio.TimerHandle | None = None


class _Sandboxes:
    """What both levels share."""

    level: Level

    def __init__(self, host: Host, settings: Settings, ids: Callable[[], str], serial: int = 0) -> None:
        """`ids` makes names that are unique and fit for a file name; `serial` tells several of one process apart."""
        self._host, self._settings, self._ids = host, settings, ids
        self._instance = Instance(settings.scratch, serial)
        self._cgroups: Cgroups | None = None
        self._network: Network | None = None
        self._lines: dict[str, _Line] = {}
        self._stems: set[Stem] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._uids = _Numbers(settings.uid_base)
        self._uid_of: dict[str, int] = {}
        self._closed = False
        self._opened = False
        self.obstacle: str | None = None
        """After `open`: why something is not there although the host seemed to have what it takes."""
        self._known = {interpreter.identifier: interpreter for interpreter in host.interpreters}

    async def open(self) -> None:
        """Clean up after the dead, prepare directories and control groups, start what is to be ready ahead."""
        self._settings.scratch.mkdir(parents=True, exist_ok=True)
        clean(self._settings.scratch)
        self._cgroups = self._control_groups()
        self._instance.prepare([] if self._cgroups is None else sorted(set(self._cgroups.directories.values())))
        self._opened = True
        await self._open_network()
        if not self.limits_memory and sys.platform == "linux":
            self._spawn(self._patrol())
        for runtime in self._settings.start:
            self._refill(self._line(runtime))

    def _control_groups(self) -> Cgroups | None:
        if not self._host.cgroups.version:
            return None
        cgroups = Cgroups(self._host.cgroups, self._instance.name)
        try:
            cgroups.prepare()
        except OSError as error:
            self.obstacle = f"Control groups cannot be used, so limits are not enforced by the kernel: {error}"
            return None
        return cgroups

    async def _open_network(self) -> None:
        if not self._settings.egress or self._host.egress is None or self.level != "namespaces":
            return
        network = Network(self._host.egress, self._instance.directory)
        try:
            await network.open()
        except OSError as error:
            await network.close()
            reason = f"Functions do not reach the outside, for the host's network cannot be set up: {error.strerror or error}"
            self.obstacle = reason if self.obstacle is None else f"{self.obstacle}. {reason}"
            return
        self._network = network

    @property
    def reaches_out(self) -> bool:
        """After `open`: functions do."""
        return self._network is not None

    @property
    def limits_memory(self) -> bool:
        return self._cgroups is not None and self._cgroups.watches_memory

    def introspect(self) -> dict[str, object]:
        """For `/_lambdad/state`: process ids of the launchers, and how many stems are ready for each runtime."""
        started = [line.launcher for line in self._lines.values() if line.launcher is not None and line.launcher.done()]
        alive = [task.result() for task in started if not task.cancelled() and task.exception() is None]
        return {
            "launchers": [launcher.pid for launcher in alive if not launcher.lost],
            "stems": {runtime: len(line.ready) for runtime, line in self._lines.items()},
        }

    def runtimes(self) -> Sequence[Interpreter]:
        return tuple(self._known.values())

    def expect(self, runtime: str) -> None:
        line = self._lines.get(runtime)
        if self._closed or (line is None and runtime not in self._known):
            return  # a function may be there whose runtime this host has lost; its invoke says so
        line = self._line(runtime)
        line.demand.note(self._now())
        if line.expiry is None:
            self._use(line)
        self._refill(line)

    async def take(self, runtime: str, template: bool = False) -> Stem:
        line = self._line(runtime)
        self._use(line)
        if template:
            return await self._make(line, template=True)
        line.taken = self._now()
        line.demand.note(line.taken)
        while line.ready:
            stem = line.ready.popleft()
            if stem.alive:
                self._refill_soon(line)
                return stem
            stem.discard()
        stem = await self._make(line)
        self._refill_soon(line)
        return stem

    @property
    def makes_templates(self) -> bool:
        return False

    def template(self, sandbox: Sandbox, orders: socket.socket) -> Template:
        assert isinstance(sandbox, Stem)
        return ForkTemplate(sandbox, orders, self._nest)

    async def _nest(self, template: ForkTemplate) -> Nested:
        identity = self._ids()
        nested = Nested(identity, template, self._group(identity), self.limits_memory, self._ended)
        self._stems.add(nested)
        try:
            await nested.ready()
        except BaseException:
            await nested.destroy()
            nested.discard()
            raise
        return nested

    async def close(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        launchers = []
        for line in self._lines.values():
            for timer in (line.expiry, line.refill, line.fade):
                if timer is not None:
                    timer.cancel()
            for stem in line.ready:
                stem.discard()
            if line.launcher is not None:
                launchers.append(line.launcher)
        await asyncio.gather(*(stem.destroy() for stem in tuple(self._stems)))
        for started in await asyncio.gather(*launchers, return_exceptions=True):
            if isinstance(started, Launcher):
                await started.close()
        if self._opened:
            if self._cgroups is not None:
                self._cgroups.remove()
            if self._network is not None:
                await self._network.close()
            self._instance.remove()

    async def _patrol(self) -> None:
        while True:
            await asyncio.sleep(self._settings.patrol)
            for stem in tuple(self._stems):
                stem.patrol()

    def _line(self, runtime: str) -> _Line:
        if self._closed or not self._opened:
            raise SandboxFailure("the sandboxes are not open")
        line = self._lines.get(runtime)
        if line is None:
            interpreter = self._known.get(runtime)
            if interpreter is None:
                raise SandboxFailure(f"This host has no runtime {runtime}; it has {', '.join(sorted(self._known)) or 'none'}.")
            line = self._lines[runtime] = _Line(interpreter)
        return line

    def _use(self, line: _Line) -> None:
        if line.expiry is not None:
            line.expiry.cancel()
        line.expiry = asyncio.get_running_loop().call_later(self._settings.idle, self._expire, line)

    def _expire(self, line: _Line) -> None:
        line.expiry = None
        self._shrink(line, 0)

    def _shrink(self, line: _Line, left: int) -> None:
        while len(line.ready) > left:
            stem = line.ready.pop()
            stem.discard()
            self._spawn(stem.destroy())

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _wanted(self, line: _Line) -> int:
        least = self._settings.ready
        most = self._settings.most if RUNTIMES[line.interpreter.identifier].family == "python" else _HEAVY
        return line.demand.wanted(self._now(), least, most) if least else 0

    def _refill_soon(self, line: _Line) -> None:
        """Once it is quiet, since whoever has just taken a stem has use for the processors; at once where stems run out."""
        if len(line.ready) + line.making < self._wanted(line) // 2:
            self._refill(line)
        if line.refill is None:
            line.refill = asyncio.get_running_loop().call_later(_QUIET, self._refill_if_quiet, line)

    def _refill_if_quiet(self, line: _Line) -> None:
        line.refill = None
        if self._closed:
            return
        rest = line.taken + _QUIET - self._now()
        if rest > 0.001:
            line.refill = asyncio.get_running_loop().call_later(rest, self._refill_if_quiet, line)
            return
        self._refill(line)

    def _refill(self, line: _Line) -> None:
        wanted = self._wanted(line)
        while not self._closed and line.making < _MAKERS and len(line.ready) + line.making < wanted:
            line.making += 1
            self._spawn(self._add(line))

    async def _add(self, line: _Line) -> None:
        try:
            stem = await self._make(line, ahead=True)
        except SandboxFailure:
            return  # the next take makes its own and is told the reason
        finally:
            line.making -= 1
        line.ready.append(stem)
        self._refill(line)
        if line.fade is None and len(line.ready) > self._settings.ready:
            line.fade = asyncio.get_running_loop().call_later(HALF_LIFE, self._fade, line)

    def _fade(self, line: _Line) -> None:
        """Let go, one half-life after the other, of the stems that were for a demand that has passed."""
        line.fade = None
        self._shrink(line, self._wanted(line))
        if len(line.ready) > self._settings.ready:
            line.fade = asyncio.get_running_loop().call_later(HALF_LIFE, self._fade, line)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _launcher(self, line: _Line) -> Launcher:
        while True:
            task = line.launcher
            if task is not None and task.done() and (task.cancelled() or task.exception() or task.result().lost):
                if not task.cancelled() and task.exception() is None:
                    self._spawn(task.result().close())
                task = line.launcher = None
            if task is None:
                task = line.launcher = asyncio.create_task(self._launch(line.interpreter))
                task.add_done_callback(_look)
            launcher = await asyncio.shield(task)
            if not launcher.lost:
                return launcher

    async def _launch(self, interpreter: Interpreter) -> Launcher:
        launcher = Launcher(await asyncio.to_thread(self._recipe, interpreter))
        try:
            await launcher.start()
        except TimeoutError as error:
            raise SandboxFailure(f"the launcher of {interpreter.identifier} did not start in time") from error
        return launcher

    async def _make(self, line: _Line, *, ahead: bool = False, template: bool = False) -> Stem:
        """`ahead`: nobody waits for it."""
        launcher = await self._launcher(line)
        try:
            return await self._fork(launcher, line.interpreter, ahead, template)
        except SandboxFailure:
            if not launcher.lost:
                raise
        # It had died unnoticed; a new one has not.
        return await self._fork(await self._launcher(line), line.interpreter, ahead, template)

    async def _fork(self, launcher: Launcher, interpreter: Interpreter, ahead: bool, template: bool) -> Stem:
        identity = self._ids()
        group = self._group(identity)
        uid = self._uids.take() if self._host.root and self.level == "namespaces" else None
        if uid is not None:
            self._uid_of[identity] = uid
        places = self._places(identity, interpreter)
        watched = self.limits_memory
        stem = await launcher.stem(identity, uid, group, watched, places, self._ended, ahead=ahead, template=template)
        if self._closed:
            await stem.destroy()
            stem.discard()
            raise SandboxFailure("the sandboxes are closed")
        self._stems.add(stem)
        return stem

    def _group(self, identity: str) -> Group | None:
        try:
            return None if self._cgroups is None else self._cgroups.create(identity)
        except OSError as error:
            raise SandboxFailure(f"sandbox {identity}: its control group cannot be made: {error}") from error

    def _ended(self, stem: Stem) -> None:
        self._stems.discard(stem)
        uid = self._uid_of.pop(stem.id, None)
        if uid is not None:
            self._uids.give_back(uid)

    def _order(
        self, interpreter: Interpreter, execute: list[str], environment: dict[str, str], runtime_root: str
    ) -> dict[str, Any]:
        endpoint = self._settings.endpoint_port
        return {
            "level": self.level,
            "kind": RUNTIMES[interpreter.identifier].family,
            "execute": execute,
            "environment": environment,
            "ports": [RUNTIME_API_PORT, *([] if endpoint is None else [endpoint])],
            "user_namespaces": self._host.user_namespaces,
            "limit_processes": self.level == "namespaces",
            "runtime_root": runtime_root,
        }

    def _recipe(self, interpreter: Interpreter) -> Recipe:
        raise NotImplementedError

    def _places(self, identity: str, interpreter: Interpreter) -> Places:
        raise NotImplementedError


class NamespaceSandboxes(_Sandboxes):
    """The level `namespaces`."""

    level = "namespaces"

    @property
    def makes_templates(self) -> bool:
        """A copy gets its capabilities over its own namespaces from the rules of user namespaces."""
        return self._host.user_namespaces

    def _recipe(self, interpreter: Interpreter) -> Recipe:
        own = _own_executable()
        sources = root.Sources(
            runtimes=self._settings.runtimes,
            launcher=_PACKAGE / "launcher",
            own=own,
            packages=root.packages([Path(entry) for entry in sys.path if entry], PACKAGES),
            names=self._host.egress.names.text() if self._network is not None and self._host.egress is not None else None,
        )
        hub = None if self._network is None else self._network.hub()
        made = root.program(interpreter, sources)
        enter = {
            "user_namespace": not self._host.root,
            "mount_point": str((self._instance.directory / "root").resolve()),
            "plan": made.plan,
            "execute": made.execute,
            "environment": made.environment,
            "hub": hub,
        }
        order = self._order(interpreter, made.runtime, root.ENVIRONMENT, root.RUNTIME_ROOT)
        order["hub"] = hub and {"ipv6": hub["ipv6"]}
        return Recipe([str(own), "-I", "-S", str(_PACKAGE / "launcher/enter.py")], {"LANG": "C.UTF-8"}, [enter, order])

    def _places(self, identity: str, interpreter: Interpreter) -> Places:
        return Places(root.TASK_ROOT, root.OPT_ROOT, root.TMP, root.RUNTIME_ROOT, real=False)


class ProcessSandboxes(_Sandboxes):
    """The level `process`: no isolation."""

    level = "process"

    def _runtime_root(self, interpreter: Interpreter) -> Path:
        return self._instance.directory / "runtime" / interpreter.identifier

    def _recipe(self, interpreter: Interpreter) -> Recipe:
        family = RUNTIMES[interpreter.identifier].family
        runtime_root = self._runtime_root(interpreter)
        runtime_root.mkdir(exist_ok=True)
        files = self._settings.runtimes / family
        links: Iterable[Path] = files.iterdir() if files.is_dir() else ()
        if family == "python":
            links = [*links, *root.packages([Path(entry) for entry in sys.path if entry], PACKAGES)]
        for target in links:
            link = runtime_root / target.name
            if not link.is_symlink():
                link.symlink_to(target)
        program = interpreter.executable if family == "python" else None
        execute = [str(interpreter.executable), str(files / "index.mjs")] if family == "nodejs" else []
        environment = {"PATH": os.defpath if program is None else f"{program.parent}:{os.defpath}", "LANG": "C.UTF-8"}
        order = self._order(interpreter, execute, environment, str(runtime_root))
        command = [str(program or _own_executable()), "-I", "-S", "-X", "utf8", str(_PACKAGE / "launcher/main.py")]
        return Recipe(command, environment, [order])

    def _places(self, identity: str, interpreter: Interpreter) -> Places:
        tmp = self._instance.directory / "tmp" / identity
        tmp.mkdir(mode=0o700)
        return Places("", None, str(tmp), str(self._runtime_root(interpreter)), real=True)

    def _ended(self, stem: Stem) -> None:
        super()._ended(stem)
        shutil.rmtree(stem.tmp, ignore_errors=True)


class _Numbers:
    """Numbers from a first one on, each one's only until it is given back."""

    def __init__(self, first: int) -> None:
        self._next = itertools.count(first)
        self._free: list[int] = []

    def take(self) -> int:
        return self._free.pop() if self._free else next(self._next)

    def give_back(self, number: int) -> None:
        self._free.append(number)


def _own_executable() -> Path:
    """The interpreter itself, not a virtual environment's link to it."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _look(task: "asyncio.Task[Launcher]") -> None:
    """A failure that nobody is waiting for is no news: whoever asks next is told."""
    if not task.cancelled():
        task.exception()
