"""A budget that is refilled continuously."""

from hypothesis import given
from hypothesis import strategies as st

from lambdad.domain.pace import Pace, per_second


def test_a_full_budget_may_be_spent_at_once_and_comes_back_bit_by_bit() -> None:
    pace = per_second(10)
    assert [pace.take(5.0) for _ in range(11)] == [True] * 10 + [False]
    assert not pace.take(5.09)
    assert pace.take(5.1) and not pace.take(5.1)
    assert [pace.take(99.0) for _ in range(11)] == [True] * 10 + [False], "nothing is saved up beyond it"
    assert not pace.full(99.5) and pace.full(101.0)


@given(st.lists(st.floats(0.0, 0.5), max_size=300), st.integers(1, 50))
def test_no_window_grants_more_than_the_budget_and_what_is_refilled(gaps: list[float], rate: int) -> None:
    pace, now, granted = Pace(1 / rate, 1.0), 0.0, []
    for gap in gaps:
        now += gap
        if pace.take(now):
            granted.append(now)
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            assert last - first + 1 <= rate * (1.0 + granted[last] - granted[first]) + 0.01
