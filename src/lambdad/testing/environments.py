"""A scripted worker: execution environments without sandboxes, for tests of the rooms above the worker."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from lambdad.domain.functions import Optimization, SnapshotFailure, Version
from lambdad.sandbox.api import SandboxFailure
from lambdad.worker.api import Completion, EndReason, Environment, Initialization, Invocation, Load, Outcome, Stream

Handler = Callable[[Invocation], Awaitable[Outcome]]


async def echo(invocation: Invocation) -> Outcome:
    """Answers the event."""
    return Outcome(invocation.payload, log_tail=b"END" if invocation.want_log else b"")


class ScriptedEnvironment:
    """Implements `lambdad.worker.api.Environment`; fails the test that invokes it twice at a time or after its end."""

    def __init__(
        self, id: str, version: Version, worker: "ScriptedWorker", initialization: Initialization = "on-demand"
    ) -> None:
        self.id = id
        self.version = version
        self.initialization = initialization
        self.served: list[Invocation] = []
        self.ended: EndReason | None = None
        self._worker = worker
        self._lost = False
        self._gone: Callable[[], None] | None = None
        self._busy = False
        self._running: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<ScriptedEnvironment {self.id} of {self.version.name}:{self.version.version}, served {len(self.served)}>"

    @property
    def alive(self) -> bool:
        return not self._lost and self.ended is None

    def lose(self) -> None:
        """Its sandbox is gone, and nobody was told."""
        self._lost = True

    def die(self) -> None:
        """Its sandbox is gone, and whoever watches is told."""
        self._lost = True
        self._tell_gone()

    def watch(self, gone: Callable[[], None]) -> None:
        self._gone = gone

    def _tell_gone(self) -> None:
        gone, self._gone = self._gone, None
        if gone is not None:
            asyncio.get_running_loop().call_soon(gone)

    async def ready(self) -> bool:
        await asyncio.sleep(self._worker.init_seconds)
        if self._lost:
            raise SandboxFailure("the sandbox was lost during INIT")
        return self._worker.init_succeeds

    def invoke(self, invocation: Invocation, done: Callable[[Outcome | SandboxFailure], None]) -> None:
        self._running = asyncio.get_running_loop().create_task(self._invoke(invocation, done))

    async def _invoke(self, invocation: Invocation, done: Callable[[Outcome | SandboxFailure], None]) -> None:
        try:
            result: Outcome | SandboxFailure = await self._run(invocation)
        except SandboxFailure as failure:
            result = failure
        except asyncio.CancelledError:  # it was ended meanwhile
            result = Outcome(b'{"errorType":"Sandbox.Failure"}', "Unhandled", error_type="Sandbox.Failure")
        done(result)

    async def _run(self, invocation: Invocation) -> Outcome:
        self._begin(invocation)
        try:
            return await self._worker.handler(invocation)
        finally:
            self._busy = False

    async def invoke_stream(self, invocation: Invocation) -> Stream | Outcome:
        """Streams what `ScriptedWorker.stream` yields, if there is such a script."""
        if self._worker.stream is None:
            return await self._run(invocation)
        self._begin(invocation)
        completion = Completion()
        return Stream("application/octet-stream", self._chunks(self._worker.stream(invocation), completion), completion)

    async def end(self, reason: EndReason) -> None:
        if self.ended is None:
            self.ended = reason
            self._worker.forget(self)
            if self._running is not None:
                self._running.cancel()
            self._tell_gone()

    def _begin(self, invocation: Invocation) -> None:
        assert not self._busy, f"{self} was leased twice"
        assert self.ended is None, f"{self} was invoked after its end"
        if self._lost:
            raise SandboxFailure("the sandbox is gone")
        self._busy = True
        self.served.append(invocation)

    async def _chunks(self, script: AsyncIterator[bytes], completion: Completion) -> AsyncIterator[bytes]:
        sent = 0
        async for chunk in script:
            sent += len(chunk)
            yield chunk
        completion.outcome = Outcome(b"", log_tail=b"%d bytes" % sent)
        self._busy = False


class ScriptedWorker:
    """Implements `lambdad.worker.api.Worker`, with a capacity for placement. Everything a test may script is an attribute."""

    def __init__(self, handler: Handler = echo, *, capacity_mb: int = 1_000_000) -> None:
        self.handler = handler
        self.stream: Callable[[Invocation], AsyncIterator[bytes]] | None = None
        self.capacity_mb = capacity_mb
        self.promised_mb = 0
        self.start_seconds = 0.0
        self.init_seconds = 0.0
        self.init_succeeds = True
        self.failures: deque[BaseException | None] = deque()
        """What the next starts raise, in their order; None for one that succeeds."""
        self.started: list[ScriptedEnvironment] = []
        """Every environment there ever was."""
        self._ids = itertools.count(1)

    async def start(self, version: Version, initialization: Initialization) -> ScriptedEnvironment:
        self.promised_mb += version.memory_size
        failure = self.failures.popleft() if self.failures else None
        await asyncio.sleep(self.start_seconds)
        if failure is not None:
            self.promised_mb -= version.memory_size
            raise failure
        environment = ScriptedEnvironment(f"env-{next(self._ids)}", version, self, initialization)
        self.started.append(environment)
        return environment

    async def snapshot(self, version: Version) -> Optimization | SnapshotFailure:
        return "Off"

    def load(self, version: Version) -> Load:
        return Load(self.capacity_mb, self.promised_mb, len(self.environments()))

    def environments(self) -> list[Environment]:
        return [environment for environment in self.started if environment.ended is None]

    def forget(self, environment: ScriptedEnvironment) -> None:
        self.promised_mb -= environment.version.memory_size

    async def close(self) -> None:
        for environment in self.environments():
            await environment.end("SPINDOWN")
