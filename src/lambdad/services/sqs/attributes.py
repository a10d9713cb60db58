"""A queue's settings, from and to the attributes of the API. Pure.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from lambdad.domain.errors import CallerError
from lambdad.iam.policies import MalformedPolicy, parse
from lambdad.services.sqs import errors
from lambdad.services.sqs.names import QueueName, parse_arn
from lambdad.substrate.api import Counts

MESSAGE_BYTES: Final = 1_048_576
MOST_RECEIVES: Final = 1000
SOURCES: Final = 10
"""Of a redrive allow policy."""


class Redrive(Struct, frozen=True):
    target: str
    """ARN of the dead-letter queue."""
    most: int
    """Receives after which a message goes there."""


class RedriveAllow(Struct, frozen=True):
    permission: str
    sources: tuple[str, ...] = ()

    def allows(self, source: str) -> bool:
        return self.permission == "allowAll" or (self.permission == "byQueue" and source in self.sources)


class Settings(Struct, frozen=True, omit_defaults=True):
    """Seconds and bytes; defaults are AWS's."""

    fifo: bool = False
    visibility: int = 30
    delay: int = 0
    retention: int = 345_600
    max_size: int = MESSAGE_BYTES
    wait: int = 0
    content_dedup: bool = False
    dedup_scope: str = "queue"
    throughput: str = "perQueue"
    policy: str | None = None
    redrive: Redrive | None = None
    redrive_allow: RedriveAllow | None = None
    kms_key: str | None = None
    kms_reuse: int = 300
    managed_sse: bool = True


class Queue(Struct, frozen=True):
    account: str
    region: str
    name: str
    id: str
    """Of this queue and none that had its name before; what its messages are stored under."""
    created: int
    modified: int
    """Epoch seconds."""
    settings: Settings
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return QueueName(self.account, self.region, self.name).arn


_NUMBERS: Final[Mapping[str, tuple[str, int, int]]] = {
    "DelaySeconds": ("delay", 0, 900),
    "MaximumMessageSize": ("max_size", 1024, MESSAGE_BYTES),
    "MessageRetentionPeriod": ("retention", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": ("wait", 0, 20),
    "VisibilityTimeout": ("visibility", 0, 43_200),
    "KmsDataKeyReusePeriodSeconds": ("kms_reuse", 60, 86_400),
}
_CHOICES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "DeduplicationScope": ("dedup_scope", ("queue", "messageGroup")),
    "FifoThroughputLimit": ("throughput", ("perQueue", "perMessageGroupId")),
}
_OF_FIFO: Final = ("FifoQueue", "ContentBasedDeduplication", *_CHOICES)
_COUNTED: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def new_settings(attributes: Mapping[str, str]) -> Settings:
    fifo = attributes.get("FifoQueue")
    if fifo is not None and fifo.lower() != "true":
        # AWS knows the attribute with this value only.
        raise errors.unknown_attribute("FifoQueue")
    return changed(Settings(fifo=fifo is not None), {name: text for name, text in attributes.items() if name != "FifoQueue"})


def changed(settings: Settings, attributes: Mapping[str, str]) -> Settings:
    """Raises CallerError for what is no attribute, or none that can be set, or has no such value."""
    for name in attributes:
        if name in _OF_FIFO and not settings.fifo:
            raise errors.unknown_attribute(name)
    values: dict[str, Any] = {}
    for name, text in attributes.items():
        values.update(_value(settings, name, text))
    if values.get("kms_key"):
        if values.get("managed_sse"):
            raise errors.named(
                "InvalidAttributeName",
                "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
            )
        values["managed_sse"] = False
    elif values.get("managed_sse") and settings.kms_key and "kms_key" not in values:
        values["kms_key"] = None
    return replace(settings, **values)


def _value(settings: Settings, name: str, text: str) -> dict[str, Any]:
    if name in _NUMBERS:
        field, least, most = _NUMBERS[name]
        return {field: _number(name, text, least, most)}
    if name in _CHOICES:
        field, choices = _CHOICES[name]
        if text not in choices:
            raise errors.invalid_attribute(name)
        return {field: text}
    match name:
        case "FifoQueue":
            if text.lower() != "true":
                raise errors.invalid_attribute(name, "Modifying queue type is not supported.")
            return {}
        case "ContentBasedDeduplication":
            return {"content_dedup": _truth(name, text)}
        case "SqsManagedSseEnabled":
            return {"managed_sse": _truth(name, text)}
        case "KmsMasterKeyId":
            return {"kms_key": text or None}
        case "Policy":
            return {"policy": policy(text)}
        case "RedrivePolicy":
            return {"redrive": _redrive(text)}
        case "RedriveAllowPolicy":
            return {"redrive_allow": _redrive_allow(text)}
        case _:
            raise errors.unknown_attribute(name)


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise errors.invalid_attribute(name)
    return int(text)


def _truth(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise errors.invalid_attribute(name)
    return text.lower() == "true"


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def policy(text: str) -> str | None:
    """The attribute's value, if it can be decided by. Raises CallerError."""
    if text:
        try:
            parse(text, "resource")
        except MalformedPolicy:
            raise errors.invalid_attribute("Policy") from None
    return text or None


def _redrive(text: str) -> Redrive | None:
    if not text:
        return None

    def refused(reason: str) -> CallerError:
        return errors.invalid_value(text, "RedrivePolicy", reason)

    policy = _object(text)
    if policy is None:
        raise refused("Redrive policy is not a valid JSON map.")
    for key in ("deadLetterTargetArn", "maxReceiveCount"):
        if key not in policy:
            raise refused(f"Redrive policy does not contain mandatory attribute: {key}.")
    target, most = parse_arn(policy["deadLetterTargetArn"]), str(policy["maxReceiveCount"])
    if target is None:
        raise refused("Invalid value for deadLetterTargetArn.")
    if not (most.isascii() and most.isdigit() and len(most) < 10 and 1 <= int(most) <= MOST_RECEIVES):
        raise refused(f"Invalid value for maxReceiveCount: {most}, valid values are from 1 to {MOST_RECEIVES} both inclusive.")
    return Redrive(target.arn, int(most))


def _redrive_allow(text: str) -> RedriveAllow | None:
    if not text:
        return None

    def refused(reason: str) -> CallerError:
        return errors.invalid_value(text, "RedriveAllowPolicy", reason)

    policy = _object(text)
    if policy is None:
        raise refused("Redrive allow policy is not a valid JSON map.")
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise refused("Invalid value for redrivePermission.")
    if (sources is not None) != (permission == "byQueue"):
        raise refused("sourceQueueArns must be specified with redrivePermission byQueue, and only with it.")
    if sources is None:
        return RedriveAllow(permission)
    if not isinstance(sources, list) or not 1 <= len(sources) <= SOURCES or any(parse_arn(each) is None for each in sources):
        raise refused("Invalid value for sourceQueueArns.")
    return RedriveAllow(permission, tuple(sources))


def shown(queue: Queue, counts: Counts) -> dict[str, str]:
    """Every attribute that the queue has."""
    settings = queue.settings
    visible = dict(zip(_COUNTED, (counts.ready, counts.leased, counts.delayed), strict=True))
    attributes: dict[str, str | None] = {
        "QueueArn": queue.arn,
        **{name: str(count) for name, count in visible.items()},
        "CreatedTimestamp": str(queue.created),
        "LastModifiedTimestamp": str(queue.modified),
        **{name: str(getattr(settings, _NUMBERS[name][0])) for name in _NUMBERS if name != "KmsDataKeyReusePeriodSeconds"},
        "Policy": settings.policy,
        "RedrivePolicy": _shown(settings.redrive, lambda it: {"deadLetterTargetArn": it.target, "maxReceiveCount": it.most}),
        "RedriveAllowPolicy": _shown(
            settings.redrive_allow,
            lambda it: {"redrivePermission": it.permission} | ({"sourceQueueArns": it.sources} if it.sources else {}),
        ),
        "KmsMasterKeyId": settings.kms_key,
        "KmsDataKeyReusePeriodSeconds": str(settings.kms_reuse) if settings.kms_key else None,
        "SqsManagedSseEnabled": _text(settings.managed_sse),
    }
    if settings.fifo:
        attributes |= {
            "FifoQueue": "true",
            "ContentBasedDeduplication": _text(settings.content_dedup),
            **{name: getattr(settings, field) for name, (field, _) in _CHOICES.items()},
        }
    return {name: text for name, text in attributes.items() if text is not None}


def _shown(policy: Any, members: Callable[[Any], dict[str, Any]]) -> str | None:
    return None if policy is None else json.dumps(members(policy), separators=(",", ":"))


def _text(value: bool) -> str:
    return "true" if value else "false"


ALL: Final = frozenset((*_NUMBERS, *_OF_FIFO, *_COUNTED)) | {
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "SqsManagedSseEnabled",
}
