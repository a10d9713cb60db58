"""Log streams: create, delete, describe."""

from collections.abc import Callable
from typing import Any

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.logs.api import LogStore, Stream, StreamName, StreamState
from lambdad.services.logs import tokens
from lambdad.services.logs.names import invalid, named_group, no_group, no_stream, stream_arn

PAGE = 50
SEQUENCE_TOKEN = "4" + "9" * 55
"""Streams have not needed one since 2023, but old clients look for it."""


class Streams:
    def __init__(self, store: LogStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = StreamName(caller.account, caller.region, params["logGroupName"], params["logStreamName"])
        if await self._store.group(name.account, name.region, name.group) is None:
            raise no_group()
        if await self._store.stream(name) is not None:
            raise CallerError.named("ResourceAlreadyExistsException", "The specified log stream already exists")
        await self._store.put_stream(
            Stream(
                account=name.account,
                region=name.region,
                group=name.group,
                name=name.stream,
                created_ms=int(self._now() * 1000),
            )
        )
        return {}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = StreamName(caller.account, caller.region, params["logGroupName"], params["logStreamName"])
        if await self._store.group(name.account, name.region, name.group) is None:
            raise no_group()
        if await self._store.stream(name) is None:
            raise no_stream()
        await self._store.delete_stream(name)
        return {}

    async def describe(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        group = named_group(caller, params)
        prefix = params.get("logStreamNamePrefix")
        by_time = params.get("orderBy") == "LastEventTime"
        if by_time and prefix is not None:
            raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        if await self._store.group(caller.account, caller.region, group) is None:
            raise no_group()

        def place(state: StreamState) -> tuple[int, str]:
            return (state.last_event_ms or 0) if by_time else 0, state.stream.name

        descending = bool(params.get("descending"))
        states = await self._store.streams(caller.account, caller.region, group, prefix or "")
        states.sort(key=place, reverse=descending)
        if (token := params.get("nextToken")) is not None:
            time_ms, name = tokens.decode(token, int, str)
            after = (int(time_ms), str(name))
            states = [state for state in states if (place(state) < after if descending else place(state) > after)]
        limit = params.get("limit") or PAGE
        page = states[:limit]
        answer: dict[str, Any] = {"logStreams": [_describe(state) for state in page]}
        if len(states) > limit:
            answer["nextToken"] = tokens.encode(place(page[-1]))
        return answer


def _describe(state: StreamState) -> dict[str, Any]:
    stream = state.stream
    shown: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": stream_arn(stream.account, stream.region, stream.group, stream.name),
        # AWS has answered 0 for every stream since 2019.
        "storedBytes": 0,
    }
    if state.first_event_ms is not None:
        shown |= {
            "firstEventTimestamp": state.first_event_ms,
            "lastEventTimestamp": state.last_event_ms,
            "lastIngestionTime": state.last_ingestion_ms,
            "uploadSequenceToken": SEQUENCE_TOKEN,
        }
    return shown
