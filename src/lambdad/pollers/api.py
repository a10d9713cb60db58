"""The doors of the pollers: what they need of a queue."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from lambdad.domain.arns import FunctionName

SourceMessage: TypeAlias = Mapping[str, Any]
"""As ReceiveMessage answers it, with all attributes: `MessageId`, `ReceiptHandle`, `Body`, `MD5OfBody`, `Attributes`,
`MessageAttributes`, `MD5OfMessageAttributes`."""


class Source(Protocol):
    """A queue. Each method raises LambdadError where the queue is not there, or does not answer."""

    @property
    def receivers(self) -> int:
        """How many receives at once are worth their while: one, where an answer costs nothing."""
        ...

    async def receive(self, limit: int, wait: float) -> Sequence[SourceMessage]:
        """At most `limit` messages, not more than 10; waits for up to so many seconds (at most 20) for the first.

        Of a call that is cancelled no message stays invisible for longer than it has to.
        """
        ...

    async def delete(self, handles: Sequence[str]) -> int:
        """How many could not be deleted, e.g. because their handle has expired: those will come again."""
        ...

    async def change_visibility(self, handle: str, seconds: int) -> None: ...


class Sources(Protocol):
    """Where the queues are."""

    def open(self, arn: str, function: Callable[[], FunctionName]) -> Source:
        """Nothing is looked at before the first receive. `function`: for which it is polled now; its execution role needs the
        permission."""
        ...

    async def visibility(self, arn: str) -> int:
        """The queue's `VisibilityTimeout`, in seconds. Raises LambdadError with SQS's own code, e.g. QueueDoesNotExist."""
        ...
