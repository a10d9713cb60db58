"""A node: every role in one process, on the embedded substrate.

Start, in the order of the stack from the floor up: 1. the data directory is locked and opened · 2. the host is looked at and
sandboxes are opened · 3. records, packages and logs are read · 4. identities, SQS · 5. worker, placement, worker manager,
counter, frontend, pollers · 6. control and events take up what was left unfinished · 7. the edge listens. Then, and only then,
the node is ready.

Stop, the other way round: 1. the pollers receive and the edge accepts no more; what runs is finished, within the grace
period · 2. events and batches that run, then streams · 3. control · 4. environments · 5. SQS · 6. logs are written out ·
7. sandboxes and launchers · 8. the data directory is closed. What fails on the way does not keep the rest from closing.
"""

import asyncio
import logging
import os
import resource
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdad import __version__
from lambdad.artifacts.service import PackageStore
from lambdad.assembly.credentials import Keyring
from lambdad.assembly.endpoints import PORT, FunctionEndpoints
from lambdad.assembly.identities import Identities, begin, identities, session_key
from lambdad.assembly.metrics import metrics
from lambdad.assembly.permissions import execution_roles, log_permission
from lambdad.assembly.queues import Queues
from lambdad.assembly.root_keys import RootKey, RootKeys
from lambdad.assembly.settings import Settings
from lambdad.assembly.state import state
from lambdad.control.api import AccountLimits
from lambdad.control.service import LambdaControl
from lambdad.counter.service import LocalCounter
from lambdad.domain.access import Need
from lambdad.domain.arns import account_of
from lambdad.domain.errors import PlatformError
from lambdad.domain.functions import Function
from lambdad.domain.runtimes import RUNTIMES
from lambdad.edge.authenticate import AnyCredentials, SignedRequests
from lambdad.edge.downloads import CodeLinks
from lambdad.edge.hosts import Hosts, is_loopback
from lambdad.edge.server import Server
from lambdad.edge.service import Edge
from lambdad.events.api import Message
from lambdad.events.policy import Delays
from lambdad.events.service import Events
from lambdad.frontend.service import LocalFrontend
from lambdad.frontend.traces import BITS, new_trace_id
from lambdad.iam.directory import Directory
from lambdad.iam.execution import ExecutionRoles
from lambdad.logs.service import Logs
from lambdad.metering.registry import Registry
from lambdad.placement.service import LocalPlacement
from lambdad.pollers.remote import RemoteQueues
from lambdad.pollers.service import Fleet
from lambdad.records.api import FunctionListener, Records
from lambdad.records.service import Snapshot
from lambdad.records.write import Writer
from lambdad.sandbox import host as host_facts
from lambdad.sandbox.api import Sandboxes
from lambdad.sandbox.service import NamespaceSandboxes, ProcessSandboxes
from lambdad.sandbox.service import Settings as SandboxSettings
from lambdad.services.companions.backends import folder
from lambdad.services.companions.process import program
from lambdad.services.companions.service import Companions, companions
from lambdad.services.logs.service import LogsService
from lambdad.services.sqs.service import SqsService
from lambdad.substrate.local import LocalSubstrate
from lambdad.worker.memory import HostMemory
from lambdad.worker.service import LocalWorker
from lambdad.worker_manager.service import STARTS_PER_CORE, LocalWorkerManager

log = logging.getLogger(__name__)


class CannotStart(PlatformError):
    """lambdad can't start here; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a node says when it serves."""

    url: str
    isolation: str
    network: str
    """How far functions reach: `none`, `aws`, `egress`; `host` where they are not isolated."""
    runtimes: Sequence[str]
    root_key: RootKey | None = None
    """Where it was made just now: this is the one time that it is shown."""


def uuid_text() -> str:
    return str(uuid.uuid4())


def new_trace() -> str:
    return new_trace_id(time.time(), secrets.randbits(BITS))


@dataclass(frozen=True, slots=True)
class _Floor:
    """What stands before anything can be served."""

    substrate: LocalSubstrate
    sandboxes: NamespaceSandboxes | ProcessSandboxes
    records: Snapshot
    artifacts: PackageStore
    logs: Logs


@dataclass(frozen=True, slots=True)
class _DataPlane:
    worker: LocalWorker
    manager: LocalWorkerManager
    counter: LocalCounter
    registry: Registry
    events: Events
    frontend: LocalFrontend


@dataclass(frozen=True, slots=True)
class _Served:
    """What the edge serves, besides invocations and identities."""

    control: LambdaControl
    logs: LogsService
    sqs: SqsService
    fleet: Fleet
    companions: Companions
    links: CodeLinks


class Node:
    """`start`, then `close`."""

    def __init__(self, settings: Settings, *, home: Path | None, path: str) -> None:
        """`home` and `path`: where interpreters are looked for."""
        self._settings = settings
        self._home, self._path = home, path
        self._stack = AsyncExitStack()
        self._url = ""

    async def start(self) -> Ready:
        """Raises a PlatformError with one sentence for the user, or OSError where the address can't be listened on."""
        try:
            return await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def close(self) -> None:
        await self._stack.aclose()

    async def _start(self) -> Ready:
        floor = await self._floor()
        known = await self._identities(floor)
        sqs = await self._sqs(floor)
        roles = execution_roles(known.directory, known.access, floor.records, sqs)
        roots = RootKeys(self._settings.data_dir)
        new_root = self._new_root_key(roots)
        keyring = Keyring(known.directory, roles, known.key, roots, self._settings.max_age)
        signed = SignedRequests(keyring.find, time.time)
        endpoints = FunctionEndpoints(signed)
        plane = self._data_plane(floor, known, roles, endpoints, keyring, self._events(floor, sqs, roles))
        links = CodeLinks(secrets.token_bytes(32), lambda: self._url, time.time)
        queues = Queues(sqs, RemoteQueues(self._settings.remote_queues), floor.records, roles.require)
        fleet = Fleet(floor.records, queues, plane.frontend.run_accepted, new_id=uuid_text, new_trace=new_trace)
        control = self._control(floor, roles, links, plane, queues, fleet)
        await control.start()
        self._stack.push_async_callback(control.close)
        self._stack.push_async_callback(plane.frontend.close)
        plane.events.start(plane.frontend.run_accepted)
        self._stack.push_async_callback(end_what_was_accepted, plane.events, fleet, self._settings.grace)
        elsewhere = self._companions(floor)
        logs = LogsService(floor.logs, time.time, uuid_text)
        edge = self._edge(floor, known, plane, _Served(control, logs, sqs, fleet, elsewhere, links), signed)
        endpoints.open(edge)
        server = Server(edge, most_connections=most_connections(self._settings.connections))
        host, port = await server.listen(self._settings.host, self._settings.port)
        self._stack.push_async_callback(edge.close)
        self._stack.push_async_callback(server.close, self._settings.grace)
        self._stack.callback(logs.stop)  # live tails would hold the server for the whole grace period
        self._stack.callback(sqs.stop)  # and so would long polls
        self._stack.push_async_callback(fleet.stop)  # whose polls would end at once, again and again
        self._url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        runtimes = [each.identifier for each in floor.sandboxes.runtimes()]
        return Ready(self._url, floor.sandboxes.level, self._reach(floor.sandboxes), runtimes, new_root)

    def _companions(self, floor: "_Floor") -> Companions:
        found = companions(
            self._settings.data_dir / "companions",
            program(confined=floor.sandboxes.level == "namespaces"),
            folder,
            wanted=self._settings.companions,
            endpoints=self._settings.companion,
        )
        self._stack.push_async_callback(found.close)
        return found

    def _edge(self, floor: "_Floor", known: Identities, plane: "_DataPlane", served: "_Served", signed: SignedRequests) -> Edge:
        sqs, fleet = served.sqs, served.fleet
        return Edge(
            services=[served.control, served.logs, sqs, known.iam, known.sts],
            frontend=plane.frontend,
            authenticator=signed if self._strict else AnyCredentials(self._settings.account, signed),
            artifacts=floor.artifacts,
            links=served.links,
            hosts=Hosts(loopback=is_loopback(self._settings.host)),
            require=known.access.require,
            private=self._strict,
            health=lambda: {"status": "ready", "version": __version__},
            state=lambda: state(
                plane.registry,
                plane.counter,
                plane.manager,
                plane.worker,
                floor.sandboxes,
                plane.events,
                sqs,
                fleet,
                served.companions,
                floor.logs,
            ),
            metrics=lambda: metrics(plane.registry, plane.counter, plane.manager, sqs, plane.events, fleet),
            companions=served.companions,
        )

    @property
    def _strict(self) -> bool:
        settings = self._settings
        return settings.auth == "strict" or (settings.auth is None and not is_loopback(settings.host))

    def _new_root_key(self, roots: RootKeys) -> RootKey | None:
        """Made when it is needed for the first time."""
        account = self._settings.account
        return roots.make(account) if self._strict and roots.of(account) is None else None

    async def _identities(self, floor: "_Floor") -> Identities:
        key_values, data_dir = floor.substrate.key_values, self._settings.data_dir
        directory = Directory(key_values)
        await directory.start()
        self._stack.push_async_callback(directory.close)
        await begin(directory, key_values, data_dir, self._settings.account)
        return identities(directory, key_values, session_key(data_dir))

    async def _sqs(self, floor: "_Floor") -> SqsService:
        sqs = SqsService(
            floor.substrate.key_values,
            floor.substrate.queues,
            now=time.time,
            new_id=uuid_text,
            url=lambda: self._url,
            run=secrets.randbits(64),
        )
        await sqs.start()
        self._stack.push_async_callback(sqs.close)
        return sqs

    def _events(self, floor: "_Floor", sqs: SqsService, roles: ExecutionRoles) -> Events:
        async def to_queue(arn: str, message: Message) -> None:
            roles.require(message.role, message.function, Need("sqs:SendMessage", account_of(arn), arn))
            await sqs.send(arn, message.body, message.attributes, message.sender, message.trace_id)

        events = Events(
            floor.substrate.queues,
            floor.records,
            {"sqs": to_queue},
            roles.require,
            now=time.time,
            new_id=uuid_text,
            delays=Delays((self._settings.retry_delay, 2 * self._settings.retry_delay)),
        )
        self._stack.callback(floor.records.listen(forget_events(events)))
        return events

    async def _floor(self) -> "_Floor":
        settings, close = self._settings, self._stack.push_async_callback
        substrate = LocalSubstrate(settings.data_dir)
        await substrate.start()
        close(substrate.close)
        sandboxes = await self._sandboxes()
        close(sandboxes.close)
        records = Snapshot(substrate.key_values)
        await records.start()
        close_news = expect_runtimes(sandboxes, records)
        self._stack.callback(close_news)
        executor = ThreadPoolExecutor(2, thread_name_prefix="packages")
        self._stack.callback(executor.shutdown, cancel_futures=True)
        pythons = [each for each in sandboxes.runtimes() if each.executable and RUNTIMES[each.identifier].family == "python"]
        artifacts = PackageStore(
            substrate.blobs,
            substrate.key_values,
            settings.data_dir / "cache",
            executor,
            interpreters={each.identifier: each.executable for each in pythons if each.executable},
            boot=boot_id(),
        )
        await artifacts.start()
        close(artifacts.close)
        logs = Logs(substrate.key_values, substrate.timeline, time.time)
        await logs.start()
        close(logs.close)
        return _Floor(substrate, sandboxes, records, artifacts, logs)

    def _data_plane(
        self,
        floor: "_Floor",
        known: Identities,
        roles: ExecutionRoles,
        endpoints: FunctionEndpoints,
        keyring: Keyring,
        events: Events,
    ) -> "_DataPlane":
        settings, close = self._settings, self._stack.push_async_callback
        registry = Registry()
        self._stack.callback(floor.records.listen(forget_in(registry)))
        host_memory = HostMemory()
        floor_mb = memory_floor(settings.memory_floor, host_memory.total())

        def short_of_memory() -> bool:
            left = host_memory.available()
            return left is not None and left < floor_mb

        worker = LocalWorker(
            floor.sandboxes,
            floor.artifacts,
            floor.logs,
            wall=time.time,
            new_id=lambda: uuid.uuid4().hex,
            credentials=keyring.of_function,
            log_permission=lambda version: log_permission(roles, known.directory, version),
            capacity_mb=settings.memory,
            cores=processors(),
            serve_endpoint=endpoints.serve,
            measured=registry.invoked,
            freeze_after=settings.freeze_after,
            memory_short=short_of_memory,
        )
        close(worker.close)
        self._stack.callback(floor.records.listen(forget_snapshots(worker)))
        placement = LocalPlacement([worker])
        manager = LocalWorkerManager(
            placement,
            floor.records,
            keep_warm=settings.keep_warm,
            grace=settings.grace,
            scaling_rate=settings.scaling_rate,
            max_age=settings.max_age,
            throttled=registry.throttled,
            memory_left=host_memory.available,
            memory_floor=floor_mb,
            parallel_starts=settings.parallel_starts or STARTS_PER_CORE * processors(),
        )
        close(manager.close)
        counter = LocalCounter(
            floor.records, settings.concurrency, per_unit=settings.requests_per_concurrency, throttled=registry.throttled
        )
        self._stack.callback(counter.close)
        frontend = LocalFrontend(
            floor.records, counter, manager, events, known.access.require, recursed=registry.recursed, grace=settings.grace
        )
        return _DataPlane(worker, manager, counter, registry, events, frontend)

    def _control(
        self,
        floor: "_Floor",
        roles: ExecutionRoles,
        links: CodeLinks,
        plane: "_DataPlane",
        queues: Queues,
        fleet: Fleet,
    ) -> LambdaControl:
        manager = plane.manager

        def allocated(function: Function, qualifier: str) -> tuple[int, str | None]:
            allocation = manager.allocation(function, qualifier)
            return allocation.available, allocation.failure

        return LambdaControl(
            records=floor.records,
            writer=Writer(floor.substrate.key_values, floor.records.current),
            artifacts=floor.artifacts,
            limits=AccountLimits(concurrency=self._settings.concurrency),
            roles=roles,
            available=lambda: [each.identifier for each in floor.sandboxes.runtimes()],
            architecture=self._host.architecture,
            location=lambda caller, code: links.location(code, caller),
            object_store=None,
            allocated=allocated,
            snapshot=plane.worker.snapshot,
            visibility=queues.visibility,
            polling=fleet,
            remote=queues.is_remote,
            now=time.time,
            new_id=uuid_text,
        )

    async def _sandboxes(self) -> NamespaceSandboxes | ProcessSandboxes:
        settings = self._settings
        reaching = settings.network in (None, "egress") and settings.isolation != "process"
        self._host = await asyncio.to_thread(host_facts.inspect, self._home, self._path, network=reaching)
        level = settings.isolation or self._host.level
        if level == "namespaces" and self._host.level != "namespaces":
            raise CannotStart(
                "This host does not offer the isolation level `namespaces`; `lambdad doctor` says what is missing."
            )
        if level == "process" and settings.isolation is None:
            raise CannotStart(
                "This host offers no sandbox; `lambdad doctor` says what is missing, and "
                "`lambdad up --isolation process` runs functions without any isolation."
            )
        if level == "process" and settings.network is not None:
            raise CannotStart(
                "Functions that are not isolated have the host's network: leave out --network with --isolation process."
            )
        means = SandboxSettings(
            scratch=settings.data_dir / "run",
            ready=settings.stems,
            most=max(settings.stems, settings.most_stems),
            endpoint_port=PORT if level == "namespaces" and settings.network != "none" else None,
            egress=reaching,
        )
        kind = NamespaceSandboxes if level == "namespaces" else ProcessSandboxes
        sandboxes = kind(self._host, means, lambda: uuid.uuid4().hex)
        await sandboxes.open()
        if sandboxes.obstacle is not None:
            log.warning(sandboxes.obstacle)
        if settings.network == "egress" and not sandboxes.reaches_out:
            await sandboxes.close()
            raise CannotStart("This host does not let functions reach the outside; `lambdad doctor` says what is missing.")
        return sandboxes

    def _reach(self, sandboxes: NamespaceSandboxes | ProcessSandboxes) -> str:
        if sandboxes.level == "process":
            return "host"
        return "egress" if sandboxes.reaches_out else self._settings.network or "aws"


async def end_what_was_accepted(events: Events, fleet: Fleet, grace: float) -> None:
    await asyncio.gather(events.close(grace), fleet.close(grace))


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most_connections(setting: int) -> int:
    """As many, but half of the files that may be open are for environments."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return setting if soft == resource.RLIM_INFINITY else min(setting, soft // 2)


def memory_floor(setting: int | None, total: int | None) -> int:
    """MB."""
    return min(1024, (total or 0) // 20) if setting is None else setting


def expect_runtimes(sandboxes: Sandboxes, records: Records) -> Callable[[], None]:
    """Sandboxes are made ahead for the runtimes of the functions that exist, and for those that are created. The answer ends
    the latter."""
    for runtime in {each.latest.runtime for each in records.all_functions()}:
        if runtime is not None:
            sandboxes.expect(runtime)

    def news(before: Function | None, after: Function | None) -> None:
        if before is None and after is not None and after.latest.runtime is not None:
            sandboxes.expect(after.latest.runtime)

    return records.listen(news)


def forget_in(registry: Registry) -> FunctionListener:
    """What was counted of a function goes with it."""

    def news(before: Function | None, after: Function | None) -> None:
        if before is not None and after is None:
            registry.forget(before.account, before.region, before.name)

    return news


def forget_events(events: Events) -> FunctionListener:
    """And what was counted of its events."""

    def news(before: Function | None, after: Function | None) -> None:
        if before is not None and after is None:
            events.forget(before)

    return news


def forget_snapshots(worker: LocalWorker) -> FunctionListener:
    """A version's snapshot goes with it."""

    def news(before: Function | None, after: Function | None) -> None:
        kept = {} if after is None else after.versions
        if before is not None:
            worker.forget([each.build for number, each in before.versions.items() if number not in kept])

    return news


def boot_id() -> str:
    """Names the present boot of the host; proc(5)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:  # not Linux: then no tree of an earlier process is trusted
        return f"{os.getpid()}-{time.time()}"


async def serve(settings: Settings, ready: Callable[[Ready], None], stopped: asyncio.Event, **places: Any) -> None:
    """A node from start to stop; `stopped` ends it."""
    node = Node(settings, **places)
    ready(await node.start())
    try:
        await stopped.wait()
    finally:
        await node.close()
