"""How many batches may run."""

from typing import Any

import pytest

from lambdad.domain.mappings import EventSourceMapping, ProvisionedPollers
from lambdad.pollers.scaling import Bounds, Scale, backoff, bounds, failed, idle, looked, throttled

STANDARD = Bounds(5, 2, 1250, 5.0)


def of(**members: Any) -> EventSourceMapping:
    required = {"account": "1", "region": "r", "id": "i", "source": "s", "function": "f", "state": "Enabled"}
    return EventSourceMapping(last_modified_ms=0, **(required | members))


def test_the_bounds_are_those_of_the_documentation() -> None:
    assert bounds(of()) == STANDARD
    assert bounds(of(maximum_concurrency=2)) == Bounds(2, 2, 2, 5.0)
    assert bounds(of(maximum_concurrency=40)) == Bounds(5, 2, 40, 5.0)
    assert bounds(of(provisioned=ProvisionedPollers(3, 200))) == Bounds(30, 30, 2000, 1000 / 60)


def test_it_grows_by_three_hundred_in_a_minute_while_all_are_in_use() -> None:
    scale = idle(Scale(0.0, 100.0), STANDARD)
    assert scale.whole == 5
    scale = looked(scale, STANDARD, 130.0, saturated=True)
    assert scale.whole == 155
    scale = looked(scale, STANDARD, 160.0, saturated=False)
    assert scale.whole == 155
    for second in range(160, 1000):
        scale = looked(scale, STANDARD, float(second), saturated=True)
    assert scale.whole == 1250


def test_failures_take_it_down_gently_and_never_below_two() -> None:
    scale = Scale(100.0, 0.0)
    assert failed(scale, STANDARD).allowed == 90.0
    for _ in range(100):
        scale = failed(scale, STANDARD)
    assert scale.allowed == 2.0
    assert failed(Scale(1.0, 0.0), STANDARD).allowed == 1.0, "a throttle took it lower"


def test_a_throttle_shows_how_many_can_run() -> None:
    assert throttled(Scale(100.0, 0.0), 7).allowed == 7.0
    assert throttled(Scale(5.0, 0.0), 7).allowed == 5.0
    assert throttled(Scale(5.0, 0.0), 0).allowed == 1.0


def test_a_lower_maximum_holds_at_once() -> None:
    assert looked(Scale(100.0, 0.0), Bounds(5, 2, 10, 5.0), 1.0, saturated=False).allowed == 10.0


@pytest.mark.parametrize(("refusals", "seconds"), [(1, 1.0), (2, 2.0), (4, 8.0), (7, 60.0), (10_000, 60.0)])
def test_waits_grow_up_to_a_minute(refusals: int, seconds: float) -> None:
    assert backoff(refusals) == seconds
