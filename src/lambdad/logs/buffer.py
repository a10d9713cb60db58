"""Events that are written but not stored yet: bounded, in order within each stream."""

from collections import deque
from collections.abc import Iterable, Sequence

from lambdad.logs.api import LogEvent, May, StreamName, anything
from lambdad.logs.lines import LogsDropped, render

EVENT_OVERHEAD = 26
"""Bytes that CloudWatch Logs counts for each event besides its message:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""
MAX_EVENT = 1_048_576
"""Bytes of one event, its overhead included (the same page); longer messages become several events."""


class StreamBuffer:
    """One stream's waiting events. Sizes are counted in characters: exact enough for a bound, and free of encoding."""

    __slots__ = ("dropped", "dropped_size", "events", "may", "size")

    def __init__(self, may: May) -> None:
        self.may = may
        self.events: deque[LogEvent] = deque()
        self.size = 0
        self.dropped = 0
        self.dropped_size = 0

    def drop_oldest(self, excess: int) -> int:
        """Forget the oldest events until `excess` is gone or nothing is left; answers what was freed."""
        freed = 0
        while self.events and freed < excess:
            size = len(self.events.popleft().message) + EVENT_OVERHEAD
            freed += size
            self.dropped += 1
        self.size -= freed
        self.dropped_size += freed
        return freed

    def to_store(self, now_ms: int) -> Iterable[LogEvent]:
        """What goes into the stream: first the line about what was lost, then the events, too long ones in pieces."""
        if self.dropped:
            lost = LogsDropped("storage could not keep up", self.dropped, self.dropped_size)
            line = render(lost, time_ms=now_ms)
            if line is not None:
                yield LogEvent(self.events[0].time_ms if self.events else now_ms, line)
        for event in self.events:
            if (len(event.message) + EVENT_OVERHEAD) * 4 > MAX_EVENT:
                for piece in split(event.message):
                    yield LogEvent(event.time_ms, piece)
            else:
                yield event


class Buffer:
    """Every stream's waiting events, together at most `limit` (characters and overhead)."""

    __slots__ = ("count", "dropped", "limit", "size", "streams")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.streams: dict[StreamName, StreamBuffer] = {}
        self.count = 0
        """Events waiting."""
        self.size = 0
        self.dropped = 0
        """Events lost, ever."""

    def __repr__(self) -> str:
        return f"<Buffer {self.count} events of {len(self.streams)} streams, {self.size}/{self.limit} [{self.dropped} lost]>"

    def add(self, stream: StreamName, events: Sequence[LogEvent], may: May = anything) -> None:
        waiting = self.streams.get(stream)
        if waiting is None:
            waiting = self.streams[stream] = StreamBuffer(may)
        size = 0
        for event in events:
            size += len(event.message) + EVENT_OVERHEAD
        waiting.events.extend(events)
        waiting.size += size
        self.size += size
        self.count += len(events)
        if self.size > self.limit:
            self._make_room()

    def take(self) -> dict[StreamName, StreamBuffer]:
        """Everything, to be stored."""
        taken, self.streams = self.streams, {}
        self.size = self.count = 0
        return taken

    def put_back(self, taken: dict[StreamName, StreamBuffer]) -> None:
        """What could not be stored goes before what came meanwhile."""
        for stream, older in taken.items():
            newer = self.streams.get(stream)
            if newer is not None:
                older.events.extend(newer.events)
                older.size += newer.size
                older.dropped += newer.dropped
                older.dropped_size += newer.dropped_size
        self.streams = {**taken, **{stream: newer for stream, newer in self.streams.items() if stream not in taken}}
        self.size = sum(waiting.size for waiting in self.streams.values())
        self.count = sum(len(waiting.events) for waiting in self.streams.values())
        if self.size > self.limit:
            self._make_room()

    def forget(self, streams: Iterable[StreamName]) -> None:
        for stream in streams:
            waiting = self.streams.pop(stream, None)
            if waiting is not None:
                self.size -= waiting.size
                self.count -= len(waiting.events)

    def _make_room(self) -> None:
        """The loudest stream loses its oldest events, down to nine tenths of the limit, so that this is rare work."""
        target = self.limit - self.limit // 10
        while self.size > target:
            loudest = max(self.streams.values(), key=lambda waiting: waiting.size)
            before = len(loudest.events)
            self.size -= loudest.drop_oldest(self.size - target)
            lost = before - len(loudest.events)
            self.count -= lost
            self.dropped += lost


def split(message: str) -> list[str]:
    """The message in pieces that fit into one event each, never cut inside a character."""
    data = message.encode("utf-8", "replace")
    longest = MAX_EVENT - EVENT_OVERHEAD
    pieces = []
    start = 0
    while len(data) - start > longest:
        end = start + longest
        while data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end].decode())
        start = end
    pieces.append(data[start:].decode())
    return pieces
