"""The worker manager of one process: performs what the policy decides."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeAlias, assert_never

from lambdad.domain.errors import LambdadError, PlatformError, TooManyRequests
from lambdad.domain.functions import Function, Version
from lambdad.domain.limits import SCALING_RATE
from lambdad.placement.api import Placement
from lambdad.records.api import Records
from lambdad.records.provisioned import shares, split
from lambdad.sandbox.api import SandboxFailure
from lambdad.worker.api import EndReason, Environment, Initialization
from lambdad.worker_manager.api import Allocation, PoolReport, ProvisionReport
from lambdad.worker_manager.policy import UNLIMITED, Pools
from lambdad.worker_manager.pool import Effect, End, Grant, Pool, Provision, Refuse, Start

KEEP_WARM = 600.0
"""Seconds. AWS reclaims idle environments after minutes, typically 5 to 15, without a promise."""

MAX_IDLE = 1000
"""Idle environments of all builds together: as many as may run at once with the default concurrency."""

GRACE = 30.0
"""Seconds that running invocations are given at shutdown; the stop timeout of most service managers is longer."""

PATIENCE = 0.1
"""Seconds of INIT after which a start no longer holds back others: it waits for something else than this host's processors."""

STARTS_PER_CORE = 2

MAX_AGE = 14 * 3600.0
"""Seconds that an environment lives at most: as long as AWS leases a worker for."""

LOOK, LOOK_WHEN_SHORT = 1.0, 0.1
"""Seconds between two looks at the host's memory."""

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
"""`StatusReason` of provisioned concurrency whose environments fail in INIT."""

_Waiter: TypeAlias = "asyncio.Future[Environment]"
_log = logging.getLogger("lambdad.worker_manager")


class LocalWorkerManager:
    """Implements `lambdad.worker_manager.api.WorkerManager`. To be made inside the running loop. Times in seconds."""

    def __init__(
        self,
        placement: Placement,
        records: Records,
        *,
        keep_warm: float = KEEP_WARM,
        max_idle: int = MAX_IDLE,
        grace: float = GRACE,
        parallel_starts: int = UNLIMITED,
        scaling_rate: int = SCALING_RATE,
        max_age: float = MAX_AGE,
        memory_left: Callable[[], int | None] = lambda: None,
        memory_floor: int = 0,
        throttled: Callable[[str, str, str], None] = lambda *_: None,
    ) -> None:
        """`parallel_starts`: environments that are made at a time; each keeps a processor busy for most of its start.
        `memory_left`: MB that the host has for more, None where it does not tell; under `memory_floor` idle ones go.
        `throttled`: is told account, region and function of every refusal for the scaling rate."""
        self._placement = placement
        self._records = records
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._pools: Pools[_Waiter] = Pools(keep_warm, max_idle, parallel_starts, scaling_rate, max_age)
        self._sweep: asyncio.TimerHandle | None = None
        self._sweep_at = 0.0
        self._memory_left = memory_left
        self._memory_floor = memory_floor
        self._throttled = throttled
        self._look: asyncio.TimerHandle | None = None
        self._starting: set[asyncio.Task[Environment]] = set()
        self._turns: set[asyncio.Task[Environment]] = set()
        """Starts that hold back others."""
        self._ending: set[asyncio.Task[None]] = set()
        self._drained = asyncio.Event()
        self._stop_listening = records.listen(self._record_changed)
        for function in records.all_functions():
            self._record_changed(None, function)

    def __repr__(self) -> str:
        return repr(self._pools)

    def take(self, version: Version) -> "Lease | None":
        """See `WorkerManager.take`."""
        pool = self._pools.pool(version)
        while (environment := self._pools.take(pool)) is not None:
            if environment.alive:
                return Lease(self, pool, environment)
            self.give_back(pool, environment, False)  # it died while it was idle
            pool = self._pools.pool(version)
        return None

    def introspect(self) -> Sequence[PoolReport]:
        return self._pools.report()

    def allocation(self, function: Function, qualifier: str) -> Allocation:
        """See `WorkerManager.allocation`. Where configurations share a version, the first by name is served first."""
        held, failure = 0, None
        for version, count in split(function, qualifier).items():
            provision = self._provision_of(function.versions[version])
            if provision is None:
                continue
            others = sum(split(function, each).get(version, 0) for each in function.provisioned if each < qualifier)
            got = min(count, max(0, len(provision.held) - others))
            held += got
            if got < count and provision.failure is not None:
                failure = provision.failure
        return Allocation(held, failure)

    def provisioned(self) -> list[ProvisionReport]:
        """Every version's, for metrics."""
        return [
            ProvisionReport(
                pool.key[:4],
                len(provision.held),
                len(provision.held) - len(provision.idle),
                provision.invocations,
                provision.spillovers,
            )
            for pool in self._pools.provisioned.values()
            if (provision := pool.provision) is not None
        ]

    def _provision_of(self, version: Version) -> Provision | None:
        pool = self._pools.by_key.get((version.account, version.region, version.name, version.version, version.build))
        return pool.provision if pool is not None else None

    async def close(self) -> None:
        """See `WorkerManager.close`. Starts that nobody waits for are not waited for longer than the grace either."""
        self._stop_listening()
        self._perform(self._pools.close())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await self._drained.wait()
        self._perform(self._pools.abandon())
        for task in self._starting:
            task.cancel()
        while self._starting or self._ending:
            await asyncio.wait([*self._starting, *self._ending])
        for timer in (self._sweep, self._look):
            if timer is not None:
                timer.cancel()

    async def wait(self, version: Version) -> "Lease":
        """See `WorkerManager.wait`."""
        pool = self._pools.pool(version)
        if not pool.retired and not self._is_current(version):
            # The second try of a request that was resolved before an update: no news will come of this build any more.
            pool.retired = True
        if self._memory_floor:
            self._perform(self._pools.memory(self._short_of_memory()))
        waiter: _Waiter = self._loop.create_future()
        self._perform(self._pools.request(pool, waiter, self._loop.time()))
        try:
            return Lease(self, pool, await waiter)
        except TooManyRequests:
            self._throttled(version.account, version.region, version.name)
            raise
        except asyncio.CancelledError:
            # The grant or refusal may have come in the same turn of the loop as the cancellation.
            if waiter.cancelled() or not waiter.done():
                self._pools.cancel(pool, waiter)
                self._arm()
            elif waiter.exception() is None:
                self.give_back(pool, waiter.result(), waiter.result().alive)
            raise

    def give_back(self, pool: Pool[_Waiter], environment: Environment, alive: bool) -> None:
        """The end of a lease."""
        effects = self._pools.returned(pool, environment, alive, self._loop.time())
        if effects or self._sweep is None:
            self._perform(effects)

    def _perform(self, effects: list[Effect[_Waiter]]) -> None:
        todo = deque(effects)
        while todo:
            match todo.popleft():
                case Grant(waiter, environment, pool):
                    if not waiter.done():
                        waiter.set_result(environment)
                    else:  # cancelled, and its task has not run since
                        todo.extend(self._pools.returned(pool, environment, environment.alive, self._loop.time()))
                case Refuse(waiter, error):
                    if not waiter.done():
                        waiter.set_exception(error)
                case Start() as start:
                    task = self._loop.create_task(self._start(start))
                    self._starting.add(task)
                    self._turns.add(task)
                    task.add_done_callback(lambda task, start=start: self._start_over(start, task))  # type: ignore[misc]
                case End(environment, reason):
                    self._end(environment, reason)
                case unknown:
                    assert_never(unknown)
        self._arm()

    def _arm(self) -> None:
        """One timer for all pools: set for the earliest expiry there was when it was set, and set again when it fires. Another
        one looks at the host's memory as long as there are environments."""
        if self._look is None and self._memory_floor and self._pools.by_key and not self._pools.closing:
            self._look = self._loop.call_later(LOOK, self._look_at_memory)
        if self._pools.closing:
            if not self._pools.by_key:
                self._drained.set()
        elif self._sweep is None or self._pools.provisioned:
            when = self._pools.next_expiry()
            # What becomes idle later arms nothing, so the timer may not be further off than it could expire.
            when = None if when is None else min(when, self._loop.time() + self._pools.keep_warm)
            if when is not None and (self._sweep is None or when < self._sweep_at):
                if self._sweep is not None:
                    self._sweep.cancel()
                self._sweep_at = when
                self._sweep = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self._sweep = None
        self._perform(self._pools.expire(self._loop.time()))

    def _short_of_memory(self) -> bool:
        left = self._memory_left()
        return left is not None and left < self._memory_floor

    def _look_at_memory(self) -> None:
        self._look = None
        short = self._short_of_memory()
        effects = self._pools.memory(short)
        if effects:
            _log.warning("%d idle environments end because the host is short of memory", len(effects))
        if self._pools.by_key and not self._pools.closing:
            self._look = self._loop.call_later(LOOK_WHEN_SHORT if short and self._pools.idle else LOOK, self._look_at_memory)
        self._perform(effects)

    async def _start(self, start: Start[_Waiter]) -> Environment:
        if start.first is not None:
            await start.first.end("SPINDOWN")
        how: Initialization = "provisioned-concurrency" if start.provisioned else "on-demand"
        environment = await self._placement.place(start.pool.version, how)
        task = asyncio.current_task()
        assert task is not None
        slow = self._loop.call_later(PATIENCE, self._turn_over, task)
        try:
            # On demand True or False will do: an environment whose INIT failed runs it again with its first invoke.
            if not await environment.ready() and start.provisioned:
                raise SandboxFailure(INIT_FAILURE)
        except BaseException:
            self._end(environment, "FAILURE")
            raise
        finally:
            slow.cancel()
        return environment

    def _turn_over(self, task: "asyncio.Task[Environment]") -> None:
        if task in self._turns:
            self._turns.remove(task)
            self._perform(self._pools.turn_over(self._loop.time()))

    def _start_over(self, start: Start[_Waiter], task: "asyncio.Task[Environment]") -> None:
        self._starting.discard(task)
        self._started(start, task)
        self._turn_over(task)

    def _started(self, start: Start[_Waiter], task: "asyncio.Task[Environment]") -> None:
        pool = start.pool
        if task.cancelled():
            self._failed(start, PlatformError("lambdad is shutting down."))
            return
        match task.exception():
            case None:
                environment = task.result()
                environment.watch(lambda: self._perform(self._pools.died(pool, environment, self._loop.time())))
                started = self._pools.provisioned_started if start.provisioned else self._pools.started
                self._perform(started(pool, environment, self._loop.time()))
            case LambdadError() as error:
                _log.warning("an environment of %s could not be started: %s", pool.version.qualified_arn, error)
                self._failed(start, error)
            case error:
                _log.error("starting an environment of %s failed", pool.version.qualified_arn, exc_info=error)
                self._failed(start, PlatformError())

    def _failed(self, start: Start[_Waiter], error: LambdadError) -> None:
        if start.provisioned:
            self._perform(self._pools.provisioned_failed(start.pool, error, self._loop.time()))
        else:
            self._perform(self._pools.start_failed(start.pool, error))

    def _end(self, environment: Environment, reason: EndReason) -> None:
        task = self._loop.create_task(environment.end(reason))
        self._ending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("an environment could not be ended", exc_info=error)

    def _record_changed(self, before: Function | None, after: Function | None) -> None:
        if before is not None:
            self._perform(self._pools.retire((before.account, before.region, before.name), _builds(after)))
        if after is not None and (after.provisioned or (before is not None and before.provisioned)):
            wanted = {number: (after.versions[number], count) for number, count in shares(after).items()}
            ready = {number: each for number, each in wanted.items() if each[0].state == "Active"}
            function = (after.account, after.region, after.name)
            self._perform(self._pools.provision(function, ready, self._loop.time()))

    def _is_current(self, version: Version) -> bool:
        function = self._records.function(version.account, version.region, version.name)
        return (version.version, version.build) in _builds(function)


def _builds(function: Function | None) -> set[tuple[str, str]]:
    """What may be invoked of a function now: version and build."""
    if function is None:
        return set()
    versions = [function.latest, *function.versions.values()]
    if function.serving is not None:
        versions.append(function.serving)
    return {(version.version, version.build) for version in versions}


class Lease:
    """Implements `lambdad.worker_manager.api.Lease`."""

    __slots__ = ("_manager", "_pool", "environment")

    def __init__(self, manager: LocalWorkerManager, pool: Pool[_Waiter], environment: Environment) -> None:
        self._manager = manager
        self._pool = pool
        self.environment = environment

    def give_back(self) -> None:
        self._manager.give_back(self._pool, self.environment, self.environment.alive)

    def give_up(self) -> None:
        self._manager.give_back(self._pool, self.environment, False)

    def __enter__(self) -> Environment:
        return self.environment

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.give_back()
        else:
            self.give_up()
