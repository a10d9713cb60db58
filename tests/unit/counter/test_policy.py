"""Concurrency: reservations are floor and ceiling, provisioned concurrency comes first, and everything comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.counter.policy import Concurrency, Share, Use

ACCOUNT = "ConcurrentInvocationLimitExceeded"
RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
NONE: dict[str, int] = {}


def admit(region: Concurrency, name: str, times: int = 1, version: str = "$LATEST", now: float | None = None) -> list[str]:
    """What each of some requests of a function is told: `ok` or the reason."""
    answers = [region.admit(region.use(name), version, now) for _ in range(times)]
    return ["ok" if isinstance(answer, Share) else answer for answer in answers]


def test_the_region_limit_throttles() -> None:
    region = Concurrency(limit=2)
    assert admit(region, "f", 3) == ["ok", "ok", ACCOUNT]
    use = region.use("f")
    region.release(use, use.on_demand)
    assert admit(region, "f") == ["ok"]


def test_a_reservation_is_a_ceiling() -> None:
    region = Concurrency(limit=1000)
    region.promise("f", 1, NONE)
    assert admit(region, "f", 2) == ["ok", RESERVED]


def test_a_reservation_is_a_floor_even_when_the_pool_is_full() -> None:
    region = Concurrency(limit=3)
    region.promise("f", 2, NONE)
    assert admit(region, "other", 2) == ["ok", ACCOUNT], "two of three units are reserved"
    assert admit(region, "f", 2) == ["ok", "ok"]


def test_a_reservation_of_zero_switches_the_function_off() -> None:
    region = Concurrency(limit=1000, per_unit=10)
    region.promise("f", 0, NONE)
    assert admit(region, "f", now=0.0) == [RESERVED]


def test_what_is_in_flight_moves_with_the_reservation() -> None:
    region = Concurrency(limit=4)
    use = region.use("f")
    assert admit(region, "f") == ["ok"]
    region.promise("f", 2, NONE)
    assert repr(region) == "<Concurrency [1 of 4 in flight, 0 of 2 unreserved]>"
    region.promise("f", None, NONE)
    assert repr(region) == "<Concurrency [1 of 4 in flight, 1 of 4 unreserved]>"
    region.release(use, use.on_demand)
    assert repr(region) == "<Concurrency [0 of 4 in flight, 0 of 4 unreserved]>"


def test_a_deleted_function_keeps_its_units_until_they_are_released() -> None:
    region = Concurrency(limit=4)
    region.promise("f", 2, {"1": 1})
    use = region.use("f")
    on_demand = region.admit(use, "$LATEST", None)
    provisioned = region.admit(use, "1", None)
    assert isinstance(on_demand, Share) and isinstance(provisioned, Share)
    region.forget("f")
    assert repr(region) == "<Concurrency [2 of 4 in flight, 1 of 4 unreserved]>"
    region.release(use, on_demand)
    region.release(use, provisioned)
    assert repr(region) == "<Concurrency [0 of 4 in flight, 0 of 4 unreserved]>"


def test_provisioned_concurrency_is_taken_out_of_the_account_used_or_not() -> None:
    region = Concurrency(limit=5)
    region.promise("f", None, {"1": 3})
    assert admit(region, "other", 3) == ["ok", "ok", ACCOUNT]
    assert admit(region, "f", 3, version="1") == ["ok", "ok", "ok"]


def test_provisioned_concurrency_spills_over_to_the_pool() -> None:
    region = Concurrency(limit=4)
    region.promise("f", None, {"1": 2})
    assert admit(region, "f", 5, version="1") == ["ok"] * 4 + [ACCOUNT]
    assert region.unreserved == 2


def test_with_a_reservation_it_spills_over_to_the_rest_of_that() -> None:
    region = Concurrency(limit=1000)
    region.promise("f", 3, {"1": 2})
    assert admit(region, "f", 2) == ["ok", RESERVED], "two of three units are provisioned for version 1"
    assert admit(region, "f", 3, version="1") == ["ok", "ok", RESERVED]


def test_provisioned_as_much_as_reserved_blocks_latest_and_spill_over() -> None:
    region = Concurrency(limit=1000)
    region.promise("f", 2, {"1": 2})
    assert admit(region, "f") == [RESERVED]
    assert admit(region, "f", 3, version="1") == ["ok", "ok", RESERVED]


def test_the_accounts_requests_per_second_are_shared_by_functions_without_a_reservation() -> None:
    region = Concurrency(limit=2, per_unit=10)
    answers = []
    for name in ("f", "g") * 11:
        answers += admit(region, name, now=50.0)
        use = region.use(name)
        if answers[-1] == "ok":
            region.release(use, use.on_demand)
    assert answers == ["ok"] * 20 + ["FunctionInvocationRateLimitExceeded"] * 2
    assert admit(region, "f", now=50.05) == ["ok"], "refilled continuously"
    assert admit(region, "g", now=None) == ["ok"], "events are not limited per second"


def test_a_reservation_has_requests_per_second_of_its_own() -> None:
    region = Concurrency(limit=1000, per_unit=10)
    region.promise("f", 1, NONE)
    use = region.use("f")
    for _ in range(10):
        assert admit(region, "f", now=7.0) == ["ok"]
        region.release(use, use.on_demand)
    assert admit(region, "f", now=7.0) == ["ReservedFunctionInvocationRateLimitExceeded"]
    assert admit(region, "other", 50, now=7.0) == ["ok"] * 50
    region.promise("f", 2, NONE)
    assert admit(region, "f", now=7.0) == ["ok"], "a new reservation, a new budget"


@pytest.mark.parametrize("per_unit", (0, 10))
def test_provisioned_concurrency_has_no_limit_per_second_on_demand(per_unit: int) -> None:
    region = Concurrency(limit=1, per_unit=per_unit)
    region.promise("f", None, {"1": 1})
    use = region.use("f")
    for _ in range(50):
        granted = region.admit(use, "1", 3.0)
        assert isinstance(granted, Share)
        region.release(use, granted)


NAMES, VERSIONS = st.sampled_from("abc"), st.sampled_from(["$LATEST", "1", "2"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), NAMES, VERSIONS),
        st.tuples(st.just("release"), st.integers(0, 50), st.none()),
        st.tuples(
            st.just("promise"),
            NAMES,
            st.tuples(st.none() | st.integers(0, 5), st.dictionaries(st.sampled_from("12"), st.integers(1, 3))),
        ),
        st.tuples(st.just("forget"), NAMES, st.none()),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 8))
def test_counts_return_to_zero_whatever_happens(steps: list[tuple[str, object, object]], limit: int) -> None:
    region = Concurrency(limit)
    held: list[tuple[Use, Share]] = []
    for kind, what, more in steps:
        if kind == "admit":
            use = region.use(str(what))
            granted = region.admit(use, str(more), None)
            if isinstance(granted, Share):
                held.append((use, granted))
        elif kind == "release" and held:
            assert isinstance(what, int)
            region.release(*held.pop(what % len(held)))
        elif kind == "promise":
            assert isinstance(more, tuple)
            region.promise(str(what), *more)
        elif kind == "forget" and str(what) in region.uses:
            region.forget(str(what))
        assert region.in_flight == len(held)
        assert 0 <= region.unreserved <= region.in_flight
    for use, share in held:
        region.release(use, share)
    assert (region.in_flight, region.unreserved) == (0, 0)
    assert all(use.in_flight == use.on_demand.in_flight == 0 for use in region.uses.values())
    assert region.promised == sum(use.promised for use in region.uses.values())
