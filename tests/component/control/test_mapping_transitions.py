"""The lifecycle loop of event source mappings: in order, not stuck after a crash, and nobody waits for another."""

import asyncio
from typing import Any

import pytest

from lambdad.substrate.api import StorageFull
from tests.component.control.account_of_tests import TestAccount, function_arn, queue_arn


def in_use(action: str) -> tuple[str, int, str]:
    return "ResourceInUseException", 400, f"Cannot {action} the event source mapping because it is in use."


async def test_a_mapping_under_way_is_in_use(account: TestAccount) -> None:
    await account.create()
    account.polling.hold("jobs")
    uuid = (await account.map(settle=False))["UUID"]
    changes: list[tuple[str, dict[str, Any]]] = [
        ("UpdateEventSourceMapping", {"Enabled": False}),
        ("UpdateEventSourceMapping", {"Enabled": True}),
        ("UpdateEventSourceMapping", {"BatchSize": 1}),
        ("DeleteEventSourceMapping", {}),
    ]
    for operation, params in changes:
        assert await account.mapping_state(uuid) not in ("Enabled", "Disabled")
        assert await account.error("UpdateEventSourceMapping", UUID=uuid, BatchSize=2) == in_use("update")
        assert await account.error("DeleteEventSourceMapping", UUID=uuid) == in_use("delete")
        account.polling.release("jobs")
        await account.settle()
        account.polling.hold("jobs")
        await account.call(operation, UUID=uuid, **params)
    # What is going still stands in the way of its like.
    assert await account.mapping_state(uuid) == "Deleting"
    same = {"FunctionName": "resize", "EventSourceArn": queue_arn("jobs")}
    assert (await account.error("CreateEventSourceMapping", **same))[:2] == ("ResourceConflictException", 409)
    account.polling.release("jobs")
    await account.settle()
    await account.map()


async def test_of_two_updates_at_once_one_is_refused(account: TestAccount) -> None:
    await account.create()
    uuid = (await account.map())["UUID"]
    found = await asyncio.gather(
        account.call("UpdateEventSourceMapping", UUID=uuid, BatchSize=1),
        account.call("UpdateEventSourceMapping", UUID=uuid, Enabled=False),
        return_exceptions=True,
    )
    assert [isinstance(each, dict) for each in found] == [True, False]
    assert str(found[1]) == in_use("update")[2]


async def test_mappings_do_not_wait_for_each_other(account: TestAccount) -> None:
    await account.create()
    account.polling.hold("jobs")
    slow = (await account.map(settle=False))["UUID"]
    fast = (await account.map(queue="jobs.fifo", settle=False))["UUID"]
    await asyncio.sleep(1)
    assert (await account.mapping_state(slow), await account.mapping_state(fast)) == ("Creating", "Enabled")
    account.polling.release("jobs")
    await account.settle()
    assert await account.mapping_state(slow) == "Enabled"


async def test_after_a_restart_every_mapping_is_polled_again(account: TestAccount) -> None:
    await account.create()
    enabled = (await account.map())["UUID"]
    disabled = (await account.map(queue="jobs.fifo", Enabled=False))["UUID"]
    await account.stop()
    account.polling.told.clear()
    await account.start()
    await asyncio.sleep(1)
    assert sorted(account.polling.told) == [("jobs", "Enabled", True), ("jobs.fifo", "Disabled", False)]
    assert (await account.mapping_state(enabled), await account.mapping_state(disabled)) == ("Enabled", "Disabled")


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        (None, {}, "Enabled"),
        ("UpdateEventSourceMapping", {"Enabled": False}, "Disabled"),
        ("UpdateEventSourceMapping", {"BatchSize": 1}, "Enabled"),
        ("DeleteEventSourceMapping", {}, None),
    ],
)
async def test_a_crash_leaves_no_mapping_stuck(
    account: TestAccount, operation: str | None, params: dict[str, Any], expected: str | None
) -> None:
    await account.create()
    if operation is None:
        account.polling.hold("jobs")
    uuid = (await account.map(settle=operation is not None))["UUID"]
    if operation is not None:
        account.polling.hold("jobs")
        await account.call(operation, UUID=uuid, **params)
    await account.stop()
    account.polling.release("jobs")
    await account.start()
    await account.settle()
    if expected is None:
        assert (await account.call("ListEventSourceMappings"))["EventSourceMappings"] == []
    else:
        assert await account.mapping_state(uuid) == expected


async def test_what_comes_while_a_mapping_is_taken_up_again_is_done_after_that(account: TestAccount) -> None:
    await account.create()
    uuid = (await account.map())["UUID"]
    await account.stop()
    account.polling.told.clear()
    account.polling.hold("jobs")
    await account.start()
    await asyncio.sleep(1)
    await account.call("UpdateEventSourceMapping", UUID=uuid, Enabled=False)
    await asyncio.sleep(1)
    assert account.polling.told == [("jobs", "Enabled", True)]
    account.polling.release("jobs")
    await account.settle()
    assert account.polling.told == [("jobs", "Enabled", True), ("jobs", "Disabling", False)]
    assert await account.mapping_state(uuid) == "Disabled"


async def test_a_state_waits_for_a_store_that_is_full(account: TestAccount) -> None:
    await account.create()
    account.polling.hold("jobs")
    uuid = (await account.map(settle=False))["UUID"]
    account.key_values.full = True
    account.polling.release("jobs")
    await asyncio.sleep(300)
    assert await account.mapping_state(uuid) == "Creating"
    account.key_values.full = False
    await asyncio.sleep(31)
    assert await account.mapping_state(uuid) == "Enabled"
    assert account.polling.told == [("jobs", "Creating", True)]


async def test_a_full_store_refuses_a_mapping_whole(account: TestAccount) -> None:
    await account.create()
    account.key_values.full = True
    with pytest.raises(StorageFull):
        await account.map()
    account.key_values.full = False
    assert (await account.call("ListEventSourceMappings"))["EventSourceMappings"] == []
    assert account.polling.told == []


async def test_a_mapping_outlives_its_function(account: TestAccount) -> None:
    await account.create()
    uuid = (await account.map())["UUID"]
    await account.call("DeleteFunction", FunctionName="resize")
    assert (await account.mapping(uuid))["FunctionArn"] == function_arn("resize")
    await account.call("UpdateEventSourceMapping", UUID=uuid, FunctionName="resize", Enabled=False)
    await account.settle()
    await account.call("DeleteEventSourceMapping", UUID=uuid)
    await account.settle()
    assert (await account.call("ListEventSourceMappings"))["EventSourceMappings"] == []


async def test_tags_given_while_a_mapping_is_under_way_stay(account: TestAccount) -> None:
    await account.create()
    account.polling.hold("jobs")
    created = await account.map(settle=False)
    await account.call("TagResource", Resource=created["EventSourceMappingArn"], Tags={"a": "1"})
    account.polling.release("jobs")
    await account.settle()
    assert await account.mapping_state(created["UUID"]) == "Enabled"
    assert await account.call("ListTags", Resource=created["EventSourceMappingArn"]) == {"Tags": {"a": "1"}}
    assert account.polling.told == [("jobs", "Creating", True)]
