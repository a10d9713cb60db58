"""What the machine wants done, in the order in which it says so: the effects of `machine.step`. Pure values."""

from msgspec import Struct

from lambdad.runtime_api.events import Job
from lambdad.runtime_api.failures import Result, Status


class Start(Struct, frozen=True):
    """Send START to the runtime process that waits in the sandbox."""


class Restart(Struct, frozen=True):
    """Replace the runtime process, then send START. Failure comes back as Lost."""


class Kill(Struct, frozen=True):
    """SIGKILL to every process in the sandbox; nothing that the present runtime still sends counts."""


class Destroy(Struct, frozen=True):
    """Remove the sandbox."""


class Begin(Struct, frozen=True):
    """The invocation's START line."""

    job: Job


class Deliver(Struct, frozen=True):
    """Hand the event to the runtime that waits."""

    job: Job
    deadline: float


class Answer(Struct, frozen=True):
    """The caller's answer, whole."""

    job: Job
    result: Result


class OpenStream(Struct, frozen=True):
    """The head of the caller's streamed answer."""

    job: Job
    content_type: str


class Forward(Struct, frozen=True):
    """A piece of the answer: to the caller who takes it in pieces, or to what is collected for the one who does not."""

    job: Job
    data: bytes


class CloseStream(Struct, frozen=True):
    """The streamed answer has ended; a result that failed says why."""

    job: Job
    result: Result


class Fail(Struct, frozen=True):
    """The invocation never reached the runtime, and can't here."""

    job: Job
    text: str


class Finish(Struct, frozen=True):
    """The invocation's log: what is left of its output, what went wrong, END, REPORT."""

    job: Job
    result: Result
    duration_ms: float
    init_ms: float | None


class InitEnded(Struct, frozen=True):
    """INIT_REPORT and its like, and news for who waits for INIT."""

    duration_ms: float
    status: Status
    error_type: str | None = None


class Arm(Struct, frozen=True):
    """Wake me with Deadline at this time, and at no other."""

    at: float


class Disarm(Struct, frozen=True):
    pass


class Burst(Struct, frozen=True):
    on: bool


Effect = (
    Start | Restart | Kill | Destroy | Begin | Deliver | Answer | OpenStream | Forward | CloseStream
    | Fail | Finish | InitEnded | Arm | Disarm | Burst
)  # fmt: skip
Effects = tuple[Effect, ...]
