"""The door of the frontend."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec import Struct

from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import LambdadError
from lambdad.worker.api import Completion, Invocation

INVOKE: Final = "lambda:InvokeFunction"


class Invoke(Struct, frozen=True):
    """A request to run a function, as it came from a client."""

    caller: Caller
    function: str
    """Any spelling of name or ARN."""
    qualifier: str | None
    payload: bytes
    invocation_type: str = "RequestResponse"
    """RequestResponse, Event or DryRun."""
    log_type: str = "None"
    client_context: str | None = None
    """Base64 of JSON."""
    trace_id: str | None = None
    """X-Amzn-Trace-Id of the request."""
    tenant_id: str | None = None
    action: str = INVOKE
    """The permission that the caller needs."""


class Answer(Struct, frozen=True):
    status: int
    """200, 202 (Event) or 204 (DryRun)."""
    payload: bytes
    executed_version: str | None
    """None for Event and DryRun."""
    function_error: str | None
    log_tail: bytes | None
    """None unless LogType was Tail."""
    trace_id: str


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    executed_version: str
    content_type: str
    """Of the function's answer, e.g. `application/octet-stream`."""
    chunks: AsyncIterator[bytes]
    completion: Completion
    """Filled when `chunks` has ended."""
    trace_id: str
    want_log: bool


class Accept(Protocol):
    """What Event mode hands over to."""

    async def accept(self, name: FunctionName, invocation: Invocation) -> None:
        """The event is durable when this returns, and will be run later. `name` has the qualifier that the
        caller used. Raises PlatformError."""
        ...


class RunAccepted(Protocol):
    async def __call__(self, name: FunctionName, invocation: Invocation) -> Answer:
        """Run what lambdad has accepted, an event or a batch, once, on the function as it is now. Raises LambdadError."""
        ...


class Frontend(Protocol):
    def invoke(self, request: Invoke, done: Callable[[Answer | LambdadError], None]) -> None:
        """`done` is called once, in the event loop, perhaps before this returns: with the answer, a CallerError (not found, too
        large, throttled, conflict) or a PlatformError; never with an error for what user code does. It does not raise."""
        ...

    async def invoke_stream(self, request: Invoke) -> StreamedAnswer | Answer:
        """Answer only for DryRun."""
        ...

    async def close(self) -> None:
        """Wait for streams, within the grace period."""
        ...
