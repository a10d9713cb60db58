"""Provisioned concurrency, on the virtual clock: allocated, used first, replaced, moved with aliases, tried again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from msgspec.structs import replace

from lambdad.domain.errors import PlatformError
from lambdad.domain.functions import Alias, Function, ProvisionedConcurrency, Version
from lambdad.placement.service import LocalPlacement
from lambdad.sandbox.api import SandboxFailure
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.environments import ScriptedWorker
from lambdad.testing.snapshots import SnapshotRecords, make_function, make_version
from lambdad.worker_manager.api import Allocation
from lambdad.worker_manager.service import INIT_FAILURE, LocalWorkerManager

from .leases import lease

ONE, TWO = make_version(version="1", build="build-1"), make_version(version="2", build="build-2")
FUNCTION = make_function(latest=make_version(build="build-2"), versions={"1": ONE, "2": TWO})
Opener = Callable[[SnapshotRecords], Awaitable[LocalWorkerManager]]


def provisioned(function: Function = FUNCTION, **counts: int) -> Function:
    """`v1=3` gives version 1 three, `live=2` the alias two."""
    return replace(
        function, provisioned={name.removeprefix("v"): ProvisionedConcurrency(count, 0) for name, count in counts.items()}
    )


def alias(version: str, **weights: float) -> dict[str, Alias]:
    weighed = {name.removeprefix("v"): weight for name, weight in weights.items()}
    return {"live": Alias(name="live", version=version, revision_id="r", weights=weighed)}


@pytest.fixture
def worker() -> ScriptedWorker:
    return ScriptedWorker()


@pytest.fixture
def records() -> SnapshotRecords:
    return SnapshotRecords(FUNCTION)


@pytest.fixture
async def manager(worker: ScriptedWorker, records: SnapshotRecords) -> AsyncIterator[LocalWorkerManager]:
    manager = LocalWorkerManager(LocalPlacement([worker]), records, keep_warm=600.0, parallel_starts=4)
    yield manager
    await manager.close()
    assert worker.environments() == [], "close left environments behind"


async def hold(manager: LocalWorkerManager, version: Version, seconds: float) -> str:
    with await lease(manager, version) as environment:
        await asyncio.sleep(seconds)
        return environment.id


def versions(worker: ScriptedWorker) -> list[str]:
    return sorted(environment.version.version for environment in worker.environments())


async def test_environments_are_made_ahead_and_stay(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    worker.init_seconds = 1.0
    function = provisioned(v1=10)
    records.put(function)
    await clock.advance(0.5)
    assert manager.allocation(function, "1") == Allocation(0, None)
    await clock.advance(10.0)
    assert manager.allocation(function, "1") == Allocation(10, None)
    assert {environment.initialization for environment in worker.started} == {"provisioned-concurrency"}
    await clock.advance(36_000.0)
    assert versions(worker) == ["1"] * 10, "they never expire"


async def test_they_are_used_first_and_the_rest_spills_over(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    records.put(provisioned(v1=2))
    await clock.advance(1.0)
    ids = await asyncio.gather(*(hold(manager, ONE, 5.0) for _ in range(3)))
    assert sorted(ids) == ["env-1", "env-2", "env-3"]
    assert worker.started[2].initialization == "on-demand"
    assert await hold(manager, ONE, 0.0) in ("env-1", "env-2")
    await clock.advance(601.0)
    assert versions(worker) == ["1", "1"], "what spilled over is idle like any other"
    (report,) = manager.introspect()
    assert (report.idle, report.provisioned) == (2, 2)


async def test_what_dies_is_replaced(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    function = provisioned(v1=2)
    records.put(function)
    await clock.advance(1.0)
    worker.started[0].die()
    await clock.advance(0.1)
    assert manager.allocation(function, "1") == Allocation(2, None)
    with await lease(manager, ONE) as environment:
        next(each for each in worker.started if each.id == environment.id).die()
    await clock.advance(0.1)
    assert manager.allocation(function, "1") == Allocation(2, None)
    assert len(worker.started) == 4 and versions(worker) == ["1", "1"]


async def test_fewer_or_none_ends_the_surplus_but_nothing_that_runs(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    records.put(provisioned(v1=3))
    await clock.advance(1.0)
    running = asyncio.create_task(hold(manager, ONE, 20.0))
    await clock.advance(1.0)
    records.put(provisioned(v1=1))
    await clock.advance(1.0)
    assert len(worker.environments()) == 1
    records.put(FUNCTION)
    await clock.advance(1.0)
    assert len(worker.environments()) == 1, "it is busy"
    await running
    await clock.advance(0.1)
    assert worker.environments() == [] and manager.introspect() == []


async def test_an_alias_takes_it_along_and_splits_it_by_weight(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    function = provisioned(replace(FUNCTION, aliases=alias("1")), live=4)
    records.put(function)
    await clock.advance(1.0)
    assert versions(worker) == ["1"] * 4
    records.put(replace(function, aliases=alias("1", v2=0.25)))
    await clock.advance(1.0)
    assert versions(worker) == ["1", "1", "1", "2"]
    function = replace(function, aliases=alias("2"))
    records.put(function)
    await clock.advance(1.0)
    assert versions(worker) == ["2"] * 4
    assert manager.allocation(function, "live") == Allocation(4, None)


async def test_a_deleted_version_takes_it_along(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    records.put(provisioned(v1=2))
    await clock.advance(1.0)
    records.put(replace(FUNCTION, versions={"2": TWO}))
    await clock.advance(1.0)
    assert worker.environments() == [] and manager.introspect() == []


async def test_a_version_is_provisioned_once_its_code_is_ready(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    function = provisioned(v1=1)
    records.put(replace(function, versions={"1": replace(ONE, state="Pending")}))
    await clock.advance(1.0)
    assert worker.started == []
    records.put(function)
    await clock.advance(1.0)
    assert versions(worker) == ["1"]


async def test_it_is_allocated_again_at_the_start(worker: ScriptedWorker, clock: VirtualClockLoop) -> None:
    manager = LocalWorkerManager(LocalPlacement([worker]), SnapshotRecords(provisioned(v1=2)))
    await clock.advance(1.0)
    assert versions(worker) == ["1", "1"]
    await manager.close()


async def test_an_init_that_fails_is_told_and_tried_again_later_and_later(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    worker.init_succeeds = False
    function = provisioned(v1=2)
    records.put(function)
    await clock.advance(0.5)
    assert manager.allocation(function, "1") == Allocation(0, INIT_FAILURE)
    assert worker.environments() == [], "it is not used for anything else"
    tries = len(worker.started)
    await clock.advance(600.0)
    assert tries < len(worker.started) < tries + 20
    worker.init_succeeds = True
    await clock.advance(61.0)
    assert manager.allocation(function, "1") == Allocation(2, None)


async def test_a_sandbox_that_fails_is_tried_again(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    worker.failures.extend([SandboxFailure("no fork"), None])
    function = provisioned(v1=2)
    records.put(function)
    await clock.advance(5.0)
    assert manager.allocation(function, "1") == Allocation(2, None)


async def test_idle_environments_of_others_make_room_for_it_but_not_the_other_way_round(clock: VirtualClockLoop) -> None:
    worker = ScriptedWorker(capacity_mb=128)
    records = SnapshotRecords(FUNCTION, make_function("other"))
    manager = LocalWorkerManager(LocalPlacement([worker]), records)
    other = records.all_functions()[1].latest
    await hold(manager, other, 0.0)
    records.put(provisioned(v1=1))
    await clock.advance(1.0)
    assert versions(worker) == ["1"]
    with pytest.raises(PlatformError, match="No worker has 128 MB"):
        await hold(manager, other, 0.0)
    assert versions(worker) == ["1"]
    await manager.close()


async def test_old_ones_are_replaced_and_scarce_memory_spares_them(clock: VirtualClockLoop, worker: ScriptedWorker) -> None:
    manager = LocalWorkerManager(
        LocalPlacement([worker]),
        SnapshotRecords(provisioned(v1=2)),
        max_age=1000.0,
        memory_left=lambda: 0,
        memory_floor=1,
    )
    await clock.advance(999.0)
    assert worker.environments() == worker.started == worker.started[:2]
    await clock.advance(2.0)
    assert worker.environments() == worker.started[2:] and versions(worker) == ["1", "1"]
    await manager.close()


async def test_requests_that_wait_come_before_it(clock: VirtualClockLoop, worker: ScriptedWorker) -> None:
    worker.start_seconds = 1.0
    records = SnapshotRecords(FUNCTION)
    manager = LocalWorkerManager(LocalPlacement([worker]), records, parallel_starts=1)
    records.put(provisioned(v1=50))
    await clock.advance(0.5)
    before = clock.time()
    await hold(manager, TWO, 0.0)
    assert clock.time() - before < 1.6
    await manager.close()
