"""What this host holds: its execution environments, and the memory that they were promised."""

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from lambdad.artifacts.api import Artifacts
from lambdad.domain.functions import Version
from lambdad.domain.limits import INIT_TIMEOUT, MEMORY_PER_CORE, PROCESSES
from lambdad.logs.api import LogWriter, StreamName
from lambdad.runtime_api.machine import Plan
from lambdad.runtime_api.transport import SCRATCH
from lambdad.sandbox.api import Limits, Sandbox, Sandboxes, SandboxFailure
from lambdad.worker.api import Environment, Initialization
from lambdad.worker.environment import ExecutionEnvironment, Measured, unmeasured
from lambdad.worker.freezer import Freezer
from lambdad.worker.log import EnvironmentLog
from lambdad.worker.variables import Paths, Place, runtime_version, start_head

Credentials = Callable[[Version], Mapping[str, str]]
"""AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN for a version's execution role."""
EndpointServer = Callable[[socket.socket, Version], Callable[[], None]]
"""Serve lambdad's AWS endpoint on a socket that listens inside a sandbox; the answer stops that and closes the socket."""

_AWS_RUNTIME_ROOT: Final = "/var/runtime"
_LONG_INIT: Final = 130.0
"""Seconds that INIT may take at least with provisioned concurrency and SnapStart, then as long as the function's timeout.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""


class LocalWorker:
    """Implements worker.api.Worker on this host's sandboxes. Use it in one event loop."""

    def __init__(
        self,
        sandboxes: Sandboxes,
        artifacts: Artifacts,
        log_writer: LogWriter,
        *,
        wall: Callable[[], float],
        new_id: Callable[[], str],
        credentials: Credentials,
        monotonic: Callable[[], float] = time.monotonic,
        capacity_mb: int = sys.maxsize,
        endpoint: str | None = None,
        serve_endpoint: EndpointServer | None = None,
        measured: Measured = unmeasured,
        freeze_after: float = 0.5,
    ) -> None:
        """`wall`: seconds since the epoch; `monotonic`: seconds of a fine clock that never jumps. `new_id`: 32 hex digits,
        never twice the same. `capacity_mb`: memory that may be promised together; placement looks at it. `endpoint`: URL of
        lambdad's AWS endpoint where sandboxes reach the host's loopback; `serve_endpoint`: for those that have a socket of
        their own for it. `measured` is told of every invocation, after its answer. `freeze_after`: seconds after which
        an idle environment is frozen, at the earliest (twice that at the latest); 0: never."""
        self.capacity_mb = capacity_mb
        self._sandboxes = sandboxes
        self._artifacts = artifacts
        self._log_writer = log_writer
        self._wall = wall
        self._monotonic = monotonic
        self._new_id = new_id
        self._credentials = credentials
        self._endpoint = endpoint
        self._serve_endpoint = serve_endpoint
        self._measured = measured
        self._interpreters = {interpreter.identifier: interpreter for interpreter in sandboxes.runtimes()}
        self._environments: dict[str, ExecutionEnvironment] = {}
        self._starting_mb = 0
        self._promised_mb = 0
        self._stop_serving: dict[str, Callable[[], None]] = {}
        self._scratch = bytearray(SCRATCH)
        self._freezer = Freezer(asyncio.get_running_loop(), freeze_after)
        self._closed = False

    def __repr__(self) -> str:
        return f"<LocalWorker [{self.count} environments, {self.promised_mb} of {self.capacity_mb} MB promised]>"

    @property
    def promised_mb(self) -> int:
        """Memory of the environments there are, and of those that are being made."""
        return self._promised_mb + self._starting_mb

    @property
    def count(self) -> int:
        return len(self._environments)

    def environments(self) -> list[Environment]:
        return list(self._environments.values())

    def introspect(self) -> list[dict[str, object]]:
        """Every environment, for `/_lambdad/state`. `pid` is its runtime process, on the host."""
        return [
            {"id": each.id, "function": each.version.name, "version": each.version.version, "pid": each.pid}
            for each in self._environments.values()
        ]

    async def start(self, version: Version, initialization: Initialization) -> Environment:
        self._check_open()
        if version.runtime is None:
            raise SandboxFailure("Only functions of package type Zip can run here.")
        self._starting_mb += version.memory_size
        try:
            sandbox = await self._sandbox(version, version.runtime)
        finally:
            self._starting_mb -= version.memory_size
        try:
            self._check_open()
            return self._environment(version, initialization, sandbox)
        except BaseException:
            await asyncio.shield(sandbox.destroy())
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxFailure("This worker is being shut down.")

    async def close(self) -> None:
        self._closed = True
        self._freezer.close()
        async with asyncio.TaskGroup() as group:
            for environment in tuple(self._environments.values()):
                group.create_task(environment.end("SPINDOWN"))

    async def _sandbox(self, version: Version, runtime: str) -> Sandbox:
        """Specialised for the version."""
        layers = [layer.code for layer in version.layers]
        prepared = self._artifacts.prepared(version.code, layers)
        if prepared is None:
            prepared = await self._artifacts.prepare(version.code, layers, runtime)
        sandbox = await self._sandboxes.take(runtime)
        limits = Limits(version.memory_size, version.ephemeral_storage, version.memory_size / MEMORY_PER_CORE, PROCESSES)
        try:
            await sandbox.specialise(prepared, limits)
        except BaseException:
            await asyncio.shield(sandbox.destroy())
            raise
        return sandbox

    def _environment(self, version: Version, initialization: Initialization, sandbox: Sandbox) -> Environment:
        id = self._new_id()
        stream = f"{datetime.fromtimestamp(self._wall(), UTC):%Y/%m/%d}/[{version.version}]{id}"
        interpreter = self._interpreters.get(version.runtime or "")
        outside = sandbox.runtime_root != _AWS_RUNTIME_ROOT and interpreter is not None and interpreter.executable is not None
        place = Place(
            log_stream=stream,
            initialization=initialization,
            runtime_api=sandbox.runtime_api_address if sandbox.runtime_api is not None else "",
            credentials=self._credentials(version),
            endpoint=self._endpoint_of(sandbox, version, id),
            paths=Paths(
                task_root=sandbox.task_root,
                opt_root=sandbox.opt_root or "/opt",
                tmp=sandbox.tmp,
                runtime_root=sandbox.runtime_root,
                executable=str(interpreter.executable) if outside and interpreter is not None else None,
            ),
        )
        log = EnvironmentLog(
            StreamName(version.account, version.region, version.logging.group or f"/aws/lambda/{version.name}", stream),
            self._log_writer,
            wall=self._wall,
            format=version.logging.format,
            system_level=version.logging.system_level,
        )
        environment = ExecutionEnvironment(
            id,
            version,
            sandbox,
            log,
            start_head(version, place),
            loop=asyncio.get_running_loop(),
            wall=self._wall,
            monotonic=self._monotonic,
            scratch=self._scratch,
            plan=Plan(float(version.timeout), _init_timeout(version, initialization)),
            initialization=initialization,
            runtime_version=runtime_version(version.runtime, interpreter.version if interpreter is not None else ""),
            ended=self._forget,
            measured=self._measured,
            thawed=self._freezer.watch,
        )
        self._freezer.watch(environment)
        self._environments[id] = environment
        self._promised_mb += version.memory_size
        return environment

    def _endpoint_of(self, sandbox: Sandbox, version: Version, id: str) -> str | None:
        if sandbox.endpoint is None:
            return self._endpoint
        if self._serve_endpoint is None:
            sandbox.endpoint.close()
            return None
        host, port = sandbox.endpoint.getsockname()[:2]
        self._stop_serving[id] = self._serve_endpoint(sandbox.endpoint, version)
        return f"http://{host}:{port}"

    def _forget(self, environment: ExecutionEnvironment) -> None:
        if self._environments.pop(environment.id, None) is None:
            return
        self._promised_mb -= environment.version.memory_size
        stop = self._stop_serving.pop(environment.id, None)
        if stop is not None:
            stop()


def _init_timeout(version: Version, initialization: Initialization) -> float:
    return INIT_TIMEOUT if initialization == "on-demand" else max(_LONG_INIT, float(version.timeout))
