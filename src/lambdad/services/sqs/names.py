"""Names, ARNs and addresses of queues."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lambdad.services.sqs import errors

FIFO = ".fifo"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ARN = re.compile(r"arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>[A-Za-z0-9_.-]{1,80})")
_ACCOUNT = re.compile(r"\d{12}")


@dataclass(frozen=True, slots=True)
class QueueName:
    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account}:{self.name}"


def check_name(name: str, fifo: bool) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""
    if not name:
        raise errors.invalid("Queue name cannot be empty")
    stem = name.removesuffix(FIFO) if fifo else name
    if fifo and (stem == name or not _NAME.fullmatch(stem) or len(name) > 80):
        raise errors.invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
            "must end with .fifo suffix and be 1 to 80 in length."
        )
    if not _NAME.fullmatch(stem):
        raise errors.invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")


def parse_url(url: str, region: str) -> QueueName:
    """Only the path counts: a queue is reached by any host name of lambdad's. The region is the caller's."""
    parts = unquote(urlsplit(url).path).rstrip("/").split("/")
    if len(parts) < 3 or not _ACCOUNT.fullmatch(parts[-2]) or not parts[-1]:
        raise errors.invalid_address(url)
    return QueueName(parts[-2], region, parts[-1])


def parse_arn(arn: object) -> QueueName | None:
    found = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    return None if found is None else QueueName(found["account"], found["region"], found["name"])
