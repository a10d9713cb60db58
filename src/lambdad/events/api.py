"""The doors of the events: what they need of those that can be a destination."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct


class Message(Struct, frozen=True):
    """What a destination or a dead-letter queue is told."""

    body: str
    sender: str
    """Role and function, as in `AROA…:my-function`, without the role's id."""
    trace_id: str
    """The trace header of the event: a message in a queue carries it as `AWSTraceHeader`."""
    attributes: Mapping[str, tuple[str, str | bytes]] = {}
    """Type and value by name; a dead-letter queue's only."""


class Deliver(Protocol):
    async def __call__(self, arn: str, message: Message) -> None:
        """It is durable there when this returns. Raises LambdadError."""
        ...
