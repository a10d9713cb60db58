"""Placement asks the chosen worker."""

import pytest

from lambdad.placement.api import NoCapacity
from lambdad.placement.service import LocalPlacement
from lambdad.testing.environments import ScriptedWorker
from lambdad.testing.snapshots import make_version


async def test_workers_are_filled_up_to_their_comfort_and_then_spread() -> None:
    workers = [ScriptedWorker(capacity_mb=512), ScriptedWorker(capacity_mb=512)]
    placement = LocalPlacement(workers)
    for _ in range(4):
        await placement.place(make_version(memory_size=256), "on-demand")
    assert [len(worker.environments()) for worker in workers] == [2, 2]


async def test_a_full_house_refuses_and_says_what_is_missing() -> None:
    worker = ScriptedWorker(capacity_mb=300)
    placement = LocalPlacement([worker])
    first = await placement.place(make_version(memory_size=256), "on-demand")
    with pytest.raises(NoCapacity, match=r"No worker has 256 MB of memory free .* \(at most 44 MB\)"):
        await placement.place(make_version(memory_size=256), "on-demand")
    await first.end("SPINDOWN")
    assert (await placement.place(make_version(memory_size=256), "on-demand")).alive
