"""Errors as AWS's Python runtime words them: the error payload and its text in the log."""

from __future__ import annotations

import traceback
from types import TracebackType

_NO_BREAK_SPACE = "\u00a0"


class Fault(Exception):
    """An error that the runtime itself found, with its type's name, e.g. `Runtime.HandlerNotFound`."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace or []


def payload_of(error: BaseException, request_id: str = "") -> dict:
    """The error payload, its keys in AWS's order."""
    if isinstance(error, Fault):
        return payload(error.message, error.error_type, request_id, error.trace)
    return payload(_text_of(error), type(error).__name__, request_id, stack_of(error.__traceback__))


def payload(message: str, error_type: str, request_id: str, trace: list[str]) -> dict:
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a function's own __str__ can do anything
        return "<unprintable %s object>" % type(error).__name__


def without_runtime(tb: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not the runtime's own."""
    while tb is not None and tb.tb_frame.f_globals.get("__name__", "").startswith("lambdad_runtime."):
        tb = tb.tb_next
    return tb


def stack_of(tb: TracebackType | None) -> list[str]:
    """`stackTrace`: one formatted frame per entry, without the column markers of newer Pythons, as on AWS."""
    frames = traceback.extract_tb(without_runtime(tb))
    return traceback.format_list([(frame.filename, frame.lineno, frame.name, frame.line) for frame in frames])


def text_of(error: dict) -> str:
    """`[ERROR] Type: message`, then the frames, indented with no-break spaces, which CloudWatch's viewers keep."""
    first = "[ERROR]"
    if error["errorType"]:
        first += " " + error["errorType"]
    if error["errorMessage"]:
        first += (": " if error["errorType"] else " ") + error["errorMessage"]
    lines = [first, "Traceback (most recent call last):"]
    for entry in error["stackTrace"]:
        for line in entry.splitlines():
            bare = line.lstrip(" ")
            lines.append(_NO_BREAK_SPACE * (len(line) - len(bare)) + bare)
    return "\n".join(lines)
