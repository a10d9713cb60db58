"""The logs on the substrate: groups and streams in the key-value store, events in the timeline, writing off the invoke path.

    write → Buffer → (200 ms, or many events) → flush: missing groups and streams made, one append → Timeline

Keys: `logs/groups/ACCOUNT/REGION/GROUP` and `logs/streams/ACCOUNT/REGION/GROUP:STREAM`; partitions of the timeline are
`ACCOUNT/REGION/GROUP:STREAM`. Neither a group's nor a stream's name has a colon, so no two names meet.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence

import msgspec

from lambdad.domain.errors import PlatformError
from lambdad.logs.api import Group, LogEvent, May, StoredEvent, Stream, StreamName, StreamState, anything
from lambdad.logs.buffer import Buffer, StreamBuffer
from lambdad.substrate.api import Change, KeyValue, NewRecord, RevisionMismatch, Timeline

LOG = logging.getLogger(__name__)

Listener = Callable[[StreamName, Sequence[LogEvent]], None]

KNOWN_STREAMS = 10_000
"""Streams remembered to exist, which saves a look-up at each flush; every execution environment has one."""
SWEEP_BATCH = 200
"""Partitions per call of the sweep, so that no one statement keeps the storage for long."""
DAY_MS = 86_400_000

_encode = msgspec.json.Encoder().encode
_decode_group = msgspec.json.Decoder(Group).decode
_decode_stream = msgspec.json.Decoder(Stream).decode


class Logs:
    """LogWriter and LogStore. `start` begins flushing and sweeping, `close` stores what waits.

    `now`: epoch seconds. `flush_delay` (s) and `flush_events` say when waiting events are stored, `buffer_limit` (characters)
    how many may wait while storage can't keep up, `sweep_interval` (s) how often retention is enforced.
    """

    def __init__(
        self,
        key_values: KeyValue,
        timeline: Timeline,
        now: Callable[[], float],
        *,
        flush_delay: float = 0.2,
        flush_events: int = 5_000,
        buffer_limit: int = 32 * 1024 * 1024,
        sweep_interval: float = 600.0,
    ) -> None:
        self._key_values = key_values
        self._timeline = timeline
        self._now = now
        self._flush_delay = flush_delay
        self._flush_events = flush_events
        self._sweep_interval = sweep_interval
        self._buffer = Buffer(buffer_limit)
        self._known: set[StreamName] = set()
        self._listeners: dict[tuple[str, str, str], list[Listener]] = {}
        self._stored_bytes: dict[tuple[str, str, str], int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        # Whoever changes what is stored takes turns: an event must not be stored again behind the back of a deletion.
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._storing: set[asyncio.Future[bool]] = set()
        self._refused: dict[tuple[str, str, str], tuple[str, int]] = {}
        """Groups whose last writer had no permission: for what, and how many events were lost for it."""
        self.denied = 0
        """Events lost because their writer had no permission to store them."""
        self.failed_flushes = 0
        """Times that storage refused what was waiting."""

    def __repr__(self) -> str:
        return f"<Logs {self._buffer!r} [{self.failed_flushes} failed flushes]>"

    @property
    def dropped(self) -> int:
        """Events lost because storage could not keep up."""
        return self._buffer.dropped

    def refused(self) -> Iterator[tuple[str, str, str, str, int]]:
        """Groups that get no logs now: account, region, name, the action that their writer may not do, events lost for it."""
        for (account, region, group), (action, lost) in self._refused.items():
            yield account, region, group, action, lost

    # Life

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._keep_flushing(), name="logs: flush"),
            asyncio.create_task(self._keep_sweeping(), name="logs: sweep"),
        ]
        if self._buffer.count:
            self._wake.set()

    async def close(self) -> None:
        """Store what waits; what storage refuses now is lost. Calling it twice is no error."""
        async with self._turn:  # never in the middle of an append: what was taken would be lost
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._cancel_timer()
        self._loop = None
        await self.flush()

    async def _keep_flushing(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._cancel_timer()
            if not await self.flush():
                await asyncio.sleep(self._flush_delay)
                self._wake.set()

    async def _keep_sweeping(self) -> None:
        while True:
            try:
                await self.sweep()
            except PlatformError as error:
                LOG.warning("retention of logs could not be enforced; the next sweep tries again: %s", error.message)
            await asyncio.sleep(self._sweep_interval)

    # Writing

    def write(self, stream: StreamName, events: Sequence[LogEvent], may: May = anything) -> None:
        if not events:
            return
        self._buffer.add(stream, events, may)
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(self._flush_delay, self._wake.set)
        if self._buffer.count >= self._flush_events:
            self._wake.set()
        if self._listeners and may("PutLogEvents", stream):
            self._tell(stream, events)

    def _tell(self, stream: StreamName, events: Sequence[LogEvent]) -> None:
        for listener in tuple(self._listeners.get((stream.account, stream.region, stream.group), ())):
            listener(stream, events)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def flush(self) -> bool:
        """Store what waits. False: storage refused it, and it waits on.

        Goes on when the caller is cancelled (a client that hung up), else the events in its hands would be lost.
        """
        if not self._buffer.streams and not self._turn.locked():
            return True
        storing = asyncio.ensure_future(self._flush())
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        return await asyncio.shield(storing)

    async def _flush(self) -> bool:
        async with self._turn:
            taken = self._buffer.take()
            if not taken:
                return True
            now_ms = int(self._now() * 1000)
            try:
                missing = {name: await self._missing(name, waiting.may, now_ms) for name, waiting in taken.items()}
                allowed = {name: waiting for name, waiting in taken.items() if missing[name] is None}
                await self._timeline.append(_records(allowed, now_ms), now_ms)
            except PlatformError:
                self.failed_flushes += 1
                self._buffer.put_back(taken)
                return False
            for name, action in missing.items():
                self._note(name, action, len(taken[name].events))
            return True

    async def _missing(self, name: StreamName, may: May, now_ms: int) -> str | None:
        """Which permission the writer lacks; None: it may, and group and stream are there."""
        return await self._ready(name, may, now_ms) or (None if may("PutLogEvents", name) else "PutLogEvents")

    def _note(self, name: StreamName, missing: str | None, count: int) -> None:
        place = (name.account, name.region, name.group)
        if missing is None:
            self._refused.pop(place, None)
            return
        self.denied += count
        lost = self._refused.get(place)
        self._refused[place] = (missing, count if lost is None else lost[1] + count)
        if lost is None:
            LOG.warning("%s of account %s gets no logs: its writer may not logs:%s", name.group, name.account, missing)

    async def _ready(self, name: StreamName, may: May, now_ms: int) -> str | None:
        """Makes group and stream where they are not there; answers the permission that is missing for it."""
        if name in self._known:
            return None
        group = Group(account=name.account, region=name.region, name=name.group, created_ms=now_ms)
        stream = Stream(account=name.account, region=name.region, group=name.group, name=name.stream, created_ms=now_ms)
        wanted: tuple[tuple[str, str, Group | Stream], ...] = (
            ("CreateLogGroup", _group_key(name.account, name.region, name.group), group),
            ("CreateLogStream", _stream_key(name), stream),
        )
        for action, key, value in wanted:
            if await self._key_values.get(key) is None:
                if not may(action, name):
                    return action
                with contextlib.suppress(RevisionMismatch):  # somebody else made it meanwhile
                    await self._key_values.commit([Change(key, _encode(value), expected=0)])
        self._remember(name)
        return None

    def _remember(self, name: StreamName) -> None:
        if len(self._known) >= KNOWN_STREAMS:
            self._known.clear()
        self._known.add(name)

    # Groups

    async def group(self, account: str, region: str, name: str) -> Group | None:
        entry = await self._key_values.get(_group_key(account, region, name))
        if entry is None and any(
            waiting.group == name and waiting.account == account and waiting.region == region
            for waiting in self._buffer.streams
        ):
            await self.flush()
            entry = await self._key_values.get(_group_key(account, region, name))
        return None if entry is None else _decode_group(entry.value)

    async def groups(self, account: str, region: str, prefix: str = "") -> list[Group]:
        await self.flush()
        entries = await self._key_values.scan(_group_key(account, region, prefix))
        return [_decode_group(entry.value) for entry in entries]

    async def put_group(self, group: Group) -> None:
        await self._key_values.commit([Change(_group_key(group.account, group.region, group.name), _encode(group))])

    async def delete_group(self, account: str, region: str, name: str) -> None:
        async with self._turn:
            entries = await self._key_values.scan(_stream_key(StreamName(account, region, name, "")))
            streams = [StreamName(account, region, name, _decode_stream(entry.value).name) for entry in entries]
            waiting = [
                stream
                for stream in self._buffer.streams
                if (stream.account, stream.region, stream.group) == (account, region, name)
            ]
            self._buffer.forget(waiting)
            self._known.difference_update(streams, waiting)
            changes = [Change(entry.key, None) for entry in entries]
            await self._key_values.commit([Change(_group_key(account, region, name), None), *changes])
            await self._timeline.drop([_partition(stream) for stream in streams])
            self._stored_bytes.pop((account, region, name), None)

    def stored_bytes(self, account: str, region: str, group: str) -> int:
        return self._stored_bytes.get((account, region, group), 0)

    # Streams

    async def stream(self, name: StreamName) -> Stream | None:
        if name in self._buffer.streams:
            await self.flush()
        entry = await self._key_values.get(_stream_key(name))
        return None if entry is None else _decode_stream(entry.value)

    async def streams(self, account: str, region: str, group: str, prefix: str = "") -> list[StreamState]:
        await self.flush()
        entries = await self._key_values.scan(_stream_key(StreamName(account, region, group, prefix)))
        found = [_decode_stream(entry.value) for entry in entries]
        bounds = await self._timeline.bounds([_partition_of(stream) for stream in found])
        states = []
        for stream in found:
            first, last, ingested, _ = bounds.get(_partition_of(stream), (None, None, None, 0))
            states.append(StreamState(stream, first, last, ingested))
        return states

    async def put_stream(self, stream: Stream) -> None:
        await self._key_values.commit([Change(f"logs/streams/{_partition_of(stream)}", _encode(stream))])

    async def delete_stream(self, name: StreamName) -> None:
        async with self._turn:
            self._buffer.forget([name])
            self._known.discard(name)
            await self._key_values.commit([Change(_stream_key(name), None)])
            await self._timeline.drop([_partition(name)])

    # Events

    async def put_events(self, stream: StreamName, events: Sequence[LogEvent]) -> None:
        """Raises StorageFull; then none is stored."""
        async with self._turn:
            now_ms = int(self._now() * 1000)
            await self._ready(stream, anything, now_ms)
            partition = _partition(stream)
            await self._timeline.append([_record(partition, event) for event in events], now_ms)
        if self._listeners:
            self._tell(stream, events)

    async def events(
        self,
        account: str,
        region: str,
        group: str,
        streams: Sequence[str],
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        after: tuple[int, int] | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> list[StoredEvent]:
        """While storage refuses new events, only what was stored before."""
        await self.flush()
        records = await self._timeline.read(
            [_partition(StreamName(account, region, group, stream)) for stream in streams],
            start_ms=start_ms,
            end_ms=end_ms,
            after=after,
            newest_first=newest_first,
            limit=limit,
        )
        return [
            StoredEvent(
                stream=record.partition.rpartition(":")[2],
                seq=record.seq,
                time_ms=record.time_ms,
                ingested_ms=record.ingested_ms,
                message=record.payload.decode(),
            )
            for record in records
        ]

    def follow(self, account: str, region: str, group: str, listener: Listener) -> Callable[[], None]:
        place = (account, region, group)
        self._listeners.setdefault(place, []).append(listener)

        def stop() -> None:
            listeners = self._listeners.get(place, [])
            if listener in listeners:
                listeners.remove(listener)
            if not listeners:
                self._listeners.pop(place, None)

        return stop

    # Retention

    async def sweep(self) -> None:
        """Delete events older than their group's retention, and take stock of what is stored."""
        stored: dict[tuple[str, str, str], int] = {}
        for entry in await self._key_values.scan("logs/groups/"):
            group = _decode_group(entry.value)
            streams = await self._key_values.scan(_stream_key(StreamName(group.account, group.region, group.name, "")))
            partitions = [_partition_of(_decode_stream(stream.value)) for stream in streams]
            size = 0
            for start in range(0, len(partitions), SWEEP_BATCH):
                batch = partitions[start : start + SWEEP_BATCH]
                if group.retention_days is not None:
                    await self._timeline.trim(batch, int(self._now() * 1000) - group.retention_days * DAY_MS)
                size += sum(bounds[3] for bounds in (await self._timeline.bounds(batch)).values())
            stored[group.account, group.region, group.name] = size
        self._stored_bytes = stored


def _records(taken: dict[StreamName, StreamBuffer], now_ms: int) -> list[NewRecord]:
    records = []
    for stream, waiting in taken.items():
        partition = _partition(stream)
        records += [_record(partition, event) for event in waiting.to_store(now_ms)]
    return records


def _record(partition: str, event: LogEvent) -> NewRecord:
    # Text from a function may hold lone surrogates, which UTF-8 has no bytes for.
    return NewRecord(partition, event.time_ms, event.message.encode("utf-8", "replace"))


def _partition(name: StreamName) -> str:
    return f"{name.account}/{name.region}/{name.group}:{name.stream}"


def _partition_of(stream: Stream) -> str:
    return f"{stream.account}/{stream.region}/{stream.group}:{stream.name}"


def _group_key(account: str, region: str, name: str) -> str:
    return f"logs/groups/{account}/{region}/{name}"


def _stream_key(name: StreamName) -> str:
    return f"logs/streams/{_partition(name)}"
