"""The door of the worker, and of the environments it starts."""

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from msgspec import Struct

from lambdad.domain.functions import Optimization, SnapshotFailure, Version
from lambdad.sandbox.api import SandboxFailure

Initialization = Literal["on-demand", "provisioned-concurrency", "snap-start"]
EndReason = Literal["SPINDOWN", "TIMEOUT", "FAILURE"]


class Invocation(Struct, frozen=True):
    """One event on its way to a runtime."""

    request_id: str
    invoked_arn: str
    """With the qualifier that the caller used."""
    payload: bytes
    trace_id: str
    """`Root=1-…;Parent=…;Sampled=…`"""
    client_context: str | None = None
    """JSON text, decoded from the request's base64."""
    cognito_identity: str | None = None
    streaming: bool = False
    """The caller takes the answer in pieces."""
    want_log: bool = False
    """LogType=Tail."""


class Outcome(Struct, frozen=True):
    """What became of an invocation that reached user code."""

    payload: bytes
    """What the runtime posted, or Lambda's own error payload."""
    error: Literal["Unhandled"] | None = None
    """Value of X-Amz-Function-Error."""
    log_tail: bytes = b""
    """The last 4,096 bytes of this invocation's log, where it was wanted."""
    error_type: str | None = None
    """E.g. `Runtime.ExitError`, for metrics and for InvokeComplete."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed answer: its head has come; `chunks` ends when the runtime is done, then `outcome()` is final."""

    content_type: str
    chunks: AsyncIterator[bytes]
    completion: "Completion"


@dataclass(slots=True)
class Completion:
    """Filled when a streamed answer has ended."""

    outcome: Outcome | None = None
    trailers: dict[str, str] = field(default_factory=dict)


class Environment(Protocol):
    """One execution environment. It serves one invocation at a time; the holder of the lease sees to that."""

    id: str
    version: Version

    async def ready(self) -> bool:
        """Wait for the end of the INIT phase. True: it waits for an event. False: INIT failed, and the next invoke runs it
        again (a suppressed init). Either way it can be invoked; raises SandboxFailure if it is gone."""
        ...

    def invoke(self, invocation: Invocation, done: Callable[[Outcome | SandboxFailure], None]) -> None:
        """Run one invocation to its end: an answer, an error, a timeout, an exit. `done` is called once, in the event loop,
        perhaps before this returns; it does not raise.

        It is told a SandboxFailure if the sandbox was lost before the event reached the runtime (another one may be tried).
        """
        ...

    async def invoke_stream(self, invocation: Invocation) -> Stream | Outcome:
        """Like `invoke`, but returns at the head of a streamed answer. An answer that is not streamed is an Outcome.
        Raises SandboxFailure."""
        ...

    @property
    def alive(self) -> bool:
        """False once it can't be invoked again."""
        ...

    def watch(self, gone: Callable[[], None]) -> None:
        """`gone` is called once, in the event loop, when it ends or when its runtime ends while it waits for an event: a
        holder learns that by himself, a pool does not."""
        ...

    async def end(self, reason: EndReason) -> None:
        """Shut down and destroy. Calling it twice is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """What a worker holds at one moment, for whoever chooses among workers; memory in MB."""

    capacity_mb: int | None
    """Memory that environments may be promised, all together; None: as much as is asked for."""
    promised_mb: int
    """Of every environment it has or is making, whether they use it or not."""
    environments: int
    used_mb: int = 0
    """What its environments really use, as measured last; less than is promised, as a rule."""
    cores: float = math.inf
    busy_cores: float = 0.0
    """What the environments that run now were promised of the processors."""
    has_code: bool = False
    """The version's code is unpacked there."""

    @property
    def free_mb(self) -> float:
        return math.inf if self.capacity_mb is None else self.capacity_mb - self.promised_mb


class Worker(Protocol):
    def load(self, version: Version) -> Load:
        """With a view to another environment of this version."""
        ...

    async def start(self, version: Version, initialization: Initialization) -> Environment:
        """An environment whose INIT has begun, or its RESTORE where the version has a snapshot. Raises SandboxFailure."""
        ...

    async def snapshot(self, version: Version) -> Optimization | SnapshotFailure:
        """Run the version's INIT for SnapStart. Off where its environments can't be restored from it (or not on this host);
        a failure is the function's own. Raises SandboxFailure."""
        ...

    def environments(self) -> list[Environment]: ...

    async def close(self) -> None:
        """End every environment."""
        ...
