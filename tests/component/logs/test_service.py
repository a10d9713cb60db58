"""The logs on the memory twin of the substrate, with a virtual clock."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from lambdad.logs.api import Group, LogEvent, Stream, StreamName
from lambdad.logs.service import DAY_MS, Logs
from lambdad.substrate.api import NewRecord, StorageFull
from lambdad.testing.substrate import MemorySubstrate, MemoryTimeline

A, R = "000000000000", "us-east-1"
F = StreamName(A, R, "/aws/lambda/f", "2026/11/21/[$LATEST]abc")


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_255_203.0

    def __call__(self) -> float:
        return self.now

    @property
    def ms(self) -> int:
        return int(self.now * 1000)


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture
def substrate() -> MemorySubstrate:
    return MemorySubstrate()


@pytest.fixture
async def logs(substrate: MemorySubstrate, now: Clock) -> AsyncIterator[Logs]:
    logs = Logs(substrate.key_values, substrate.timeline, now, flush_events=100, buffer_limit=10_000)
    await logs.start()
    yield logs
    await logs.close()


async def _stored(substrate: MemorySubstrate, stream: StreamName = F) -> list[str]:
    partition = f"{stream.account}/{stream.region}/{stream.group}:{stream.stream}"
    return [record.payload.decode() for record in await substrate.timeline.read([partition], limit=1_000)]


async def test_written_events_are_stored_after_the_delay(logs: Logs, substrate: MemorySubstrate) -> None:
    logs.write(F, [LogEvent(1, "a")])
    logs.write(F, [LogEvent(2, "b")])
    await asyncio.sleep(0.19)
    assert await _stored(substrate) == []
    await asyncio.sleep(0.02)
    assert await _stored(substrate) == ["a", "b"]
    assert await logs.group(A, R, F.group) is not None
    assert await logs.stream(F) is not None


async def test_many_events_are_stored_at_once(logs: Logs, substrate: MemorySubstrate) -> None:
    logs.write(F, [LogEvent(number, "x") for number in range(100)])
    await asyncio.sleep(0.001)
    assert len(await _stored(substrate)) == 100


async def test_reading_sees_what_waits(logs: Logs) -> None:
    logs.write(F, [LogEvent(5, "a"), LogEvent(6, "b\nc")])
    events = await logs.events(A, R, F.group, [F.stream], limit=10)
    assert [(event.stream, event.time_ms, event.message) for event in events] == [(F.stream, 5, "a"), (F.stream, 6, "b\nc")]
    other = StreamName(A, R, "other", "s")
    logs.write(other, [LogEvent(5, "a")])
    assert [group.name for group in await logs.groups(A, R)] == ["/aws/lambda/f", "other"]
    logs.write(StreamName(A, R, "third", "s"), [LogEvent(5, "a")])
    assert await logs.group(A, R, "third") is not None
    logs.write(StreamName(A, R, "third", "t"), [LogEvent(5, "a")])
    assert await logs.stream(StreamName(A, R, "third", "t")) is not None
    logs.write(StreamName(A, R, "third", "u"), [LogEvent(5, "a")])
    assert [state.stream.name for state in await logs.streams(A, R, "third")] == ["s", "t", "u"]


async def test_reading_by_time_and_direction(logs: Logs) -> None:
    logs.write(F, [LogEvent(number, str(number)) for number in range(10)])
    events = await logs.events(A, R, F.group, [F.stream], start_ms=3, end_ms=8, newest_first=True, limit=3)
    assert [event.message for event in events] == ["7", "6", "5"]
    last = events[-1]
    events = await logs.events(
        A, R, F.group, [F.stream], start_ms=3, after=(last.time_ms, last.seq), newest_first=True, limit=3
    )
    assert [event.message for event in events] == ["4", "3"]


async def test_closing_stores_everything(substrate: MemorySubstrate, now: Clock) -> None:
    logs = Logs(substrate.key_values, substrate.timeline, now)
    logs.write(F, [LogEvent(1, "before the start")])
    await logs.start()
    logs.write(F, [LogEvent(2, "after")])
    await logs.close()
    await logs.close()
    assert await _stored(substrate) == ["before the start", "after"]


async def test_what_was_written_before_the_start_is_stored_after_it(substrate: MemorySubstrate, now: Clock) -> None:
    logs = Logs(substrate.key_values, substrate.timeline, now)
    logs.write(F, [LogEvent(1, "early")])
    await logs.start()
    await asyncio.sleep(0.01)
    assert await _stored(substrate) == ["early"]
    await logs.close()


async def test_full_storage_keeps_serving_and_tells_what_was_lost(logs: Logs, substrate: MemorySubstrate) -> None:
    logs.write(F, [LogEvent(1, "stored")])
    await asyncio.sleep(0.3)
    substrate.timeline.full = substrate.key_values.full = True
    for number in range(200):
        logs.write(F, [LogEvent(number, f"{number:03}".ljust(174))])
        await asyncio.sleep(0.01)
    assert logs.failed_flushes
    assert logs.dropped >= 150
    assert [event.message for event in await logs.events(A, R, F.group, [F.stream], limit=10)] == ["stored"]
    substrate.timeline.full = substrate.key_values.full = False
    await asyncio.sleep(0.5)
    messages = await _stored(substrate)
    lines = [message for message in messages if message.startswith("LOGS_DROPPED")]
    assert lines == [f"LOGS_DROPPED Records: {logs.dropped}\tBytes: {logs.dropped * 200}\tReason: storage could not keep up"]
    assert messages[-1].strip() == "199"
    assert len(messages) == 1 + 1 + 200 - logs.dropped
    assert "failed flushes" in repr(logs)


async def test_a_full_key_value_store_loses_nothing_that_fits(logs: Logs, substrate: MemorySubstrate) -> None:
    substrate.key_values.full = True
    logs.write(F, [LogEvent(1, "a")])
    await asyncio.sleep(1)
    substrate.key_values.full = False
    await asyncio.sleep(0.5)
    assert await _stored(substrate) == ["a"]


async def test_put_events_is_durable_or_fails(logs: Logs, substrate: MemorySubstrate) -> None:
    await logs.put_events(F, [LogEvent(1, "a")])
    assert await _stored(substrate) == ["a"]
    substrate.timeline.full = True
    with pytest.raises(StorageFull):
        await logs.put_events(F, [LogEvent(2, "b")])
    substrate.timeline.full = False
    assert await _stored(substrate) == ["a"]


async def test_text_without_utf8_is_stored(logs: Logs, substrate: MemorySubstrate) -> None:
    logs.write(F, [LogEvent(1, "a\ud800b")])
    await logs.flush()
    assert await _stored(substrate) == ["a?b"]


async def test_streams_know_their_first_and_last_event(logs: Logs, now: Clock) -> None:
    await logs.put_stream(Stream(account=A, region=R, group="g", name="empty", created_ms=1))
    await logs.put_events(StreamName(A, R, "g", "full"), [LogEvent(5, "x"), LogEvent(9, "y")])
    empty, full = await logs.streams(A, R, "g")
    assert (empty.stream.name, empty.first_event_ms, empty.last_event_ms, empty.last_ingestion_ms) == (
        "empty",
        None,
        None,
        None,
    )
    assert (full.stream.name, full.first_event_ms, full.last_event_ms, full.last_ingestion_ms) == ("full", 5, 9, now.ms)
    assert [state.stream.name for state in await logs.streams(A, R, "g", "fu")] == ["full"]


async def test_names_that_begin_alike_are_kept_apart(logs: Logs) -> None:
    logs.write(StreamName(A, R, "g", "s"), [LogEvent(1, "g")])
    logs.write(StreamName(A, R, "g/x", "s"), [LogEvent(1, "g/x")])
    assert len(await logs.streams(A, R, "g")) == 1
    await logs.delete_group(A, R, "g")
    assert [group.name for group in await logs.groups(A, R)] == ["g/x"]
    assert [event.message for event in await logs.events(A, R, "g/x", ["s"], limit=9)] == ["g/x"]


async def test_deleting_takes_waiting_events_too_and_writing_makes_anew(logs: Logs) -> None:
    await logs.put_events(F, [LogEvent(1, "old")])
    logs.write(F, [LogEvent(2, "waiting")])
    await logs.delete_group(A, R, F.group)
    assert await logs.group(A, R, F.group) is None
    assert await logs.stream(F) is None
    logs.write(F, [LogEvent(3, "new")])
    assert [event.message for event in await logs.events(A, R, F.group, [F.stream], limit=9)] == ["new"]
    assert await logs.group(A, R, F.group) is not None
    await logs.delete_stream(F)
    assert await logs.stream(F) is None
    assert await logs.group(A, R, F.group) is not None
    assert await logs.events(A, R, F.group, [F.stream], limit=9) == []


async def test_writing_does_not_touch_a_group_that_is_there(logs: Logs) -> None:
    group = Group(account=A, region=R, name=F.group, created_ms=7, retention_days=3, tags={"a": "b"})
    await logs.put_group(group)
    logs.write(F, [LogEvent(1, "x")])
    assert await logs.groups(A, R) == [group]


async def test_retention_is_enforced_and_stock_taken(logs: Logs, now: Clock) -> None:
    other = StreamName(A, R, "kept", "s")
    old, fresh = now.ms - 4 * DAY_MS, now.ms - 2 * DAY_MS
    await logs.put_group(Group(account=A, region=R, name=F.group, created_ms=old, retention_days=3))
    for stream in (F, other):
        await logs.put_events(stream, [LogEvent(old, "old"), LogEvent(fresh, "fresh")])
    assert logs.stored_bytes(A, R, F.group) == 0
    await asyncio.sleep(601)
    assert [event.message for event in await logs.events(A, R, F.group, [F.stream], limit=9)] == ["fresh"]
    assert [event.message for event in await logs.events(A, R, "kept", ["s"], limit=9)] == ["old", "fresh"]
    assert logs.stored_bytes(A, R, F.group) == 5
    assert logs.stored_bytes(A, R, "kept") == 8
    await logs.delete_group(A, R, "kept")
    assert logs.stored_bytes(A, R, "kept") == 0


async def test_followers_hear_of_their_group_until_they_stop(logs: Logs) -> None:
    heard: list[tuple[str, str]] = []
    stop = logs.follow(A, R, F.group, lambda stream, events: heard.extend((stream.stream, event.message) for event in events))
    also = logs.follow(A, R, F.group, lambda stream, events: heard.append(("also", events[0].message)))
    logs.write(F, [LogEvent(1, "a"), LogEvent(1, "b")])
    logs.write(StreamName(A, R, "other", "s"), [LogEvent(1, "not")])
    await logs.put_events(F, [LogEvent(2, "c")])
    stop()
    stop()
    logs.write(F, [LogEvent(3, "d")])
    also()
    logs.write(F, [LogEvent(4, "e")])
    assert heard == [
        (F.stream, "a"), (F.stream, "b"), ("also", "a"), (F.stream, "c"), ("also", "c"), ("also", "d"),
    ]  # fmt: skip


async def test_accounts_and_regions_are_apart(logs: Logs) -> None:
    logs.write(F, [LogEvent(1, "x")])
    assert await logs.groups("111111111111", R) == []
    assert await logs.groups(A, "eu-west-1") == []
    assert await logs.events("111111111111", R, F.group, [F.stream], limit=9) == []


class SlowTimeline(MemoryTimeline):
    async def append(self, records: Sequence[NewRecord], ingested_ms: int) -> None:
        await asyncio.sleep(5)
        await super().append(records, ingested_ms)


async def test_a_reader_that_hangs_up_loses_no_events(substrate: MemorySubstrate, now: Clock) -> None:
    substrate.timeline = SlowTimeline()
    logs = Logs(substrate.key_values, substrate.timeline, now)
    await logs.start()
    logs.write(F, [LogEvent(1, "a")])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(logs.events(A, R, F.group, [F.stream], limit=1), 1)
    logs.write(F, [LogEvent(2, "b")])
    await logs.close()
    assert await _stored(substrate) == ["a", "b"]


async def test_closing_amid_a_flush_loses_no_events(substrate: MemorySubstrate, now: Clock) -> None:
    substrate.timeline = SlowTimeline()
    logs = Logs(substrate.key_values, substrate.timeline, now)
    await logs.start()
    logs.write(F, [LogEvent(1, "a")])
    await asyncio.sleep(1)
    logs.write(F, [LogEvent(2, "b")])
    await logs.close()
    assert await _stored(substrate) == ["a", "b"]


async def test_what_the_writer_may_not_do_is_not_done(
    logs: Logs, substrate: MemorySubstrate, caplog: pytest.LogCaptureFixture
) -> None:
    allowed = {"CreateLogStream"}

    def may(action: str, stream: StreamName) -> bool:
        assert stream.group == F.group
        return action in allowed

    async def wrote(number: int, stream: StreamName = F) -> tuple[int, list[str]]:
        logs.write(stream, [LogEvent(number, str(number))], may)
        await logs.flush()
        return logs.denied, await _stored(substrate, stream)

    assert await wrote(1) == (1, [])
    assert await logs.group(A, R, F.group) is None
    allowed.add("CreateLogGroup")
    assert await wrote(2) == (2, []), "it may make a stream, but put nothing into it"
    allowed |= {"PutLogEvents"}
    assert await wrote(3) == (2, ["3"])
    allowed -= {"CreateLogStream", "CreateLogGroup"}
    assert await wrote(4) == (2, ["3", "4"]), "what is there needs no making"
    other = StreamName(A, R, F.group, "other")
    assert await wrote(5, other) == (3, [])
    refusals = [record.getMessage() for record in caplog.records]
    assert refusals == [
        f"{F.group} of account {A} gets no logs: its writer may not logs:CreateLogGroup",
        f"{F.group} of account {A} gets no logs: its writer may not logs:CreateLogStream",
    ], "once until it may again"


async def test_a_live_tail_does_not_show_what_may_not_be_written(logs: Logs) -> None:
    seen: list[str] = []
    stop = logs.follow(A, R, F.group, lambda stream, events: seen.extend(each.message for each in events))
    logs.write(F, [LogEvent(1, "secret")], lambda action, stream: False)
    logs.write(F, [LogEvent(2, "shown")], lambda action, stream: True)
    stop()
    assert seen == ["shown"]
