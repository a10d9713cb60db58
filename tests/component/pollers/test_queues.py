"""From messages of a queue to batches of a function, and what becomes of them."""

import asyncio
import json

import pytest

from lambdad.domain.errors import CallerError, PlatformError, ResourceConflict, TooManyRequests
from lambdad.frontend.api import Answer
from lambdad.frontend.traces import ROUNDS, onward
from lambdad.pollers import queue_poller
from lambdad.substrate.api import StorageFull
from lambdad.testing.snapshots import ACCOUNT, REGION, make_function, make_version
from lambdad.worker.api import Invocation

from .conftest import FAILED, OK, Room

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fn"


async def test_a_message_runs_the_function_and_is_deleted(room: Room) -> None:
    url = await room.queue()
    await room.poll()
    await room.until(7.0)
    await room.send(url, "hello", MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})
    await room.until(100.0)
    (run,) = room.runs
    assert (run.at, run.function, run.bodies) == (7.0, ARN, ["hello"])
    assert (run.invocation.request_id, run.invocation.trace_id) == ("batch-1", "Root=new")
    (record,) = json.loads(run.invocation.payload)["Records"]
    assert record["eventSourceARN"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    assert record["messageAttributes"]["n"]["stringValue"] == "1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert await room.api.counts(url) == (0, 0, 0)
    meter = room.meter()
    assert (meter.polled, meter.invoked, meter.deleted, meter.failed, meter.filtered) == (1, 1, 1, 0, 0)


async def test_what_waits_comes_in_batches(room: Room) -> None:
    url = await room.queue()
    await room.send(url, *[str(number) for number in range(23)])
    await room.poll(batch_size=10)
    await room.until(1.0)
    assert [len(bodies) for _, bodies in room.batches] == [10, 10, 3]
    assert await room.api.counts(url) == (0, 0, 0)
    await room.send(url, "a", "b")
    await room.poll(batch_size=1)
    await room.until(2.0)
    assert [bodies for _, bodies in room.batches[3:]] in ([["a"], ["b"]], [["a", "b"]])


async def test_a_window_gathers_until_it_is_over(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="300")
    await room.poll(batch_size=100, window=30)
    await room.until(50.0)
    await room.send(url, "first")
    await room.until(60.0)
    await room.send(url, *["more"] * 30)
    await room.until(79.0)
    assert room.runs == []
    assert await room.api.counts(url) == (0, 31, 0), "they wait for their batch invisibly"
    await room.until(200.0)
    assert [(at, len(bodies)) for at, bodies in room.batches] == [(80.0, 31)]


async def test_a_full_batch_does_not_wait_for_its_window(room: Room) -> None:
    url = await room.queue()
    await room.poll(batch_size=12, window=300)
    await room.until(5.0)
    await room.send(url, *["m"] * 12)
    await room.until(6.0)
    assert [(at, len(bodies)) for at, bodies in room.batches] == [(5.0, 12)]


async def test_an_event_stays_under_six_megabytes(room: Room) -> None:
    url = await room.queue()
    await room.send(url, *["x" * 1_000_000] * 8)
    await room.poll(batch_size=100, window=10)
    await room.until(60.0)
    assert sorted(len(bodies) for _, bodies in room.batches) == [2, 6]
    assert all(len(run.invocation.payload) <= 6_291_456 for run in room.runs)
    assert await room.api.counts(url) == (0, 0, 0)


async def test_a_message_that_comes_again_in_its_window_is_there_once(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="20")
    await room.poll(batch_size=100, window=60)
    await room.send(url, "slow")
    await room.until(100.0)
    assert room.batches == [(60.0, ["slow"])]
    assert await room.api.counts(url) == (0, 0, 0)


async def test_a_failed_batch_comes_again_in_the_time_of_its_queue(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="40")
    room.outcomes = [FAILED, FAILED]
    await room.send(url, "m")
    await room.poll()
    await room.until(300.0)
    assert room.batches == [(0.0, ["m"]), (40.0, ["m"]), (80.0, ["m"])]
    (last,) = json.loads(room.runs[-1].invocation.payload)["Records"]
    assert last["attributes"]["ApproximateReceiveCount"] == "3"
    assert (room.meter().failed, room.meter().deleted) == (2, 1)


async def test_a_poison_message_ends_in_its_dead_letter_queue_and_stops_nobody(room: Room) -> None:
    dead = await room.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": await room.api.arn(dead), "maxReceiveCount": 3})
    url = await room.queue(RedrivePolicy=redrive)
    room.answer = lambda bodies: FAILED if "poison" in bodies else OK
    await room.poll(batch_size=1)
    await room.send(url, "poison", *[str(number) for number in range(20)])
    await room.until(29.0)
    assert [bodies for _, bodies in room.batches].count(["poison"]) == 1
    assert len(room.batches) == 21, "the others did not wait"
    await room.until(200.0)
    assert [bodies for _, bodies in room.batches].count(["poison"]) == 3
    assert await room.api.bodies(dead) == ["poison"]
    assert await room.api.counts(url) == (0, 0, 0)


def reports(*failed: str) -> Answer:
    """The function's answer to a batch of which the messages with these ids failed."""
    listed = [{"itemIdentifier": each} for each in failed]
    return Answer(200, json.dumps({"batchItemFailures": listed}).encode(), "$LATEST", None, None, "")


async def test_only_what_the_function_reports_comes_again(room: Room) -> None:
    url = await room.queue()
    sent = [(await room.api.send(url, body))["MessageId"] for body in ("a", "b", "c")]
    room.outcomes = [reports(sent[1])]
    await room.poll(response_types=("ReportBatchItemFailures",))
    await room.until(200.0)
    assert room.batches == [(0.0, ["a", "b", "c"]), (30.0, ["b"])]


async def test_a_malformed_report_is_the_failure_of_all(room: Room) -> None:
    url = await room.queue()
    await room.send(url, "a", "b")
    room.outcomes = [reports("unknown")]
    await room.poll(response_types=("ReportBatchItemFailures",))
    await room.until(200.0)
    assert room.batches == [(0.0, ["a", "b"]), (30.0, ["a", "b"])]


async def test_a_report_that_nobody_asked_for_means_nothing(room: Room) -> None:
    url = await room.queue()
    sent = (await room.api.send(url, "a"))["MessageId"]
    room.outcomes = [reports(sent)]
    await room.poll()
    await room.until(200.0)
    assert len(room.runs) == 1


async def test_filtered_messages_are_deleted(room: Room) -> None:
    url = await room.queue()
    await room.send(url, '{"kind":"wanted"}', '{"kind":"other"}', "text")
    await room.poll(filters=('{"body":{"kind":["wanted"]}}',))
    await room.until(100.0)
    assert [bodies for _, bodies in room.batches] == [['{"kind":"wanted"}']]
    assert await room.api.counts(url) == (0, 0, 0)
    assert (room.meter().polled, room.meter().filtered, room.meter().invoked) == (3, 2, 1)


async def test_filtered_messages_do_not_begin_a_window(room: Room) -> None:
    url = await room.queue()
    await room.poll(batch_size=20, window=30, filters=('{"body":["wanted"]}',))
    await room.send(url, "other")
    await room.until(25.0)
    await room.send(url, "wanted")
    await room.until(100.0)
    assert room.batches == [(55.0, ["wanted"])]


async def test_it_grows_with_the_backlog_up_to_the_mappings_maximum(room: Room) -> None:
    url = await room.queue()
    for _ in range(60):
        await room.send(url, *["m"] * 10)
    room.hold = lambda: asyncio.sleep(100.0)
    await room.poll(batch_size=1, maximum_concurrency=20)
    await room.until(0.1)
    assert room.running == 5
    await room.until(1.1)
    assert room.running == 10
    await room.until(20.0)
    assert room.running == 20
    ((_, _, running, allowed),) = room.fleet.report()
    assert (running, allowed) == (20, 20)


async def test_it_grows_up_to_1250(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="3000")
    for _ in range(160):
        entries = [{"Id": str(number), "MessageBody": "m"} for number in range(10)]
        await room.api.call("SendMessageBatch", QueueUrl=url, Entries=entries)
    room.hold = lambda: asyncio.sleep(1000.0)
    await room.poll(batch_size=1)
    await room.until(60.0)
    assert 300 <= room.running <= 310
    await room.until(600.0)
    assert room.running == 1250


async def test_large_events_that_run_at_once_are_fewer(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_poller, "BYTES", 2_000_000)
    url = await room.queue(VisibilityTimeout="600")
    await room.send(url, *["x" * 1_000_000] * 5)
    room.hold = lambda: asyncio.sleep(10.0)
    await room.poll(batch_size=1)
    await room.until(5.0)
    assert room.running == 2
    await room.until(100.0)
    assert await room.api.counts(url) == (0, 0, 0)


async def test_a_throttled_batch_is_tried_again_until_its_messages_are_visible(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="20")
    room.outcomes = [TooManyRequests() for _ in range(5)]
    await room.send(url, "m")
    await room.poll()
    await room.until(100.0)
    assert [at for at, _ in room.batches] == [0.0, 1.0, 3.0, 7.0, 15.0, 20.0]
    assert {run.invocation.request_id for run in room.runs[:5]} == {"batch-1"}
    assert {run.invocation.request_id for run in room.runs[5:]} == {"batch-2"}
    assert await room.api.counts(url) == (0, 0, 0)


async def test_throttles_lower_how_many_run(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="600")
    await room.send(url, *["m"] * 20)

    def two_at_most(bodies: list[str]) -> Answer | TooManyRequests:
        return TooManyRequests() if room.running >= 2 else OK

    room.answer = two_at_most
    room.hold = lambda: asyncio.sleep(0 if room.running > 2 else 10)
    await room.poll(batch_size=1)
    await room.until(5.0)
    assert room.running == 2
    await room.until(600.0)
    assert await room.api.counts(url) == (0, 0, 0)


async def test_a_platform_failure_is_tried_again_too(room: Room) -> None:
    url = await room.queue()
    room.outcomes = [PlatformError("no worker"), ResourceConflict("not now")]
    await room.send(url, "m")
    await room.poll()
    await room.until(10.0)
    assert [at for at, _ in room.batches] == [0.0, 1.0, 3.0]


async def test_a_disabled_mapping_receives_nothing(room: Room) -> None:
    url = await room.queue()
    mapping = await room.poll(enabled=False, state="Disabled")
    await room.send(url, "m")
    await room.until(50.0)
    assert room.runs == []
    assert await room.api.counts(url) == (1, 0, 0)
    mapping = await room.change(mapping, enabled=True, state="Enabling")
    await room.until(51.0)
    assert room.batches == [(50.0, ["m"])]
    await room.change(mapping, enabled=False, state="Disabling")
    await room.send(url, "n")
    await room.until(100.0)
    assert len(room.runs) == 1


async def test_disabling_gives_back_what_was_gathered(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="300")
    mapping = await room.poll(batch_size=100, window=60)
    await room.send(url, "m")
    await room.until(10.0)
    assert await room.api.counts(url) == (0, 1, 0)
    await room.change(mapping, enabled=False, state="Disabling")
    assert await room.api.counts(url) == (1, 0, 0)


async def test_a_batch_that_runs_goes_on_when_its_mapping_is_deleted(room: Room) -> None:
    url = await room.queue()
    room.hold = lambda: asyncio.sleep(10.0)
    await room.send(url, "runs")
    mapping = await room.poll()
    await room.until(1.0)
    await room.change(mapping, state="Deleting")
    await room.send(url, "waits")
    assert list(room.fleet.report()) == []
    await room.until(20.0)
    assert [bodies for _, bodies in room.batches] == [["runs"]]
    assert await room.api.bodies(url) == ["waits"], "and what ran is deleted"


async def test_a_throttled_batch_is_given_up_when_its_mapping_is_disabled(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="600")
    room.answer = lambda bodies: TooManyRequests()
    await room.send(url, "m")
    mapping = await room.poll()
    await room.until(10.0)
    tried = len(room.runs)
    await room.change(mapping, enabled=False, state="Disabling")
    await room.until(700.0)
    assert len(room.runs) == tried
    assert await room.api.counts(url) == (1, 0, 0)


async def test_a_change_holds_for_the_next_batch(room: Room) -> None:
    url = await room.queue()
    room.records.put(make_function("other"))
    mapping = await room.poll()
    await room.until(5.0)
    await room.change(mapping, function="other", batch_size=2)
    await room.send(url, "a", "b", "c")
    await room.until(6.0)
    assert {run.function for run in room.runs} == {f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other"}
    assert all(len(bodies) <= 2 for _, bodies in room.batches)


async def test_a_mapping_waits_for_its_function(room: Room) -> None:
    url = await room.queue()
    room.records.delete(make_function())
    await room.send(url, "m")
    mapping = await room.poll()
    await room.until(100.0)
    assert room.runs == []
    assert room.fleet.problem(mapping) == f"Function not found: {ARN}"
    assert await room.api.counts(url) == (1, 0, 0), "no receive is used up"
    room.records.put(make_function(latest=make_version(state="Pending")))
    await room.until(110.0)
    assert room.fleet.problem(mapping) == (
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )
    room.records.put(make_function())
    await room.until(111.0)
    assert room.batches == [(110.0, ["m"])]
    assert room.fleet.problem(mapping) is None


async def test_a_function_that_is_switched_off_uses_up_no_receives(room: Room) -> None:
    url = await room.queue()
    mapping = await room.poll()
    await room.until(1.0)
    room.records.put(make_function(reserved_concurrency=0))
    await room.send(url, "m")
    await room.until(100.0)
    assert (room.runs, await room.api.counts(url)) == ([], (1, 0, 0))
    assert room.fleet.problem(mapping) == f"The function {ARN} is switched off: its reserved concurrency is 0."


async def test_a_queue_that_is_not_there_is_looked_for_again(room: Room) -> None:
    mapping = await room.poll()
    await room.until(10.0)
    problem = room.fleet.problem(mapping)
    assert problem is not None
    assert "The specified queue does not exist." in problem
    tried = room.receives
    await room.until(310.0)
    assert room.receives - tried <= 11, "twice a minute"
    url = await room.queue()
    await room.send(url, "m")
    await room.until(350.0)
    assert [bodies for _, bodies in room.batches] == [["m"]]
    assert room.fleet.problem(mapping) is None


async def test_what_was_gathered_runs_though_the_queue_fails(room: Room) -> None:
    url = await room.queue()
    await room.poll(batch_size=20, window=60)
    await room.send(url, "m")
    await room.until(1.0)
    room.error = CallerError.named("Throttled", "slow down")
    await room.until(40.0)
    assert room.batches == [(20.0, ["m"])]


async def test_messages_that_could_not_be_deleted_come_again(room: Room) -> None:
    url = await room.queue()
    room.delete_error = StorageFull()
    await room.send(url, "m")
    await room.poll()
    await room.until(1.0)
    room.delete_error = None
    await room.until(40.0)
    assert room.batches == [(0.0, ["m"]), (30.0, ["m"])]
    assert await room.api.counts(url) == (0, 0, 0)


async def test_a_bug_holds_up_nothing_for_ever(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    url = await room.queue()

    def broken(bodies: list[str]) -> Answer:
        raise ZeroDivisionError

    room.answer = broken
    await room.send(url, "m")
    await room.poll()
    await room.until(1.0)
    assert "lost a batch by an internal error" in caplog.text
    room.answer = None
    await room.until(40.0)
    assert [bodies for _, bodies in room.batches] == [["m"], ["m"]]


async def test_a_group_of_a_fifo_queue_waits_for_its_failed_message(room: Room) -> None:
    url = await room.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for number in range(3):
        for group in ("a", "b"):
            await room.send(url, f"{group}{number}", MessageGroupId=group)
    failures = ["a1"]

    def answer(bodies: list[str]) -> Answer:
        return FAILED if failures and failures[0] in bodies and failures.pop() else OK

    room.answer = answer
    await room.poll("q.fifo", batch_size=1)
    await room.until(29.0)
    done = [bodies[0] for _, bodies in room.batches]
    assert [each for each in done if each[0] == "b"] == ["b0", "b1", "b2"]
    assert [each for each in done if each[0] == "a"] == ["a0", "a1"]
    await room.until(100.0)
    assert [bodies[0] for _, bodies in room.batches if bodies[0][0] == "a"] == ["a0", "a1", "a1", "a2"]


async def test_groups_of_a_fifo_queue_run_at_once_and_each_in_order(room: Room) -> None:
    url = await room.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for number in range(4):
        for group in ("a", "b", "c"):
            await room.send(url, f"{group}{number}", MessageGroupId=group)
    room.hold = lambda: asyncio.sleep(1.0)
    await room.poll("q.fifo", batch_size=1)
    await room.until(60.0)
    assert room.most_running == 3
    for group in ("a", "b", "c"):
        assert [body for _, (body,) in room.batches if body[0] == group] == [f"{group}{number}" for number in range(4)]


async def test_a_loop_is_stopped_and_takes_nobody_along(room: Room) -> None:
    url = await room.queue()
    trace = "Root=1-2-3;Parent=4;Sampled=0"
    for _ in range(ROUNDS - 1):
        trace = onward(trace, ARN)
    system = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    await room.send(url, "round", MessageSystemAttributes=system)
    await room.poll()
    await room.until(1.0)
    assert room.runs[0].invocation.trace_id == onward(trace, ARN)
    once_more = {"AWSTraceHeader": {"DataType": "String", "StringValue": onward(trace, ARN)}}
    await room.send(url, "straight")
    await room.send(url, "loops", MessageSystemAttributes=once_more)
    await room.until(2.0)
    assert sorted(bodies for _, bodies in room.batches[1:]) == [["loops"], ["straight"]]


async def test_a_mapping_that_rests_asks_a_remote_queue_less(room: Room) -> None:
    await room.queue()
    room.receivers = 10
    await room.poll()
    await room.until(1.0)
    assert room.receives == 5, "no more than may run"
    await room.until(600.0)
    assert room.receives <= 5 + 2 * 31


async def test_after_a_restart_it_goes_on(room: Room) -> None:
    url = await room.queue()
    room.hold = lambda: asyncio.sleep(60.0)
    await room.send(url, "m")
    mapping = await room.poll()
    await room.until(1.0)
    await room.fleet.stop()
    await room.fleet.close(5.0)
    assert room.time == 6.0
    room.hold = None
    room.fleet = room.another()
    await room.fleet.poll(mapping)
    await room.until(40.0)
    assert [bodies for _, bodies in room.batches] == [["m"], ["m"]]
    assert await room.api.counts(url) == (0, 0, 0)


async def test_stopping_gives_back_what_was_gathered_and_lets_end_what_runs(room: Room) -> None:
    url = await room.queue(VisibilityTimeout="300")
    room.hold = lambda: asyncio.sleep(3.0)
    await room.poll(batch_size=2, window=60)
    await room.send(url, "a", "b", "c")
    await room.until(1.0)
    await room.fleet.stop()
    assert await room.api.counts(url) == (1, 2, 0)
    await room.fleet.close(10.0)
    assert room.time == 3.0
    assert await room.api.counts(url) == (1, 0, 0)
    assert isinstance(room.runs[0].invocation, Invocation)
