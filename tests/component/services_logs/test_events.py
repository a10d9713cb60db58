"""Log events through the API."""

from typing import Any

import pytest

from lambdad.logs.api import LogEvent, StreamName
from lambdad.services.logs import events as events_module

from .api import ACCOUNT, REGION, Api

NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
async def g(api: Api) -> Api:
    """With the group `g` and its streams `s` and `t`."""
    await api.call("CreateLogGroup", logGroupName="g")
    for name in ("s", "t"):
        await api.call("CreateLogStream", logGroupName="g", logStreamName=name)
    return api


async def put(api: Api, *events: tuple[int, str], stream: str = "s") -> dict[str, Any]:
    """Events by (ms after now, message)."""
    log_events = [{"timestamp": api.now.ms + offset, "message": message} for offset, message in events]
    return await api.call("PutLogEvents", logGroupName="g", logStreamName=stream, logEvents=log_events)


async def get(api: Api, **params: Any) -> tuple[list[str], str, str]:
    answer = await api.call("GetLogEvents", logGroupName="g", logStreamName="s", **params)
    return [event["message"] for event in answer["events"]], answer["nextForwardToken"], answer["nextBackwardToken"]


async def find(api: Api, **params: Any) -> list[str]:
    """All pages."""
    found: list[str] = []
    page = await api.call("FilterLogEvents", logGroupName="g", **params)
    while True:
        found += [event["message"] for event in page["events"]]
        if "nextToken" not in page:
            return found
        page = await api.call("FilterLogEvents", logGroupName="g", nextToken=page["nextToken"], **params)


async def test_putting_and_getting(g: Api) -> None:
    answer = await put(g, (0, "a"), (0, "b"), (5, "c"))
    assert answer["nextSequenceToken"].isdigit()
    assert "rejectedLogEventsInfo" not in answer
    events = (await g.call("GetLogEvents", logGroupIdentifier="g", logStreamName="s"))["events"]
    assert events == [
        {"timestamp": g.now.ms, "message": "a", "ingestionTime": g.now.ms},
        {"timestamp": g.now.ms, "message": "b", "ingestionTime": g.now.ms},
        {"timestamp": g.now.ms + 5, "message": "c", "ingestionTime": g.now.ms},
    ]


async def test_a_sequence_token_is_ignored(g: Api) -> None:
    event = {"timestamp": g.now.ms, "message": "a"}
    await g.call("PutLogEvents", logGroupName="g", logStreamName="s", logEvents=[event], sequenceToken="wrong")
    assert (await get(g))[0] == ["a"]


async def test_what_is_not_there(g: Api) -> None:
    event = {"timestamp": g.now.ms, "message": "a"}
    for operation, extra in (("PutLogEvents", {"logEvents": [event]}), ("GetLogEvents", {})):
        assert await g.refuses(operation, logGroupName="x", logStreamName="s", **extra) == NO_GROUP
        assert await g.refuses(operation, logGroupName="g", logStreamName="x", **extra) == NO_STREAM
    assert await g.refuses("FilterLogEvents", logGroupName="x") == NO_GROUP
    assert await g.refuses("FilterLogEvents", logGroupName="g", logStreamNames=["s", "x"]) == NO_STREAM


async def test_a_batch_as_a_whole(g: Api) -> None:
    async def refused(*events: tuple[int, str]) -> str:
        log_events = [{"timestamp": g.now.ms + offset, "message": message} for offset, message in events]
        code, message = await g.refuses("PutLogEvents", logGroupName="g", logStreamName="s", logEvents=log_events)
        assert code == "InvalidParameterException"
        return message

    assert await refused((5, "a"), (4, "b")) == ("Log events in a single PutLogEvents request must be in chronological order.")
    assert await refused((-25 * HOUR, "a"), (0, "b")) == (
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    )
    assert await refused((0, "é" * 524_276)) == "Log event too large: 1048578 bytes exceeds limit of 1048576"
    assert await refused((0, "a" * 1_000_000), (0, "a" * 48_525)) == "Upload too large: 1048577 bytes exceeds limit of 1048576"
    await put(g, (0, "a" * 1_000_000), (0, "a" * 48_524))
    await put(g, (-24 * HOUR, "a"), (0, "b"))


async def test_events_too_old_too_new_or_expired(g: Api) -> None:
    answer = await put(g, (-15 * DAY, "old"), (-14 * DAY - 1, "old"), (-14 * DAY, "kept"), (-13 * DAY - HOUR, "kept too"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2}
    answer = await put(g, (0, "now"), (2 * HOUR, "soon"), (2 * HOUR + 1, "new"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 2}
    await g.call("PutRetentionPolicy", logGroupName="g", retentionInDays=3)
    answer = await put(g, (-15 * DAY, "old"), (-4 * DAY, "expired"), (-2 * DAY, "fine"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}
    answer = await put(g, (3 * HOUR, "all of it"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    assert await find(g) == ["kept", "kept too", "fine", "now", "soon"]


async def test_getting_forward_to_the_end_and_on(g: Api) -> None:
    await put(g, *[(offset // 2, str(offset)) for offset in range(5)])
    page, forward, _ = await get(g, startFromHead=True, limit=2)
    assert page == ["0", "1"]
    page, forward, _ = await get(g, nextToken=forward, limit=2)
    assert page == ["2", "3"]
    page, forward, backward = await get(g, nextToken=forward, limit=2)
    assert page == ["4"]
    page, same, at_end = await get(g, nextToken=forward, limit=2)
    assert (page, same) == ([], forward)
    assert (await get(g, nextToken=at_end))[0] == ["0", "1", "2", "3", "4"]
    assert (await get(g, nextToken=backward))[0] == ["0", "1", "2", "3"]
    await put(g, (9, "5"))
    assert (await get(g, nextToken=same))[0] == ["5"]


async def test_getting_backward_to_the_start(g: Api) -> None:
    await put(g, *[(offset // 2, str(offset)) for offset in range(5)])
    page, forward, backward = await get(g, limit=2)
    assert page == ["3", "4"]
    assert (await get(g, nextToken=forward)) == ([], forward, forward.replace("f/", "b/"))
    page, forward, backward = await get(g, nextToken=backward, limit=2)
    assert page == ["1", "2"]
    assert (await get(g, nextToken=forward))[0] == ["3", "4"]
    page, _, backward = await get(g, nextToken=backward, limit=2)
    assert page == ["0"]
    page, forward, same = await get(g, nextToken=backward, limit=2)
    assert (page, same) == ([], backward)
    assert (await get(g, nextToken=forward))[0] == ["0", "1", "2", "3", "4"]


async def test_getting_from_an_empty_stream(g: Api) -> None:
    for head in (True, False):
        page, forward, backward = await get(g, startFromHead=head)
        assert page == []
        assert await get(g, nextToken=forward) == ([], forward, backward)
    await put(g, (0, "first"))
    assert (await get(g, nextToken=forward))[0] == ["first"]


async def test_getting_a_range_of_time(g: Api) -> None:
    await put(g, *[(offset, str(offset)) for offset in range(6)])
    start, end = g.now.ms + 2, g.now.ms + 4
    assert (await get(g, startTime=start, endTime=end))[0] == ["2", "3"]
    assert (await get(g, startTime=start))[0] == ["2", "3", "4", "5"]
    assert (await get(g, endTime=2**63 - 1))[0] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("token", ["x", "f/1/s", "b/" + "9" * 56 + "/s", "f/" + "0" * 20 + "9" * 36 + "/s"])
async def test_wrong_tokens(g: Api, token: str) -> None:
    expected = ("InvalidParameterException", "The specified nextToken is invalid.")
    assert await g.refuses("GetLogEvents", logGroupName="g", logStreamName="s", nextToken=token) == expected
    assert await g.refuses("FilterLogEvents", logGroupName="g", nextToken=token) == expected


async def test_a_page_has_at_most_a_megabyte(g: Api) -> None:
    for offset in range(4):
        await put(g, (offset, str(offset) * 400_000))
    page, forward, _ = await get(g, startFromHead=True)
    assert [text[0] for text in page] == ["0", "1"]
    assert [text[0] for text in (await get(g, nextToken=forward))[0]] == ["2", "3"]
    await put(g, (9, "9" * 1_048_550))
    assert [text[0] for text in (await get(g))[0]] == ["9"]
    assert [text[0] for text in await find(g)] == ["0", "1", "2", "3", "9"]


async def test_many_events_come_in_pages_of_ten_thousand(g: Api) -> None:
    await put(g, *[(offset, str(offset)) for offset in range(10_000)])
    await put(g, (10_000, "last"))
    page, forward, _ = await get(g, startFromHead=True)
    assert len(page) == 10_000
    assert (await get(g, nextToken=forward))[0] == ["last"]


async def test_filtering_interleaves_streams_and_names_events(g: Api) -> None:
    await put(g, (0, "a"), (2, "c"))
    await put(g, (1, "b"), (3, "d"), stream="t")
    answer = await g.call("FilterLogEvents", logGroupName="g", interleaved=True)
    assert [(event["logStreamName"], event["message"]) for event in answer["events"]] == [
        ("s", "a"), ("t", "b"), ("s", "c"), ("t", "d"),
    ]  # fmt: skip
    assert answer["searchedLogStreams"] == []
    assert "nextToken" not in answer
    ids = [event["eventId"] for event in answer["events"]]
    assert len(set(ids)) == 4
    assert ids == sorted(ids)
    assert await find(g, startFromHead=False, limit=1) == ["d", "c", "b", "a"]


async def test_filtering_by_pattern_stream_and_time(g: Api) -> None:
    await put(g, (0, "ERROR one"), (1, "INFO two"), (2, '{"level": "ERROR"}'))
    await put(g, (1, "ERROR three"), stream="t")
    assert await find(g, filterPattern="ERROR -three", limit=1) == ["ERROR one", '{"level": "ERROR"}']
    assert await find(g, filterPattern="{ $.level = ERROR }") == ['{"level": "ERROR"}']
    assert await find(g, filterPattern="nothing") == []
    assert await find(g, filterPattern="") == ["ERROR one", "INFO two", "ERROR three", '{"level": "ERROR"}']
    assert await find(g, logStreamNames=["t"]) == ["ERROR three"]
    assert await find(g, logStreamNamePrefix="s", filterPattern="?one ?two") == ["ERROR one", "INFO two"]
    assert await find(g, logStreamNamePrefix="none") == []
    assert await find(g, startTime=g.now.ms + 1, endTime=g.now.ms + 1) == ["INFO two", "ERROR three"]
    assert await find(g, startTime=g.now.ms + 100) == []
    assert await g.refuses("FilterLogEvents", logGroupName="g", filterPattern="{ x }") == (
        "InvalidParameterException",
        "Invalid filter pattern",
    )
    assert (await g.refuses("FilterLogEvents", logGroupName="g", logStreamNames=["s"], logStreamNamePrefix="s"))[0] == (
        "InvalidParameterException"
    )


async def test_a_long_search_answers_in_steps(g: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "SCAN", 1_000)
    g.logs.write(StreamName(ACCOUNT, REGION, "g", "s"), [LogEvent(g.now.ms, "no")] * 2_100)
    g.logs.write(StreamName(ACCOUNT, REGION, "g", "s"), [LogEvent(g.now.ms, "yes")])
    answer = await g.call("FilterLogEvents", logGroupName="g", filterPattern="yes")
    assert answer["events"] == []
    assert "nextToken" in answer
    assert await find(g, filterPattern="yes") == ["yes"]


async def test_following_by_polling_sees_each_event_once(g: Api) -> None:
    """What `aws logs tail --follow` does: poll from the last time seen, and know events by their ids."""
    seen: dict[str, str] = {}
    start = g.now.ms
    for batch in (["a", "b"], [], ["c"]):
        if batch:
            await put(g, *[(0, message) for message in batch])
        page = await g.call("FilterLogEvents", logGroupName="g", startTime=start)
        for event in page["events"]:
            start = max(start, event["timestamp"])
            assert seen.setdefault(event["eventId"], event["message"]) == event["message"]
    assert list(seen.values()) == ["a", "b", "c"]
