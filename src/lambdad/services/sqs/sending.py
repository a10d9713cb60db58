"""SendMessage and SendMessageBatch: check, one write, answer."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.services.sqs import errors, machine, messages
from lambdad.services.sqs.attributes import MESSAGE_BYTES, Queue
from lambdad.services.sqs.batches import entries
from lambdad.services.sqs.catalogue import Catalogue
from lambdad.services.sqs.messages import Message, Value
from lambdad.services.sqs.meters import Meters
from lambdad.substrate.api import NewMessage
from lambdad.substrate.api import Queues as Store

LONGEST_DELAY = 900
_TRACE_MD5 = "MD5OfMessageSystemAttributes"


class _Asked(NamedTuple):
    message: Message
    delay: int | None = None
    stated: bool = False
    """The request itself states system attributes: the answer has a digest of these, and only of these."""


class Sending:
    """`now`: epoch seconds."""

    def __init__(self, catalogue: Catalogue, store: Store, meters: Meters, now: Callable[[], float]) -> None:
        self._catalogue = catalogue
        self._store = store
        self._meters = meters
        self._now = now

    async def send(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        return (await self._append(queue, [_asked(queue, params, caller)]))[0]

    async def send_batch(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        asked = entries(params, "SendMessageBatchRequestEntry")
        for each in asked:
            if queue.settings.fifo and not each.get("MessageGroupId"):
                # For the whole batch, and by another code than alone.
                raise errors.invalid("The request must contain the parameter MessageGroupId.")
        good: dict[str, _Asked] = {}
        failed, total = [], 0
        for each in asked:
            total += len((each.get("MessageBody") or "").encode("utf-8", "replace"))
            try:
                wanted = _asked(queue, each, caller)
                total += messages.size("", wanted.message.attributes)
                good[each["Id"]] = wanted
            except CallerError as error:
                failed.append(errors.entry(each["Id"], error))
        if total > MESSAGE_BYTES:
            raise errors.batch(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {MESSAGE_BYTES} bytes. You have sent {total} bytes.",
            )
        sent = await self._append(queue, list(good.values()))
        return {
            "Successful": [{"Id": identifier} | answer for identifier, answer in zip(good, sent, strict=True)],
            "Failed": failed,
        }

    async def put(self, queue: Queue, body: str, attributes: dict[str, Value], sender: str, trace_id: str | None) -> str:
        """For lambdad's own rooms; answers the message's id."""
        trace = messages.passed_on(trace_id)
        message = Message(messages.check_body(body), messages.md5(body), attributes, sender, trace=trace)
        _check_size(queue, message)
        return str((await self._append(queue, [_Asked(message)]))[0]["MessageId"])

    async def _append(self, queue: Queue, asked: Sequence[_Asked]) -> list[dict[str, Any]]:
        now = round(self._now() * 1000)
        new: list[NewMessage] = [machine.new_message(queue, each.message, each.delay, now) for each in asked]
        positions = await self._store.append(queue.id, new) if new else []
        self._meters.of(queue).sent += len(positions)
        return [_answer(queue, each, position) for each, position in zip(asked, positions, strict=True)]


def _answer(queue: Queue, asked: _Asked, position: int) -> dict[str, Any]:
    message = asked.message
    answer: dict[str, Any] = {
        "MessageId": machine.message_id(queue, None, position),
        "MD5OfMessageBody": message.md5,
        "SequenceNumber": machine.sequence_number(queue, position),
    }
    if message.attributes:
        answer["MD5OfMessageAttributes"] = messages.attributes_md5(message.attributes)
    if asked.stated and message.trace is not None:
        answer[_TRACE_MD5] = messages.attributes_md5({messages.TRACE: ("String", message.trace)})
    return answer


def _sender(caller: Caller) -> str:
    """AWS's are ids of users and roles; a root user's is its account."""
    kind, _, name = caller.principal_arn.rpartition(":")[2].partition("/")
    return caller.account if kind == "root" else name.replace("/", ":")


def _asked(queue: Queue, params: dict[str, Any], caller: Caller) -> _Asked:
    """One message, alone or of a batch. Raises CallerError."""
    return _Asked(_message(queue, params, caller), _delay(queue, params), bool(params.get("MessageSystemAttributes")))


def _message(queue: Queue, params: dict[str, Any], caller: Caller) -> Message:
    body = messages.check_body(params.get("MessageBody"))
    group, dedup = params.get("MessageGroupId"), params.get("MessageDeduplicationId")
    if group is not None:
        messages.check_token("MessageGroupId", group)
    if queue.settings.fifo:
        if group is None:
            raise errors.missing("MessageGroupId")
        if dedup is not None:
            messages.check_token("MessageDeduplicationId", dedup)
        elif queue.settings.content_dedup:
            dedup = machine.content_id(body)
        else:
            raise errors.invalid(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
            )
    elif dedup is not None:
        raise errors.invalid_value(
            dedup, "MessageDeduplicationId", "The request includes a parameter that is not valid for this queue type."
        )
    message = Message(
        body,
        messages.md5(body),
        messages.user_attributes(params.get("MessageAttributes")),
        _sender(caller),
        trace=messages.trace_header(params.get("MessageSystemAttributes")) or messages.passed_on(caller.trace_id),
        group=group,
        dedup=dedup,
    )
    _check_size(queue, message)
    return message


def _check_size(queue: Queue, message: Message) -> None:
    most = queue.settings.max_size
    if messages.size(message.body, message.attributes) > most:
        raise errors.invalid(f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.")


def _delay(queue: Queue, params: dict[str, Any]) -> int | None:
    delay: int | None = params.get("DelaySeconds")
    if delay is None:
        return None
    if not 0 <= delay <= LONGEST_DELAY:
        raise errors.invalid_value(delay, "DelaySeconds", f"DelaySeconds must be >= 0 and <= {LONGEST_DELAY}.")
    if queue.settings.fifo and delay:
        raise errors.invalid_value(
            delay, "DelaySeconds", "The request include parameter that is not valid for this queue type."
        )
    return delay or (None if queue.settings.fifo else 0)
