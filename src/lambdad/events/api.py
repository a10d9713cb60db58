"""The doors of the events: what they need of the frontend, and of those that can be a destination."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from lambdad.domain.arns import FunctionName
from lambdad.frontend.api import Answer
from lambdad.worker.api import Invocation


class RunEvent(Protocol):
    async def __call__(self, name: FunctionName, invocation: Invocation) -> Answer:
        """Run an accepted event once, on the function as it is now. Raises LambdadError."""
        ...


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
