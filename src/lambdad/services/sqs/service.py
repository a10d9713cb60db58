"""Amazon SQS as the edge sees it, operations by name; and as lambdad's own rooms use it, queues by ARN."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.domain.errors import PlatformError
from lambdad.services.sqs import access, errors
from lambdad.services.sqs.attributes import Queue
from lambdad.services.sqs.catalogue import Catalogue
from lambdad.services.sqs.messages import Value
from lambdad.services.sqs.meters import Meter, Meters
from lambdad.services.sqs.moves import Moves
from lambdad.services.sqs.queues import Queues
from lambdad.services.sqs.receiving import Receiving, show
from lambdad.services.sqs.sending import Sending
from lambdad.substrate.api import Counts, KeyValue
from lambdad.substrate.api import Queues as Store
from lambdad.wire.api import Handler

SWEEP: Final = 60.0
"""Seconds between two looks for messages that are too old."""

log = logging.getLogger(__name__)


class SqsService:
    """A `wire.api.Service`. `start` before, `close` after its use.

    `now`: epoch seconds; `new_id`: uuids; `url`: where lambdad listens; `run`: a number that no other start of lambdad has.
    """

    def __init__(
        self,
        key_values: KeyValue,
        store: Store,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        url: Callable[[], str],
        run: int,
    ) -> None:
        self._store = store
        self._catalogue = Catalogue(key_values, store, now)
        self._meters = Meters()
        self._queues = Queues(self._catalogue, store, self._meters, now, new_id, url)
        self._sending = Sending(self._catalogue, store, self._meters, now)
        self._receiving = Receiving(self._catalogue, store, self._meters, now, run)
        self._moves = Moves(self._catalogue, store, key_values, now, new_id)
        self._sweeper: asyncio.Task[None] | None = None
        queues, sending, receiving, moves = self._queues, self._sending, self._receiving, self._moves
        self._operations: Mapping[str, Handler] = {
            "CreateQueue": queues.create,
            "DeleteQueue": queues.delete,
            "GetQueueUrl": queues.get_url,
            "ListQueues": queues.list,
            "ListDeadLetterSourceQueues": queues.list_sources,
            "GetQueueAttributes": queues.get_attributes,
            "SetQueueAttributes": queues.set_attributes,
            "TagQueue": queues.tag,
            "UntagQueue": queues.untag,
            "ListQueueTags": queues.tags,
            "AddPermission": queues.add_permission,
            "RemovePermission": queues.remove_permission,
            "PurgeQueue": queues.purge,
            "SendMessage": sending.send,
            "SendMessageBatch": sending.send_batch,
            "ReceiveMessage": receiving.receive,
            "DeleteMessage": receiving.delete,
            "DeleteMessageBatch": receiving.delete_batch,
            "ChangeMessageVisibility": receiving.change,
            "ChangeMessageVisibilityBatch": receiving.change_batch,
            "StartMessageMoveTask": moves.begin,
            "ListMessageMoveTasks": moves.list,
            "CancelMessageMoveTask": moves.cancel,
        }

    def __repr__(self) -> str:
        return f"<SqsService {self._catalogue!r}>"

    async def start(self) -> None:
        await self._catalogue.start()
        await self._moves.start()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def stop(self) -> None:
        """End the long polls; to be called before the edge waits for its requests."""
        self._receiving.stop()

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
        await self._moves.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            try:
                await self._catalogue.sweep()
            except PlatformError as error:
                log.warning("Messages that are too old were not deleted: %s", error)

    @property
    def name(self) -> str:
        return "sqs"

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    def needs(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> Sequence[Need]:
        return access.needs(operation, caller, params)

    def resource_policy(self, need: Need) -> str | None:
        queue = self._catalogue.by_arn(need.resource)
        return None if queue is None else queue.settings.policy

    def report(self) -> Iterator[tuple[Queue, Meter, Counts]]:
        """Every queue, what happened in it since the start, and what is in it."""
        for queue in self._catalogue:
            yield queue, self._meters.of(queue), self._store.counts(queue.id)

    # For lambdad's own rooms. Each raises CallerError, e.g. QueueDoesNotExist.

    async def send(self, arn: str, body: str, attributes: Mapping[str, Value], sender: str, trace_id: str | None = None) -> str:
        """The message's id, when the message is on disk. `attributes`: type and value by name; `trace_id`: a trace header."""
        return await self._sending.put(self._queue(arn), body, dict(attributes), sender, trace_id)

    async def receive(self, arn: str, limit: int, wait: float) -> list[dict[str, Any]]:
        """Messages as ReceiveMessage answers them, with all attributes."""
        queue = self._queue(arn)
        found = await self._receiving.take(queue, limit, queue.settings.visibility, wait)
        return [show(queue, each, ["All"], ["All"]) for each in found]

    async def delete(self, arn: str, handles: Sequence[str]) -> int:
        """How many could not be deleted, e.g. because their handle has expired."""
        return await self._receiving.remove(self._queue(arn), handles)

    def change_visibility(self, arn: str, handle: str, seconds: int) -> None:
        self._receiving.hold(self._queue(arn), handle, seconds)

    def attributes(self, arn: str) -> dict[str, str]:
        return self._queues.attributes(self._queue(arn))

    def _queue(self, arn: str) -> Queue:
        queue = self._catalogue.by_arn(arn)
        if queue is None:
            raise errors.no_queue()
        return queue
