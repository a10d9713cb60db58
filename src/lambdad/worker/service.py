"""What this host holds: its execution environments, and the memory that they were promised."""

import asyncio
import logging
import math
import socket
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from lambdad.artifacts.api import Artifacts
from lambdad.domain.functions import Optimization, SnapshotFailure, Version
from lambdad.domain.limits import INIT_TIMEOUT, MEMORY_PER_CORE, MIB, PROCESSES, RESTORE_TIMEOUT
from lambdad.logs.api import LogWriter, May, StreamName, anything
from lambdad.runtime_api.machine import Plan
from lambdad.runtime_api.transport import SCRATCH
from lambdad.sandbox.api import Limits, Sandbox, Sandboxes, SandboxFailure, Template
from lambdad.worker.api import Environment, Initialization, Load
from lambdad.worker.beginnings import Init, Restore
from lambdad.worker.environment import ExecutionEnvironment, Measured, unmeasured
from lambdad.worker.freezer import Freezer
from lambdad.worker.log import EnvironmentLog
from lambdad.worker.snapshot import SnapshotInit
from lambdad.worker.templates import TEMPLATE_IDLE, NoTemplate, Templates, snapshots_possible, try_out
from lambdad.worker.variables import Paths, Place, runtime_version, start_head

Credentials = Callable[[Version], Mapping[str, str]]
"""AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN for a version's execution role."""
LogPermission = Callable[[Version], May]
"""What a version's execution role may do to its log."""
EndpointServer = Callable[[socket.socket, Version], Callable[[], None]]
"""Serve lambdad's AWS endpoint on a socket that listens inside a sandbox; the answer stops that and closes the socket."""

log = logging.getLogger(__name__)
_MOMENT: Final = 0.05
"""Seconds."""
_AWS_RUNTIME_ROOT: Final = "/var/runtime"
_LONG_INIT: Final = 130.0
"""Seconds that INIT may take at least with provisioned concurrency and SnapStart, then as long as the function's timeout.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""


def any_log(version: Version) -> May:
    """Where nobody asks for permissions."""
    return anything


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
        log_permission: LogPermission = any_log,
        monotonic: Callable[[], float] = time.monotonic,
        capacity_mb: int | None = None,
        cores: float = math.inf,
        endpoint: str | None = None,
        serve_endpoint: EndpointServer | None = None,
        measured: Measured = unmeasured,
        freeze_after: float = 0.5,
        memory_short: Callable[[], bool] = lambda: False,
        template_idle: float = TEMPLATE_IDLE,
    ) -> None:
        """`wall`: seconds since the epoch; `monotonic`: seconds of a fine clock that never jumps. `new_id`: 32 hex digits,
        never twice the same. `log_permission`: what a version's execution role may do to its log. `capacity_mb`: memory that
        may be promised together, None: any; `cores`: processors that are there for functions; placement looks at both.
        `endpoint`: URL of lambdad's AWS endpoint where sandboxes reach the host's loopback; `serve_endpoint`: for those that
        have a socket of their own for it. `measured` is told of every invocation, after its answer. `freeze_after`: seconds
        after which an idle environment is frozen, at the earliest (twice that at the latest); 0: never. `memory_short`: the
        host needs what idle templates of SnapStart have; `template_idle`: seconds after which they end in any case."""
        self.capacity_mb = capacity_mb
        self._cores = cores
        self._used_mb, self._busy_cores, self._weigh_at = 0, 0.0, 0.0
        self._sandboxes = sandboxes
        self._artifacts = artifacts
        self._log_writer = log_writer
        self._wall = wall
        self._monotonic = monotonic
        self._new_id = new_id
        self._credentials = credentials
        self._log_permission = log_permission
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
        self._templates = Templates(
            self._make_template,
            in_use=lambda: {each.version.build for each in self._environments.values()},
            memory_short=memory_short,
            idle=template_idle,
        )
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

    def load(self, version: Version) -> Load:
        if self._monotonic() >= self._weigh_at:
            self._weigh()
        return Load(
            self.capacity_mb,
            self.promised_mb,
            self.count,
            self._used_mb,
            self._cores,
            self._busy_cores,
            self._artifacts.prepared(version.code, [layer.code for layer in version.layers]) is not None,
        )

    def _weigh(self) -> None:
        """One look serves the starts of a moment: what it adds up grows with what is held."""
        self._weigh_at = self._monotonic() + _MOMENT
        held = self._environments.values()
        self._used_mb = sum(each.memory_used for each in held) // MIB
        self._busy_cores = sum(each.version.memory_size for each in held if each.busy) / MEMORY_PER_CORE

    def introspect(self) -> list[dict[str, object]]:
        """Every environment, for `/_lambdad/state`. `pid` is its runtime process, on the host."""
        return [
            {"id": each.id, "function": each.version.name, "version": each.version.version, "pid": each.pid}
            for each in self._environments.values()
        ]

    def templates(self) -> dict[str, int]:
        """Build → process id on the host of the template for SnapStart."""
        return self._templates.introspect()

    async def start(self, version: Version, initialization: Initialization) -> Environment:
        self._check_open()
        self._starting_mb += version.memory_size
        try:
            restored, began = None, None
            if version.optimization == "On" and initialization == "on-demand":
                restored = await self._restored(version)
            if restored is not None:
                (sandbox, began), initialization = restored, "snap-start"
            else:
                sandbox = await self._sandbox(version)
            try:
                self._check_open()
                return self._environment(version, initialization, sandbox, began)
            except BaseException:
                await asyncio.shield(sandbox.destroy())
                raise
        finally:
            self._starting_mb -= version.memory_size

    async def _restored(self, version: Version) -> tuple[Sandbox, float] | None:
        """And when restoring it began. None where there is no template and none can be made: then INIT runs in the
        environment."""
        try:
            template = await self._templates.get(version)
            if template is None or isinstance(template, SnapshotFailure):
                return None
            began = self._monotonic()
            return await template.restore(), began
        except SandboxFailure as error:
            log.warning("an environment of %s could not be restored: %s", version.qualified_arn, error)
            return None

    async def snapshot(self, version: Version) -> Optimization | SnapshotFailure:
        self._check_open()
        if not snapshots_possible(version, self._sandboxes):
            return "Off"
        made = await self._templates.get(version)
        if made is None or isinstance(made, SnapshotFailure):
            return made or "Off"
        try:
            await try_out(made)
        except SandboxFailure as error:
            log.warning("the snapshot of %s can't be restored: %s", version.qualified_arn, error)
            self._templates.drop([version.build])
            return "Off"
        return "On"

    def forget(self, builds: Collection[str]) -> None:
        """The snapshots of versions that are gone, once their environments are."""
        self._templates.retire(builds)

    async def _make_template(self, version: Version) -> Template | NoTemplate:
        sandbox = await self._sandbox(version, template=True)
        id = self._new_id()
        try:
            self._check_open()
            log = self._log(version, id)
            head = {**start_head(version, self._place(version, "snap-start", sandbox, id)), "snapshot": True}
            init = SnapshotInit(version, sandbox, log, self._runtime_version(version), self._scratch)
            return await init.run(self._sandboxes, head, _init_timeout(version, "snap-start"))
        except BaseException:
            await asyncio.shield(sandbox.destroy())
            raise
        finally:
            self._stop_endpoint(id)

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxFailure("This worker is being shut down.")

    async def close(self) -> None:
        self._closed = True
        self._freezer.close()
        async with asyncio.TaskGroup() as group:
            for environment in tuple(self._environments.values()):
                group.create_task(environment.end("SPINDOWN"))
        await self._templates.close()

    async def _sandbox(self, version: Version, template: bool = False) -> Sandbox:
        """Specialised for the version."""
        runtime = version.runtime
        if runtime is None:
            raise SandboxFailure("Only functions of package type Zip can run here.")
        layers = [layer.code for layer in version.layers]
        prepared = self._artifacts.prepared(version.code, layers)
        if prepared is None:
            prepared = await self._artifacts.prepare(version.code, layers, runtime)
        sandbox = await self._sandboxes.take(runtime, template)
        limits = Limits(version.memory_size, version.ephemeral_storage, version.memory_size / MEMORY_PER_CORE, PROCESSES)
        try:
            await sandbox.specialise(prepared, limits)
        except BaseException:
            await asyncio.shield(sandbox.destroy())
            raise
        return sandbox

    def _stream(self, version: Version, id: str) -> str:
        return f"{datetime.fromtimestamp(self._wall(), UTC):%Y/%m/%d}/[{version.version}]{id}"

    def _place(self, version: Version, initialization: Initialization, sandbox: Sandbox, id: str) -> Place:
        interpreter = self._interpreters.get(version.runtime or "")
        outside = sandbox.runtime_root != _AWS_RUNTIME_ROOT and interpreter is not None and interpreter.executable is not None
        return Place(
            log_stream=self._stream(version, id),
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

    def _log(self, version: Version, id: str) -> EnvironmentLog:
        group = version.logging.group or f"/aws/lambda/{version.name}"
        return EnvironmentLog(
            StreamName(version.account, version.region, group, self._stream(version, id)),
            self._log_writer,
            self._log_permission(version),
            wall=self._wall,
            format=version.logging.format,
            system_level=version.logging.system_level,
        )

    def _runtime_version(self, version: Version) -> str:
        interpreter = self._interpreters.get(version.runtime or "")
        return runtime_version(version.runtime, interpreter.version if interpreter is not None else "")

    def _environment(
        self, version: Version, initialization: Initialization, sandbox: Sandbox, restored: float | None = None
    ) -> Environment:
        """`restored`: when restoring it from a snapshot began."""
        id = self._new_id()
        named = self._runtime_version(version)
        beginning = Init(initialization, named) if restored is None else Restore(named, restored)
        init_timeout = _init_timeout(version, initialization) if restored is None else RESTORE_TIMEOUT
        environment = ExecutionEnvironment(
            id,
            version,
            sandbox,
            self._log(version, id),
            start_head(version, self._place(version, initialization, sandbox, id)),
            loop=asyncio.get_running_loop(),
            wall=self._wall,
            monotonic=self._monotonic,
            scratch=self._scratch,
            plan=Plan(float(version.timeout), init_timeout),
            beginning=beginning,
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
        self._stop_endpoint(environment.id)

    def _stop_endpoint(self, id: str) -> None:
        stop = self._stop_serving.pop(id, None)
        if stop is not None:
            stop()


def _init_timeout(version: Version, initialization: Initialization) -> float:
    return INIT_TIMEOUT if initialization == "on-demand" else max(_LONG_INIT, float(version.timeout))
