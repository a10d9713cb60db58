"""The pools of execution environments, one per build. Pure: no loop, no clock, no I/O.

Every change is decided anew, so that no request waits while an environment of its build is free:

    a request comes        the most recently used idle environment; else it waits, and as many environments are
                           started as requests wait (one that is starting already counts)
    one is ready           the longest waiting request gets it; nobody waits: it is idle
    one is returned        the same; unless it is dead, or its build is retired and nobody waits: it ends
    a start failed         the request that has borne least bears it, of several the longest waiting one: once it is tried
                           again, the second time it is refused
    no worker has room     the environment that has been idle longest, of whatever build, ends to make room;
                           with nothing idle anywhere the request is refused
    one dies while idle    it leaves at once
    provisioned            a build with provisioned concurrency keeps so many environments of its own, initialised ahead; they
                           are taken first, never expire, make no room for others, and are replaced when they die
    memory gets scarce     while the host has less than its floor, an eighth of what is idle ends at each look, what was idle
                           longest first, and each start ends one more
    one gets old           at `max_age` seconds it ends, a busy one when it is returned, and another takes its place
    a build is replaced    its idle environments end now, its busy ones when they are returned
    a function grows       by no more than `scaling_rate` environments in ten seconds, a budget that is refilled continuously;
                           a request that needs one more is refused with 429
    many start at once     no more than `parallel` starts run at a time, the others follow in the order in which they were
                           asked for; one that nobody needs any more when its turn comes is left out
    time passes            what has been idle for `keep_warm` seconds ends

`take`, `request`, `returned`, … are the events of the machine; their answers are the effects, to be performed in order.
"""

import math
from collections import deque
from collections.abc import Collection, Mapping
from typing import Generic

from lambdad.domain.backoff import doubled
from lambdad.domain.errors import LambdadError, PlatformError, TooManyRequests
from lambdad.domain.functions import Version
from lambdad.domain.limits import SCALING_PERIOD
from lambdad.domain.pace import Pace
from lambdad.placement.api import NoCapacity
from lambdad.sandbox.api import SandboxFailure
from lambdad.worker.api import EndReason, Environment
from lambdad.worker_manager.api import PoolReport
from lambdad.worker_manager.pool import Effect, End, Grant, Key, Pool, Provision, Refuse, Start, W

START_ATTEMPTS = 2
"""How many failed starts one request bears before it is refused."""

FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0
"""Seconds until a failed start for provisioned concurrency is tried again; the wait doubles."""

_FORGET = 256

UNLIMITED = 1_000_000
"""More starts at a time than any host can run."""


class Pools(Generic[W]):
    """All pools. `keep_warm` in seconds; `max_idle` and `parallel` (starts at a time) are for all builds together."""

    def __init__(
        self,
        keep_warm: float,
        max_idle: int,
        parallel: int = UNLIMITED,
        scaling_rate: int = 0,
        max_age: float = math.inf,
    ) -> None:
        """`scaling_rate`: environments that one function may gain in SCALING_PERIOD, 0 for any number."""
        self.keep_warm = keep_warm
        self.max_age = max_age
        self.born: dict[str, tuple[float, Pool[W], Environment]] = {}
        """By id, oldest first: every environment that is neither too old nor ended."""
        self.worn: set[str] = set()
        """The busy ones that are too old."""
        self.short_of_memory = False
        """What the host says, at the latest look."""
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
        self.provisioned: dict[Key, Pool[W]] = {}
        """The pools with provisioned concurrency. What these miss is started when nothing is queued."""
        self.by_key: dict[Key, Pool[W]] = {}
        self.idle: dict[str, Pool[W]] = {}
        """By id of the environment, the one that has been idle longest first."""
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
        provision = pool.provision
        if provision is not None:
            if provision.idle:
                provision.invocations += 1
                environment = provision.idle.pop()
                pool.busy[environment.id] = environment
                return environment
            if pool.idle:
                provision.spillovers += 1
        if not pool.idle:
            return None
        environment, _ = pool.idle.pop()
        pool.busy[environment.id] = environment
        del self.idle[environment.id]
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
        """`turn_over` comes after it."""
        pool.starting -= 1
        self.born[environment.id] = (now, pool, environment)
        return self._free(pool, environment, now)

    def turn_over(self, now: float) -> list[Effect[W]]:
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
        return effects + self._provision_missing(now)

    def start_failed(self, pool: Pool[W], error: LambdadError) -> list[Effect[W]]:
        """`turn_over` comes after it."""
        pool.starting -= 1
        # One event, such as the death of a launcher, fails many starts: it is borne by as many requests.
        waiter = min(pool.waiting, key=pool.waiting.__getitem__, default=None)
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

    def provision(
        self, function: tuple[str, str, str], wanted: Mapping[str, tuple[Version, int]], now: float
    ) -> list[Effect[W]]:
        """Of this function (account, region, name) these versions, and no others, have provisioned concurrency from now on:
        by version number, with the count. More is started, fewer end as they come free."""
        effects: list[Effect[W]] = []
        for key, pool in list(self.provisioned.items()):
            if key[:3] == function and (key[3] not in wanted or wanted[key[3]][0].build != key[4]):
                effects += self._provide(pool, 0)
        for version, count in wanted.values():
            effects += self._provide(self.pool(version), count)
        return effects + self._provision_missing(now)

    def provisioned_started(self, pool: Pool[W], environment: Environment, now: float) -> list[Effect[W]]:
        """`turn_over` comes after it."""
        self.born[environment.id] = (now, pool, environment)
        provision = pool.provision
        if provision is None:
            return self._free(pool, environment, now)
        provision.starting -= 1
        provision.failure, provision.failures, provision.retry_at = None, 0, None
        if len(provision.held) < provision.target:
            provision.held.add(environment.id)
        effects = self._free(pool, environment, now)
        self._settle(pool)
        return effects

    def provisioned_failed(self, pool: Pool[W], error: LambdadError, now: float) -> list[Effect[W]]:
        """A start for provisioned concurrency: nobody waits for it, so it is tried again, later and later."""
        provision = pool.provision
        if provision is None:
            return []
        if isinstance(error, NoCapacity) and provision.target:
            oldest = self._longest_idle()
            if oldest is not None:
                self.running += 1
                first = self._drop_longest_idle(oldest)
                self._bury(first)
                return [Start(pool, first, provisioned=True)]
        provision.starting -= 1
        provision.failure = error.message
        provision.retry_at = now + doubled(FIRST_RETRY, provision.failures, LONGEST_RETRY)
        provision.failures += 1
        self._settle(pool)
        return []

    def returned(self, pool: Pool[W], environment: Environment, alive: bool, now: float) -> list[Effect[W]]:
        """The holder is done with it."""
        del pool.busy[environment.id]
        if alive:
            if environment.id in self.worn:
                return self._replace(pool, environment, now)
            return self._free(pool, environment, now)
        effects: list[Effect[W]] = [self._end(environment, "FAILURE")]
        return effects + self._lost(pool, environment, now)

    def died(self, pool: Pool[W], environment: Environment, now: float) -> list[Effect[W]]:
        """News of its end. One that is busy is left to its holder, who learns it by himself."""
        if not self._take_out(pool, environment):
            return []
        effects: list[Effect[W]] = [self._end(environment, "FAILURE")]
        return effects + self._lost(pool, environment, now)

    def expire(self, now: float) -> list[Effect[W]]:
        """End what has been idle for too long or has become too old, and try again to provision what failed."""
        effects = self._provision_missing(now)
        while (oldest := next(iter(self.born.values()), None)) is not None and oldest[0] + self.max_age <= now:
            _, pool, environment = oldest
            if self._take_out(pool, environment):
                effects += self._replace(pool, environment, now)
            else:
                del self.born[environment.id]
                self.worn.add(environment.id)
        for pool in list(self.by_key.values()):
            while pool.idle and pool.idle[0][1] + self.keep_warm <= now:
                effects.append(self._end(self._drop_longest_idle(pool), "SPINDOWN"))
        return effects

    def next_expiry(self) -> float | None:
        """When `expire` has something to do, unless it is used before."""
        oldest = self._longest_idle()
        times = [pool.provision.retry_at for pool in self.provisioned.values() if pool.provision is not None]
        times.append(None if oldest is None else oldest.idle[0][1] + self.keep_warm)
        if self.born and self.max_age < math.inf:
            times.append(next(iter(self.born.values()))[0] + self.max_age)
        return min((time for time in times if time is not None), default=None)

    def memory(self, short: bool) -> list[Effect[W]]:
        """The host has, or has not, less memory left than it should. Come again soon while it is short."""
        self.short_of_memory = short
        effects: list[Effect[W]] = []
        for _ in range(-(-len(self.idle) // 8) if short else 0):
            oldest = self._longest_idle()
            assert oldest is not None, "so many are idle"
            effects.append(self._end(self._drop_longest_idle(oldest), "SPINDOWN"))
        return effects

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
            effects += [self._end(environment, "SPINDOWN") for environment in pool.busy.values()]
            pool.waiting.clear()
        return effects

    def report(self) -> list[PoolReport]:
        return [pool.report for pool in self.by_key.values()]

    def _free(self, pool: Pool[W], environment: Environment, now: float) -> list[Effect[W]]:
        provision = pool.provision
        if pool.waiting:
            waiter = next(iter(pool.waiting))
            del pool.waiting[waiter]
            pool.busy[environment.id] = environment
            if provision is not None:
                if environment.id in provision.held:
                    provision.invocations += 1
                else:
                    provision.spillovers += 1
            return [Grant(waiter, environment, pool)]
        if pool.retired:
            self._tidy(pool)
            return [self._end(environment, "SPINDOWN")]
        if provision is not None and environment.id in provision.held:
            if len(provision.held) <= provision.target:
                provision.idle.append(environment)
                return []
            provision.held.discard(environment.id)
            self._settle(pool)
            return [self._end(environment, "SPINDOWN")]
        pool.idle.append((environment, now))
        self.idle[environment.id] = pool
        if len(self.idle) <= self.max_idle:
            return []
        oldest = self._longest_idle()
        assert oldest is not None, "one was just made idle"
        return [self._end(self._drop_longest_idle(oldest), "SPINDOWN")]

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

    def _provide(self, pool: Pool[W], count: int) -> list[Effect[W]]:
        """`pool` is to have so many; those that are too many and idle end."""
        provision = pool.provision
        if provision is None:
            if not count or pool.retired:
                self._tidy(pool)
                return []
            provision = pool.provision = Provision(count)
            self.provisioned[pool.key] = pool
        if provision.target != count:
            provision.target, provision.retry_at = count, None
        effects: list[Effect[W]] = []
        while provision.idle and len(provision.held) > count:
            environment = provision.idle.pop(0)
            provision.held.discard(environment.id)
            effects.append(self._end(environment, "SPINDOWN"))
        self._settle(pool)
        return effects

    def _provision_missing(self, now: float) -> list[Effect[W]]:
        """Start for provisioned concurrency what turns are left for: requests that wait come first."""
        effects: list[Effect[W]] = []
        for pool in self.provisioned.values():
            provision = pool.provision
            if provision is None or (provision.retry_at is not None and provision.retry_at > now):
                continue
            # After a failure one is tried before the others.
            missing = min(provision.missing, 0 if provision.starting else 1) if provision.failures else provision.missing
            for _ in range(min(missing, self.parallel - self.running)):
                provision.retry_at = None
                provision.starting += 1
                self.running += 1
                effects.append(Start(pool, provisioned=True))
        return effects

    def _lost(self, pool: Pool[W], environment: Environment, now: float) -> list[Effect[W]]:
        """It is gone; where it was provisioned, another takes its place."""
        if pool.provision is not None and environment.id in pool.provision.held:
            pool.provision.held.discard(environment.id)
            self._settle(pool)
            return self._provision_missing(now)
        self._tidy(pool)
        return []

    def _settle(self, pool: Pool[W]) -> None:
        """Forget provisioned concurrency that is over."""
        provision = pool.provision
        if provision is not None and not (provision.target or provision.held or provision.starting):
            pool.provision = None
            del self.provisioned[pool.key]
            self._tidy(pool)

    def _end(self, environment: Environment, reason: EndReason) -> End:
        self._bury(environment)
        return End(environment, reason)

    def _bury(self, environment: Environment) -> None:
        if self.born.pop(environment.id, None) is None:
            self.worn.discard(environment.id)

    def _take_out(self, pool: Pool[W], environment: Environment) -> bool:
        """Out of the idle ones; False if it is busy."""
        if pool.provision is not None and environment in pool.provision.idle:
            pool.provision.idle.remove(environment)
            return True
        at = next((at for at, (idle, _) in enumerate(pool.idle) if idle is environment), None)
        if at is None:
            return False
        del pool.idle[at]
        del self.idle[environment.id]
        return True

    def _replace(self, pool: Pool[W], environment: Environment, now: float) -> list[Effect[W]]:
        """It is too old; unless its build is, too, another takes its place. A request that comes meanwhile waits for that."""
        provisioned = pool.provision is not None and environment.id in pool.provision.held
        effects: list[Effect[W]] = [self._end(environment, "SPINDOWN")]
        if not provisioned and not pool.retired and not self.short_of_memory and self.running < self.parallel:
            pool.starting += 1
            effects.append(self._start(pool))
        return effects + self._lost(pool, environment, now)

    def _start(self, pool: Pool[W], first: Environment | None = None) -> Start[W]:
        self.running += 1
        if first is None and self.short_of_memory:
            oldest = self._longest_idle()
            first = None if oldest is None else self._drop_longest_idle(oldest)
        if first is not None:
            self._bury(first)
        return Start(pool, first)

    def _retire(self, pool: Pool[W]) -> list[Effect[W]]:
        pool.retired = True
        effects = self._provide(pool, 0) if pool.provision is not None else []
        while pool.idle:
            effects.append(self._end(self._drop_longest_idle(pool), "SPINDOWN"))
        self._tidy(pool)
        return effects

    def _longest_idle(self) -> Pool[W] | None:
        """The pool that holds the environment which has been idle longest."""
        return next(iter(self.idle.values()), None)

    def _drop_longest_idle(self, pool: Pool[W]) -> Environment:
        environment, _ = pool.idle.popleft()
        del self.idle[environment.id]
        self._tidy(pool)
        return environment

    def _tidy(self, pool: Pool[W]) -> None:
        """Forget a pool that holds nothing, so that builds come and go without a trace."""
        if pool.empty and self.by_key.get(pool.key) is pool:
            del self.by_key[pool.key]
