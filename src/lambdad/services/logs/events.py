"""Log events: put, get, filter.

Limits and texts: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html,
API_GetLogEvents.html, API_FilterLogEvents.html.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from lambdad.domain.caller import Caller
from lambdad.logs.api import LogEvent, LogStore, StoredEvent, StreamName
from lambdad.logs.patterns import Pattern, compile_pattern
from lambdad.services.logs import tokens
from lambdad.services.logs.names import invalid, named_group, no_group, no_stream
from lambdad.services.logs.streams import SEQUENCE_TOKEN

EVENT_OVERHEAD = 26
MAX_BATCH = 1_048_576
MAX_EVENT = 1_048_576
FUTURE_MS = 2 * 3_600_000
PAST_MS = 14 * 86_400_000
SPAN_MS = 86_400_000
DAY_MS = 86_400_000
PAGE = 10_000
PAGE_BYTES = 1_048_576
CHUNK = 500
"""Events read at once: the loop gets its turn in between."""
SCAN = 50_000
"""Events looked at for one answer of FilterLogEvents; then it answers what it has found, perhaps nothing, and a token."""


class Events:
    def __init__(self, store: LogStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    async def put(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = StreamName(caller.account, caller.region, params["logGroupName"], params["logStreamName"])
        group = await self._store.group(name.account, name.region, name.group)
        if group is None:
            raise no_group()
        if await self._store.stream(name) is None:
            raise no_stream()
        events = [LogEvent(event["timestamp"], event["message"]) for event in params["logEvents"]]
        check_batch(events)
        accepted, rejected = admit(events, int(self._now() * 1000), group.retention_days)
        if accepted and accepted[-1].time_ms - accepted[0].time_ms > SPAN_MS:
            raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
        if accepted:
            await self._store.put_events(name, accepted)
        return {"nextSequenceToken": SEQUENCE_TOKEN} | ({"rejectedLogEventsInfo": rejected} if rejected else {})

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = StreamName(caller.account, caller.region, named_group(caller, params), params["logStreamName"])
        if await self._store.group(name.account, name.region, name.group) is None:
            raise no_group()
        if await self._store.stream(name) is None:
            raise no_stream()
        start_ms, end_ms = _time(params, "startTime"), _time(params, "endTime")
        backward, place = not params.get("startFromHead"), None
        if (token := params.get("nextToken")) is not None:
            backward, place = tokens.parse_boundary(token)
        # A boundary lies behind its event: reading backwards, that event comes first.
        after = None if place is None else (place.time_ms, place.seq + backward)
        page: list[StoredEvent] = []
        async for chunk in self._read(name, [name.stream], start_ms, end_ms, after, backward, params.get("limit") or PAGE):
            page += chunk
        if backward:
            page.reverse()
        here = place or tokens.Boundary(start_ms or 0, 0)
        first = tokens.Boundary(page[0].time_ms, page[0].seq - 1) if page else here
        last = tokens.Boundary(page[-1].time_ms, page[-1].seq) if page else here
        return {
            "events": [
                {"timestamp": event.time_ms, "message": event.message, "ingestionTime": event.ingested_ms} for event in page
            ],
            "nextForwardToken": last.forward,
            "nextBackwardToken": first.backward,
        }

    async def filter(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        group = named_group(caller, params)
        names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
        if names is not None and prefix is not None:
            raise invalid("logStreamNames and logStreamNamePrefix cannot both be specified.")
        pattern = compile_pattern(params.get("filterPattern") or "")
        if await self._store.group(caller.account, caller.region, group) is None:
            raise no_group()
        start_ms, end_ms = _time(params, "startTime"), _time(params, "endTime")
        backward, after = params.get("startFromHead") is False, None
        if (token := params.get("nextToken")) is not None:
            descending, time_ms, seq = tokens.decode(token, bool, int, int)
            backward, after = bool(descending), (int(time_ms), int(seq))
        streams = await self._streams(caller, group, names, prefix, start_ms)
        # Unlike GetLogEvents', this endTime is inclusive.
        until = None if end_ms is None else end_ms + 1
        place = StreamName(caller.account, caller.region, group, "")
        found, more = await self._search(place, streams, start_ms, until, after, backward, pattern, params.get("limit") or PAGE)
        answer: dict[str, Any] = {"events": [_filtered(event) for event in found], "searchedLogStreams": []}
        if more is not None:
            answer["nextToken"] = tokens.encode([backward, *more])
        return answer

    async def _streams(
        self, caller: Caller, group: str, names: Sequence[str] | None, prefix: str | None, start_ms: int | None
    ) -> list[str]:
        """The streams to search; those whose last event is older than the time asked for are left out."""
        states = await self._store.streams(caller.account, caller.region, group, prefix or "")
        if names is not None:
            there = {state.stream.name for state in states}
            if not there.issuperset(names):
                raise no_stream()
            wanted = set(names)
            states = [state for state in states if state.stream.name in wanted]
        return [
            state.stream.name
            for state in states
            if state.last_event_ms is not None and (start_ms is None or state.last_event_ms >= start_ms)
        ]

    async def _search(
        self,
        place: StreamName,
        streams: Sequence[str],
        start_ms: int | None,
        end_ms: int | None,
        after: tuple[int, int] | None,
        backward: bool,
        pattern: Pattern,
        limit: int,
    ) -> tuple[list[StoredEvent], tuple[int, int] | None]:
        """What matches, and where to go on if there is more to look at."""
        found: list[StoredEvent] = []
        size = 0
        async for chunk in self._read(place, streams, start_ms, end_ms, after, backward, SCAN, None):
            for event in chunk:
                after = (event.time_ms, event.seq)
                if not pattern.matches(event.message):
                    continue
                found.append(event)
                size += len(event.message.encode()) + EVENT_OVERHEAD
                if len(found) >= limit or size >= PAGE_BYTES:
                    break
            else:
                continue
            break
        if after is None:
            return found, None
        async for _ in self._read(place, streams, start_ms, end_ms, after, backward, 1, None):
            return found, after
        return found, None

    async def _read(
        self,
        place: StreamName,
        streams: Sequence[str],
        start_ms: int | None,
        end_ms: int | None,
        after: tuple[int, int] | None,
        backward: bool,
        limit: int,
        size: int | None = PAGE_BYTES,
    ) -> AsyncIterator[list[StoredEvent]]:
        """At most `limit` events and, after the first, `size` bytes, in chunks."""
        if not streams:
            return
        left = size
        while limit > 0:
            wanted = min(limit, CHUNK)
            chunk = await self._store.events(
                place.account,
                place.region,
                place.group,
                streams,
                start_ms=start_ms,
                end_ms=end_ms,
                after=after,
                newest_first=backward,
                limit=wanted,
            )
            full = len(chunk) == wanted
            if left is not None:
                left, fits = _fitting(chunk, left, first=left == size)
                full = full and fits == len(chunk)
                chunk = chunk[:fits]
            if chunk:
                yield chunk
            if not full:
                return
            limit -= len(chunk)
            after = (chunk[-1].time_ms, chunk[-1].seq)
            await asyncio.sleep(0)


def _time(params: Mapping[str, Any], name: str) -> int | None:
    value = params.get(name)
    return None if value is None else min(int(value), tokens.GREATEST)


def _fitting(chunk: Sequence[StoredEvent], left: int, first: bool) -> tuple[int, int]:
    """Bytes left, and how many of the chunk's events fit; the first event of a page always does."""
    for index, event in enumerate(chunk):
        size = len(event.message.encode()) + EVENT_OVERHEAD
        if size > left and not (first and index == 0):
            return left, index
        left -= size
    return left, len(chunk)


def check_batch(events: Sequence[LogEvent]) -> None:
    """The rules of a batch as a whole. Raises InvalidParameterException."""
    total = 0
    last = events[0].time_ms if events else 0
    for event in events:
        size = len(event.message.encode("utf-8", "replace")) + EVENT_OVERHEAD
        if size > MAX_EVENT:
            raise invalid(f"Log event too large: {size} bytes exceeds limit of {MAX_EVENT}")
        total += size
        if event.time_ms < last:
            raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
        last = event.time_ms
    if total > MAX_BATCH:
        raise invalid(f"Upload too large: {total} bytes exceeds limit of {MAX_BATCH}")


def admit(events: Sequence[LogEvent], now_ms: int, retention_days: int | None) -> tuple[list[LogEvent], Mapping[str, int]]:
    """The events that are neither too old, nor expired, nor too new; and rejectedLogEventsInfo.

    The end indexes are exclusive, the start index inclusive, as the API's page of RejectedLogEventsInfo says.
    """
    oldest = now_ms - PAST_MS
    kept_since = oldest if retention_days is None else now_ms - retention_days * DAY_MS
    too_old = sum(event.time_ms < oldest for event in events)
    expired = sum(event.time_ms < kept_since for event in events)
    too_new = sum(event.time_ms <= now_ms + FUTURE_MS for event in events)
    rejected: dict[str, int] = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new < len(events):
        rejected["tooNewLogEventStartIndex"] = too_new
    return list(events[max(too_old, expired) : too_new]), rejected


def _filtered(event: StoredEvent) -> dict[str, Any]:
    return {
        "logStreamName": event.stream,
        "timestamp": event.time_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": tokens.event_id(event.time_ms, event.seq),
    }
