"""Queues in SQLite, with what is given out next in memory: fetching costs no transaction.

A page of messages is read by way of the writer thread, so that it falls between two commits, and what every commit did is told
here in their order: so `Window` knows what is in storage without looking.
"""

import asyncio
import heapq
import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from lambdad.domain.errors import PlatformError
from lambdad.substrate import queue_rows as rows
from lambdad.substrate.api import Counts, Delivery, NewMessage
from lambdad.substrate.database import Database
from lambdad.substrate.window import LOOKED_AT, Entry, Window

log = logging.getLogger(__name__)

SCHEMA: Final = rows.SCHEMA


class LocalQueues:
    """A `Queues` over an open Database with `SCHEMA`. `now`: epoch seconds. `start` before, `close` after its use."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._queues: dict[str, _Queue] = {}
        self._unnoted: dict[int, tuple[int, int, int]] = {}
        """Deliveries that ended without an acknowledgement and are to be written down."""
        self._noting: asyncio.Task[None] | None = None
        self._erasing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<LocalQueues {self._database!r} [{len(self._queues)} queues]>"

    async def start(self) -> None:
        now = self._ms()
        for found in await self._database.write(lambda connection: rows.open_all(connection, now)):
            self._queues[found.name] = _Queue(Window(found.first), found.total, _Delayed(found.delayed))
        self._erase()  # what a kill in the middle of it has left

    async def close(self) -> None:
        """What is leased was delivered: that is written down."""
        for state in self._queues.values():
            self._note(state.window.all_leased())
        if self._noting is not None:
            await self._noting
        if self._erasing is not None:  # goes on at the next start
            self._erasing.cancel()
            await asyncio.wait([self._erasing])

    def _ms(self) -> int:
        return round(self._now() * 1000)

    def _of(self, queue: str) -> "_Queue":
        state = self._queues.get(queue)
        if state is None:
            state = self._queues[queue] = _Queue(Window(), 0, _Delayed({}))
        return state

    # What comes in

    async def append(self, queue: str, messages: Sequence[NewMessage]) -> list[int]:
        now = self._ms()

        def job(connection: sqlite3.Connection) -> list[rows.Stored]:
            self._database.check_room(connection)
            return rows.append(connection, queue, messages, now)

        stored = await self._database.write(job, lambda stored: self._stored(queue, [each.entry for each in stored]))
        return [each.position for each in stored]

    def _stored(self, queue: str, entries: Sequence[Entry | None]) -> None:
        state, now = self._of(queue), self._ms()
        for entry in entries:
            if entry is not None:
                state.total += 1
                state.delayed.add(entry.due_ms, now)
                state.window.offer(entry, now)
        state.wake(now)

    # What goes out

    async def fetch(self, queue: str, limit: int, *, lease_ms: int, wait: float = 0.0) -> list[Delivery]:
        state, loop = self._of(queue), asyncio.get_running_loop()
        end = loop.time() + wait
        state.fetching += 1
        try:
            found = await self._take(queue, state, limit, lease_ms)
            while not found and (left := end - loop.time()) > 0:
                await state.arrival(left, self._ms)
                found = await self._take(queue, state, limit, lease_ms)
            return found
        finally:
            state.fetching -= 1

    async def _take(self, queue: str, state: "_Queue", limit: int, lease_ms: int) -> list[Delivery]:
        now = self._ms()
        self._note(state.window.end_leases(now))
        taken = state.window.take(limit, now, lease_ms)
        while len(taken) < limit and state.window.lacks(now):
            async with state.loading:
                await self._load(queue, state, now)
            taken += state.window.take(limit - len(taken), now, lease_ms)
        state.wake(now)
        missing = [entry.position for entry, payload in taken if payload is None]
        read = await self._database.read(lambda connection: rows.payloads(connection, missing)) if missing else {}
        return [
            Delivery(entry.position, entry.time_ms, entry.group, entry.header, found, entry.deliveries, entry.first_ms)
            for entry, payload in taken
            if (found := read.get(entry.position) if payload is None else payload) is not None
        ]

    async def _load(self, queue: str, state: "_Queue", now: int) -> None:
        start = state.window.edge
        if start is None or not state.window.lacks(now):  # somebody else has loaded it meanwhile
            return
        room = min(rows.PAGE, LOOKED_AT - len(state.window))
        await self._database.write(
            lambda connection: rows.page(connection, queue, start, now, room),
            lambda page: state.window.load(page.entries, start, page.edge),
        )

    # Leases

    def extend(self, queue: str, position: int, lease_ms: int) -> bool:
        state, now = self._of(queue), self._ms()
        extended = state.window.extend(position, now, lease_ms)
        self._note(state.window.end_leases(now))
        state.wake(now)
        return extended

    def held(self, queue: str, position: int) -> int | None:
        window = self._of(queue).window
        entry = window.find(position)
        if entry is None or not entry.deliveries:
            return None
        return entry.deliveries if window.held(position, self._ms()) else 0

    def _note(self, ended: Sequence[Entry]) -> None:
        """Write down, some time, how often they were delivered. Nobody waits for it: a crash may forget a delivery."""
        for entry in ended:
            self._unnoted[entry.position] = (entry.deliveries, entry.first_ms, entry.position)
        if self._unnoted and (self._noting is None or self._noting.done()):
            self._noting = asyncio.get_running_loop().create_task(self._write_notes())

    async def _write_notes(self) -> None:
        while self._unnoted:
            notes, self._unnoted = list(self._unnoted.values()), {}
            try:
                await self._database.write(lambda connection, notes=notes: rows.note(connection, notes))  # type: ignore[misc]
            except PlatformError as error:
                log.warning("The number of deliveries of %d messages is not on disk: %s", len(notes), error)

    # What ends it

    async def ack(self, queue: str, positions: Sequence[int]) -> None:
        await self._database.write(
            lambda connection: rows.delete(connection, queue, positions), lambda gone: self._deleted(queue, gone)
        )

    def _deleted(self, queue: str, gone: dict[int, int]) -> None:
        state, now = self._of(queue), self._ms()
        state.total -= len(gone)
        for position, due_ms in gone.items():
            state.delayed.remove(due_ms, now)
            state.window.remove(position)
        state.wake(now)

    async def retry(self, queue: str, position: int, due_ms: int, header: bytes) -> bool:
        state = self._of(queue)
        before = state.window.held(position, self._ms())
        if before is None:
            return False
        if before.group is not None:
            raise ValueError("a message of a group keeps its place")
        changed = Entry(position, due_ms, before.time_ms, None, before.deliveries, before.first_ms, header, None)

        def done(there: bool) -> None:
            if there:
                now = self._ms()
                state.window.remove(position)
                state.delayed.add(due_ms, now)
                state.window.offer(changed, now)
                state.wake(now)

        return await self._database.write(lambda connection: rows.retry(connection, queue, changed), done)

    async def move(self, queue: str, positions: Sequence[int], to: str, messages: Sequence[NewMessage]) -> list[int | None]:
        now = self._ms()

        def job(connection: sqlite3.Connection) -> tuple[dict[int, int], list[rows.Stored | None]]:
            gone = rows.delete(connection, queue, positions)
            stored: list[rows.Stored | None] = []
            for position, message in zip(positions, messages, strict=True):
                stored.append(rows.append(connection, to, [message], now)[0] if position in gone else None)
            return gone, stored

        def done(answer: tuple[dict[int, int], list[rows.Stored | None]]) -> None:
            self._deleted(queue, answer[0])
            self._stored(to, [each.entry for each in answer[1] if each is not None])

        _, stored = await self._database.write(job, done)
        return [None if each is None else each.position for each in stored]

    async def trim(self, queue: str, before_ms: int) -> int:
        def job(connection: sqlite3.Connection) -> dict[int, int]:
            return rows.delete(connection, queue, rows.older(connection, queue, before_ms))

        trimmed = 0
        while gone := await self._database.write(job, lambda gone: self._deleted(queue, gone)):
            trimmed += len(gone)
        return trimmed

    async def purge(self, queue: str) -> None:
        await self._database.write(lambda connection: rows.purge(connection, queue), lambda _: self._purged(queue))
        self._erase()

    def _purged(self, queue: str) -> None:
        state = self._of(queue)
        state.window, state.total, state.delayed = Window(), 0, _Delayed({})
        if not state.fetching:
            del self._queues[queue]

    def _erase(self) -> None:
        if self._erasing is None or self._erasing.done():
            self._erasing = asyncio.get_running_loop().create_task(self._erase_purged())

    async def _erase_purged(self) -> None:
        try:
            while await self._database.write(rows.erase_purged):
                pass
            while await self._database.write(rows.give_space_back):
                pass
        except PlatformError as error:  # tried again at the next purge, and at the next start
            log.warning("Purged messages still take space: %s", error)

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name, state in self._queues.items() if state.total and name.startswith(prefix))

    def counts(self, queue: str) -> Counts:
        state, now = self._of(queue), self._ms()
        self._note(state.window.end_leases(now))
        leased = state.window.leased
        delayed = min(state.delayed.count(now), state.total - len(state.window))
        return Counts(state.total - leased - delayed, leased, delayed, state.window.oldest_ms() if state.total else None)


class _Queue:
    """One queue, and who waits for its messages."""

    __slots__ = ("_timer", "delayed", "fetching", "loading", "total", "waiting", "window")

    def __init__(self, window: Window, total: int, delayed: "_Delayed") -> None:
        self.window = window
        self.total = total
        """Messages in storage."""
        self.delayed = delayed
        self.loading = asyncio.Lock()
        self.fetching = 0
        self.waiting: dict[asyncio.Future[None], None] = {}
        self._timer: tuple[int, asyncio.TimerHandle] | None = None

    async def arrival(self, seconds: float, ms: Callable[[], int]) -> None:
        """Returns when there may be something, or after so long. One of those who wait is told, in their order."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self.waiting[waiter] = None
        self._wait_for_time(ms)
        timer = loop.call_later(seconds, _settle, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            self.wake(ms())  # it may have been told already, and then the next one is to know
            raise
        finally:
            timer.cancel()
            self.waiting.pop(waiter, None)
            if not self.waiting and self._timer is not None:
                self._timer[1].cancel()
                self._timer = None

    def wake(self, now: int) -> None:
        """Something may be ready."""
        if self.waiting:
            if self.window.has_ready or self.window.lacks(now):
                _settle(next(iter(self.waiting)))
            self._wait_for_time(lambda: now)

    def _wait_for_time(self, ms: Callable[[], int]) -> None:
        """Wake when a lease ends, or the next message becomes due."""
        now = ms()
        at = self.window.next_ms(now)
        if at is None or (self._timer is not None and self._timer[0] <= at):
            return
        if self._timer is not None:
            self._timer[1].cancel()
        handle = asyncio.get_running_loop().call_later(max(0, at - now) / 1000, self._time_has_come)
        self._timer = (at, handle)

    def _time_has_come(self) -> None:
        self._timer = None
        if self.waiting:
            _settle(next(iter(self.waiting)))


def _settle(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class _Delayed:
    """How many messages are not due yet, by the second in which they will be."""

    __slots__ = ("_by_second", "_seconds", "_total")

    def __init__(self, by_second: dict[int, int]) -> None:
        self._by_second = by_second
        self._seconds = sorted(by_second)
        self._total = sum(by_second.values())

    def add(self, due_ms: int, now: int) -> None:
        if due_ms > now:
            second = due_ms // 1000
            if second not in self._by_second:
                heapq.heappush(self._seconds, second)
            self._by_second[second] = self._by_second.get(second, 0) + 1
            self._total += 1

    def remove(self, due_ms: int, now: int) -> None:
        if due_ms > now and self._by_second.get(due_ms // 1000):
            self._by_second[due_ms // 1000] -= 1
            self._total -= 1

    def count(self, now: int) -> int:
        while self._seconds and (self._seconds[0] + 1) * 1000 <= now:
            self._total -= self._by_second.pop(heapq.heappop(self._seconds))
        return self._total
