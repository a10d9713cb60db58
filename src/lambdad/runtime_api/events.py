"""What happens to an execution environment: the events of `machine.step`. Pure values.

What a runtime says is the same on both transports; `Refused` is the Runtime API's answer to what it may not say now.
"""

from typing import Literal, Protocol

from msgspec import Struct

from lambdad.sandbox.api import Exit


class Job(Protocol):
    """An invocation, as far as the machine looks at it. Whoever drives the machine gets the same object back."""

    @property
    def request_id(self) -> str: ...

    @property
    def streaming(self) -> bool:
        """The caller takes the answer in pieces."""
        ...

    @property
    def held(self) -> bool:
        """The caller wants the log's tail with the answer, so it gets it only when the invocation's log is complete."""
        ...


class Next(Struct, frozen=True):
    """The runtime waits for an event."""


class Response(Struct, frozen=True):
    id: str
    payload: bytes
    content_type: str | None = None


class Error(Struct, frozen=True):
    id: str
    type: str
    payload: bytes


class TooLarge(Struct, frozen=True):
    """A buffered answer beyond the limit; its bytes were not kept."""

    id: str


class InitError(Struct, frozen=True):
    type: str
    payload: bytes


class StreamHead(Struct, frozen=True):
    id: str
    content_type: str


class Chunk(Struct, frozen=True):
    id: str
    data: bytes


class StreamEnd(Struct, frozen=True):
    id: str
    error_type: str | None = None
    """Where the stream broke."""
    error: bytes = b""
    """Error JSON."""


class Snapshot(Struct, frozen=True):
    """INIT is over and the process waits to be copied. Only a template's runtime says so, and no environment is one."""

    obstacle: str | None = None
    """Why it can't be."""


class Violation(Struct, frozen=True):
    """The runtime sent what can't be understood, or what its state does not allow on the channel."""

    text: str


class Invoke(Struct, frozen=True):
    job: Job


class Exited(Struct, frozen=True):
    """The present runtime process has ended, and all that it had sent was handled."""

    how: Exit


class Lost(Struct, frozen=True):
    """The sandbox is gone."""

    text: str = "The sandbox was lost"


class Deadline(Struct, frozen=True):
    """The time that was armed has come."""


class End(Struct, frozen=True):
    """Shut down, whatever goes on."""


RuntimeEvent = Next | Response | Error | TooLarge | InitError | StreamHead | Chunk | StreamEnd | Snapshot
Event = RuntimeEvent | Violation | Invoke | Exited | Lost | Deadline | End


class Refused(Exception):
    """The runtime asked for what can't be now; with the Runtime API's answer."""

    def __init__(self, status: Literal[400, 403], error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message
