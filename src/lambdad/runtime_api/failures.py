"""What Lambda says when a function does not get to its own answer: payloads, texts and error types. Pure.

Texts: recordings of AWS's own answers. Signals are named as Go prints them (syscall/zerrors_linux_amd64.go), because Lambda's
runtime supervisor is a Go program and functions' users see its `os.ProcessState.String()`.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec
from msgspec import Struct

from lambdad.domain.limits import RESPONSE_PAYLOAD
from lambdad.sandbox.api import Exit

Status = Literal["success", "failure", "error", "timeout"]
"""As in platform.report: failure = the handler or runtime reported an error, error = a process ended, timeout."""

EXIT_ERROR: Final = "Runtime.ExitError"
OUT_OF_MEMORY: Final = "Runtime.OutOfMemory"
INVALID_ENTRYPOINT: Final = "Runtime.InvalidEntrypoint"
TOO_LARGE: Final = "Function.ResponseSizeTooLarge"
TIMED_OUT: Final = "Sandbox.Timedout"
TRUNCATED: Final = "Runtime.TruncatedResponse"

_ERROR_TYPE = re.compile(r"(?:Runtime|Function)\.[A-Z][A-Za-z]+")

SIGNALS: Final[Mapping[int, str]] = MappingProxyType(
    dict(
        enumerate(
            (
                "hangup", "interrupt", "quit", "illegal instruction", "trace/breakpoint trap", "aborted", "bus error",
                "floating point exception", "killed", "user defined signal 1", "segmentation fault",
                "user defined signal 2", "broken pipe", "alarm clock", "terminated", "stack fault", "child exited",
                "continued", "stopped (signal)", "stopped", "stopped (tty input)", "stopped (tty output)",
                "urgent I/O condition", "CPU time limit exceeded", "file size limit exceeded", "virtual timer expired",
                "profiling timer expired", "window changed", "I/O possible", "power failure", "bad system call",
            ),
            start=1,
        )
    )
)  # fmt: skip


class Result(Struct, frozen=True):
    """How one invocation came out."""

    payload: bytes | None
    """For the caller; None: what was collected of the runtime's stream."""
    status: Status = "success"
    error_type: str | None = None
    """For the log, metrics and InvokeComplete, e.g. `Runtime.ExitError`."""
    line: str | None = None
    """What the log says of a process that ended: the text after `RequestId: … Error: `."""
    reported_type: str | None = None
    """Where the REPORT line names another type than the payload (out of memory)."""

    @property
    def failed(self) -> bool:
        return self.status != "success"


class InitFailure(Struct, frozen=True):
    """Why an INIT failed, before it is known which invocation will hear of it."""

    error_type: str
    payload: bytes | None = None
    """What the runtime posted; None where it only ended."""
    text: str = ""
    reported_type: str | None = None


def exit_text(how: Exit) -> str:
    """E.g. `Runtime exited with error: signal: killed`."""
    if how.signal is not None:
        return f"Runtime exited with error: signal: {SIGNALS.get(how.signal, f'signal {how.signal}')}"
    if how.status:
        return f"Runtime exited with error: exit status {how.status}"
    return "Runtime exited without providing a reason"


def fault_payload(request_id: str, text: str, error_type: str) -> bytes:
    """`{"errorType":"…","errorMessage":"RequestId: … Error: …"}`"""
    return msgspec.json.encode({"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {text}"})


def timed_out(request_id: str, timeout: float) -> Result:
    """`timeout`: the configured one, in seconds; that is what the text names."""
    payload = fault_payload(request_id, f"Task timed out after {timeout:.2f} seconds", TIMED_OUT)
    return Result(payload, "timeout", TIMED_OUT)


def exited(request_id: str, how: Exit) -> Result:
    text = exit_text(how)
    payload = fault_payload(request_id, text, EXIT_ERROR)
    return Result(payload, "error", EXIT_ERROR, text, OUT_OF_MEMORY if how.out_of_memory else None)


def faulted(request_id: str, text: str, error_type: str) -> Result:
    return Result(fault_payload(request_id, text, error_type), "error", error_type, text)


def too_large(limit: int = RESPONSE_PAYLOAD) -> Result:
    payload = {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({limit} bytes).",
        "errorType": TOO_LARGE,
    }
    return Result(msgspec.json.encode(payload), "failure", TOO_LARGE)


def init_failed(request_id: str, failure: InitFailure) -> Result:
    """What the invocation answers in which INIT ran again and failed again."""
    if failure.payload is None:
        payload = fault_payload(request_id, failure.text, failure.error_type)
        return Result(payload, "error", failure.error_type, failure.text, failure.reported_type)
    if failure.error_type == INVALID_ENTRYPOINT:
        text = _message(failure.payload)
        return Result(fault_payload(request_id, text, INVALID_ENTRYPOINT), "error", INVALID_ENTRYPOINT, text)
    return Result(failure.payload, "error", failure.error_type)


def _message(payload: bytes) -> str:
    try:
        document = msgspec.json.decode(payload, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "Couldn't find valid bootstrap(s)"
    return str(document.get("errorMessage", "Couldn't find valid bootstrap(s)"))


def known_type(posted: str, otherwise: str) -> str:
    """`posted` if it is a type by AWS's pattern, else `Runtime.Unknown`, `Function.Unknown` or `otherwise`.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: "Lambda-Runtime-Function-Error-Type … <category.reason>".
    """
    if _ERROR_TYPE.fullmatch(posted):
        return posted
    category = posted.partition(".")[0]
    return f"{category}.Unknown" if category in ("Runtime", "Function") and "." in posted else otherwise
