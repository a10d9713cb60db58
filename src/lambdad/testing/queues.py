"""Queues in memory, told plainly: a list that is looked through from its beginning."""

import asyncio
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from lambdad.substrate.api import ONCE_MS, Counts, Delivery, NewMessage, StorageFull


class _Message(Struct, eq=False):
    position: int
    new: NewMessage
    number: int = 0
    first_ms: int = 0
    leased_until: int = 0

    def delivery(self) -> Delivery:
        new = self.new
        return Delivery(self.position, new.time_ms, new.group, new.header, new.payload, self.number, self.first_ms)


class MemoryQueues:
    """A `Queues`. `full = True` makes whatever stores something raise StorageFull."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.full = False
        self._now = now
        self._position = 0
        self._queues: dict[str, list[_Message]] = {}
        self._once: dict[tuple[str, str], tuple[int, int]] = {}
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<MemoryQueues [{len(self._queues)} queues]>"

    def _ms(self) -> int:
        return round(self._now() * 1000)

    def _change(self) -> None:
        """Whoever waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _find(self, queue: str, position: int) -> _Message | None:
        return next((each for each in self._queues.get(queue, ()) if each.position == position), None)

    async def append(self, queue: str, messages: Sequence[NewMessage]) -> list[int]:
        if self.full and messages:
            raise StorageFull
        positions = [self._append(queue, message) for message in messages]
        self._change()
        return positions

    def _append(self, queue: str, message: NewMessage) -> int:
        now, held = self._ms(), self._queues.setdefault(queue, [])
        if message.once is not None:
            position, until = self._once.get((queue, message.once), (0, 0))
            if until > now:
                return position
        if message.group is not None:
            message = replace(message, due_ms=max([message.due_ms, *(each.new.due_ms for each in held)]))
        self._position += 1
        held.append(_Message(self._position, message))
        if message.once is not None:
            self._once[(queue, message.once)] = (self._position, now + ONCE_MS)
        return self._position

    async def fetch(self, queue: str, limit: int, *, lease_ms: int, wait: float = 0.0) -> list[Delivery]:
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        while not (found := self._take(queue, limit, lease_ms)) and (left := end - loop.time()) > 0:
            changed = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait([changed], timeout=min(left, self._until_next(queue)))
            finally:
                changed.cancel()
        return found

    def _take(self, queue: str, limit: int, lease_ms: int) -> list[Delivery]:
        now, held = self._ms(), self._queues.get(queue, [])
        blocked = {each.new.group for each in held if each.leased_until > now} - {None}
        ready = [each for each in held if each.new.due_ms <= now >= each.leased_until and each.new.group not in blocked]
        ready.sort(key=lambda each: (each.new.due_ms, each.position))
        firsts = {each.new.group: number for number, each in reversed(list(enumerate(ready)))}
        order = {
            each.position: number if each.new.group is None else firsts[each.new.group] for number, each in enumerate(ready)
        }
        ready.sort(key=lambda each: order[each.position])
        taken = ready[:limit]
        for each in taken:
            each.number += 1
            each.first_ms = each.first_ms or now
            each.leased_until = now + lease_ms
        return [each.delivery() for each in taken]

    def _until_next(self, queue: str) -> float:
        now = self._ms()
        times = [max(each.new.due_ms, each.leased_until) for each in self._queues.get(queue, ())]
        return min((time - now for time in times if time > now), default=10**9) / 1000

    def extend(self, queue: str, position: int, lease_ms: int) -> bool:
        if not self.held(queue, position):
            return False
        message = self._find(queue, position)
        assert message is not None
        message.leased_until = self._ms() + lease_ms
        self._change()
        return True

    def held(self, queue: str, position: int) -> int | None:
        message = self._find(queue, position)
        if message is None or not message.number:
            return None
        return message.number if message.leased_until > self._ms() else 0

    async def ack(self, queue: str, positions: Sequence[int]) -> None:
        gone = set(positions)
        self._queues[queue] = [each for each in self._queues.get(queue, []) if each.position not in gone]
        self._change()

    async def retry(self, queue: str, position: int, due_ms: int, header: bytes) -> bool:
        message = self._find(queue, position)
        if message is None or message.leased_until <= self._ms():
            return False
        if message.new.group is not None:
            raise ValueError("a message of a group keeps its place")
        message.new = replace(message.new, due_ms=due_ms, header=header)
        message.leased_until = 0
        self._change()
        return True

    async def move(self, queue: str, positions: Sequence[int], to: str, messages: Sequence[NewMessage]) -> list[int | None]:
        if self.full and messages:
            raise StorageFull
        there = [self._find(queue, position) is not None for position in positions]
        await self.ack(queue, positions)
        moved = [self._append(to, new) if found else None for found, new in zip(there, messages, strict=True)]
        self._change()
        return moved

    async def trim(self, queue: str, before_ms: int) -> int:
        old = [each.position for each in self._queues.get(queue, ()) if each.new.time_ms < before_ms]
        await self.ack(queue, old)
        return len(old)

    async def purge(self, queue: str) -> None:
        self._queues.pop(queue, None)
        self._change()

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name, held in self._queues.items() if held and name.startswith(prefix))

    def counts(self, queue: str) -> Counts:
        now, held = self._ms(), self._queues.get(queue, [])
        leased = sum(each.leased_until > now for each in held)
        delayed = sum(each.new.due_ms > now for each in held)
        return Counts(len(held) - leased - delayed, leased, delayed, min((each.new.time_ms for each in held), default=None))
