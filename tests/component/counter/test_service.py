"""The counter follows the records and answers throttles as Lambda does."""

import msgspec
import pytest

from lambdad.counter.service import LocalCounter
from lambdad.domain.errors import TooManyRequests
from lambdad.domain.functions import ProvisionedConcurrency
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.snapshots import ACCOUNT, REGION, SnapshotRecords, make_function, make_version


async def test_a_slot_is_held_until_the_block_is_left_whatever_happened() -> None:
    function = make_function()
    counter = LocalCounter(SnapshotRecords(function), limit=5)
    with counter.take(function, function.latest), counter.take(function, function.latest):
        assert counter.in_flight(ACCOUNT, REGION) == counter.function_in_flight(function) == 2
    with pytest.raises(ZeroDivisionError), counter.take(function, function.latest):
        raise ZeroDivisionError
    assert counter.in_flight(ACCOUNT, REGION) == counter.function_in_flight(function) == 0
    assert counter.limit(ACCOUNT, REGION) == 5


async def test_the_429_names_the_account_limit() -> None:
    function = make_function()
    counter = LocalCounter(SnapshotRecords(function), limit=1)
    with counter.take(function, function.latest):
        with pytest.raises(TooManyRequests) as raised, counter.take(function, function.latest):
            pass
        assert raised.value.message == "Rate Exceeded."
        assert raised.value.members == {"Reason": "ConcurrentInvocationLimitExceeded", "retry_after": 1}
    with counter.take(function, function.latest):
        pass


async def test_the_429_names_the_reservation() -> None:
    function = make_function(reserved_concurrency=0)
    counter = LocalCounter(SnapshotRecords(function))
    with pytest.raises(TooManyRequests) as raised, counter.take(function, function.latest):
        pass
    assert raised.value.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


async def test_reservations_follow_the_records() -> None:
    reserved, other = make_function("reserved", reserved_concurrency=2), make_function("other")
    records = SnapshotRecords(reserved, other)
    counter = LocalCounter(records, limit=2)
    with pytest.raises(TooManyRequests), counter.take(other, other.latest):
        pass
    records.put(msgspec.structs.replace(reserved, reserved_concurrency=1))
    with counter.take(other, other.latest):
        pass
    records.delete(records.all_functions()[0])
    with counter.take(other, other.latest), counter.take(other, other.latest):
        pass
    counter.close()
    records.put(make_function("reserved", reserved_concurrency=2))
    with counter.take(other, other.latest):
        assert counter.in_flight(ACCOUNT, REGION) == 1


async def test_regions_and_accounts_do_not_share() -> None:
    here, there = make_function(), make_function(latest=make_version(region="eu-central-1"))
    counter = LocalCounter(SnapshotRecords(here, there), limit=1)
    with counter.take(here, here.latest), counter.take(there, there.latest):
        assert counter.in_flight(ACCOUNT, REGION) == counter.in_flight(ACCOUNT, "eu-central-1") == 1


async def test_ten_synchronous_requests_per_second_for_each_unit(clock: VirtualClockLoop) -> None:
    function = make_function(reserved_concurrency=1)
    refused: list[str] = []
    counter = LocalCounter(SnapshotRecords(function), now=clock.time, throttled=lambda *name: refused.append(name[2]))
    for _ in range(10):
        with counter.take(function, function.latest):
            pass
    with pytest.raises(TooManyRequests) as raised, counter.take(function, function.latest):
        pass
    assert raised.value.members == {"Reason": "ReservedFunctionInvocationRateLimitExceeded", "retry_after": 1}
    assert refused == ["fn"]
    with counter.take(function, function.latest, paced=False):
        pass
    await clock.advance(0.1)
    with counter.take(function, function.latest):
        assert counter.total_in_flight() == 1
    assert counter.total_in_flight() == 0


async def test_provisioned_concurrency_follows_the_records() -> None:
    version = make_version(version="1")
    function = make_function(versions={"1": version}, reserved_concurrency=1)
    records = SnapshotRecords(function)
    counter = LocalCounter(records)
    with counter.take(function, function.latest):
        pass
    function = msgspec.structs.replace(function, provisioned={"1": ProvisionedConcurrency(1, 0)})
    records.put(function)
    with pytest.raises(TooManyRequests), counter.take(function, function.latest):
        pass
    with counter.take(function, version):
        pass
