"""The part of a queue that is in memory: what can be given out next, and what is leased. Pure; times are milliseconds.

A queue's messages are ordered by their key, (due, position). Every message below `edge` is in memory, and few above it: so
giving out costs the same however many wait. Of messages in memory the payload is kept only up to KEPT_BYTES.
"""

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import Struct

KEPT: Final = 1000
"""Messages that nobody has fetched yet and that stay in memory after they were appended."""
KEPT_BYTES: Final = 8 * 1024 * 1024
LOOKED_AT: Final = 120_000
"""Messages of one queue in memory at most. SQS, too, looks for groups that can be given out among so many only:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html"""


SLACK: Final = 1000
"""Of what a heap holds though it is gone; beyond it and half of the heap, the heap is made anew."""


class Key(NamedTuple):
    due_ms: int
    position: int
    time_ms: int


class Entry(Struct, gc=False, eq=False):
    position: int
    due_ms: int
    time_ms: int
    group: str | None
    deliveries: int
    first_ms: int
    header: bytes
    payload: bytes | None
    leased_until: int | None = None
    gone: bool = False
    """Acknowledged while it was ready: whoever comes across it passes over it."""

    @property
    def key(self) -> Key:
        return Key(self.due_ms, self.position, self.time_ms)


class _Group(Struct, eq=False):
    ready: list[tuple[int, int, Entry]]
    size: int = 0
    leased: int = 0


class Window:
    __slots__ = ("_available", "_ends", "_entries", "_groups", "_oldest", "_ready", "_serial", "bytes", "edge", "leased")

    def __init__(self, edge: Key | None = None) -> None:
        self.edge = edge
        """The first message that is not in memory may be this one, none before; None where all are."""
        self.leased = 0
        self.bytes = 0
        self._entries: dict[int, Entry] = {}
        self._ready: list[tuple[int, int, Entry]] = []
        self._groups: dict[str, _Group] = {}
        self._available: list[tuple[int, int, str]] = []
        """Groups that have something ready and nothing leased, by their first messages; and some that are not like that."""
        self._ends: list[tuple[int, int, Entry]] = []
        self._oldest: list[tuple[int, int]] = []
        self._serial = 0

    def __repr__(self) -> str:
        return f"<Window [{len(self) - self.leased} ready, {self.leased} leased] before {self.edge}>"

    def __len__(self) -> int:
        return len(self._entries)

    # What comes in

    def offer(self, entry: Entry, now: int) -> None:
        """A message that was just stored: taken in if nothing in storage comes before it and there is room."""
        if self.edge is not None and entry.key >= self.edge:
            return
        if entry.due_ms > now or len(self) - self.leased >= KEPT:
            self.edge = entry.key
        else:
            self._add(entry)

    def lacks(self, now: int) -> bool:
        """Something that is due is in storage only, and there is room for it."""
        return self.edge is not None and self.edge.due_ms <= now and len(self) < LOOKED_AT

    def load(self, entries: Iterable[Entry], asked: Key, edge: Key | None) -> None:
        """A page from storage: all that is due from `asked` on and before `edge`."""
        for entry in entries:
            if entry.position not in self._entries:
                self._add(entry)
        # Lowered meanwhile, by a message that was stored while the page was on its way: then that one is next.
        if self.edge is None or self.edge >= asked:
            self.edge = edge

    def _add(self, entry: Entry) -> None:
        self._entries[entry.position] = entry
        heapq.heappush(self._oldest, (entry.time_ms, entry.position))
        if len(self._oldest) > 2 * len(self._entries) + SLACK:
            self._oldest = sorted((each.time_ms, each.position) for each in self._entries.values())
        if entry.payload is not None:
            if self.bytes + len(entry.payload) > KEPT_BYTES:
                entry.payload = None
            else:
                self.bytes += len(entry.payload)
        if entry.group is not None:
            self._groups.setdefault(entry.group, _Group([])).size += 1
        self._push(entry)

    def _push(self, entry: Entry) -> None:
        item = (entry.due_ms, entry.position, entry)
        if entry.group is None:
            heapq.heappush(self._ready, item)
            return
        group = self._groups[entry.group]
        heapq.heappush(group.ready, item)
        if group.ready[0] is item:
            self._announce(entry.group, group)

    def _announce(self, name: str, group: _Group) -> None:
        while group.ready and group.ready[0][2].gone:
            heapq.heappop(group.ready)
        if group.ready and group.leased == 0:
            heapq.heappush(self._available, (*group.ready[0][:2], name))

    # What goes out

    @property
    def has_ready(self) -> bool:
        """Or something was, and is gone."""
        return bool(self._available or self._ready)

    def take(self, limit: int, now: int, lease_ms: int) -> list[tuple[Entry, bytes | None]]:
        """Leased with their payloads, as far as those are in memory. Of a group as many as fit come together."""
        taken: list[Entry] = []
        while len(taken) < limit:
            if self._available and (not self._ready or self._available[0][:2] < self._ready[0][:2]):
                self._take_group(*heapq.heappop(self._available), taken, limit)
            elif self._ready:
                entry = heapq.heappop(self._ready)[2]
                if not entry.gone:
                    taken.append(entry)
            else:
                break
        answers = []
        for entry in taken:
            entry.deliveries += 1
            entry.first_ms = entry.first_ms or now
            self.leased += 1
            self._end_at(entry, now + lease_ms)
            answers.append((entry, self._payload_of(entry)))
        return answers

    def _take_group(self, due: int, position: int, name: str, taken: list[Entry], limit: int) -> None:
        group = self._groups.get(name)
        if group is None or group.leased or not group.ready or group.ready[0][:2] != (due, position):
            return  # it was announced, and is not like that any more
        while group.ready and len(taken) < limit:
            entry = heapq.heappop(group.ready)[2]
            if not entry.gone:
                taken.append(entry)
                group.leased += 1

    def _payload_of(self, entry: Entry) -> bytes | None:
        payload, entry.payload = entry.payload, None
        self.bytes -= len(payload or b"")
        return payload

    # Leases

    def find(self, position: int) -> Entry | None:
        return self._entries.get(position)

    def held(self, position: int, now: int) -> Entry | None:
        entry = self._entries.get(position)
        return entry if entry is not None and entry.leased_until is not None and entry.leased_until > now else None

    def all_leased(self) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.leased_until is not None]

    def extend(self, position: int, now: int, lease_ms: int) -> bool:
        """False where it is not leased."""
        entry = self.held(position, now)
        if entry is not None:
            self._end_at(entry, now + lease_ms)
        return entry is not None

    def _end_at(self, entry: Entry, until: int) -> None:
        entry.leased_until = until
        self._serial += 1
        heapq.heappush(self._ends, (until, self._serial, entry))
        if len(self._ends) > 2 * self.leased + SLACK:
            self._ends = sorted(each for each in self._ends if each[2].leased_until == each[0] and not each[2].gone)

    def end_leases(self, now: int) -> list[Entry]:
        """Those that nobody acknowledged in time; they are ready again."""
        ended = []
        while self._ends and self._ends[0][0] <= now:
            until, _, entry = heapq.heappop(self._ends)
            if entry.leased_until == until and not entry.gone:
                entry.leased_until = None
                self._no_longer_leased(entry)
                self._push(entry)
                ended.append(entry)
        return ended

    def _no_longer_leased(self, entry: Entry) -> None:
        self.leased -= 1
        if entry.group is not None:
            group = self._groups[entry.group]
            group.leased -= 1
            self._announce(entry.group, group)

    def remove(self, position: int) -> None:
        entry = self._entries.pop(position, None)
        if entry is None:
            return
        entry.gone = True
        self._payload_of(entry)
        if entry.leased_until is not None:
            self._no_longer_leased(entry)
        if entry.group is not None:
            group = self._groups[entry.group]
            group.size -= 1
            if group.size == 0:
                del self._groups[entry.group]
            elif entry.leased_until is None:  # perhaps it was the first
                self._announce(entry.group, group)

    # What is to come

    def next_ms(self, now: int) -> int | None:
        """When something can become ready although nobody does anything."""
        while self._ends and (self._ends[0][2].gone or self._ends[0][2].leased_until != self._ends[0][0]):
            heapq.heappop(self._ends)
        times = [self._ends[0][0]] if self._ends else []
        if self.edge is not None and self.edge.due_ms > now:
            times.append(self.edge.due_ms)
        return min(times, default=None)

    def oldest_ms(self) -> int | None:
        """When the oldest message was sent, as far as that is known: storage is by due times."""
        while self._oldest and self._oldest[0][1] not in self._entries:
            heapq.heappop(self._oldest)
        times = [self._oldest[0][0]] if self._oldest else []
        if self.edge is not None:
            times.append(self.edge.time_ms)
        return min(times, default=None)
