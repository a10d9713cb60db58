"""The policy in a small simulated fleet, the same every time."""

from bench.placement import Figures, Policy, first_fit, most_free, simulate

from lambdad.placement.policy import choose


def figures(policy: Policy) -> Figures:
    return simulate(policy, workers=30, functions=500, requests=4_000, hour=600.0, seed=3)


def test_packing_saves_the_cold_starts_that_making_room_costs() -> None:
    ours, spread_out, packed = figures(choose), figures(most_free), figures(first_fit)
    assert ours.cold <= spread_out.cold
    assert ours.fetched / ours.cold < packed.fetched / packed.cold, "code that is there is used"
    assert ours.refused <= spread_out.refused


def test_a_simulation_repeats_itself() -> None:
    assert figures(choose) == figures(choose)
