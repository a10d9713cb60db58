"""Redrive: tasks that move what is in a dead-letter queue back to where it came from, or to another queue."""

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from lambdad.domain.caller import Caller
from lambdad.domain.errors import PlatformError
from lambdad.services.sqs import errors, machine, messages
from lambdad.services.sqs.attributes import Queue
from lambdad.services.sqs.catalogue import Catalogue
from lambdad.substrate.api import Change, Delivery, KeyValue
from lambdad.substrate.api import Queues as Store

log = logging.getLogger(__name__)

PREFIX: Final = "sqs/moves/"
KEPT: Final = 10
"""Tasks of one source that are listed."""
FASTEST: Final = 500
"""Messages per second that can be asked for."""
AT_ONCE: Final = 10
LEASE_MS: Final = 30_000
NO_QUEUE: Final = str(errors.no_queue().members["query_error"])
"""As a task's FailureReason."""

_encode = msgspec.json.Encoder().encode


class Task(Struct):
    id: str
    source: str
    destination: str | None
    rate: int | None
    """Messages per second; None: as fast as it goes."""
    started_ms: int
    to_move: int
    moved: int = 0
    status: str = "RUNNING"
    failure: str | None = None


_decode = msgspec.json.Decoder(Task).decode


class Moves:
    """`now`: epoch seconds; `new_id`: uuids. `start` takes up what a stop has interrupted."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        key_values: KeyValue,
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._key_values = key_values
        self._now = now
        self._new_id = new_id
        self._tasks: dict[str, list[Task]] = {}
        """By source ARN, the oldest first."""
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        found = [_decode(entry.value) for entry in await self._key_values.scan(PREFIX)]
        for task in sorted(found, key=lambda task: task.started_ms):
            self._tasks.setdefault(task.source, []).append(task)
            if task.status in ("RUNNING", "CANCELLING"):
                self._run(task)

    async def close(self) -> None:
        for running in self._running:
            running.cancel()
        if self._running:
            await asyncio.wait(self._running)

    # Operations

    async def begin(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        source, destination = self._source(params), params.get("DestinationArn")
        rate = params.get("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= rate <= FASTEST:
            raise errors.invalid_value(rate, "MaxNumberOfMessagesPerSecond", f"Must be between 1 and {FASTEST}, if provided.")
        if not self._catalogue.sources_of(source):
            raise errors.invalid("Source queue must be configured as a Dead Letter Queue.")
        if destination is not None:
            target = self._catalogue.by_arn(destination)
            if target is None:
                raise errors.no_resource("DestinationArn")
            if target.settings.fifo != source.settings.fifo:
                raise errors.invalid("Source queue and destination queue must be of the same type.")
        tasks = self._tasks.setdefault(source.arn, [])
        if any(task.status in ("RUNNING", "CANCELLING") for task in tasks):
            raise errors.invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
            )
        count = self._store.counts(source.id)
        task = Task(self._new_id(), source.arn, destination, rate, round(self._now() * 1000), count.ready)
        tasks.append(task)
        await self._write(task)
        for old in tasks[:-KEPT]:
            tasks.remove(old)
            await self._key_values.commit([Change(_key(old), None)])
        self._run(task)
        return {"TaskHandle": _handle(task)}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        source, limit = self._source(params), params.get("MaxResults")
        if limit is not None and not 1 <= limit <= KEPT:
            raise errors.invalid_value(limit, "MaxResults", f"Must be between 1 and {KEPT}, if provided.")
        tasks = self._tasks.get(source.arn, [])[::-1][: limit or 1]
        return {"Results": [_shown(task) for task in tasks]}

    async def cancel(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        identifier, source = _parse_handle(params.get("TaskHandle"))
        if self._catalogue.by_arn(source) is None:
            raise errors.no_resource("SourceArn")
        task = next((each for each in self._tasks.get(source, ()) if each.id == identifier), None)
        if task is None:
            raise errors.not_found("Task does not exist.")
        if task.status != "RUNNING":
            raise errors.unsupported("Only active tasks can be cancelled.")
        task.status = "CANCELLING"
        await self._write(task)
        return {"ApproximateNumberOfMessagesMoved": task.moved}

    def _source(self, params: dict[str, Any]) -> Queue:
        arn = params.get("SourceArn")
        if not arn:
            raise errors.missing("SourceArn")
        queue = self._catalogue.by_arn(arn)
        if queue is None:
            raise errors.no_resource("SourceArn")
        return queue

    # The work

    def _run(self, task: Task) -> None:
        running = asyncio.get_running_loop().create_task(self._work(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _work(self, task: Task) -> None:
        try:
            task.status, task.failure = await self._move_all(task)
        except PlatformError as error:
            log.warning("The message move task %s of %s failed: %s", task.id, task.source, error)
            task.status, task.failure = "FAILED", error.code
        await self._write(task)

    async def _move_all(self, task: Task) -> tuple[str, str | None]:
        """Until nothing is left, or it is cancelled, or there is nowhere to put it. Answers status and reason of failure."""
        while task.status == "RUNNING":
            source = self._catalogue.by_arn(task.source)
            if source is None:
                return "FAILED", NO_QUEUE
            limit = 1 if task.rate else AT_ONCE
            found = await self._store.fetch(source.id, limit, lease_ms=LEASE_MS)
            if not found:
                return "COMPLETED", None
            for number, delivery in enumerate(found):
                failure = await self._move(task, source, delivery)
                if failure is not None:
                    for each in found[number:]:
                        self._store.extend(source.id, each.position, 0)
                    return "FAILED", failure
            if task.rate:
                await asyncio.sleep(1 / task.rate)
        return "CANCELLED", None

    async def _move(self, task: Task, source: Queue, delivery: Delivery) -> str | None:
        """Why it could not be moved."""
        message = messages.decode(delivery.payload)
        arn = task.destination or message.source
        if arn is None:
            return "CouldNotDetermineMessageSource"
        target = self._catalogue.by_arn(arn)
        if target is None:
            return NO_QUEUE
        redriven = machine.redriven(message, target, round(self._now() * 1000))
        (position,) = await self._store.move(source.id, [delivery.position], target.id, [redriven])
        task.moved += position is not None
        return None

    async def _write(self, task: Task) -> None:
        await self._key_values.commit([Change(_key(task), _encode(task))])


def _key(task: Task) -> str:
    return f"{PREFIX}{task.id}"


def _handle(task: Task) -> str:
    return base64.b64encode(json.dumps({"taskId": task.id, "sourceArn": task.source}).encode()).decode()


def _parse_handle(text: object) -> tuple[str, str]:
    if not isinstance(text, str) or not text:
        raise errors.missing("TaskHandle")
    try:
        found = json.loads(base64.b64decode(text, validate=True))
        return str(found["taskId"]), str(found["sourceArn"])
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        raise errors.invalid("Value for parameter TaskHandle is invalid.") from None


def _shown(task: Task) -> dict[str, Any]:
    """The handle only as long as it is good for something, as on AWS."""
    return {
        "TaskHandle": _handle(task) if task.status == "RUNNING" else None,
        "Status": task.status,
        "SourceArn": task.source,
        "DestinationArn": task.destination,
        "MaxNumberOfMessagesPerSecond": task.rate,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "FailureReason": task.failure,
        "StartedTimestamp": task.started_ms,
    }
