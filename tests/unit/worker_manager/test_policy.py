"""The pool: who gets which environment, and that nobody is forgotten."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambdad.domain.errors import LambdadError, PlatformError, TooManyRequests
from lambdad.placement.api import NoCapacity
from lambdad.sandbox.api import SandboxFailure
from lambdad.testing.environments import ScriptedEnvironment, ScriptedWorker
from lambdad.testing.snapshots import ACCOUNT, REGION, make_version
from lambdad.worker.api import Environment
from lambdad.worker_manager.policy import Pools
from lambdad.worker_manager.pool import Effect, End, Grant, Pool, Refuse, Start

VERSION = make_version("resize", "3")


def environment(id: str) -> ScriptedEnvironment:
    return ScriptedEnvironment(id, VERSION, ScriptedWorker())


def warm(pools: Pools[str], *ids: str, now: float = 0.0) -> Pool[str]:
    """Make environments that are idle."""
    pool = pools.pool(VERSION)
    for id in ids:
        pools.request(pool, id, 0.0)
        pools.started(pool, environment(id), now)
    for id in ids:
        pools.returned(pool, pool.busy[id], True, now)
    return pool


def test_the_most_recently_used_idle_environment_is_taken() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = warm(pools, "a", "b")
    taken = pools.take(pool)
    assert taken is not None and taken.id == "b"


def test_requests_wait_for_as_many_starts_as_there_are_requests() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = pools.pool(VERSION)
    assert pools.request(pool, "one", 0.0) == [Start(pool)]
    assert pools.request(pool, "two", 0.0) == [Start(pool)]
    assert repr(pool) == "<Pool resize:3 [2 starting, 2 waiting]>"


def test_a_waiting_request_takes_what_comes_free_first_and_the_surplus_start_becomes_idle() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = warm(pools, "a")
    taken = pools.take(pool)
    assert taken is not None
    pools.request(pool, "waiter", 0.0)
    assert pools.returned(pool, taken, True, 1.0) == [Grant("waiter", taken, pool)]
    assert repr(pool) == "<Pool resize:3 [1 busy, 1 starting]>"
    assert pools.request(pool, "next", 0.0) == [], "what is starting already will do"
    fresh = environment("b")
    assert pools.started(pool, fresh, 2.0) == [Grant("next", fresh, pool)]
    assert pools.returned(pool, fresh, True, 3.0) == []
    assert repr(pool) == "<Pool resize:3 [1 busy, 1 idle]>"


def test_a_failed_start_is_tried_once_more_and_then_refused() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = pools.pool(VERSION)
    pools.request(pool, "waiter", 0.0)
    assert pools.start_failed(pool, SandboxFailure("no")) == [Start(pool)]
    (refusal,) = pools.start_failed(pool, SandboxFailure("no fork"))
    assert isinstance(refusal, Refuse) and refusal.waiter == "waiter"
    assert type(refusal.error) is PlatformError and "no fork" in refusal.error.message
    assert pools.by_key == {}


def test_many_failed_starts_at_once_are_borne_by_as_many_requests() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = pools.pool(VERSION)
    for waiter in ("1", "2", "3"):
        pools.request(pool, waiter, 0.0)
    assert [pools.start_failed(pool, SandboxFailure("no")) for _ in range(3)] == [[Start(pool)]] * 3
    (refusal,) = pools.start_failed(pool, SandboxFailure("no"))
    assert isinstance(refusal, Refuse) and refusal.waiter == "1"


def test_without_room_what_was_idle_longest_makes_room() -> None:
    pools: Pools[str] = Pools(600, 10)
    warm(pools, "old", now=1.0)
    other = pools.pool(make_version("other"))
    pools.request(other, "waiter", 0.0)
    (start,) = pools.start_failed(other, NoCapacity("full"))
    assert isinstance(start, Start) and start.pool is other and start.first is not None and start.first.id == "old"
    (refusal,) = pools.start_failed(other, NoCapacity("full"))
    assert isinstance(refusal, Refuse) and isinstance(refusal.error, NoCapacity)


def test_idle_environments_end_after_the_keep_warm_time() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = warm(pools, "a", now=100.0)
    assert pools.next_expiry() == 700.0
    assert pools.expire(699.0) == []
    (end,) = pools.expire(700.0)
    assert isinstance(end, End) and end.reason == "SPINDOWN"
    assert pool.empty and pools.by_key == {} and pools.next_expiry() is None


def test_more_idle_environments_than_allowed_end_at_once() -> None:
    pools: Pools[str] = Pools(600, 1)
    pool = pools.pool(VERSION)
    a, b = environment("a"), environment("b")
    for waiter, it in (("1", a), ("2", b)):
        pools.request(pool, waiter, 0.0)
        pools.started(pool, it, 0.0)
    assert pools.returned(pool, a, True, 1.0) == []
    assert pools.returned(pool, b, True, 2.0) == [End(a, "SPINDOWN")]


def test_a_replaced_build_ends_idle_now_and_busy_on_return() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = warm(pools, "a", "b")
    busy = pools.take(pool)
    assert busy is not None and busy.id == "b"
    function = (ACCOUNT, REGION, "resize")
    assert pools.retire(function, {("3", "build-1")}) == [], "still current"
    (end,) = pools.retire(function, {("3", "build-2")})
    assert isinstance(end, End) and end.environment.id == "a"
    assert repr(pool) == "<Pool resize:3 [1 busy] retired>"
    assert pools.returned(pool, busy, True, 1.0) == [End(busy, "SPINDOWN")]
    assert pools.by_key == {}


def test_a_dead_environment_is_never_used_again() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = warm(pools, "a")
    taken = pools.take(pool)
    assert taken is not None
    assert pools.returned(pool, taken, False, 1.0) == [End(taken, "FAILURE")]
    assert pools.take(pools.pool(VERSION)) is None


def test_closing_serves_those_who_wait_and_refuses_new_ones() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = pools.pool(VERSION)
    pools.request(pool, "waiter", 0.0)
    assert pools.close() == []
    (refusal,) = pools.request(pool, "late", 0.0)
    assert isinstance(refusal, Refuse) and refusal.waiter == "late"
    it = environment("a")
    assert pools.started(pool, it, 1.0) == [Grant("waiter", it, pool)]
    assert pools.returned(pool, it, True, 2.0) == [End(it, "SPINDOWN")]
    assert pools.by_key == {}


def test_abandoning_refuses_and_ends_everything() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = pools.pool(VERSION)
    pools.request(pool, "served", 0.0)
    it = environment("a")
    pools.started(pool, it, 0.0)
    pools.request(pool, "waiter", 0.0)
    pools.close()
    refusal, end = pools.abandon()
    assert isinstance(refusal, Refuse) and refusal.waiter == "waiter"
    assert end == End(it, "SPINDOWN")


def test_a_function_grows_by_the_scaling_rate_and_its_budget_is_refilled_continuously() -> None:
    pools: Pools[str] = Pools(600, 10, scaling_rate=10)
    pool = pools.pool(VERSION)
    for number in range(10):
        assert len(pools.request(pool, f"w{number}", 100.0)) == 1
    (refusal,) = pools.request(pool, "late", 100.5)
    assert isinstance(refusal, Refuse) and isinstance(refusal.error, TooManyRequests)
    assert refusal.error.members == {"Reason": "FunctionInvocationRateLimitExceeded", "retry_after": 1}
    assert len(pools.request(pools.pool(make_version("other")), "other", 100.5)) == 1, "each function has its own"
    assert isinstance(pools.request(pool, "one", 101.0)[0], Start)
    assert isinstance(pools.request(pool, "two", 101.0)[0], Refuse)
    granted = sum(isinstance(pools.request(pool, f"x{number}", 1000.0)[0], Start) for number in range(20))
    assert granted == 10, "nothing is saved up beyond it"


def test_budgets_that_are_full_again_are_forgotten() -> None:
    pools: Pools[str] = Pools(600, 10, scaling_rate=10)
    for number in range(1000):
        pools.request(pools.pool(make_version(f"f{number}")), "waiter", 100.0 * number)
    assert len(pools.scaling) < 300


def test_starts_beyond_the_parallel_ones_take_turns() -> None:
    pools: Pools[str] = Pools(600, 10, parallel=2)
    a, b, c = (pools.pool(make_version(name)) for name in "abc")
    assert pools.request(a, "1", 0.0) == [Start(a)]
    assert pools.request(b, "2", 0.0) == [Start(b)]
    assert pools.request(c, "3", 0.0) == []
    assert repr(c) == "<Pool c:$LATEST [1 starting, 1 waiting]>"
    assert pools.turn_over(0.0) == [Start(c)]
    assert pools.turn_over(0.0) == []


def test_a_start_that_nobody_needs_when_its_turn_comes_is_left_out() -> None:
    pools: Pools[str] = Pools(600, 10, parallel=1)
    pool = pools.pool(VERSION)
    pools.request(pool, "1", 0.0)
    assert pools.request(pool, "2", 0.0) == []
    it = environment("a")
    assert pools.started(pool, it, 0.0) == [Grant("1", it, pool)]
    assert pools.returned(pool, it, True, 0.0) == [Grant("2", it, pool)]
    assert pools.turn_over(0.0) == []
    assert repr(pool) == "<Pool resize:3 [1 busy]>"


def test_an_environment_that_dies_while_idle_leaves_at_once() -> None:
    pools: Pools[str] = Pools(600, 10)
    pool = warm(pools, "a", "b")
    dying, _ = pool.idle[0]
    assert pools.died(pool, dying, 0.0) == [End(dying, "FAILURE")]
    assert repr(pool) == "<Pool resize:3 [1 idle]>" and len(pools.idle) == 1
    busy = pools.take(pool)
    assert busy is not None
    assert pools.died(pool, busy, 0.0) == [], "its holder learns it"


def everything_idle(pool: Pool[int]) -> list[Environment]:
    return [it for it, _ in pool.idle] + (pool.provision.idle if pool.provision else [])


class PoolsMachine(RuleBasedStateMachine):
    """Any order of events, over three builds of two functions: a model of who holds what goes along."""

    def __init__(self) -> None:
        super().__init__()
        self.pools: Pools[int] = Pools(keep_warm=50.0, max_idle=3, parallel=2, max_age=200.0)
        self.versions = [make_version("f", build="1"), make_version("f", build="2"), make_version("g")]
        self.now = 0.0
        self.count = 0
        self.waiting: set[int] = set()
        self.held: dict[str, tuple[Pool[int], ScriptedEnvironment]] = {}
        self.starts: deque[Start[int]] = deque()
        self.ended: set[str] = set()
        self.target = 0

    def perform(self, effects: list[Effect[int]]) -> None:
        for effect in effects:
            match effect:
                case Grant(waiter, it, pool):
                    self.waiting.remove(waiter)
                    self.hold(pool, it)
                case Refuse(waiter, _):
                    self.waiting.remove(waiter)
                case Start(_, first):
                    if first is not None:
                        self.end(first.id)
                    self.starts.append(effect)
                case End(it, _):
                    self.end(it.id)

    def hold(self, pool: Pool[int], it: object) -> None:
        assert isinstance(it, ScriptedEnvironment)
        assert it.id not in self.held, "leased twice"
        assert it.id not in self.ended, "leased after its end"
        assert it.version.build == pool.version.build and it.version.name == pool.version.name
        self.held[it.id] = (pool, it)

    def end(self, id: str) -> None:
        assert id not in self.held, "ended while it was leased"
        assert id not in self.ended, "ended twice"
        self.ended.add(id)

    @rule(which=st.integers(0, 2))
    def request(self, which: int) -> None:
        pool = self.pools.pool(self.versions[which])
        taken = self.pools.take(pool)
        if taken is not None:
            self.hold(pool, taken)
            return
        self.count += 1
        self.waiting.add(self.count)
        self.perform(self.pools.request(pool, self.count, self.now))

    @precondition(lambda self: self.starts)
    @rule()
    def started(self) -> None:
        start = self.starts.popleft()
        self.count += 1
        it = ScriptedEnvironment(f"e{self.count}", start.pool.version, ScriptedWorker())
        started = self.pools.provisioned_started if start.provisioned else self.pools.started
        self.perform(started(start.pool, it, self.now))
        self.perform(self.pools.turn_over(self.now))

    @precondition(lambda self: self.starts)
    @rule(error=st.sampled_from([SandboxFailure("x"), NoCapacity("x"), PlatformError("x")]))
    def start_failed(self, error: LambdadError) -> None:
        start = self.starts.popleft()
        if start.provisioned:
            self.perform(self.pools.provisioned_failed(start.pool, error, self.now))
        else:
            self.perform(self.pools.start_failed(start.pool, error))
        self.perform(self.pools.turn_over(self.now))

    @precondition(lambda self: any(everything_idle(pool) for pool in self.pools.by_key.values()))
    @rule(which=st.integers(0, 100))
    def died(self, which: int) -> None:
        idle = [(pool, it) for pool in self.pools.by_key.values() for it in everything_idle(pool)]
        self.perform(self.pools.died(*idle[which % len(idle)], self.now))

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 100), alive=st.booleans())
    def returned(self, which: int, alive: bool) -> None:
        pool, it = self.held.pop(sorted(self.held)[which % len(self.held)])
        self.perform(self.pools.returned(pool, it, alive, self.now))

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 100))
    def cancelled(self, which: int) -> None:
        waiter = sorted(self.waiting)[which % len(self.waiting)]
        self.waiting.remove(waiter)
        for pool in list(self.pools.by_key.values()):
            self.pools.cancel(pool, waiter)

    @rule(seconds=st.floats(0.0, 100.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.perform(self.pools.expire(self.now))

    @rule(build=st.sampled_from("12"))
    def updated(self, build: str) -> None:
        self.perform(self.pools.retire((ACCOUNT, REGION, "f"), {("$LATEST", build)}))

    @rule(short=st.booleans())
    def memory(self, short: bool) -> None:
        self.perform(self.pools.memory(short))

    @rule(count=st.integers(0, 3))
    def provisioned(self, count: int) -> None:
        wanted = {"$LATEST": (self.versions[2], count)} if count else {}
        self.perform(self.pools.provision((ACCOUNT, REGION, "g"), wanted, self.now))
        self.target = count

    @invariant()
    def nobody_is_forgotten(self) -> None:
        pools = self.pools.by_key.values()
        assert {waiter for pool in pools for waiter in pool.waiting} == self.waiting
        assert {id for pool in pools for id in pool.busy} == set(self.held)
        assert sum(pool.starting + (pool.provision.starting if pool.provision else 0) for pool in pools) == len(
            self.starts
        ) + len(self.pools.queue)
        assert len(self.starts) == self.pools.running <= 2
        assert self.pools.running == 2 or not self.pools.queue, "a turn is not taken"
        for pool in pools:
            assert pool.starting >= len(pool.waiting), "somebody waits for nothing"
            assert not (pool.waiting and everything_idle(pool)), "somebody waits while an environment is idle"
            assert not pool.empty

    @invariant()
    def idle_is_counted(self) -> None:
        assert len(self.pools.idle) == sum(len(pool.idle) for pool in self.pools.by_key.values()) <= 3

    @invariant()
    def ages_are_known_of_what_is_alive_and_of_nothing_else(self) -> None:
        alive = {it.id for pool in self.pools.by_key.values() for it in everything_idle(pool)} | set(self.held)
        assert alive == self.pools.born.keys() | self.pools.worn
        assert not self.pools.born.keys() & self.pools.worn and self.pools.worn <= set(self.held)

    @invariant()
    def provisioned_are_neither_lost_nor_too_many(self) -> None:
        provisions = {pool.key: pool.provision for pool in self.pools.by_key.values() if pool.provision is not None}
        assert provisions.keys() == self.pools.provisioned.keys()
        for key, provision in provisions.items():
            assert {it.id for it in provision.idle} <= provision.held
            assert provision.held <= {it.id for it in provision.idle} | set(self.held)
            assert len(provision.idle) <= provision.target == self.target or not provision.idle
            if provision.missing and provision.retry_at is None and not provision.failures:
                assert self.pools.running == 2, "nobody makes what is missing"
            assert key[2] == "g"

    def teardown(self) -> None:
        """All starts succeed and all leases end: everybody has been served, and nothing is left after closing."""
        while self.starts or self.held:
            while self.starts:
                self.started()
            while self.held:
                self.returned(0, True)
        assert not self.waiting
        self.perform(self.pools.close())
        assert self.pools.by_key == {} and self.pools.idle == {}


TestPools = PoolsMachine.TestCase
TestPools.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
