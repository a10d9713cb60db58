"""Event source mappings: what is answered, what is refused, and who is told to poll."""

import asyncio
from typing import Any

import pytest

from tests.component.control.account_of_tests import ACCOUNT, REGION, START, TestAccount, function_arn, queue_arn

BAD_VALUE = "InvalidParameterValueException"
OTHER = "999999999999"
UNKNOWN = "00000000-0000-4000-8000-00000000ffff"
NOT_FOUND = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")


def conflict(function: str, uuid: str, queue: str = "jobs") -> tuple[str, int, str]:
    return (
        "ResourceConflictException",
        409,
        f'An event source mapping with SQS arn (" {queue_arn(queue)} ") and function (" {function} ") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}",
    )


async def create_error(account: TestAccount, name: str = "resize", queue: str = "jobs", **params: Any) -> tuple[str, int, str]:
    request = {"FunctionName": name, "EventSourceArn": queue_arn(queue), **params}
    return await account.error("CreateEventSourceMapping", **request)


async def test_a_mapping_lives(account: TestAccount) -> None:
    await account.create()
    created = await account.map(settle=False)
    uuid = created["UUID"]
    assert created == {
        "UUID": uuid,
        "EventSourceMappingArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{uuid}",
        "EventSourceArn": queue_arn("jobs"),
        "FunctionArn": function_arn("resize"),
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "LastModified": START,
    }
    account.clock += 1
    await account.settle()
    enabled = {**created, "State": "Enabled", "LastModified": START + 1}
    assert await account.mapping(uuid) == enabled
    disabling = await account.call("UpdateEventSourceMapping", UUID=uuid, Enabled=False)
    assert disabling == {**enabled, "State": "Disabling"}
    await account.settle()
    assert await account.mapping_state(uuid) == "Disabled"
    updating = await account.call("UpdateEventSourceMapping", UUID=uuid, BatchSize=5)
    assert (updating["State"], updating["BatchSize"]) == ("Updating", 5)
    await account.settle()
    assert await account.mapping_state(uuid) == "Disabled"
    assert (await account.call("UpdateEventSourceMapping", UUID=uuid, Enabled=True))["State"] == "Enabling"
    await account.settle()
    assert await account.mapping(uuid) == {**enabled, "BatchSize": 5}
    deleting = await account.call("DeleteEventSourceMapping", UUID=uuid)
    assert deleting == {**enabled, "BatchSize": 5, "State": "Deleting"}
    await account.settle()
    assert await account.error("GetEventSourceMapping", UUID=uuid) == NOT_FOUND
    assert account.polling.told == [
        ("jobs", "Creating", True),
        ("jobs", "Disabling", False),
        ("jobs", "Updating", False),
        ("jobs", "Enabling", True),
        ("jobs", "Deleting", False),
    ]


async def test_a_mapping_can_be_created_disabled(account: TestAccount) -> None:
    await account.create()
    created = await account.map(Enabled=False)
    assert await account.mapping_state(created["UUID"]) == "Disabled"
    assert account.polling.told == [("jobs", "Creating", False)]


async def test_everything_that_is_given_is_answered_and_can_be_taken_away(account: TestAccount) -> None:
    await account.create()
    given: dict[str, Any] = {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 5,
        "FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["a"]}}'}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
        "KMSKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/k",
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "LoggingConfig": {"SystemLogLevel": "INFO"},
    }
    created = await account.map(**given)
    assert {key: created[key] for key in given} == given
    found = await account.mapping(created["UUID"])
    assert {key: found[key] for key in given} == given
    pollers = {"MinimumPollers": 2, "MaximumPollers": 9}
    updated = await account.call(
        "UpdateEventSourceMapping",
        UUID=created["UUID"],
        FilterCriteria={},
        FunctionResponseTypes=[],
        ScalingConfig={},
        ProvisionedPollerConfig=pollers,
        KMSKeyArn="",
        MetricsConfig={"Metrics": []},
        LoggingConfig={},
    )
    assert updated["ProvisionedPollerConfig"] == pollers and updated["FunctionResponseTypes"] == []
    gone = ("FilterCriteria", "ScalingConfig", "KMSKeyArn", "MetricsConfig", "LoggingConfig")
    assert not any(member in updated for member in gone)
    await account.settle()
    cleared = await account.call("UpdateEventSourceMapping", UUID=created["UUID"], ProvisionedPollerConfig={})
    assert "ProvisionedPollerConfig" not in cleared and cleared["BatchSize"] == 100


async def test_an_update_that_changes_nothing_leaves_the_mapping_alone(account: TestAccount) -> None:
    await account.create()
    uuid = (await account.map(BatchSize=7))["UUID"]
    before = await account.mapping(uuid)
    account.clock += 1
    same = {"BatchSize": 7, "Enabled": True, "FunctionName": "resize"}
    assert await account.call("UpdateEventSourceMapping", UUID=uuid, **same) == before
    await account.settle()
    assert account.polling.told == [("jobs", "Creating", True)]


async def test_what_polling_can_not_do_is_said(account: TestAccount) -> None:
    await account.create()
    uuid = (await account.map())["UUID"]
    assert "LastProcessingResult" not in await account.mapping(uuid)
    account.polling.problems[uuid] = "The specified queue does not exist."
    assert (await account.mapping(uuid))["LastProcessingResult"] == "PROBLEM: The specified queue does not exist."
    (listed,) = (await account.call("ListEventSourceMappings"))["EventSourceMappings"]
    assert listed["LastProcessingResult"] == "PROBLEM: The specified queue does not exist."


@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "live"])
async def test_a_mapping_keeps_the_qualifier_as_it_was_given(account: TestAccount, qualifier: str) -> None:
    await account.create(Publish=True)
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    arn = function_arn("resize", qualifier)
    plain = await account.map()
    created = await account.map(f"resize:{qualifier}")
    assert (plain["FunctionArn"], created["FunctionArn"]) == (function_arn("resize"), arn)
    for spelling in (f"resize:{qualifier}", f"{ACCOUNT}:function:resize:{qualifier}", arn):
        listed = await account.call("ListEventSourceMappings", FunctionName=spelling)
        assert [each["UUID"] for each in listed["EventSourceMappings"]] == [created["UUID"]]
    listed = await account.call("ListEventSourceMappings", FunctionName="resize")
    assert [each["UUID"] for each in listed["EventSourceMappings"]] == [plain["UUID"]]


async def test_lists(account: TestAccount) -> None:
    for name in ("a", "b"):
        await account.create(name)
        for queue in ("jobs", "jobs.fifo"):
            await account.map(name, queue)

    async def listed(**params: Any) -> tuple[list[tuple[str, str]], str | None]:
        answer = await account.call("ListEventSourceMappings", **params)
        found = [(each["FunctionArn"], each["EventSourceArn"]) for each in answer["EventSourceMappings"]]
        return [(function.rpartition(":")[2], queue.rpartition(":")[2]) for function, queue in found], answer.get("NextMarker")

    everything = [("a", "jobs"), ("a", "jobs.fifo"), ("b", "jobs"), ("b", "jobs.fifo")]
    assert await listed() == (everything, None)
    assert await listed(FunctionName="b") == (everything[2:], None)
    assert await listed(EventSourceArn=queue_arn("jobs")) == (everything[::2], None)
    assert await listed(EventSourceArn=queue_arn("jobs"), FunctionName="b") == ([("b", "jobs")], None)
    assert await listed(FunctionName="nobody") == ([], None)
    assert await listed(EventSourceArn=queue_arn("nothing")) == ([], None)
    first, marker = await listed(MaxItems=3)
    assert first == everything[:3] and marker is not None
    assert await listed(Marker=marker) == (everything[3:], None)
    for elsewhere in (account.caller_of(OTHER), account.caller_of(ACCOUNT, "us-east-1")):
        assert (await account.call("ListEventSourceMappings", elsewhere))["EventSourceMappings"] == []


async def test_mappings_that_are_not_there(account: TestAccount) -> None:
    await account.create()
    uuid = (await account.map())["UUID"]
    for operation in ("GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping"):
        assert await account.error(operation, UUID=UNKNOWN) == NOT_FOUND
        assert await account.error(operation, account.caller_of(OTHER), UUID=uuid) == NOT_FOUND
        assert await account.error(operation, account.caller_of(ACCOUNT, "us-east-1"), UUID=uuid) == NOT_FOUND


async def test_functions_that_are_not_there(account: TestAccount) -> None:
    missing = (BAD_VALUE, 400, "Function does not exist")
    assert await create_error(account, queue="nothing") == missing
    await account.create()
    for name in ("other", "resize:1", "resize:live"):
        assert await create_error(account, name) == missing
    code, status, _ = await create_error(account, function_arn("resize").replace(ACCOUNT, OTHER))
    assert (code, status) == ("AccessDeniedException", 403)
    uuid = (await account.map())["UUID"]
    assert await account.error("UpdateEventSourceMapping", UUID=uuid, FunctionName="resize:live") == missing


async def test_queues_that_can_not_be_polled(account: TestAccount) -> None:
    await account.create(Timeout=60)
    code = "AWS.SimpleQueueService.NonExistentQueue"
    assert await create_error(account, queue="nothing") == (
        BAD_VALUE,
        400,
        f"Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: The specified queue does not exist.",
    )
    assert await create_error(account) == (
        BAD_VALUE,
        400,
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    )
    assert await account.error("CreateEventSourceMapping", FunctionName="resize") == (
        BAD_VALUE,
        400,
        "Unrecognized event source.",
    )
    stream = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
    refused = await account.error("CreateEventSourceMapping", FunctionName="resize", EventSourceArn=stream)
    assert refused[:2] == ("NotImplementedException", 501)
    assert (await account.call("ListEventSourceMappings"))["EventSourceMappings"] == []
    account.queues[queue_arn("jobs")] = 60
    await account.map()


async def test_queues_of_another_account(account: TestAccount) -> None:
    await account.create()
    foreign = queue_arn("jobs", OTHER)
    account.queues[foreign] = 30
    request = {"FunctionName": "resize", "EventSourceArn": foreign}
    account.roles.denied.add("sqs:DeleteMessage")
    assert await account.error("CreateEventSourceMapping", **request) == (
        BAD_VALUE,
        400,
        "The function execution role does not have permissions to call DeleteMessage on SQS",
    )
    account.remote.add(OTHER)
    assert (await account.call("CreateEventSourceMapping", **request))["EventSourceArn"] == foreign


async def test_settings_are_checked_at_creation_and_at_update(account: TestAccount) -> None:
    await account.create()
    refused = (
        BAD_VALUE,
        400,
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    )
    assert await create_error(account, BatchSize=11) == refused
    uuid = (await account.map(BatchSize=11, MaximumBatchingWindowInSeconds=1))["UUID"]
    window = {"MaximumBatchingWindowInSeconds": 0}
    assert await account.error("UpdateEventSourceMapping", UUID=uuid, **window) == refused
    bad = {"FilterCriteria": {"Filters": [{"Pattern": "no"}]}}
    for error in (
        await create_error(account, queue="jobs.fifo", **bad),
        await account.error("UpdateEventSourceMapping", UUID=uuid, **bad),
    ):
        assert error == (BAD_VALUE, 400, "Invalid filter pattern definition.")
    assert (await create_error(account, queue="jobs.fifo", Tags={"aws:a": ""}))[:2] == (BAD_VALUE, 400)
    assert await account.mapping_state(uuid) == "Enabled"


async def test_a_queue_is_mapped_once_to_a_function(account: TestAccount) -> None:
    await account.create(Publish=True)
    first = (await account.map())["UUID"]
    assert await create_error(account) == conflict("resize", first)
    assert await create_error(account, function_arn("resize")) == conflict("resize", first)
    await account.map("resize", "jobs.fifo")
    second = (await account.map("resize:1"))["UUID"]
    renamed = {"UUID": second, "FunctionName": "resize"}
    assert await account.error("UpdateEventSourceMapping", **renamed) == conflict("resize", first)
    await account.call("DeleteEventSourceMapping", UUID=first)
    await account.settle()
    assert (await account.call("UpdateEventSourceMapping", **renamed))["FunctionArn"] == function_arn("resize")


async def test_of_mappings_created_at_once_one_wins(account: TestAccount) -> None:
    await account.create()
    found = await asyncio.gather(*(account.map(settle=False) for _ in range(5)), return_exceptions=True)
    (won,) = [each for each in found if isinstance(each, dict)]
    errors = [each for each in found if not isinstance(each, dict)]
    assert {str(each) for each in errors} == {conflict("resize", won["UUID"])[2]}
    assert [each["UUID"] for each in (await account.call("ListEventSourceMappings"))["EventSourceMappings"]] == [won["UUID"]]


async def test_of_mappings_that_become_the_same_at_once_one_wins(account: TestAccount) -> None:
    await account.create("a")
    await account.create("b")
    await account.create("c")
    uuids = [(await account.map(name))["UUID"] for name in ("a", "b")]
    found = await asyncio.gather(
        *(account.call("UpdateEventSourceMapping", UUID=uuid, FunctionName="c") for uuid in uuids),
        account.map("c", settle=False),
        return_exceptions=True,
    )
    assert sum(isinstance(each, dict) for each in found) == 1
    listed = await account.call("ListEventSourceMappings", FunctionName="c")
    assert len(listed["EventSourceMappings"]) == 1


async def test_a_function_deleted_at_once_is_not_mapped(account: TestAccount) -> None:
    await account.create()
    await asyncio.gather(account.call("DeleteFunction", FunctionName="resize"), create_error(account))
    assert (await account.call("ListEventSourceMappings"))["EventSourceMappings"] == []


async def test_another_function_is_held_against_the_queue(account: TestAccount) -> None:
    await account.create()
    await account.create("slow", Timeout=60)
    uuid = (await account.map())["UUID"]
    text = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    assert await account.error("UpdateEventSourceMapping", UUID=uuid, FunctionName="slow") == (BAD_VALUE, 400, text)
    await account.update("resize", Timeout=60)
    # Only a function that is new to the mapping is looked at, and so is the queue.
    account.queues.clear()
    await account.call("UpdateEventSourceMapping", UUID=uuid, FunctionName="resize", Enabled=False)
    await account.settle()
    refused = await account.error("UpdateEventSourceMapping", UUID=uuid, FunctionName="slow")
    assert refused[2].startswith("Error occurred while ReceiveMessage. SQS Error Code: ")
    account.queues[queue_arn("jobs")] = 60
    moved = await account.call("UpdateEventSourceMapping", UUID=uuid, FunctionName="slow")
    assert (moved["FunctionArn"], moved["State"]) == (function_arn("slow"), "Updating")


async def test_tags_of_mappings(account: TestAccount) -> None:
    await account.create()
    created = await account.map(Tags={"a": "1"})
    arn = created["EventSourceMappingArn"]
    before = await account.mapping(created["UUID"])
    assert await account.call("ListTags", Resource=arn) == {"Tags": {"a": "1"}}
    await account.call("TagResource", Resource=arn, Tags={"a": "2", "b": ""})
    await account.call("UntagResource", Resource=arn, TagKeys=["a"])
    assert await account.call("ListTags", Resource=arn) == {"Tags": {"b": ""}}
    assert await account.mapping(created["UUID"]) == before
    await account.settle()
    assert account.polling.told == [("jobs", "Creating", True)], "tags are nothing to those who poll"
    too_many = {f"k{number}": "" for number in range(50)}
    assert (await account.error("TagResource", Resource=arn, Tags=too_many))[0] == BAD_VALUE
    for missing in (f"{arn[:-1]}f", f"{arn}:1", arn.replace(REGION, "us-east-1")):
        assert await account.error("ListTags", Resource=missing) == (
            "ResourceNotFoundException",
            404,
            f"Event source mapping not found: {missing}",
        )
    assert (await account.error("ListTags", account.caller_of(OTHER), Resource=arn))[1] == 403
