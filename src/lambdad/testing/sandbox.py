"""Sandboxes in memory: the runtime inside is a coroutine of the test, at the other end of real socket pairs.

    async def runtime(inside: ScriptedRuntime) -> None:
        start = await inside.start()
        while True:
            event = await inside.next()
            inside.respond(event, event.body)

    sandboxes = ScriptedSandboxes(runtime)

A script that returns is a process that exits with status 0; `inside.exit(…)` ends it otherwise. Each `restart` runs the script
again (`inside.generation` counts). A script that raises is a mistake of the test: `ScriptedSandboxes.close` raises it again.
"""

import asyncio
import itertools
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from lambdad.artifacts.api import Prepared
from lambdad.runtime_api import frames
from lambdad.runtime_api.frames import Frame
from lambdad.sandbox.api import Exit, Interpreter, Level, Limits, Process, Sandbox, SandboxFailure

Script = Callable[["ScriptedRuntime"], Awaitable[None]]


class _Leave(BaseException):
    """Ends a script like the end of a process."""

    def __init__(self, how: Exit) -> None:
        self.how = how


class Hangup(Exception):
    """lambdad closed the channel."""


class ScriptedRuntime:
    """The inside of one runtime process: what a script reads, writes and how it ends."""

    def __init__(self, sandbox: "ScriptedSandbox", generation: int) -> None:
        self.sandbox = sandbox
        self.generation = generation
        """0 for the sandbox's first process."""
        self.environment: dict[str, str] = {}
        """Filled by `start`."""
        outside, self._channel = _pair()
        output, self._output = _pair()
        telemetry, self._telemetry = _pair()
        exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.process = Process(sandbox.next_pid(), outside, output, telemetry, exited)
        self._decoder = frames.Decoder(frames.TO_RUNTIME)
        self._frames: list[Frame] = []

    async def receive(self) -> Frame:
        """The next frame from lambdad. Raises Hangup."""
        loop = asyncio.get_running_loop()
        while not self._frames:
            data = await loop.sock_recv(self._channel, 262_144)
            if not data:
                raise Hangup
            self._frames.extend(self._decoder.feed(data))
        return self._frames.pop(0)

    async def start(self) -> dict[str, Any]:
        """Wait for START; its head."""
        frame = await self.receive()
        assert frame.kind == frames.START, frame
        head: dict[str, Any] = msgspec.json.decode(frame.head)
        self.environment = dict(head["environment"])
        return head

    async def next(self) -> Frame:
        """Say NEXT and wait for the event."""
        self.send(frames.NEXT)
        frame = await self.receive()
        assert frame.kind == frames.INVOKE, frame
        return frame

    def send(self, kind: int, head: Mapping[str, Any] | None = None, body: bytes = b"") -> None:
        """One frame, at once; it has to fit the socket's buffer (see `send_all` for large ones)."""
        self._channel.sendall(frames.encode(kind, head, body))

    async def send_all(self, kind: int, head: Mapping[str, Any] | None = None, body: bytes = b"") -> None:
        """One frame of any size, waiting for lambdad to read it."""
        await asyncio.get_running_loop().sock_sendall(self._channel, frames.encode(kind, head, body))

    def send_raw(self, data: bytes) -> None:
        self._channel.sendall(data)

    def respond(self, event: Frame, body: bytes, **head: Any) -> None:
        self.send(frames.RESPONSE, {"id": request_id(event), **head}, body)

    def fail(self, event: Frame, body: bytes, type: str = "Function.Unknown") -> None:
        self.send(frames.ERROR, {"id": request_id(event), "type": type}, body)

    def fail_init(self, body: bytes, type: str) -> None:
        self.send(frames.INIT_ERROR, {"type": type}, body)

    def print(self, text: str) -> None:
        """To stdout, as it is."""
        self._output.sendall(text.encode())

    def log(self, message: str, *, type: int = 0xA55A0003, time_us: int = 0) -> None:
        """One framed record on the telemetry socket."""
        data = message.encode()
        self._telemetry.sendall(struct.pack(">IIQ", type, len(data), time_us) + data)

    def exit(self, status: int | None = None, signal: int | None = None, **how: bool) -> NoReturn:
        """End this process: by a status, or by a signal (`out_of_memory=True` and `lost=True` as in Exit)."""
        raise _Leave(Exit(status if signal is None else None, signal, **how))

    async def forever(self) -> None:
        """Hang until killed."""
        await asyncio.get_running_loop().create_future()

    def end(self, how: Exit) -> None:
        """The process is gone; only the first call counts."""
        for end in (self._channel, self._output, self._telemetry):
            end.close()
        if not self.process.exited.done():
            self.process.exited.set_result(how)


def request_id(event: Frame) -> str:
    return str(msgspec.json.decode(event.head)["id"])


class ScriptedSandbox:
    """Implements lambdad.sandbox.api.Sandbox. What was asked of it is in its attributes."""

    def __init__(self, owner: "ScriptedSandboxes", id: str, runtime_api: socket.socket | None) -> None:
        self.id = id
        self.runtime_api = runtime_api
        self.runtime_api_address = "" if runtime_api is None else "{}:{}".format(*runtime_api.getsockname())
        self.endpoint: socket.socket | None = None
        self.task_root, self.tmp, self.runtime_root = "/var/task", "/tmp", "/var/runtime"
        self.opt_root: str | None = "/opt"
        self.prepared: Prepared | None = None
        self.limits: Limits | None = None
        self.bursts: list[bool] = []
        self.frozen: list[bool] = []
        """True for every `freeze`, False for every `thaw`."""
        self.kills = 0
        self.restarts = 0
        self.destroyed = False
        self.memory_used = 36 * 1024 * 1024
        """Bytes; what `max_memory_used` says."""
        self.files: dict[str, bytes] = {}
        """Stands for /tmp: kept over restarts, for scripts to use."""
        self._owner = owner
        self._inside: ScriptedRuntime | None = None
        self._task: asyncio.Task[None] | None = None
        self.process = self._run()

    def next_pid(self) -> int:
        return next(self._owner.pids)

    def _run(self) -> Process:
        inside = ScriptedRuntime(self, self.restarts)
        self._inside = inside
        self._task = asyncio.get_running_loop().create_task(self._live(inside))
        # A task that is cancelled before its first step never runs its `finally`.
        self._task.add_done_callback(lambda _: inside.end(Exit(None, signal.SIGKILL)))
        return inside.process

    async def _live(self, inside: ScriptedRuntime) -> None:
        how = Exit(0, None)
        try:
            await self._owner.script(inside)
        except _Leave as leave:
            how = leave.how
        except asyncio.CancelledError:
            how = Exit(None, signal.SIGKILL)
        except (Hangup, ConnectionError):
            how = Exit(1, None)
        except Exception as error:
            self._owner.failures.append(error)
            how = Exit(1, None)
        inside.end(how)

    async def specialise(self, prepared: Prepared, limits: Limits) -> None:
        assert self.prepared is None, "a sandbox is specialised once"
        self.prepared, self.limits = prepared, limits

    async def restart(self) -> Process:
        await self._stop()
        if self.destroyed:
            raise SandboxFailure("The sandbox is gone.")
        if self._owner.restart_failures:
            raise self._owner.restart_failures.pop(0)
        self.restarts += 1
        self.process = self._run()
        return self.process

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def burst(self, on: bool) -> None:
        self.bursts.append(on)

    def freeze(self) -> None:
        self.frozen.append(True)

    def thaw(self) -> None:
        self.frozen.append(False)

    def kill(self) -> None:
        self.kills += 1
        if self._task is not None:
            self._task.cancel()

    def lose(self) -> None:
        """As if the launcher had been killed: everything inside is gone."""
        if not self.process.exited.done():
            self.process.exited.set_result(Exit(None, signal.SIGKILL, lost=True))
        self.kill()

    def max_memory_used(self) -> int:
        return self.memory_used

    async def destroy(self) -> None:
        self.destroyed = True
        await self._stop()


class ScriptedSandboxes:
    """Implements lambdad.sandbox.api.Sandboxes.

    `http`: sandboxes have a listening Runtime API socket on the loopback, and `runtime_api_address` names it.
    """

    level: Level = "process"

    def __init__(
        self,
        script: Script,
        *,
        runtimes: Sequence[Interpreter] | None = None,
        http: bool = False,
        makes_templates: bool = False,
    ) -> None:
        """What is restored from a template runs the script from its beginning, too."""
        self.script = script
        self.makes_templates = makes_templates
        self.templates: list[ScriptedTemplate] = []
        self.template_failures: list[SandboxFailure] = []
        """Raised, first one first, by a template's `restore`."""
        self.failures: list[Exception] = []
        """What scripts raised."""
        self.take_failures: list[SandboxFailure] = []
        """Raised, first one first, by `take`."""
        self.restart_failures: list[SandboxFailure] = []
        self.taken: list[ScriptedSandbox] = []
        self.expected: list[str] = []
        """What `expect` was called with."""
        self.pids = itertools.count(1000)
        self._http = http
        self._runtimes = runtimes if runtimes is not None else (Interpreter("python3.12", None, "3.12.1"),)

    def runtimes(self) -> Sequence[Interpreter]:
        return self._runtimes

    def expect(self, runtime: str) -> None:
        self.expected.append(runtime)

    async def take(self, runtime: str, template: bool = False) -> Sandbox:
        if self.take_failures:
            raise self.take_failures.pop(0)
        return self.make()

    def make(self) -> ScriptedSandbox:
        listener = None
        if self._http:
            listener = socket.create_server(("127.0.0.1", 0))
            listener.setblocking(False)
        sandbox = ScriptedSandbox(self, f"sandbox-{len(self.taken)}", listener)
        self.taken.append(sandbox)
        return sandbox

    def template(self, sandbox: Sandbox, orders: socket.socket) -> "ScriptedTemplate":
        assert isinstance(sandbox, ScriptedSandbox)
        template = ScriptedTemplate(self, sandbox, orders)
        self.templates.append(template)
        return template

    async def close(self) -> None:
        """Raises what a script raised, if any did."""
        for sandbox in self.taken:
            await sandbox.destroy()
        if self.failures:
            raise self.failures[0]


class ScriptedTemplate:
    """Implements lambdad.sandbox.api.Template."""

    def __init__(self, owner: ScriptedSandboxes, sandbox: ScriptedSandbox, orders: socket.socket) -> None:
        self._owner = owner
        self._orders = orders
        self.sandbox = sandbox
        self.restored: list[ScriptedSandbox] = []

    @property
    def alive(self) -> bool:
        return not self.sandbox.process.exited.done()

    @property
    def pid(self) -> int:
        return self.sandbox.process.pid

    async def restore(self) -> Sandbox:
        if not self.alive:
            raise SandboxFailure("The template is gone.")
        if self._owner.template_failures:
            raise self._owner.template_failures.pop(0)
        made = self._owner.make()
        made.prepared, made.limits = self.sandbox.prepared, self.sandbox.limits
        self.restored.append(made)
        return made

    async def destroy(self) -> None:
        self._orders.close()
        await self.sandbox.destroy()
        for each in self.restored:
            each.lose()


def _pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs
