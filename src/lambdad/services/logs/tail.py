"""StartLiveTail: a session that streams new events, one update each second.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html. Clients prepend `stream-` (older
ones `streaming-`) to the endpoint's host name; for an endpoint on loopback that has to be switched off, see docs/logs.md.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdad.domain.caller import Caller
from lambdad.logs.api import LogEvent, LogStore, StreamName
from lambdad.logs.patterns import Pattern, compile_pattern
from lambdad.services.logs.names import invalid, name_of, no_group

INTERVAL = 1.0
"""Seconds between updates."""
SESSION = 3 * 3600.0
"""Seconds after which a session ends."""
UPDATE = 500
"""Events of one update; of more, this many are shown, and the update says `sampled`."""
WAITING = 5_000
"""Events held for a client that reads slowly; then the oldest go."""


@dataclass(frozen=True, slots=True)
class _Heard:
    stream: StreamName
    event: LogEvent
    heard_ms: int


class LiveTail:
    """`now`: epoch seconds; `new_id` makes session ids."""

    def __init__(self, store: LogStore, now: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._store = store
        self._now = now
        self._new_id = new_id
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End every session, present and future: nobody waits three hours for a lambdad that is stopping."""
        self._stopping.set()

    async def start(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        identifiers = params["logGroupIdentifiers"]
        names, prefixes = params.get("logStreamNames"), params.get("logStreamNamePrefixes")
        if names and prefixes:
            raise invalid("logStreamNames and logStreamNamePrefixes cannot both be specified.")
        if (names or prefixes) and len(identifiers) > 1:
            raise invalid("Log streams can be specified only when a single log group is specified.")
        pattern = compile_pattern(params.get("logEventFilterPattern") or "")
        groups = []
        for identifier in identifiers:
            if not identifier.startswith("arn:") or identifier.endswith(":*"):
                raise invalid(f"The log group identifier '{identifier}' is not a valid ARN of a log group.")
            name = name_of(caller, identifier)
            if await self._store.group(caller.account, caller.region, name) is None:
                raise no_group()
            groups.append(name)
        start = {"requestId": caller.request_id, "sessionId": self._new_id(), "logGroupIdentifiers": list(identifiers)}
        for member in ("logStreamNames", "logStreamNamePrefixes", "logEventFilterPattern"):
            if params.get(member):
                start[member] = params[member]
        return {"responseStream": self._session(caller, groups, start, pattern)}

    async def _session(
        self, caller: Caller, groups: Sequence[str], start: Mapping[str, Any], pattern: Pattern
    ) -> AsyncIterator[dict[str, Any]]:
        waiting: deque[_Heard] = deque(maxlen=WAITING)
        names, prefixes = frozenset(start.get("logStreamNames", ())), tuple(start.get("logStreamNamePrefixes", ()))

        def hear(stream: StreamName, events: Sequence[LogEvent]) -> None:
            # In the path of whoever writes: no pattern is tried here.
            if (names and stream.stream not in names) or (prefixes and not stream.stream.startswith(prefixes)):
                return
            heard_ms = int(self._now() * 1000)
            waiting.extend(_Heard(stream, event, heard_ms) for event in events)

        stops = [self._store.follow(caller.account, caller.region, group, hear) for group in dict.fromkeys(groups)]
        try:
            yield {"sessionStart": dict(start)}
            loop = asyncio.get_running_loop()
            end = loop.time() + SESSION
            while loop.time() < end:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), INTERVAL)
                if self._stopping.is_set():
                    return
                heard = list(waiting)
                waiting.clear()
                yield {"sessionUpdate": update([one for one in heard if pattern.matches(one.event.message)])}
            yield {"SessionTimeoutException": {"message": "The session has been open for three hours and has ended."}}
        finally:
            for stop in stops:
                stop()


def update(heard: Sequence[_Heard]) -> dict[str, Any]:
    """One sessionUpdate; of more than 500 events, every n-th, so that the whole second is seen."""
    sampled = len(heard) > UPDATE
    shown = [heard[index * len(heard) // UPDATE] for index in range(UPDATE)] if sampled else heard
    return {
        "sessionMetadata": {"sampled": sampled},
        "sessionResults": [
            {
                "logStreamName": one.stream.stream,
                "logGroupIdentifier": f"{one.stream.account}:{one.stream.group}",
                "message": one.event.message,
                "timestamp": one.event.time_ms,
                "ingestionTime": one.heard_ms,
            }
            for one in shown
        ],
    }
