"""The choice of a worker."""

from hypothesis import given
from hypothesis import strategies as st

from lambdad.placement.policy import choose, fits
from lambdad.worker.api import Load


def test_environments_are_packed_as_long_as_a_worker_is_comfortable() -> None:
    assert choose([Load(1000, 100, 1), Load(1000, 500, 9), Load(1000, 0, 0)], 128) == 1


def test_beyond_comfort_they_are_spread() -> None:
    assert choose([Load(1000, 800, 1), Load(1000, 750, 9)], 128) == 1
    assert choose([Load(1000, 750, 9), Load(1000, 0, 0)], 128) == 1


def test_among_equals_the_one_with_the_fewest_environments_and_then_the_first() -> None:
    assert choose([Load(1000, 500, 4), Load(1000, 500, 2), Load(1000, 500, 2)], 128) == 1


def test_a_worker_that_has_the_code_is_worth_being_less_full() -> None:
    assert choose([Load(1000, 500, 1), Load(1000, 450, 1, has_code=True)], 128) == 1
    assert choose([Load(1000, 500, 1), Load(1000, 100, 1, has_code=True)], 128) == 0


def test_a_worker_whose_processors_are_spoken_for_comes_last() -> None:
    assert choose([Load(1000, 500, 1, cores=2.0, busy_cores=2.0), Load(1000, 0, 0, cores=2.0)], 128) == 1
    assert choose([Load(1000, 500, 1, cores=2.0, busy_cores=2.0)], 128) == 0, "but before nothing at all"


def test_a_full_worker_is_passed_over() -> None:
    assert choose([Load(4000, 3900, 1), Load(200, 72, 1)], 128) == 1
    assert choose([Load(4000, 2000, 1, used_mb=3900), Load(4000, 0, 0)], 128) == 1, "full in fact"


def test_what_fits_nowhere_is_refused() -> None:
    assert choose([Load(1000, 900, 1)], 128) is None
    assert choose([], 128) is None


def test_workers_without_a_limit_share_by_number() -> None:
    assert choose([Load(None, 5000, 7), Load(None, 9000, 6)], 10_240) == 1


LOADS = st.builds(
    Load,
    st.none() | st.integers(1, 5000),
    st.integers(0, 5000),
    st.integers(0, 9),
    st.integers(0, 5000),
    st.floats(0.1, 8.0),
    st.floats(0.0, 8.0),
    st.booleans(),
)


@given(st.lists(LOADS, max_size=8), st.integers(1, 3000))
def test_what_is_chosen_fits_and_something_is_chosen_if_anything_fits(loads: list[Load], need: int) -> None:
    chosen = choose(loads, need)
    assert (chosen is None) == (not any(fits(each, need) for each in loads))
    assert chosen is None or fits(loads[chosen], need)
