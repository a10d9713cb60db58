from lambdad.sandbox.demand import HALF_LIFE, Demand


def test_without_demand_the_least_is_wanted() -> None:
    assert Demand().wanted(100.0, 2, 24) == 2


def test_demand_adds_to_the_least_up_to_the_most() -> None:
    demand = Demand()
    for _ in range(5):
        demand.note(100.0)
    assert demand.wanted(100.0, 2, 24) == 7
    assert demand.wanted(100.0, 2, 4) == 4
    assert demand.wanted(100.0, 8, 4) == 8


def test_demand_halves_and_is_forgotten() -> None:
    demand = Demand()
    for _ in range(8):
        demand.note(100.0)
    assert demand.wanted(100.0 + HALF_LIFE, 0, 24) == 4
    demand.note(100.0 + HALF_LIFE)
    assert demand.wanted(100.0 + HALF_LIFE, 0, 24) == 5
    assert demand.wanted(100.0 + 20 * HALF_LIFE, 2, 24) == 2
