"""The door of the sandboxes."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from lambdad.artifacts.api import Prepared
from lambdad.domain.errors import PlatformError

Level = Literal["namespaces", "process"]


class SandboxFailure(PlatformError):
    """The sandbox could not be made, or was lost."""


@dataclass(frozen=True, slots=True)
class Limits:
    memory_mb: int
    """What the function's processes may use together; more is an out-of-memory kill. /tmp does not count against it."""
    ephemeral_mb: int
    """Size of /tmp."""
    cores: float
    """Share of the CPU, memory_mb / 1769; not applied while `burst`."""
    processes: int = 1024


@dataclass(frozen=True, slots=True)
class Exit:
    """How a runtime process ended."""

    status: int | None
    """Exit status, None if a signal ended it."""
    signal: int | None
    out_of_memory: bool = False
    """The memory limit was the reason."""
    lost: bool = False
    """The whole sandbox is gone (launcher killed, host trouble), not only this process."""


@dataclass(slots=True)
class Process:
    """One runtime process in a sandbox, with the parent's ends of its connections. The taker owns and closes the sockets."""

    pid: int
    """On the host."""
    channel: socket.socket
    """AF_UNIX stream, non-blocking, speaking lambdad.runtime_api.channel; the runtime has it as fd 3."""
    output: socket.socket
    """AF_UNIX stream, non-blocking, read only: stdout and stderr (fd 1 and 2) of the runtime and its children, in order."""
    telemetry: socket.socket
    """AF_UNIX stream, non-blocking, read only: framed log records, `_LAMBDA_TELEMETRY_LOG_FD`, fd 4 of the runtime."""
    exited: "asyncio.Future[Exit]"


class Sandbox(Protocol):
    """One sandbox; `process` is its present runtime process, once it is specialised."""

    id: str
    process: Process
    runtime_api: socket.socket | None
    """Listening TCP socket, opened inside the sandbox's network; the taker accepts on it and closes it."""
    runtime_api_address: str
    """What the inside calls it, e.g. `127.0.0.1:9001`."""
    endpoint: socket.socket | None
    """Listening TCP socket inside, for lambdad's own AWS endpoint (`AWS_ENDPOINT_URL` of the function); the taker accepts on
    it and closes it. None where no port was asked for, or where the inside reaches the host's own loopback (`process`)."""
    task_root: str
    """What the inside calls the place of the code: `/var/task`, another path at the level `process`."""
    opt_root: str | None
    """`/opt`; at the level `process` another path, None without layers. Final after `specialise`."""
    tmp: str
    """`/tmp`, another path at the level `process`."""
    runtime_root: str
    """`/var/runtime`, another path at the level `process`."""

    async def specialise(self, prepared: Prepared, limits: Limits) -> None:
        """Show the code at /var/task and the layers at /opt, size /tmp, apply the limits (CPU: see `burst`). Once only."""
        ...

    async def restart(self) -> Process:
        """Kill every process inside but keep the sandbox and its /tmp; a new runtime process waits for START."""
        ...

    def burst(self, on: bool) -> None:
        """While on, the CPU limit is lifted (INIT is not throttled). A new sandbox starts with it on."""
        ...

    def freeze(self) -> None:
        """Nothing inside runs until `thaw`; `kill`, `restart` and `destroy` work all the same."""
        ...

    def thaw(self) -> None:
        """Go on. What was written to the channel before or after is read then."""
        ...

    def kill(self) -> None:
        """SIGKILL to every process inside; `process.exited` tells when it happened."""
        ...

    def max_memory_used(self) -> int:
        """Bytes, the high-water mark since the sandbox was made, measured; /tmp not counted where the host can tell."""
        ...

    async def destroy(self) -> None:
        """Kill and remove everything. Calling it twice is no error."""
        ...


class Template(Protocol):
    """A sandbox whose runtime process has initialised itself and waits to be copied. Its end is the end of its copies."""

    @property
    def alive(self) -> bool: ...

    @property
    def pid(self) -> int:
        """Of the runtime process, on the host."""
        ...

    async def restore(self) -> Sandbox:
        """A sandbox of its own (/tmp, processes, network, limits) whose runtime process is a copy of the template's, and waits
        for START. It has what was in the template's /tmp, and is specialised already. Raises SandboxFailure."""
        ...

    async def destroy(self) -> None:
        """With all that were restored from it. Calling it twice is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A runtime that this host can run."""

    identifier: str
    """E.g. `python3.12`, `nodejs20.x`, `provided.al2023`."""
    executable: Path | None
    """None for `provided.*`."""
    version: str
    """Full version of the language, e.g. `3.12.1`; "" for `provided.*`."""


class Sandboxes(Protocol):
    """Maker of sandboxes of one isolation level."""

    @property
    def level(self) -> Level: ...

    def runtimes(self) -> Sequence[Interpreter]:
        """What this host can run at this level."""
        ...

    def expect(self, runtime: str) -> None:
        """A function of this runtime exists, or was just created: have a launcher and stems ready before they are asked for.

        Call it for every creation; the more of them, the more stems. Without effect for a runtime that is not there."""
        ...

    async def take(self, runtime: str, template: bool = False) -> Sandbox:
        """A stem for the runtime: from the pool if one is ready, else made now. `template`: one that `template` may be called
        for, always made now; to be copied, a process has to be allowed more. Raises SandboxFailure."""
        ...

    @property
    def makes_templates(self) -> bool:
        """Whether this level, on this host, can copy a runtime process into a sandbox of its own."""
        ...

    def template(self, sandbox: Sandbox, orders: socket.socket) -> Template:
        """Of a specialised sandbox whose runtime process has said on its channel that it waits to be copied; `orders` is
        that channel, and the template's from now on."""
        ...

    async def close(self) -> None:
        """Destroy every sandbox and end the launchers."""
        ...
