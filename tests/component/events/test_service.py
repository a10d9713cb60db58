"""What becomes of accepted events."""

import asyncio
import json

import pytest

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import PlatformError, ResourceNotFound, TooManyRequests
from lambdad.domain.functions import EventInvokeConfig, Function
from lambdad.events.meters import Meter
from lambdad.substrate.api import StorageFull
from lambdad.testing.snapshots import make_function, make_version
from lambdad.worker.api import Invocation

from .conftest import FAILED, NAME, QUEUE, Room


def configured(success: str = "", failure: str = "", retries: int | None = None, age: int | None = None) -> Function:
    destinations = {"OnSuccess": success, "OnFailure": failure}
    config = EventInvokeConfig(
        last_modified_ms=0,
        maximum_retry_attempts=retries,
        maximum_event_age=age,
        destinations={side: {"Destination": arn} if arn else {} for side, arn in destinations.items()},
    )
    return make_function(event_invoke={"$LATEST": config})


def meter(room: Room) -> Meter:
    return {name.name: found for name, found, _ in room.events.report()}["fn"]


def times(room: Room) -> list[float]:
    return [when for when, _, _ in room.runs]


async def test_an_event_runs_once_and_is_gone(room: Room) -> None:
    await room.accept()
    await room.clock.advance(1000.0)
    assert room.runs == [(0.0, "id-1", NAME.arn)]
    assert room.queues.names("") == []
    assert repr(room.events) == "<Events [0 functions]>", "nothing is kept for a function without events"


async def test_function_errors_are_tried_again_after_one_and_two_minutes(room: Room) -> None:
    room.outcomes = [FAILED] * 9
    await room.accept()
    await room.clock.advance(1000.0)
    assert room.runs == [(0.0, "id-1", NAME.arn), (60.0, "id-1", NAME.arn), (180.0, "id-1", NAME.arn)]
    assert room.queues.names("") == []
    assert (meter(room).received, meter(room).retries, meter(room).dropped) == (1, 2, 1)


async def test_refusals_back_off_for_six_hours(room: Room) -> None:
    room.outcomes = [TooManyRequests() for _ in range(500)]
    room.records.put(configured(failure=QUEUE))
    await room.accept()
    await room.clock.advance(7 * 3600.0)
    steps = [later - earlier for earlier, later in zip(times(room), times(room)[1:], strict=False)]
    assert steps[:9] == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0])
    assert set(steps[9:]) == {300.0}
    assert 21_300 - 300 < times(room)[-1] <= 21_600
    ((_, _, message),) = room.told
    context = json.loads(message.body)["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("EventAgeExceeded", 0)


async def test_an_event_that_became_too_old_meanwhile_is_not_tried(room: Room) -> None:
    room.outcomes = [FAILED]
    await room.accept()
    await room.clock.advance(10.0)
    room.records.put(configured(age=30))
    await room.clock.advance(1000.0)
    assert times(room) == [0.0]
    assert meter(room).dropped == 1


async def test_on_failure_gets_the_record(room: Room) -> None:
    room.records.put(configured(failure=QUEUE, retries=1))
    room.outcomes = [FAILED] * 9
    await room.accept()
    await room.clock.advance(1000.0)
    ((when, arn, message),) = room.told
    assert (when, arn, message.sender, dict(message.attributes)) == (60.0, QUEUE, "r:fn", {})
    assert message.trace_id == "Root=1", "that of the event"
    assert json.loads(message.body) == {
        "version": "1.0",
        "timestamp": "1970-01-01T00:17:40.000Z",
        "requestContext": {
            "requestId": "id-1",
            "functionArn": f"{NAME.arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no", "errorType": "E"},
    }


async def test_on_success_of_the_qualifier_that_was_used(room: Room) -> None:
    room.records.put(configured(success=QUEUE))
    await room.accept()
    await room.accept("id-2", qualifier="live")
    await room.clock.advance(1.0)
    ((_, _, message),) = room.told
    assert json.loads(message.body)["requestContext"] == {
        "requestId": "id-1",
        "functionArn": f"{NAME.arn}:$LATEST",
        "condition": "Success",
        "approximateInvokeCount": 1,
    }
    assert room.runs[1] == (0.0, "id-2", f"{NAME.arn}:live")


async def test_a_function_that_is_switched_off_is_not_tried(room: Room) -> None:
    function = make_function(latest=make_version(dead_letter_target=QUEUE), reserved_concurrency=0)
    room.records.put(function)
    await room.accept()
    await room.clock.advance(1.0)
    assert room.runs == []
    ((_, _, message),) = room.told
    assert (message.body, message.trace_id) == ('{"n":1}', "Root=1")
    assert message.attributes == {
        "RequestID": ("String", "id-1"),
        "ErrorCode": ("Number", "429"),
        "ErrorMessage": ("String", "Rate Exceeded."),
    }


async def test_a_dead_letter_has_the_functions_error(room: Room) -> None:
    room.records.put(make_function(latest=make_version(dead_letter_target=QUEUE)))
    room.outcomes = [FAILED] * 3
    await room.accept()
    await room.clock.advance(200.0)
    ((when, _, message),) = room.told
    assert when == 180.0
    assert (message.attributes["ErrorCode"], message.attributes["ErrorMessage"]) == (("Number", "200"), ("String", "no"))


async def test_events_of_a_function_that_is_gone_are_dropped(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.outcomes = [FAILED, ResourceNotFound("Function not found: fn")]
    await room.accept()
    await room.clock.advance(30.0)
    room.records.delete(make_function())
    await room.clock.advance(1000.0)
    assert len(room.runs) == 2
    assert room.queues.names("") == []
    assert "is given up: RetriesExhausted (ResourceNotFoundException: Function not found: fn)" in caplog.text


async def test_another_function_as_destination_gets_an_event(room: Room) -> None:
    function = configured(success=NAME.arn.replace(":fn", ":next"))
    room.records.put(function)
    room.records.put(make_function("next"))
    await room.accept()
    await room.clock.advance(1.0)
    assert room.runs == [(0.0, "id-1", NAME.arn), (0.0, "new-id", NAME.arn.replace(":fn", ":next"))]


async def test_another_function_is_told_only_if_the_role_may(room: Room) -> None:
    room.records.put(configured(success=NAME.arn.replace(":fn", ":next")))
    room.records.put(make_function("next"))
    room.roles.denied.add("lambda:InvokeFunction")
    await room.accept()
    await room.clock.advance(100.0)
    assert [name for _, _, name in room.runs] == [NAME.arn]
    assert (meter(room).delivered, meter(room).destination_failures) == (0, 1)


async def test_a_destination_that_fails_is_tried_again(room: Room) -> None:
    room.records.put(configured(success=QUEUE))
    room.refusals = [PlatformError(), PlatformError()]
    await room.accept()
    await room.clock.advance(100.0)
    assert [when for when, _, _ in room.told] == [3.0]
    assert (meter(room).delivered, meter(room).destination_failures) == (1, 0)


async def test_a_destination_that_goes_on_failing_is_counted(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.records.put(configured(success=QUEUE, failure="arn:aws:sns:us-east-1:000000000000:t", retries=0))
    room.refusals = [PlatformError()] * 99
    await room.accept()
    room.outcomes = []
    await room.clock.advance(100.0)
    room.outcomes = [FAILED]
    await room.accept("id-2")
    await room.clock.advance(100.0)
    assert meter(room).destination_failures == 2
    assert "the record of event id-2 could not be delivered to arn:aws:sns" in caplog.text
    assert room.queues.names("") == []


async def test_a_long_run_keeps_its_lease(room: Room) -> None:
    async def hold(invocation: Invocation) -> None:
        await asyncio.sleep(900.0)

    room.hold = hold
    await room.accept()
    await room.clock.advance(2000.0)
    assert times(room) == [0.0]


async def test_what_was_accepted_runs_after_a_restart(room: Room) -> None:
    async def hold(invocation: Invocation) -> None:
        await asyncio.sleep(30.0)

    room.hold = hold
    await room.accept("slow")
    await room.clock.advance(1.0)
    await room.events.close(10.0)
    await room.accept("late")
    await room.clock.advance(100.0)
    assert [each for _, each, _ in room.runs] == ["slow"], "nothing is begun after the end"
    room.make()
    await room.clock.advance(100.0)
    assert sorted(each for _, each, _ in room.runs) == ["late", "slow", "slow"]
    assert room.queues.names("") == []


async def test_running_events_get_the_grace(room: Room) -> None:
    async def hold(invocation: Invocation) -> None:
        await asyncio.sleep(5.0)

    room.hold = hold
    await room.accept()
    await room.clock.advance(1.0)
    await room.events.close(10.0)
    assert room.time == 5.0
    assert room.queues.names("") == []


async def test_a_reservation_bounds_what_runs_at_once(room: Room) -> None:
    room.records.put(make_function(reserved_concurrency=2))
    most = running = 0

    async def hold(invocation: Invocation) -> None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(1.0)
        running -= 1

    room.hold = hold
    for number in range(20):
        await room.accept(f"id-{number}")
    await room.clock.advance(60.0)
    assert (most, len(room.runs)) == (2, 20), "none was fetched to be throttled"


async def test_a_backlog_that_is_throttled_is_not_burnt_through(room: Room) -> None:
    room.outcomes = [TooManyRequests() for _ in range(10_000)]
    for number in range(300):
        await room.accept(f"id-{number}")
    await room.clock.advance(10.0)
    assert len(room.runs) < 150
    room.outcomes = []
    await room.clock.advance(900.0)
    assert room.queues.names("") == []


async def test_one_functions_backlog_keeps_no_other_waiting(room: Room) -> None:
    async def hold(invocation: Invocation) -> None:
        await asyncio.sleep(100.0 if invocation.request_id.startswith("slow") else 0.0)

    room.hold = hold
    room.records.put(make_function("other"))
    for number in range(300):
        await room.accept(f"slow-{number}")
    name = FunctionName(NAME.account, NAME.region, "other")
    other = name.arn
    await room.events.accept(name, Invocation("quick", other, b"{}", ""))
    await room.clock.advance(1.0)
    assert other in [arn for _, _, arn in room.runs]


async def test_a_full_disk_refuses(room: Room) -> None:
    room.queues.full = True
    with pytest.raises(StorageFull):
        await room.accept()


async def test_a_bug_is_tried_again_like_a_failure_of_the_platform(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    async def hold(invocation: Invocation) -> None:
        if len(room.runs) == 1:
            raise ZeroDivisionError("a bug")

    room.hold = hold
    await room.accept()
    await room.clock.advance(10.0)
    assert times(room) == [0.0, 1.0]
    assert "met an internal error" in caplog.text
