"""What is decided about a message: when it is due, what makes it a duplicate, whether it was received too often, what a receipt
handle is good for. Pure: time comes in as an argument, in milliseconds.

What is visible, and that a group of a FIFO queue waits for its messages in flight, is decided by a machine one floor below:
`lambdad.substrate.window`.
"""

import base64
import binascii
import hashlib
import struct
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from lambdad.services.sqs import errors
from lambdad.services.sqs.attributes import Queue
from lambdad.services.sqs.messages import Message, encode
from lambdad.substrate.api import Delivery, NewMessage

IN_FLIGHT: Final = 120_000
"""Messages of one queue, standard or FIFO:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"""
LONGEST_MS: Final = 43_200_000
"""For which one receive can hold a message, extended or not."""

_HANDLE = struct.Struct(">B8sQQIQ")
_VERSION = 1


# Sending


def new_message(queue: Queue, message: Message, delay: int | None, now: int) -> NewMessage:
    """A FIFO queue groups and takes each deduplication id once; a standard queue has groups only as a name."""
    settings = queue.settings
    once = None
    if settings.fifo:
        once = message.dedup if settings.dedup_scope == "queue" else f"{message.group}\0{message.dedup}"
    due = now + 1000 * (settings.delay if delay is None else delay)
    return NewMessage(encode(message), now, due, message.group if settings.fifo else None, once)


def content_id(body: str) -> str:
    """The deduplication id of a queue with ContentBasedDeduplication: of the body, not of the attributes."""
    return hashlib.sha256(body.encode()).hexdigest()


def message_id(queue: Queue, message: Message | None, position: int) -> str:
    """A uuid made of the queue and the position: so a duplicate is answered with the id of the message that stands for it."""
    if message is not None and message.id is not None:
        return message.id
    digits = hashlib.blake2b(position.to_bytes(8, "big"), digest_size=16, key=queue.id.encode()[:64]).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def sequence_number(queue: Queue, position: int) -> str | None:
    return f"{position:020d}" if queue.settings.fifo else None


# Receiving

Verdict = Literal["deliver", "expired", "exhausted"]


def verdict(delivery: Delivery, queue: Queue, has_target: bool, now: int) -> Verdict:
    """`has_target`: the dead-letter queue exists."""
    settings = queue.settings
    if delivery.time_ms + 1000 * settings.retention <= now:
        return "expired"
    if settings.redrive is not None and has_target and delivery.number > settings.redrive.most:
        return "exhausted"
    return "deliver"


def buried(message: Message, delivery: Delivery, queue: Queue, target: Queue, now: int) -> NewMessage:
    """The message as its dead-letter queue gets it: it keeps its id, and on a standard queue its age. In a FIFO queue its id is
    its deduplication id from then on, lest that meet another's.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    identifier = message_id(queue, message, delivery.position)
    fifo = target.settings.fifo
    kept = replace(message, id=identifier, source=queue.arn, dedup=identifier if fifo else message.dedup)
    sent = now if fifo else delivery.time_ms
    return NewMessage(encode(kept), sent, now, message.group if fifo else None)


def redriven(message: Message, target: Queue, now: int) -> NewMessage:
    """Back from a dead-letter queue: a new message, with a new id and age."""
    fresh = replace(message, id=None, source=None)
    return NewMessage(encode(fresh), now, now, message.group if target.settings.fifo else None)


# Receipt handles


class Receipt(NamedTuple):
    run: int
    """Which start of lambdad gave it out: leases do not outlive one."""
    position: int
    number: int
    """Of the delivery."""
    received_ms: int


def handle(queue: Queue, receipt: Receipt) -> str:
    packed = _HANDLE.pack(
        _VERSION, _tag(queue), receipt.run, receipt.position, receipt.number & 0xFFFFFFFF, receipt.received_ms
    )
    return base64.b64encode(packed).decode()


def parse_handle(queue: Queue, text: object) -> Receipt:
    if not isinstance(text, str) or not text:
        raise errors.missing("ReceiptHandle")
    try:
        version, tag, *fields = _HANDLE.unpack(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, struct.error):
        raise errors.bad_handle(text) from None
    receipt = Receipt(*fields)
    if version != _VERSION or receipt.position >= 1 << 63:
        raise errors.bad_handle(text)
    if tag != _tag(queue):
        raise errors.foreign_handle(text)
    return receipt


def _tag(queue: Queue) -> bytes:
    return hashlib.blake2b(queue.id.encode(), digest_size=8).digest()


def may_delete(queue: Queue, receipt: Receipt, held: int | None, run: int) -> bool:
    """A standard queue takes old handles. A FIFO queue takes that of the delivery that goes on, and any for what is gone.

    False where the handle has expired. `held`: as `Queues.held` says it.
    """
    if not queue.settings.fifo:
        return True
    return receipt.run == run and (held is None or held == receipt.number)


def check_visibility_change(
    queue: Queue, text: str, receipt: Receipt, held: int | None, run: int, seconds: int, now: int
) -> bool:
    """False where there is nothing to do: the lease has ended. Raises CallerError."""
    if receipt.run != run or held is None:
        raise errors.invalid_value(
            text, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
        )
    if held != receipt.number:
        if queue.settings.fifo:
            raise errors.invalid_value(text, "ReceiptHandle", "The receipt handle has expired.")
        return False
    if now + 1000 * seconds > receipt.received_ms + LONGEST_MS:
        raise errors.invalid_value(
            seconds,
            "VisibilityTimeout",
            f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_MS // 1000} seconds]",
        )
    return True
