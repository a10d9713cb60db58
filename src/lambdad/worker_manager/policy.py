"""The pools of execution environments, one per build. Pure: no loop, no clock, no I/O.

Every change is decided anew, so that no request waits while an environment of its build is free:

    a request comes        the most recently used idle environment; else it waits, and as many environments are
                           started as requests wait (one that is starting already counts)
    one is ready           the longest waiting request gets it; nobody waits: it is idle
    one is returned        the same; unless it is dead, or its build is retired and nobody waits: it ends
    a start failed         the longest waiting request bears it: once it is tried again, the second time it is refused
    no worker has room     the environment that has been idle longest, of whatever build, ends to make room;
                           with nothing idle anywhere the request is refused
    one dies while idle    it leaves at once
    a build is replaced    its idle environments end now, its busy ones when they are returned
    a function grows       by no more than `scaling_rate` environments in ten seconds, a budget that is refilled continuously;
                           a request that needs one more is refused with 429
    many start at once     no more than `parallel` starts run at a time, the others follow in the order in which they were
                           asked for; one that nobody needs any more when its turn comes is left out
    time passes            what has been idle for `keep_warm` seconds ends

`take`, `request`, `returned`, … are the events of the machine; their answers are the effects, to be performed in order.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from lambdad.domain.errors import LambdadError, PlatformError, TooManyRequests
from lambdad.domain.functions import Version
from lambdad.domain.limits import SCALING_PERIOD
from lambdad.domain.pace import Pace
from lambdad.placement.api import NoCapacity
from lambdad.sandbox.api import SandboxFailure
from lambdad.worker.api import EndReason, Environment
from lambdad.worker_manager.api import PoolReport

W = TypeVar("W")
"""What waits: the shell's own kind of object, hashable."""

Key: TypeAlias = tuple[str, str, str, str, str]
"""Account, region, function name, version, build."""

START_ATTEMPTS = 2
"""How many failed starts one request bears before it is refused."""

_FORGET = 256

UNLIMITED = 1_000_000
"""More starts at a time than any host can run."""


@dataclass(slots=True, eq=False)
class Pool(Generic[W]):
    """The environments of one build, by what they do now."""

    key: Key
    version: Version
    idle: deque[tuple[Environment, float]]
    """With the time since when; the most recently used one is on the right."""
    busy: dict[str, Environment]
    """By id."""
    starting: int
    waiting: dict[W, int]
    """Longest waiting first, with the number of failed starts that each has borne."""
    retired: bool

    def __repr__(self) -> str:
        _, _, name, version, _ = self.key
        counts = (
            (len(self.busy), "busy"),
            (len(self.idle), "idle"),
            (self.starting, "starting"),
            (len(self.waiting), "waiting"),
        )
        text = ", ".join(f"{count} {what}" for count, what in counts if count)
        return f"<Pool {name}:{version} [{text or 'empty'}]{' retired' if self.retired else ''}>"

    @property
    def empty(self) -> bool:
        return not (self.idle or self.busy or self.starting or self.waiting)


@dataclass(frozen=True, slots=True)
class Grant(Generic[W]):
    """`waiter` holds `environment` from now on."""

    waiter: W
    environment: Environment
    pool: Pool[W]


@dataclass(frozen=True, slots=True)
class Refuse(Generic[W]):
    waiter: W
    error: LambdadError


@dataclass(frozen=True, slots=True)
class Start(Generic[W]):
    """Start an environment; `started` or `start_failed` follows. Where room has to be made, end `first` before."""

    pool: Pool[W]
    first: Environment | None = None


@dataclass(frozen=True, slots=True)
class End:
    environment: Environment
    reason: EndReason


Effect: TypeAlias = Grant[W] | Refuse[W] | Start[W] | End


class Pools(Generic[W]):
    """All pools. `keep_warm` in seconds; `max_idle` and `parallel` (starts at a time) are for all builds together."""

    def __init__(self, keep_warm: float, max_idle: int, parallel: int = UNLIMITED, scaling_rate: int = 0) -> None:
        """`scaling_rate`: environments that one function may gain in SCALING_PERIOD, 0 for any number."""
        self.keep_warm = keep_warm
        self.scaling_rate = scaling_rate
        self.scaling: dict[tuple[str, str, str], Pace] = {}
        """By function, while its budget is not full; the full ones are forgotten now and then."""
        self.forget_at = _FORGET
        self.max_idle = max_idle
        self.parallel = parallel
        self.running = 0
        """Starts that are under way and hold one of the `parallel` turns."""
        self.queue: deque[Pool[W]] = deque()
        """Starts that wait for their turn."""
        self.by_key: dict[Key, Pool[W]] = {}
        self.idle = 0
        self.closing = False

    def __repr__(self) -> str:
        return f"<Pools {list(self.by_key.values())!r}>"

    def pool(self, version: Version) -> Pool[W]:
        key = (version.account, version.region, version.name, version.version, version.build)
        pool = self.by_key.get(key)
        if pool is None:
            pool = self.by_key[key] = Pool(key, version, deque(), {}, 0, {}, self.closing)
        return pool

    def take(self, pool: Pool[W]) -> Environment | None:
        """The most recently used idle environment, now busy; None: `request` one."""
        if not pool.idle:
            return None
        environment, _ = pool.idle.pop()
        pool.busy[environment.id] = environment
        self.idle -= 1
        return environment

    def request(self, pool: Pool[W], waiter: W, now: float) -> list[Effect[W]]:
        """Nothing is idle: wait."""
        if self.closing:
            self._tidy(pool)
            return [Refuse(waiter, PlatformError("lambdad is shutting down."))]
        if pool.starting <= len(pool.waiting) and not self._may_scale(pool, now):
            self._tidy(pool)
            error = TooManyRequests(Reason="FunctionInvocationRateLimitExceeded", retry_after=1)
            return [Refuse(waiter, error)]
        pool.waiting[waiter] = 0
        return self._start_what_is_missing(pool)

    def cancel(self, pool: Pool[W], waiter: W) -> None:
        """The request has gone away. What was started for it serves others."""
        pool.waiting.pop(waiter, None)
        self._tidy(pool)

    def started(self, pool: Pool[W], environment: Environment, now: float) -> list[Effect[W]]:
        pool.starting -= 1
        return self._free(pool, environment, now)

    def turn_over(self) -> list[Effect[W]]:
        """A start has ended, well or not, or takes too long to hold back others: the next one's turn. Once for each Start."""
        self.running -= 1
        effects: list[Effect[W]] = []
        while self.queue and self.running < self.parallel:
            pool = self.queue.popleft()
            if pool.starting > len(pool.waiting):
                # Whoever it was for was served by a returned environment, or has gone away.
                pool.starting -= 1
                self._tidy(pool)
            else:
                effects.append(self._start(pool))
        return effects

    def start_failed(self, pool: Pool[W], error: LambdadError) -> list[Effect[W]]:
        """`turn_over` comes after it."""
        pool.starting -= 1
        waiter = next(iter(pool.waiting), None)
        if waiter is None or pool.starting >= len(pool.waiting):
            self._tidy(pool)
            return []
        if isinstance(error, NoCapacity):
            oldest = self._longest_idle()
            if oldest is not None:
                pool.starting += 1
                return [self._start(pool, self._drop_longest_idle(oldest))]
        elif isinstance(error, SandboxFailure):
            pool.waiting[waiter] += 1
            if pool.waiting[waiter] < START_ATTEMPTS:
                return self._start_what_is_missing(pool)
            error = PlatformError(f"No execution environment could be started: {error.message}")
        del pool.waiting[waiter]
        self._tidy(pool)
        return [Refuse(waiter, error)]

    def returned(self, pool: Pool[W], environment: Environment, alive: bool, now: float) -> list[Effect[W]]:
        """The holder is done with it."""
        del pool.busy[environment.id]
        if not alive:
            self._tidy(pool)
            return [End(environment, "FAILURE")]
        return self._free(pool, environment, now)

    def died(self, pool: Pool[W], environment: Environment) -> list[Effect[W]]:
        """News of its end. One that is busy is left to its holder, who learns it by himself."""
        for at, (idle, _) in enumerate(pool.idle):
            if idle is environment:
                del pool.idle[at]
                self.idle -= 1
                self._tidy(pool)
                return [End(environment, "FAILURE")]
        return []

    def expire(self, now: float) -> list[Effect[W]]:
        """End what has been idle for too long."""
        effects: list[Effect[W]] = []
        for pool in list(self.by_key.values()):
            while pool.idle and pool.idle[0][1] + self.keep_warm <= now:
                effects.append(End(self._drop_longest_idle(pool), "SPINDOWN"))
        return effects

    def next_expiry(self) -> float | None:
        """When `expire` has something to do, unless it is used before."""
        oldest = self._longest_idle()
        return None if oldest is None else oldest.idle[0][1] + self.keep_warm

    def retire(self, function: tuple[str, str, str], current: Collection[tuple[str, str]]) -> list[Effect[W]]:
        """Of this function (account, region, name) only the builds in `current` (version, build) are served from now on."""
        replaced = [pool for key, pool in self.by_key.items() if key[:3] == function and key[3:] not in current]
        return [effect for pool in replaced for effect in self._retire(pool)]

    def close(self) -> list[Effect[W]]:
        """No new requests; those that wait are still served, everything else ends as it comes back."""
        self.closing = True
        return [effect for pool in list(self.by_key.values()) for effect in self._retire(pool)]

    def abandon(self) -> list[Effect[W]]:
        """The grace period is over: refuse whoever waits and end what is busy."""
        effects: list[Effect[W]] = []
        for pool in self.by_key.values():
            effects += [Refuse(waiter, PlatformError("lambdad is shutting down.")) for waiter in pool.waiting]
            effects += [End(environment, "SPINDOWN") for environment in pool.busy.values()]
            pool.waiting.clear()
        return effects

    def report(self) -> list[PoolReport]:
        return [
            PoolReport(
                pool.version.qualified_arn,
                pool.version.build,
                len(pool.busy),
                len(pool.idle),
                pool.starting,
                len(pool.waiting),
                pool.retired,
            )
            for pool in self.by_key.values()
        ]

    def _free(self, pool: Pool[W], environment: Environment, now: float) -> list[Effect[W]]:
        if pool.waiting:
            waiter = next(iter(pool.waiting))
            del pool.waiting[waiter]
            pool.busy[environment.id] = environment
            return [Grant(waiter, environment, pool)]
        if pool.retired:
            self._tidy(pool)
            return [End(environment, "SPINDOWN")]
        pool.idle.append((environment, now))
        self.idle += 1
        if self.idle <= self.max_idle:
            return []
        oldest = self._longest_idle()
        assert oldest is not None, "one was just made idle"
        return [End(self._drop_longest_idle(oldest), "SPINDOWN")]

    def _may_scale(self, pool: Pool[W], now: float) -> bool:
        if not self.scaling_rate:
            return True
        function = pool.key[:3]
        pace = self.scaling.get(function)
        if pace is None:
            if len(self.scaling) >= self.forget_at:
                self.scaling = {name: pace for name, pace in self.scaling.items() if not pace.full(now)}
                self.forget_at = max(_FORGET, 2 * len(self.scaling))
            pace = self.scaling[function] = Pace(SCALING_PERIOD / self.scaling_rate, SCALING_PERIOD)
        return pace.take(now)

    def _start_what_is_missing(self, pool: Pool[W]) -> list[Effect[W]]:
        # From here on as many are starting as wait: each event that ends a start ends a wait or starts again.
        missing = max(0, len(pool.waiting) - pool.starting)
        pool.starting += missing
        turns = min(missing, max(0, self.parallel - self.running))
        self.queue.extend([pool] * (missing - turns))
        return [self._start(pool) for _ in range(turns)]

    def _start(self, pool: Pool[W], first: Environment | None = None) -> Start[W]:
        self.running += 1
        return Start(pool, first)

    def _retire(self, pool: Pool[W]) -> list[Effect[W]]:
        pool.retired = True
        effects: list[Effect[W]] = []
        while pool.idle:
            effects.append(End(self._drop_longest_idle(pool), "SPINDOWN"))
        self._tidy(pool)
        return effects

    def _longest_idle(self) -> Pool[W] | None:
        """The pool that holds the environment which has been idle longest."""
        return min((pool for pool in self.by_key.values() if pool.idle), key=lambda pool: pool.idle[0][1], default=None)

    def _drop_longest_idle(self, pool: Pool[W]) -> Environment:
        environment, _ = pool.idle.popleft()
        self.idle -= 1
        self._tidy(pool)
        return environment

    def _tidy(self, pool: Pool[W]) -> None:
        """Forget a pool that holds nothing, so that builds come and go without a trace."""
        if pool.empty and self.by_key.get(pool.key) is pool:
            del self.by_key[pool.key]
