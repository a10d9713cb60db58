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
    with counter.slot(function), counter.slot(function):
        assert counter.in_flight(ACCOUNT, REGION) == counter.function_in_flight(function) == 2
    with pytest.raises(ZeroDivisionError), counter.slot(function):
        raise ZeroDivisionError
    assert counter.in_flight(ACCOUNT, REGION) == counter.function_in_flight(function) == 0
    assert counter.limit(ACCOUNT, REGION) == 5


async def test_the_429_names_the_account_limit() -> None:
    function = make_function()
    counter = LocalCounter(SnapshotRecords(function), limit=1)
    with counter.slot(function):
        with pytest.raises(TooManyRequests) as raised, counter.slot(function):
            pass
        assert raised.value.message == "Rate Exceeded."
        assert raised.value.members == {"Reason": "ConcurrentInvocationLimitExceeded", "retry_after": 1}
    with counter.slot(function):
        pass


async def test_the_429_names_the_reservation() -> None:
    function = make_function(reserved_concurrency=0)
    counter = LocalCounter(SnapshotRecords(function))
    with pytest.raises(TooManyRequests) as raised, counter.slot(function):
        pass
    assert raised.value.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


async def test_reservations_follow_the_records() -> None:
    reserved, other = make_function("reserved", reserved_concurrency=2), make_function("other")
    records = SnapshotRecords(reserved, other)
    counter = LocalCounter(records, limit=2)
    with pytest.raises(TooManyRequests), counter.slot(other):
        pass
    records.put(msgspec.structs.replace(reserved, reserved_concurrency=1))
    with counter.slot(other):
        pass
    records.delete(records.all_functions()[0])
    with counter.slot(other), counter.slot(other):
        pass
    counter.close()
    records.put(make_function("reserved", reserved_concurrency=2))
    with counter.slot(other):
        assert counter.in_flight(ACCOUNT, REGION) == 1


async def test_regions_and_accounts_do_not_share() -> None:
    here, there = make_function(), make_function(latest=make_version(region="eu-central-1"))
    counter = LocalCounter(SnapshotRecords(here, there), limit=1)
    with counter.slot(here), counter.slot(there):
        assert counter.in_flight(ACCOUNT, REGION) == counter.in_flight(ACCOUNT, "eu-central-1") == 1


async def test_ten_synchronous_requests_per_second_for_each_unit(clock: VirtualClockLoop) -> None:
    function = make_function(reserved_concurrency=1)
    refused: list[str] = []
    counter = LocalCounter(SnapshotRecords(function), now=clock.time, throttled=lambda function: refused.append(function.name))
    for _ in range(10):
        with counter.slot(function):
            pass
    with pytest.raises(TooManyRequests) as raised, counter.slot(function):
        pass
    assert raised.value.members == {"Reason": "ReservedFunctionInvocationRateLimitExceeded", "retry_after": 1}
    assert refused == ["fn"]
    with counter.slot(function, paced=False):
        pass
    await clock.advance(0.1)
    with counter.slot(function):
        assert counter.total_in_flight() == 1
    assert counter.total_in_flight() == 0


async def test_provisioned_concurrency_follows_the_records() -> None:
    version = make_version(version="1")
    function = make_function(versions={"1": version}, reserved_concurrency=1)
    records = SnapshotRecords(function)
    counter = LocalCounter(records)
    with counter.slot(function):
        pass
    function = msgspec.structs.replace(function, provisioned={"1": ProvisionedConcurrency(1, 0)})
    records.put(function)
    with pytest.raises(TooManyRequests), counter.slot(function):
        pass
    with counter.slot(function, version):
        pass
