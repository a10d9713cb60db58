"""What a message is: its attributes, their checks and digests, how it is stored, how it is shown. Pure.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from lambdad.services.sqs import errors
from lambdad.substrate.api import Delivery

ATTRIBUTES: Final = 10
"""User attributes of one message."""
NAME: Final = 256
TRACE: Final = "AWSTraceHeader"
TRACE_LENGTH: Final = 2048
"""Of a request's trace header, in characters; X-Ray's have some hundred."""

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_RESERVED = re.compile(r"(?i)(aws|amazon)\.")
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
"""Of group ids, deduplication ids and receive attempts."""
_TRACE = re.compile(r"(?:[!-:<-~]+;)*Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;[!-:<-~]+)*;?")
"""https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader"""

Value = tuple[str, str | bytes]
"""Type and value of an attribute."""


class Message(Struct, frozen=True, array_like=True):
    """As it is stored; time and order are the store's."""

    body: str
    md5: str
    attributes: dict[str, tuple[str, Any]]
    """A `Value` each: no union of text and bytes can be declared, though MessagePack tells them apart."""
    sender: str
    id: str | None = None
    """Of a message that kept the id that it had in another queue; else it is made of the queue and the position."""
    trace: str | None = None
    group: str | None = None
    dedup: str | None = None
    source: str | None = None
    """ARN of the queue from which it came to its dead-letter queue."""


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Message).decode


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def attributes_md5(attributes: Mapping[str, Value]) -> str:
    """By name: lengths and bytes of name, type and value; see "Calculating the MD5 message digest" on the page named above."""
    digest = hashlib.md5(usedforsecurity=False)

    def add(data: bytes) -> None:
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)

    for name in sorted(attributes):
        kind, value = attributes[name]
        add(name.encode())
        add(kind.encode())
        digest.update(b"\2" if isinstance(value, bytes) else b"\1")
        add(value if isinstance(value, bytes) else value.encode())
    return digest.hexdigest()


def size(body: str, attributes: Mapping[str, Value]) -> int:
    return len(body.encode()) + sum(
        len(name.encode()) + len(kind.encode()) + len(value if isinstance(value, bytes) else value.encode())
        for name, (kind, value) in attributes.items()
    )


# What comes in


def check_body(body: object) -> str:
    if not isinstance(body, str) or not body:
        raise errors.missing("MessageBody")
    _check_text(body)
    return body


def _check_text(text: str) -> None:
    if not (text.isascii() and text.isprintable()) and _FORBIDDEN.search(text):
        raise errors.invalid_contents()


def check_token(parameter: str, token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise errors.invalid_value(
            token,
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )
    return token


def user_attributes(given: Mapping[str, Any] | None) -> dict[str, Value]:
    if not given:
        return {}
    if len(given) > ATTRIBUTES:
        raise errors.invalid(f"Number of message attributes [{len(given)}] exceeds the allowed maximum [{ATTRIBUTES}].")
    for name in given:
        _check_attribute_name(name)
    return {name: _attribute(name, value, "user") for name, value in given.items()}


def trace_header(given: Mapping[str, Any] | None) -> str | None:
    """That of the system attributes which the request states. It does not count for the message's size."""
    if not given:
        return None
    for name in given:
        if name != TRACE:
            raise errors.invalid(f"Message system attribute name '{name}' is invalid.")
    kind, value = _attribute(TRACE, given[TRACE], "system")
    if kind != "String" or not isinstance(value, str):
        raise errors.invalid(f"Message (system) attribute '{TRACE}' must be of type 'String'.")
    return value


def passed_on(header: str | None) -> str | None:
    """The trace header that came with a request, for a message that states none itself; None for what is none.

    Nobody asked for the header to be stored, so what is wrong with it is no reason to refuse the message.
    """
    return header if header is not None and len(header) <= TRACE_LENGTH and _TRACE.fullmatch(header) else None


def _check_attribute_name(name: str) -> None:
    if not name:
        raise errors.invalid("Message (user) attribute name can not be empty.")
    if len(name) > NAME:
        raise errors.invalid(f"Length of message attribute name must be less than {NAME} bytes.")
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise errors.invalid(f"Invalid non-alphanumeric character was found in the message attribute name '{name}'.")
    if _RESERVED.match(name):
        raise errors.invalid(f"You can't use message attribute names beginning with 'AWS.' or 'Amazon.': '{name}'.")


def _attribute(name: str, given: Any, whose: str) -> Value:
    given = given or {}
    kind, text, data = given.get("DataType"), given.get("StringValue"), given.get("BinaryValue")
    what = f"Message ({whose}) attribute '{name}'"
    if not kind:
        raise errors.invalid(f"{what} must contain a non-empty attribute type.")
    found = _TYPE.fullmatch(kind)
    if found is None or len(kind) > NAME:
        raise errors.invalid(
            f"The type of message ({whose}) attribute '{name}' is invalid. You must use only the following supported type "
            "prefixes: Binary, Number, String."
        )
    if given.get("StringListValues") or given.get("BinaryListValues"):
        raise errors.unsupported("Message attribute list values are not supported.")
    value, field, other = (data, "BinaryValue", text) if found[1] == "Binary" else (text, "StringValue", data)
    if other and not value:
        raise errors.invalid(f"{what} with type '{found[1]}' must use field '{field}'.")
    if not value:
        raise errors.invalid(f"{what} must contain a non-empty value of type '{kind}'.")
    if isinstance(value, str):
        _check_text(value)
        if found[1] == "Number" and not _is_number(value):
            raise errors.invalid(f"Can't cast the value of message ({whose}) attribute '{name}' to a number.")
    return kind, value


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text, re.ASCII) is not None


# What goes out


def system_attributes(message: Message, delivery: Delivery, sequence: str | None) -> dict[str, str]:
    values = {
        "SenderId": message.sender,
        "SentTimestamp": str(delivery.time_ms),
        "ApproximateReceiveCount": str(delivery.number),
        "ApproximateFirstReceiveTimestamp": str(delivery.first_ms),
        "SequenceNumber": sequence,
        "MessageDeduplicationId": message.dedup,
        "MessageGroupId": message.group,
        TRACE: message.trace,
        "DeadLetterQueueSourceArn": message.source,
    }
    return {name: value for name, value in values.items() if value is not None}


def chosen(names: Iterable[str], values: Mapping[str, str]) -> dict[str, str]:
    wanted = set(names)
    return dict(values) if "All" in wanted else {name: value for name, value in values.items() if name in wanted}


def chosen_attributes(patterns: Iterable[str], attributes: Mapping[str, Value]) -> dict[str, Value]:
    """By name, by prefix (`foo.*`), or all (`All`, `.*`, `*`)."""
    exact, prefixes = set(), []
    for pattern in patterns:
        if pattern in ("All", ".*", "*"):
            return dict(attributes)
        if pattern.endswith(".*"):
            prefixes.append(pattern[:-2])
        else:
            exact.add(pattern)
    return {name: value for name, value in attributes.items() if name in exact or name.startswith(tuple(prefixes))}


def shown_attribute(value: Value) -> dict[str, Any]:
    kind, content = value
    return {"DataType": kind, "BinaryValue" if isinstance(content, bytes) else "StringValue": content}
