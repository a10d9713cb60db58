"""The doors of the events: what they need of those that can be a destination."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from lambdad.domain.arns import FunctionName


class Message(Struct, frozen=True):
    """What a destination or a dead-letter queue is told."""

    body: str
    function: FunctionName
    """Whose event it is."""
    role: str
    """ARN of its execution role, by which it is told."""
    trace_id: str
    """The trace header of the event: a message in a queue carries it as `AWSTraceHeader`."""
    attributes: Mapping[str, tuple[str, str | bytes]] = {}
    """Type and value by name; a dead-letter queue's only."""

    @property
    def sender(self) -> str:
        """Role and function, as in `AROA…:my-function`, with the role's name where AWS has its id."""
        return f"{self.role.rpartition('/')[2]}:{self.function.name}"


class Deliver(Protocol):
    async def __call__(self, arn: str, message: Message) -> None:
        """It is durable there when this returns. Raises LambdadError, AccessDenied where the role may not."""
        ...
