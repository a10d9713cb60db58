"""The lines that Lambda itself writes into a function's log: INIT_START, START, END, REPORT and what went wrong.

Texts: recordings of AWS's own lines. JSON forms and the levels of system events:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html (log formats, "system log level event
mapping") and https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html (members of the records).

`render` answers one log event without its final line end; where a line is put into a tail, the writer adds the line end.
It runs three times in each invocation, so the text forms are plain f-strings and the JSON forms quote only their free texts.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import ceil
from typing import Literal, assert_never

from msgspec import Struct

Status = Literal["success", "failure", "error", "timeout"]
"""failure: the handler or the runtime reported an error; error: a process exited or crashed; timeout: the time was up."""
Format = Literal["Text", "JSON"]
Phase = Literal["init", "invoke"]
"""invoke: INIT ran again inside an invocation (a suppressed init)."""

SYSTEM_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}
"""https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html, SystemLogLevel."""


class Trace(Struct, frozen=True):
    """Where a traced invocation is in X-Ray."""

    root: str
    """E.g. `1-5f3e…-…`."""
    segment_id: str
    """Sixteen hex digits."""
    sampled: bool = True


class InitStart(Struct, frozen=True):
    runtime_version: str
    """E.g. `python:3.12.v30`; "" where the runtime has none."""
    runtime_version_arn: str
    initialization_type: str = "on-demand"
    phase: Phase = "init"
    function_name: str = ""
    function_version: str = ""


class InitRuntimeDone(Struct, frozen=True):
    """The runtime's part of INIT has ended. Written in the JSON format only."""

    status: Status
    error_type: str | None = None
    initialization_type: str = "on-demand"
    phase: Phase = "init"


class InitReport(Struct, frozen=True):
    duration_ms: float
    status: Status
    error_type: str | None = None
    initialization_type: str = "on-demand"
    phase: Phase = "init"


class RestoreStart(Struct, frozen=True):
    """An environment is restored from the snapshot of its version."""

    runtime_version: str
    runtime_version_arn: str
    function_name: str = ""
    function_version: str = ""


class RestoreRuntimeDone(Struct, frozen=True):
    """The runtime's part has ended, after-restore hooks included. Written in the JSON format only."""

    status: Status
    error_type: str | None = None


class RestoreReport(Struct, frozen=True):
    duration_ms: float
    status: Status
    error_type: str | None = None


class SnapshotSkipped(Struct, frozen=True):
    """A version that asks for SnapStart goes without it: its environments run INIT themselves."""

    reason: str


class Start(Struct, frozen=True):
    request_id: str
    version: str
    """`$LATEST` or a number."""
    trace: Trace | None = None


class RuntimeDone(Struct, frozen=True):
    """The runtime is done with an invocation. Written in the JSON format only."""

    request_id: str
    status: Status
    error_type: str | None
    duration_ms: float
    produced_bytes: int | None = None
    trace: Trace | None = None


class End(Struct, frozen=True):
    """Written in the text format only."""

    request_id: str


class Report(Struct, frozen=True):
    request_id: str
    duration_ms: float
    billed_ms: int
    """See `billed`."""
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None
    """On the first invocation of an environment."""
    status: Status = "success"
    error_type: str | None = None
    trace: Trace | None = None
    restore_ms: float | None = None
    """On the first invocation of an environment that was restored."""
    billed_restore_ms: int | None = None
    """Of that, the runtime's own part."""


class Timeout(Struct, frozen=True):
    """Written in the text format only; in JSON the report's status says it."""

    request_id: str
    seconds: float
    """The configured timeout, not the time that passed."""


class ExitLine(Struct, frozen=True):
    """The runtime's process ended: `RequestId: … Error: text`, then the type on a line of its own."""

    request_id: str
    text: str
    """E.g. `Runtime exited with error: exit status 1`."""
    error_type: str
    """E.g. `Runtime.ExitError`."""


class LogsDropped(Struct, frozen=True):
    """Events of this stream were lost because storage could not keep up."""

    reason: str
    records: int
    size: int
    """Bytes."""


Event = (
    InitStart | InitRuntimeDone | InitReport | RestoreStart | RestoreRuntimeDone | RestoreReport | SnapshotSkipped
    | Start | RuntimeDone | End | Report | Timeout | ExitLine | LogsDropped
)  # fmt: skip

_quote = json.JSONEncoder(ensure_ascii=False).encode


def billed(duration_ms: float, init_ms: float | None = None) -> int:
    """Billed Duration in ms: Duration, and Init Duration where INIT ran (or the billed part of Restore Duration), rounded up to
    the next whole millisecond.

    https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/ (since 2025-08-01).
    """
    # Both are measured in floats: half a nanosecond less keeps 3.0000000000000004 from being billed as 4.
    return ceil(duration_ms + (init_ms or 0.0) - 5e-7)


def timestamp(time_ms: int) -> str:
    """`2026-11-21T10:00:03.005Z`."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def render(event: Event, *, time_ms: int, format: Format = "Text", system_level: str | None = None) -> str | None:
    """The log event to write for `event`, or None where this format or level has none.

    `system_level` (DEBUG, INFO, WARN; None = INFO) counts in the JSON format only, as on AWS.
    """
    if format == "Text":
        return _text(event, time_ms)
    if SYSTEM_LEVELS[level(event)] < SYSTEM_LEVELS[system_level or "INFO"]:
        return None
    return _json(event, time_ms)


def renderer(format: Format, system_level: str | None) -> Callable[[Event, int], str | None]:
    """`render` for one format and level, given the event and its time."""
    if format == "Text":
        return _text
    return lambda event, time_ms: render(event, time_ms=time_ms, format=format, system_level=system_level)


def level(event: Event) -> str:
    """The level of a system event, after AWS's table."""
    match event:
        case InitStart() | RestoreStart():
            return "INFO" if event.runtime_version else "DEBUG"
        case InitRuntimeDone() | RestoreRuntimeDone() | RuntimeDone():
            return "DEBUG" if event.status == "success" else "WARN"
        case InitReport():
            if event.status != "success":
                return "WARN"
            return "DEBUG" if event.initialization_type == "on-demand" else "INFO"
        case Report() | RestoreReport():
            return "INFO" if event.status == "success" else "WARN"
        case Start() | End():
            return "INFO"
        case Timeout() | ExitLine() | LogsDropped() | SnapshotSkipped():
            return "WARN"
        case _:
            assert_never(event)


def _text(event: Event, time_ms: int) -> str | None:
    match event:
        case Start():
            return f"START RequestId: {event.request_id} Version: {event.version}"
        case End():
            return f"END RequestId: {event.request_id}"
        case Report():
            return _report_text(event)
        case InitStart() | RestoreStart():
            kind = "INIT_START" if isinstance(event, InitStart) else "RESTORE_START"
            return (
                f"{kind} Runtime Version: {event.runtime_version}\tRuntime Version ARN: {event.runtime_version_arn}"
                if event.runtime_version
                else None
            )
        case InitReport():
            return _init_report_text(event)
        case RestoreReport():
            text = f"RESTORE_REPORT Restore Duration: {event.duration_ms:.2f} ms"
            if event.status != "success":
                text += f"\tStatus: {event.status}"
            return text + (f"\tError Type: {event.error_type}" if event.error_type else "")
        case SnapshotSkipped():
            return f"SNAPSHOT_SKIPPED Reason: {event.reason}"
        case Timeout():
            # AWS ends this event with two line ends; one of them is the event's own.
            return f"{timestamp(time_ms)} {event.request_id} Task timed out after {event.seconds:.2f} seconds\n"
        case ExitLine():
            return f"RequestId: {event.request_id} Error: {event.text}\n{event.error_type}"
        case LogsDropped():
            return f"LOGS_DROPPED Records: {event.records}\tBytes: {event.size}\tReason: {event.reason}"
        case RuntimeDone() | InitRuntimeDone() | RestoreRuntimeDone():
            return None
        case _:
            assert_never(event)


def _report_text(event: Report) -> str:
    head = (
        f"REPORT RequestId: {event.request_id}\tDuration: {event.duration_ms:.2f} ms\tBilled Duration: {event.billed_ms} ms"
        f"\tMemory Size: {event.memory_mb} MB\tMax Memory Used: {event.max_memory_mb} MB\t"
    )
    if event.init_ms is not None:
        head += f"Init Duration: {event.init_ms:.2f} ms\t"
    if event.restore_ms is not None:
        head += f"Restore Duration: {event.restore_ms:.2f} ms\tBilled Restore Duration: {event.billed_restore_ms} ms\t"
    if event.status in ("error", "timeout"):
        head += f"Status: {event.status}" + (f"\tError Type: {event.error_type}" if event.error_type else "")
    if event.trace is not None:
        sampled = "true" if event.trace.sampled else "false"
        head += f"\nXRAY TraceId: {event.trace.root}\tSegmentId: {event.trace.segment_id}\tSampled: {sampled}\t"
    return head


def _init_report_text(event: InitReport) -> str | None:
    """On demand only for a failure; a suppressed init has no line of its own: its time is in the invocation's Duration."""
    if event.phase == "invoke" or (event.status == "success" and event.initialization_type == "on-demand"):
        return None
    text = f"INIT_REPORT Init Duration: {event.duration_ms:.2f} ms"
    if event.status != "success":
        text += f"\tPhase: {event.phase}\tStatus: {event.status}"
    return text + (f"\tError Type: {event.error_type}" if event.error_type else "")


def _json(event: Event, time_ms: int) -> str | None:
    match event:
        case Start():
            kind = "start"
            record = f'{{"requestId":{_quote(event.request_id)},"version":{_quote(event.version)}{_tracing(event.trace)}}}'
        case Report():
            kind, record = "report", _report_json(event)
        case RuntimeDone():
            produced = "" if event.produced_bytes is None else f',"producedBytes":{event.produced_bytes}'
            kind = "runtimeDone"
            record = (
                f'{{"requestId":{_quote(event.request_id)},"status":"{event.status}"{_error_type(event.error_type)}'
                f',"metrics":{{"durationMs":{_number(event.duration_ms)}{produced}}}{_tracing(event.trace)}}}'
            )
        case InitStart():
            kind, record = "initStart", _members(event)
        case InitRuntimeDone():
            kind, record = "initRuntimeDone", f"{{{_init_head(event)}{_error_type(event.error_type)}}}"
        case InitReport():
            metrics = f'"metrics":{{"durationMs":{_number(event.duration_ms)}}}'
            kind, record = "initReport", f"{{{_init_head(event)}{_error_type(event.error_type)},{metrics}}}"
        case RestoreStart():
            kind, record = "restoreStart", _members(event)
        case RestoreRuntimeDone():
            kind, record = "restoreRuntimeDone", f'{{"status":"{event.status}"{_error_type(event.error_type)}}}'
        case RestoreReport():
            metrics = f'"metrics":{{"durationMs":{_number(event.duration_ms)}}}'
            kind, record = "restoreReport", f'{{"status":"{event.status}"{_error_type(event.error_type)},{metrics}}}'
        case SnapshotSkipped():
            kind, record = "snapshotSkipped", f'{{"reason":{_quote(event.reason)}}}'
        case ExitLine():
            # The Logs API's platform.fault: no other record carries the text.
            kind, record = "fault", _quote(f"RequestId: {event.request_id} Error: {event.text}\n{event.error_type}")
        case LogsDropped():
            kind = "logsDropped"
            record = f'{{"reason":{_quote(event.reason)},"droppedRecords":{event.records},"droppedBytes":{event.size}}}'
        case End() | Timeout():
            return None
        case _:
            assert_never(event)
    return f'{{"time":"{timestamp(time_ms)}","type":"platform.{kind}","record":{record}}}'


def _report_json(event: Report) -> str:
    init = "" if event.init_ms is None else f',"initDurationMs":{_number(event.init_ms)}'
    if event.restore_ms is not None:
        init += f',"restoreDurationMs":{_number(event.restore_ms)},"billedRestoreDurationMs":{event.billed_restore_ms}'
    return (
        f'{{"requestId":{_quote(event.request_id)},"metrics":{{"durationMs":{_number(event.duration_ms)}'
        f',"billedDurationMs":{event.billed_ms},"memorySizeMB":{event.memory_mb},"maxMemoryUsedMB":{event.max_memory_mb}{init}}}'
        f',"status":"{event.status}"{_error_type(event.error_type)}{_tracing(event.trace)}}}'
    )


def _members(event: InitStart | RestoreStart) -> str:
    first = {}
    if isinstance(event, InitStart):
        first = {"initializationType": event.initialization_type, "phase": event.phase}
    members = {
        **first,
        "runtimeVersion": event.runtime_version,
        "runtimeVersionArn": event.runtime_version_arn,
        "functionName": event.function_name,
        "functionVersion": event.function_version,
    }
    return "{" + ",".join(f'"{name}":{_quote(value)}' for name, value in members.items() if value) + "}"


def _init_head(event: InitRuntimeDone | InitReport) -> str:
    return f'"initializationType":{_quote(event.initialization_type)},"phase":"{event.phase}","status":"{event.status}"'


def _error_type(name: str | None) -> str:
    return f',"errorType":{_quote(name)}' if name else ""


def _tracing(trace: Trace | None) -> str:
    if trace is None:
        return ""
    value = f"Root={trace.root};Parent={trace.segment_id};Sampled={int(trace.sampled)}"
    return f',"tracing":{{"spanId":{_quote(trace.segment_id)},"type":"X-Amzn-Trace-Id","value":{_quote(value)}}}'


def _number(value: float) -> str:
    """Milliseconds with at most three decimals; no exponent and never NaN, since JSON has neither."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
