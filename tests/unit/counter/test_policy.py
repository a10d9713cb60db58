"""Concurrency: reservations are floor and ceiling, and everything comes back."""

from hypothesis import given
from hypothesis import strategies as st

from lambdad.counter.policy import Concurrency


def test_the_region_limit_throttles() -> None:
    region = Concurrency(limit=2)
    use = region.use("f")
    assert [region.admit(use, None) for _ in range(3)] == [None, None, "ConcurrentInvocationLimitExceeded"]
    region.release(use)
    assert region.admit(use, None) is None


def test_a_reservation_is_a_ceiling() -> None:
    region = Concurrency(limit=1000)
    region.reserve("f", 1)
    use = region.use("f")
    assert region.admit(use, 1) is None
    assert region.admit(use, 1) == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_reservation_is_a_floor_even_when_the_pool_is_full() -> None:
    region = Concurrency(limit=3)
    region.reserve("f", 2)
    other = region.use("other")
    assert region.admit(other, None) is None
    assert region.admit(other, None) == "ConcurrentInvocationLimitExceeded", "two of three units are reserved"
    assert region.admit(region.use("f"), 2) is None
    assert region.admit(region.use("f"), 2) is None


def test_a_reservation_of_zero_switches_the_function_off() -> None:
    region = Concurrency(limit=1000)
    region.reserve("f", 0)
    assert region.admit(region.use("f"), 0) == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_what_is_in_flight_moves_with_the_reservation() -> None:
    region = Concurrency(limit=4)
    use = region.use("f")
    assert region.admit(use, None) is None
    region.reserve("f", 2)
    assert repr(region) == "<Concurrency [1 of 4 in flight, 0 of 2 unreserved]>"
    region.reserve("f", None)
    assert repr(region) == "<Concurrency [1 of 4 in flight, 1 of 4 unreserved]>"
    region.release(use)
    assert repr(region) == "<Concurrency [0 of 4 in flight, 0 of 4 unreserved]>"


def test_a_deleted_function_keeps_its_units_until_they_are_released() -> None:
    region = Concurrency(limit=4)
    region.reserve("f", 2)
    use = region.use("f")
    region.admit(use, 2)
    region.forget("f")
    assert repr(region) == "<Concurrency [1 of 4 in flight, 1 of 4 unreserved]>"
    region.release(use)
    assert repr(region) == "<Concurrency [0 of 4 in flight, 0 of 4 unreserved]>"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.sampled_from("abc")),
        st.tuples(st.just("release"), st.integers(0, 50)),
        st.tuples(st.just("reserve"), st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 5))),
        st.tuples(st.just("forget"), st.sampled_from("abc")),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 8))
def test_counts_return_to_zero_whatever_happens(steps: list[tuple[str, object]], limit: int) -> None:
    region = Concurrency(limit)
    held = []
    for kind, what in steps:
        if kind == "admit":
            use = region.use(str(what))
            if region.admit(use, use.reserved) is None:
                held.append(use)
        elif kind == "release" and held:
            assert isinstance(what, int)
            region.release(held.pop(what % len(held)))
        elif kind == "reserve":
            assert isinstance(what, tuple)
            region.reserve(what[0], what[1])
        elif kind == "forget" and str(what) in region.uses:
            region.forget(str(what))
        assert region.in_flight == len(held)
        assert 0 <= region.unreserved <= region.in_flight
    for use in held:
        region.release(use)
    assert (region.in_flight, region.unreserved) == (0, 0)
    assert region.reserved_total == sum(use.reserved or 0 for use in region.uses.values())
