"""ReceiveMessage, DeleteMessage, ChangeMessageVisibility and their batches."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.services.sqs import errors, machine, messages
from lambdad.services.sqs.attributes import Queue
from lambdad.services.sqs.batches import entries
from lambdad.services.sqs.catalogue import Catalogue
from lambdad.services.sqs.messages import Message
from lambdad.services.sqs.meters import Meters
from lambdad.substrate.api import Delivery
from lambdad.substrate.api import Queues as Store

MOST: Final = 10
"""Messages of one receive."""
LONGEST_WAIT: Final = 20
LONGEST_VISIBILITY: Final = 43_200
ATTEMPT_MS: Final = 300_000
"""For how long a receive of a FIFO queue can be asked for again."""


class Received(Struct, frozen=True):
    delivery: Delivery
    message: Message
    handle: str


class _Attempt(Struct, frozen=True):
    until_ms: int
    messages: Sequence[Received]


class Receiving:
    """`now`: epoch seconds; `run`: a number that no other start of lambdad has."""

    def __init__(self, catalogue: Catalogue, store: Store, meters: Meters, now: Callable[[], float], run: int) -> None:
        self._catalogue = catalogue
        self._store = store
        self._meters = meters
        self._now = now
        self._run = run
        self._attempts: dict[tuple[str, str], _Attempt] = {}
        self._polls: set[asyncio.Task[list[Delivery]]] = set()
        self._stopping = asyncio.Event()

    def _ms(self) -> int:
        return round(self._now() * 1000)

    def stop(self) -> None:
        """Nobody waits for messages any more."""
        self._stopping.set()
        for poll in self._polls:
            poll.cancel()

    # Receive

    async def receive(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        limit = _within(params, "MaxNumberOfMessages", 1, 1, MOST, "Must be between 1 and 10, if provided.")
        wait = _within(params, "WaitTimeSeconds", queue.settings.wait, 0, LONGEST_WAIT, "Must be >= 0 and <= 20, if provided.")
        visibility = _visibility(params, queue.settings.visibility)
        attempt = params.get("ReceiveRequestAttemptId")
        if attempt is None or not queue.settings.fifo:
            found: Sequence[Received] = await self.take(queue, limit, visibility, wait)
        else:
            messages.check_token("ReceiveRequestAttemptId", attempt)
            found = await self._take_once(queue, attempt, limit, visibility, wait)
        system = [*(params.get("MessageSystemAttributeNames") or ()), *(params.get("AttributeNames") or ())]
        user = [each for each in params.get("MessageAttributeNames") or () if each is not None]
        # Absent where there are none, as on AWS.
        return {"Messages": [show(queue, each, system, user) for each in found]} if found else {}

    async def take(self, queue: Queue, limit: int, visibility: int, wait: float) -> list[Received]:
        """Messages that are to be delivered: those that were too old or received too often go where they belong."""
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        room = machine.IN_FLIGHT - self._store.counts(queue.id).leased
        if room <= 0:
            if not wait and not queue.settings.fifo:
                raise errors.over_limit("The maximum number of in flight messages is reached.")
            await asyncio.sleep(wait)
            return []
        while True:
            left = max(0.0, end - loop.time())
            deliveries = await self._poll(queue, min(limit, room), 1000 * visibility, left)
            found = await self._sort_out(queue, deliveries)
            if found or not deliveries:
                self._meters.of(queue).received += len(found)
                return found

    async def _poll(self, queue: Queue, limit: int, lease_ms: int, wait: float) -> list[Delivery]:
        found = await self._store.fetch(queue.id, limit, lease_ms=lease_ms)
        if found or wait <= 0 or self._stopping.is_set():
            return found
        poll = asyncio.get_running_loop().create_task(self._store.fetch(queue.id, limit, lease_ms=lease_ms, wait=wait))
        self._polls.add(poll)
        poll.add_done_callback(self._polls.discard)
        try:
            return await poll
        except asyncio.CancelledError:
            if self._stopping.is_set():
                return []
            raise

    async def _sort_out(self, queue: Queue, deliveries: Sequence[Delivery]) -> list[Received]:
        now, target = self._ms(), self._catalogue.target_of(queue)
        found = []
        for delivery in deliveries:
            message = messages.decode(delivery.payload)
            match machine.verdict(delivery, queue, target is not None, now):
                case "deliver":
                    receipt = machine.Receipt(self._run, delivery.position, delivery.number, now)
                    found.append(Received(delivery, message, machine.handle(queue, receipt)))
                case "expired":
                    await self._store.ack(queue.id, [delivery.position])
                case "exhausted":
                    assert target is not None
                    buried = machine.buried(message, delivery, queue, target, now)
                    await self._store.move(queue.id, [delivery.position], target.id, [buried])
        return found

    async def _take_once(self, queue: Queue, attempt: str, limit: int, visibility: int, wait: float) -> Sequence[Received]:
        """The same messages and handles as five minutes ago, as long as nobody did anything to them."""
        now = self._ms()
        while self._attempts and (first := next(iter(self._attempts))) and self._attempts[first].until_ms <= now:
            del self._attempts[first]
        key = (queue.id, attempt)
        earlier = self._attempts.get(key)
        if earlier is not None and all(
            self._store.held(queue.id, each.delivery.position) == each.delivery.number for each in earlier.messages
        ):
            for each in earlier.messages:
                self._store.extend(queue.id, each.delivery.position, 1000 * visibility)
            return earlier.messages
        found = await self.take(queue, limit, visibility, wait)
        self._attempts.pop(key, None)
        if found:
            self._attempts[key] = _Attempt(self._ms() + ATTEMPT_MS, found)
        return found

    def _touched(self, queue: Queue, position: int) -> None:
        for key, attempt in list(self._attempts.items()):
            if key[0] == queue.id and any(each.delivery.position == position for each in attempt.messages):
                del self._attempts[key]

    # Delete

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        await self._ack(queue, [self._deletable(queue, params.get("ReceiptHandle"))])
        return {}

    async def delete_batch(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        positions, successful, failed = [], [], []
        for each in entries(params, "DeleteMessageBatchRequestEntry"):
            try:
                positions.append(self._deletable(queue, each.get("ReceiptHandle")))
                successful.append({"Id": each["Id"]})
            except CallerError as error:
                failed.append(errors.entry(each["Id"], error))
        await self._ack(queue, positions)
        return {"Successful": successful, "Failed": failed}

    async def remove(self, queue: Queue, handles: Sequence[str]) -> int:
        """For lambdad's own rooms; answers how many could not be deleted, e.g. because their handle has expired."""
        positions = []
        for handle in handles:
            with contextlib.suppress(CallerError):
                positions.append(self._deletable(queue, handle))
        await self._ack(queue, positions)
        return len(handles) - len(positions)

    def _deletable(self, queue: Queue, handle: object) -> int:
        receipt = machine.parse_handle(queue, handle)
        held = self._store.held(queue.id, receipt.position)
        if not machine.may_delete(queue, receipt, held, self._run):
            raise errors.invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
        return receipt.position

    async def _ack(self, queue: Queue, positions: Sequence[int]) -> None:
        if positions:
            await self._store.ack(queue.id, positions)
            self._meters.of(queue).deleted += len(positions)
            for position in positions:
                self._touched(queue, position)

    # Visibility

    async def change(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        self._change(queue, params)
        return {}

    async def change_batch(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        successful, failed = [], []
        for each in entries(params, "ChangeMessageVisibilityBatchRequestEntry"):
            try:
                self._change(queue, each)
                successful.append({"Id": each["Id"]})
            except CallerError as error:
                failed.append(errors.entry(each["Id"], error))
        return {"Successful": successful, "Failed": failed}

    def _change(self, queue: Queue, params: dict[str, Any]) -> None:
        seconds = _visibility(params, None)
        self.hold(queue, params.get("ReceiptHandle"), seconds)

    def hold(self, queue: Queue, handle: object, seconds: int) -> None:
        receipt = machine.parse_handle(queue, handle)
        held = self._store.held(queue.id, receipt.position)
        if machine.check_visibility_change(queue, str(handle), receipt, held, self._run, seconds, self._ms()):
            self._store.extend(queue.id, receipt.position, 1000 * seconds)
            self._touched(queue, receipt.position)


def show(queue: Queue, received: Received, system: Sequence[str], user: Sequence[str]) -> dict[str, Any]:
    """The message as the API has it; `system` and `user`: which attributes are asked for."""
    message, delivery = received.message, received.delivery
    shown: dict[str, Any] = {
        "MessageId": machine.message_id(queue, message, delivery.position),
        "ReceiptHandle": received.handle,
        "MD5OfBody": message.md5,
        "Body": message.body,
    }
    sequence = machine.sequence_number(queue, delivery.position)
    if system and (values := messages.chosen(system, messages.system_attributes(message, delivery, sequence))):
        shown["Attributes"] = values
    if user and (attributes := messages.chosen_attributes(user, message.attributes)):
        shown["MessageAttributes"] = {name: messages.shown_attribute(value) for name, value in attributes.items()}
        shown["MD5OfMessageAttributes"] = messages.attributes_md5(attributes)
    return shown


def _within(params: dict[str, Any], name: str, default: int, least: int, most: int, reason: str) -> int:
    value: int | None = params.get(name)
    if value is None:
        return default
    if not least <= value <= most:
        raise errors.invalid_value(value, name, reason)
    return value


def _visibility(params: dict[str, Any], default: int | None) -> int:
    if params.get("VisibilityTimeout") is None and default is None:
        raise errors.missing("VisibilityTimeout")
    reason = f"Must be >= 0 and <= {LONGEST_VISIBILITY}, if provided."
    return _within(params, "VisibilityTimeout", default or 0, 0, LONGEST_VISIBILITY, reason)
