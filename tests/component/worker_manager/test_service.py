"""Leases, on the virtual clock: reuse, parallel starts, expiry, retirement, failures, close."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from lambdad.domain.errors import InvalidParameterValue, PlatformError
from lambdad.placement.service import LocalPlacement
from lambdad.sandbox.api import SandboxFailure
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.environments import ScriptedWorker
from lambdad.testing.snapshots import SnapshotRecords, make_function, make_version
from lambdad.worker_manager.service import LocalWorkerManager

from .leases import lease

VERSION = make_version()


@pytest.fixture
def worker() -> ScriptedWorker:
    return ScriptedWorker()


@pytest.fixture
def records() -> SnapshotRecords:
    return SnapshotRecords(make_function(latest=VERSION))


@pytest.fixture
async def manager(worker: ScriptedWorker, records: SnapshotRecords) -> AsyncIterator[LocalWorkerManager]:
    manager = LocalWorkerManager(LocalPlacement([worker]), records, keep_warm=600.0, grace=30.0)
    yield manager
    await manager.close()
    assert worker.environments() == [], "close left environments behind"


async def hold(manager: LocalWorkerManager, seconds: float) -> str:
    with await lease(manager, VERSION) as environment:
        await asyncio.sleep(seconds)
        return environment.id


async def test_an_environment_is_used_again(manager: LocalWorkerManager) -> None:
    assert [await hold(manager, 1.0) for _ in range(3)] == ["env-1"] * 3
    assert repr(manager) == "<Pools [<Pool fn:$LATEST [1 idle]>]>"


async def test_parallel_requests_get_parallel_environments(manager: LocalWorkerManager, clock: VirtualClockLoop) -> None:
    before = clock.time()
    ids = await asyncio.gather(*(hold(manager, 5.0) for _ in range(20)))
    assert len(set(ids)) == 20
    assert clock.time() == pytest.approx(before + 5.0)


async def test_a_cold_request_takes_a_freed_environment_rather_than_wait_for_its_own(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    first = asyncio.create_task(hold(manager, 1.0))
    await clock.advance(0.5)
    worker.init_seconds = 9.0
    assert await hold(manager, 0.0) == "env-1"
    assert repr(manager) == "<Pools [<Pool fn:$LATEST [1 idle, 1 starting]>]>"
    await first
    await clock.advance(10.0)
    (report,) = manager.introspect()
    assert (report.idle, report.starting, report.waiting, report.busy) == (2, 0, 0, 0)
    assert report.function_arn == VERSION.qualified_arn


async def test_an_environment_whose_init_failed_is_leased_all_the_same(
    manager: LocalWorkerManager, worker: ScriptedWorker
) -> None:
    worker.init_succeeds = False
    assert await hold(manager, 0.0) == "env-1"


async def test_idle_environments_end_when_they_were_not_used_for_the_keep_warm_time(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    await asyncio.gather(hold(manager, 0.0), hold(manager, 0.0))
    await clock.advance(400.0)
    assert await hold(manager, 0.0) == "env-2"
    await clock.advance(250.0)
    assert [environment.id for environment in worker.environments()] == ["env-2"]
    await clock.advance(400.0)
    assert worker.environments() == []
    assert [environment.ended for environment in worker.started] == ["SPINDOWN", "SPINDOWN"]
    assert manager.introspect() == []


async def test_an_update_ends_idle_environments_now_and_busy_ones_when_they_return(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    busy = asyncio.create_task(hold(manager, 10.0))
    await hold(manager, 0.0)
    new = make_version(build="build-2")
    records.put(make_function(latest=new, serving=VERSION))
    await clock.advance(1.0)
    assert len(worker.environments()) == 2, "while the update is in progress the old build serves"
    records.put(make_function(latest=new))
    await clock.advance(1.0)
    assert len(worker.environments()) == 1
    assert manager.introspect()[0].retired
    with await lease(manager, new) as environment:
        assert environment.version is new
    await busy
    await clock.advance(0.1)
    assert [environment.version.build for environment in worker.environments()] == ["build-2"]


async def test_a_published_version_outlives_updates_and_dies_with_the_function(
    manager: LocalWorkerManager, worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    published = make_version(version="1", build="build-1")
    function = make_function(latest=make_version(build="build-2"), versions={"1": published})
    records.put(function)
    with await lease(manager, published):
        pass
    records.put(msgspec.structs.replace(function, latest=make_version(build="build-3")))
    await clock.advance(1.0)
    assert len(worker.environments()) == 1
    records.delete(function)
    await clock.advance(1.0)
    assert worker.environments() == []


async def test_a_build_that_is_no_longer_current_is_not_kept_warm(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    with await lease(manager, make_version(build="replaced long ago")):
        pass
    await clock.advance(1.0)
    assert worker.environments() == [] and manager.introspect() == []


async def test_an_environment_that_died_while_idle_is_replaced(manager: LocalWorkerManager, worker: ScriptedWorker) -> None:
    await hold(manager, 0.0)
    worker.started[0].lose()
    assert await hold(manager, 0.0) == "env-2"
    assert worker.started[0].ended == "FAILURE"


async def test_an_environment_that_dies_while_idle_leaves_the_pool_at_once(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    await asyncio.gather(hold(manager, 1.0), hold(manager, 1.0))
    worker.started[0].die()
    await clock.advance(0.1)
    assert [report.idle for report in manager.introspect()] == [1]
    worker.started[1].die()
    await clock.advance(0.1)
    assert manager.introspect() == [] and worker.environments() == []


async def test_a_burst_starts_a_few_environments_at_a_time(
    worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    worker.start_seconds, worker.init_seconds = 1.0, 0.05
    manager = LocalWorkerManager(LocalPlacement([worker]), records, parallel_starts=2)
    requests = [asyncio.create_task(hold(manager, 60.0)) for _ in range(6)]
    await clock.advance(1.01)
    assert len(worker.started) == 2, "the others are not under way yet"
    await clock.advance(2.2)
    assert len(worker.started) == 6
    assert len(set(await asyncio.gather(*requests))) == 6
    await manager.close()


async def test_a_slow_init_does_not_hold_back_other_starts(
    worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    worker.init_seconds = 9.0
    manager = LocalWorkerManager(LocalPlacement([worker]), records, parallel_starts=1)
    before = clock.time()
    await asyncio.gather(*(hold(manager, 1.0) for _ in range(5)))
    assert clock.time() - before < 11.0
    await manager.close()


async def test_an_environment_is_replaced_at_its_greatest_age(
    worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    manager = LocalWorkerManager(LocalPlacement([worker]), records, keep_warm=600.0, max_age=3600.0)
    begin = clock.time()
    while clock.time() < begin + 3700.0:
        await hold(manager, 0.0)
        await clock.advance(300.0)
    assert await hold(manager, 0.0) == "env-2"
    assert [environment.ended for environment in worker.started] == ["SPINDOWN", None]
    assert worker.started[0].served == [] and manager.introspect()[0].idle == 1
    await manager.close()


async def test_a_busy_environment_is_replaced_when_it_comes_back(
    worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    manager = LocalWorkerManager(LocalPlacement([worker]), records, keep_warm=600.0, max_age=100.0)
    running = asyncio.create_task(hold(manager, 800.0))
    await clock.advance(700.0)
    assert worker.started[0].ended is None
    assert await running == "env-1", "no request is lost"
    await clock.advance(1.0)
    assert worker.started[0].ended == "SPINDOWN"
    assert await hold(manager, 0.0) == "env-2"
    await manager.close()


async def test_scarce_memory_ends_what_is_idle_longest_first_until_there_is_enough(
    worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    host_mb = 600

    def left() -> int:
        return host_mb - 20 * len(worker.environments())

    manager = LocalWorkerManager(LocalPlacement([worker]), records, memory_left=left, memory_floor=100)
    held = [asyncio.create_task(hold(manager, 1.0 + number / 10)) for number in range(20)]
    await asyncio.gather(*held)
    await clock.advance(30.0)
    assert len(worker.environments()) == 20
    host_mb = 300
    await clock.advance(10.0)
    assert len(worker.environments()) == 10 and left() == 100
    assert worker.environments() == worker.started[10:]
    await manager.close()


async def test_with_scarce_memory_a_start_ends_an_idle_one_before(
    worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    other = make_version("other")
    records.put(make_function("other", latest=other))
    short = False
    manager = LocalWorkerManager(LocalPlacement([worker]), records, memory_left=lambda: 0 if short else None, memory_floor=1)
    await hold(manager, 0.0)
    short = True
    with await lease(manager, other):
        assert worker.started[0].ended == "SPINDOWN"
    await manager.close()


async def test_an_environment_that_died_in_use_is_not_reused(manager: LocalWorkerManager, worker: ScriptedWorker) -> None:
    with await lease(manager, VERSION):
        worker.started[0].lose()
    assert await hold(manager, 0.0) == "env-2"


async def test_a_lease_left_by_an_exception_ends_the_environment(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    holder = asyncio.create_task(hold(manager, 100.0))
    await clock.advance(1.0)
    holder.cancel()
    await clock.advance(1.0)
    assert holder.cancelled()
    assert worker.started[0].ended == "FAILURE"


async def test_one_failed_start_is_made_good(manager: LocalWorkerManager, worker: ScriptedWorker) -> None:
    worker.failures.append(SandboxFailure("fork failed"))
    assert await hold(manager, 0.0) == "env-1"


async def test_two_failed_starts_are_the_platforms_fault(manager: LocalWorkerManager, worker: ScriptedWorker) -> None:
    worker.failures.extend([SandboxFailure("fork failed"), SandboxFailure("fork failed")])
    with pytest.raises(PlatformError, match="No execution environment could be started: fork failed"):
        await hold(manager, 0.0)
    assert await hold(manager, 0.0) == "env-1"


async def test_an_environment_lost_during_init_counts_as_a_failed_start(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    worker.init_seconds = 2.0
    holder = asyncio.create_task(hold(manager, 0.0))
    await clock.advance(1.0)
    worker.started[0].lose()
    assert await holder == "env-2"
    assert worker.started[0].ended == "FAILURE"


async def test_other_errors_of_a_start_reach_the_caller_as_they_are(
    manager: LocalWorkerManager, worker: ScriptedWorker
) -> None:
    worker.failures.append(InvalidParameterValue("no such runtime"))
    with pytest.raises(InvalidParameterValue, match="no such runtime"):
        await hold(manager, 0.0)


async def test_a_bug_below_fails_the_request_and_is_logged(
    manager: LocalWorkerManager, worker: ScriptedWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.failures.append(ZeroDivisionError("a bug"))
    with pytest.raises(PlatformError):
        await hold(manager, 0.0)
    assert "ZeroDivisionError" in caplog.text


async def test_idle_environments_of_others_make_room() -> None:
    worker = ScriptedWorker(capacity_mb=128)
    other = make_version("other")
    records = SnapshotRecords(make_function(latest=VERSION), make_function("other", latest=other))
    manager = LocalWorkerManager(LocalPlacement([worker]), records)
    assert await hold(manager, 0.0) == "env-1"
    with await lease(manager, other) as environment:
        assert environment.id == "env-2"
        assert worker.started[0].ended == "SPINDOWN"
        with pytest.raises(PlatformError, match="No worker has 128 MB"):
            await hold(manager, 0.0)
    await manager.close()


async def test_a_cancelled_request_leaves_its_environment_to_others(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    worker.init_seconds = 5.0
    request = asyncio.create_task(hold(manager, 0.0))
    await clock.advance(1.0)
    request.cancel()
    await clock.advance(5.0)
    assert repr(manager) == "<Pools [<Pool fn:$LATEST [1 idle]>]>"
    assert await hold(manager, 0.0) == "env-1"


async def test_cancelling_in_the_turn_of_the_grant_returns_the_environment(
    manager: LocalWorkerManager, worker: ScriptedWorker, clock: VirtualClockLoop
) -> None:
    worker.init_seconds = 5.0
    request = asyncio.create_task(hold(manager, 0.0))
    await clock.advance(1.0)
    # Due in the same turn as the end of INIT, whichever of the two comes first.
    clock.call_later(4.0, request.cancel)
    await clock.advance(10.0)
    assert manager.introspect()[0].busy == 0
    assert await hold(manager, 0.0) in ("env-1", "env-2")


async def test_close_waits_for_what_runs(worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop) -> None:
    manager = LocalWorkerManager(LocalPlacement([worker]), records, grace=30.0)
    await hold(manager, 0.0)
    running = asyncio.create_task(hold(manager, 10.0))
    await clock.advance(1.0)
    before = clock.time()
    await manager.close()
    assert clock.time() == pytest.approx(before + 9.0)
    assert await running == "env-1"
    assert worker.environments() == []
    with pytest.raises(PlatformError, match="shutting down"):
        await hold(manager, 0.0)


async def test_close_ends_what_runs_longer_than_the_grace_period(
    worker: ScriptedWorker, records: SnapshotRecords, clock: VirtualClockLoop
) -> None:
    manager = LocalWorkerManager(LocalPlacement([worker]), records, grace=30.0)
    running = asyncio.create_task(hold(manager, 100.0))
    await clock.advance(1.0)
    worker.init_seconds = 1000.0
    waiting = asyncio.create_task(hold(manager, 0.0))
    await clock.advance(1.0)
    before = clock.time()
    await manager.close()
    assert clock.time() == pytest.approx(before + 30.0)
    assert worker.environments() == []
    with pytest.raises(PlatformError, match="shutting down"):
        await waiting
    running.cancel()
