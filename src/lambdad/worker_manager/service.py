"""The worker manager of one process: performs what the policy decides."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import TypeAlias, assert_never

from lambdad.domain.errors import LambdadError, PlatformError
from lambdad.domain.functions import Function, Version
from lambdad.domain.limits import SCALING_RATE
from lambdad.placement.api import Placement
from lambdad.records.api import Records
from lambdad.worker.api import EndReason, Environment
from lambdad.worker_manager.api import PoolReport
from lambdad.worker_manager.policy import UNLIMITED, Effect, End, Grant, Pool, Pools, Refuse, Start

KEEP_WARM = 600.0
"""Seconds. AWS reclaims idle environments after minutes, typically 5 to 15, without a promise."""

MAX_IDLE = 1000
"""Idle environments of all builds together: as many as may run at once with the default concurrency."""

GRACE = 30.0
"""Seconds that running invocations are given at shutdown; the stop timeout of most service managers is longer."""

PATIENCE = 0.1
"""Seconds of INIT after which a start no longer holds back others: it waits for something else than this host's processors."""

STARTS_PER_CORE = 2

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
    ) -> None:
        """`parallel_starts`: environments that are made at a time; each keeps a processor busy for most of its start."""
        self._placement = placement
        self._records = records
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._pools: Pools[_Waiter] = Pools(keep_warm, max_idle, parallel_starts, scaling_rate)
        self._sweep: asyncio.TimerHandle | None = None
        self._starting: set[asyncio.Task[Environment]] = set()
        self._turns: set[asyncio.Task[Environment]] = set()
        """Starts that hold back others."""
        self._ending: set[asyncio.Task[None]] = set()
        self._drained = asyncio.Event()
        self._stop_listening = records.listen(self._record_changed)

    def __repr__(self) -> str:
        return repr(self._pools)

    def lease(self, version: Version) -> "Lease":
        """See `WorkerManager.lease`."""
        return Lease(self, self._pools, version)

    def introspect(self) -> Sequence[PoolReport]:
        return self._pools.report()

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
        if self._sweep is not None:
            self._sweep.cancel()

    async def wait(self, version: Version) -> Environment:
        """The cold path of a lease: nothing is idle."""
        pool = self._pools.pool(version)
        if not pool.retired and not self._is_current(version):
            # The second try of a request that was resolved before an update: no news will come of this build any more.
            pool.retired = True
        waiter: _Waiter = self._loop.create_future()
        self._perform(self._pools.request(pool, waiter, self._loop.time()))
        try:
            return await waiter
        except asyncio.CancelledError:
            # The grant or refusal may have come in the same turn of the loop as the cancellation.
            if waiter.cancelled() or not waiter.done():
                self._pools.cancel(pool, waiter)
                self._arm()
            elif waiter.exception() is None:
                self.give_back(pool, waiter.result())
            raise

    def give_back(self, pool: Pool[_Waiter], environment: Environment) -> None:
        """The end of a lease."""
        self._returned(pool, environment, environment.alive)

    def give_up(self, pool: Pool[_Waiter], environment: Environment) -> None:
        """The end of a lease whose holder left in the middle of something: the environment can't be trusted any more."""
        self._returned(pool, environment, False)

    def _returned(self, pool: Pool[_Waiter], environment: Environment, alive: bool) -> None:
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
                case Start(pool, first):
                    task = self._loop.create_task(self._start(pool.version, first))
                    self._starting.add(task)
                    self._turns.add(task)
                    task.add_done_callback(lambda task, pool=pool: self._start_over(pool, task))  # type: ignore[misc]
                case End(environment, reason):
                    self._end(environment, reason)
                case unknown:
                    assert_never(unknown)
        self._arm()

    def _arm(self) -> None:
        """One timer for all pools: set for the earliest expiry there was when it was set, and set again when it fires."""
        if self._pools.closing:
            if not self._pools.by_key:
                self._drained.set()
        elif self._sweep is None:
            when = self._pools.next_expiry()
            if when is not None:
                self._sweep = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self._sweep = None
        self._perform(self._pools.expire(self._loop.time()))

    async def _start(self, version: Version, first: Environment | None) -> Environment:
        if first is not None:
            await first.end("SPINDOWN")
        environment = await self._placement.place(version, "on-demand")
        task = asyncio.current_task()
        assert task is not None
        slow = self._loop.call_later(PATIENCE, self._turn_over, task)
        try:
            # True or False: an environment whose INIT failed runs it again with its first invoke.
            await environment.ready()
        except BaseException:
            self._end(environment, "FAILURE")
            raise
        finally:
            slow.cancel()
        return environment

    def _turn_over(self, task: "asyncio.Task[Environment]") -> None:
        if task in self._turns:
            self._turns.remove(task)
            self._perform(self._pools.turn_over())

    def _start_over(self, pool: Pool[_Waiter], task: "asyncio.Task[Environment]") -> None:
        self._starting.discard(task)
        self._started(pool, task)
        self._turn_over(task)

    def _started(self, pool: Pool[_Waiter], task: "asyncio.Task[Environment]") -> None:
        if task.cancelled():
            self._perform(self._pools.start_failed(pool, PlatformError("lambdad is shutting down.")))
            return
        match task.exception():
            case None:
                environment = task.result()
                environment.watch(lambda: self._perform(self._pools.died(pool, environment)))
                self._perform(self._pools.started(pool, environment, self._loop.time()))
            case LambdadError() as error:
                _log.warning("an environment of %s could not be started: %s", pool.version.qualified_arn, error)
                self._perform(self._pools.start_failed(pool, error))
            case error:
                _log.error("starting an environment of %s failed", pool.version.qualified_arn, exc_info=error)
                self._perform(self._pools.start_failed(pool, PlatformError()))

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
    """An asynchronous context manager written by hand, because it is entered on every invoke.

    A block that is left by an exception (a cancellation, above all) may have left an invocation running: its environment
    is ended, so that nobody else gets it.
    """

    __slots__ = ("_environment", "_manager", "_pool", "_pools", "_version")

    def __init__(self, manager: LocalWorkerManager, pools: Pools[_Waiter], version: Version) -> None:
        self._manager = manager
        self._pools = pools
        self._version = version

    async def __aenter__(self) -> Environment:
        pools = self._pools
        while True:
            pool = pools.pool(self._version)
            environment = pools.take(pool)
            if environment is None:
                environment = await self._manager.wait(self._version)
            elif not environment.alive:
                # It died while it was idle.
                self._manager.give_up(pool, environment)
                continue
            self._pool = pool
            self._environment = environment
            return environment

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._manager.give_back(self._pool, self._environment)
        else:
            self._manager.give_up(self._pool, self._environment)
