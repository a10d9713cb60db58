"""Which queues there are: in memory, and in the key-value store, where it is told first."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from lambdad.domain.caller import Caller
from lambdad.services.sqs import errors
from lambdad.services.sqs.attributes import Queue
from lambdad.services.sqs.names import QueueName, parse_arn, parse_url
from lambdad.substrate.api import Change, KeyValue, Queues

PREFIX: Final = "sqs/queues/"
FORGOTTEN_AFTER: Final = 60.0
"""Seconds in which the name of a deleted queue can't be used again."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Queue).decode


class Catalogue:
    """`now`: epoch seconds."""

    def __init__(self, key_values: KeyValue, store: Queues, now: Callable[[], float]) -> None:
        self._key_values = key_values
        self._store = store
        self._now = now
        self._queues: dict[QueueName, Queue] = {}
        self._deleted: dict[QueueName, float] = {}
        self.turn = asyncio.Lock()
        """Held by whoever changes a queue: it is read, changed and written back."""

    def __repr__(self) -> str:
        return f"<Catalogue [{len(self._queues)} queues]>"

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues.values())

    async def start(self) -> None:
        for entry in await self._key_values.scan(PREFIX):
            queue = _decode(entry.value)
            self._queues[_name(queue)] = queue

    def get(self, name: QueueName) -> Queue | None:
        return self._queues.get(name)

    def by_arn(self, arn: object) -> Queue | None:
        name = parse_arn(arn)
        return None if name is None else self._queues.get(name)

    def by_url(self, caller: Caller, url: object) -> Queue:
        if not isinstance(url, str) or not url:
            raise errors.missing("QueueUrl")
        queue = self._queues.get(parse_url(url, caller.region))
        if queue is None:
            raise errors.no_queue()
        return queue

    def target_of(self, queue: Queue) -> Queue | None:
        """Its dead-letter queue, if that exists."""
        return None if queue.settings.redrive is None else self.by_arn(queue.settings.redrive.target)

    def sources_of(self, queue: Queue) -> list[Queue]:
        """The queues whose dead-letter queue it is, by name."""
        arn = queue.arn
        found = [each for each in self if each.settings.redrive is not None and each.settings.redrive.target == arn]
        return sorted(found, key=lambda each: each.name)

    def check_new(self, name: QueueName) -> None:
        """Raises CallerError for the name of a queue that was deleted a moment ago."""
        now = self._now()
        self._deleted = {each: until for each, until in self._deleted.items() if until > now}
        if name in self._deleted:
            raise errors.deleted_recently()

    async def put(self, queue: Queue) -> None:
        await self._key_values.commit([Change(_key(queue), _encode(queue))])
        self._queues[_name(queue)] = queue

    async def delete(self, queue: Queue) -> None:
        await self._store.purge(queue.id)
        await self._key_values.commit([Change(_key(queue), None)])
        self._queues.pop(_name(queue), None)
        self._deleted[_name(queue)] = self._now() + FORGOTTEN_AFTER
        await self._store.purge(queue.id)  # of what was sent meanwhile

    async def sweep(self) -> None:
        """Messages that are older than their queue keeps them go."""
        for queue in list(self):
            before, oldest = round(1000 * (self._now() - queue.settings.retention)), self._store.counts(queue.id).oldest_ms
            if oldest is not None and oldest < before:
                await self._store.trim(queue.id, before)


def _name(queue: Queue) -> QueueName:
    return QueueName(queue.account, queue.region, queue.name)


def _key(queue: Queue) -> str:
    return f"{PREFIX}{queue.account}/{queue.region}/{queue.name}"
