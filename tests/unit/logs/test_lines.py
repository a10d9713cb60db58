"""Lambda's own lines, against recordings of AWS's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.logs import lines
from lambdad.logs.lines import (
    End,
    Event,
    ExitLine,
    InitReport,
    InitRuntimeDone,
    InitStart,
    LogsDropped,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    SnapshotSkipped,
    Start,
    Timeout,
    Trace,
    billed,
    render,
)

TIME = 1_795_255_203_005
ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
ARN = "arn:aws:lambda:us-east-1::runtime:" + "0" * 64
TRACE = Trace("1-5e34a614-10bdxxxx1fb44f07bc535a1", "07f5xxxx2d1f6f85")

TEXTS: list[tuple[Event, str | None]] = [
    (InitStart("python:3.12.v30", ARN), f"INIT_START Runtime Version: python:3.12.v30\tRuntime Version ARN: {ARN}"),
    (InitStart("", ""), None),
    (InitReport(10008.81, "timeout"), "INIT_REPORT Init Duration: 10008.81 ms\tPhase: init\tStatus: timeout"),
    (
        InitReport(1236.04, "error", "Extension.Crash"),
        "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: error\tError Type: Extension.Crash",
    ),
    (InitReport(110.1, "success"), None),
    (InitReport(110.1, "success", initialization_type="provisioned-concurrency"), "INIT_REPORT Init Duration: 110.10 ms"),
    (InitReport(10.0, "error", "Runtime.ExitError", phase="invoke"), None),
    (InitRuntimeDone("error", "Runtime.ExitError"), None),
    (InitReport(1110.1, "success", initialization_type="snap-start"), "INIT_REPORT Init Duration: 1110.10 ms"),
    (RestoreStart("python:3.12.v30", ARN), f"RESTORE_START Runtime Version: python:3.12.v30\tRuntime Version ARN: {ARN}"),
    (RestoreStart("", ""), None),
    (RestoreRuntimeDone("success"), None),
    (RestoreReport(250.99, "success"), "RESTORE_REPORT Restore Duration: 250.99 ms"),
    (RestoreReport(1236.04, "timeout"), "RESTORE_REPORT Restore Duration: 1236.04 ms\tStatus: timeout"),
    (
        RestoreReport(1236.04, "error", "Runtime.ExitError"),
        "RESTORE_REPORT Restore Duration: 1236.04 ms\tStatus: error\tError Type: Runtime.ExitError",
    ),
    (SnapshotSkipped("threads are running"), "SNAPSHOT_SKIPPED Reason: threads are running"),
    (
        Report(ID, 13.82, 129, 128, 36, restore_ms=204.27, billed_restore_ms=115),
        f"REPORT RequestId: {ID}\tDuration: 13.82 ms\tBilled Duration: 129 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB"
        "\tRestore Duration: 204.27 ms\tBilled Restore Duration: 115 ms\t",
    ),
    (Start(ID, "$LATEST"), f"START RequestId: {ID} Version: $LATEST"),
    (Start(ID, "7", TRACE), f"START RequestId: {ID} Version: 7"),
    (RuntimeDone(ID, "success", None, 3.0, 4), None),
    (End(ID), f"END RequestId: {ID}"),
    (
        Report(ID, 3.0099, 114, 128, 36, 110.1),
        f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB"
        "\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t",
    ),
    (
        Report(ID, 3.01, 4, 128, 36, status="failure", error_type="Unhandled"),
        f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t",
    ),
    (
        Report(ID, 3.01, 4, 128, 128, status="error", error_type="Runtime.OutOfMemory"),
        f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB"
        "\tStatus: error\tError Type: Runtime.OutOfMemory",
    ),
    (
        Report(ID, 3000, 3000, 128, 36, status="timeout", error_type=None),
        f"REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB"
        "\tMax Memory Used: 36 MB\tStatus: timeout",
    ),
    (
        Report(ID, 3.01, 4, 128, 36, trace=TRACE),
        f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t"
        "\nXRAY TraceId: 1-5e34a614-10bdxxxx1fb44f07bc535a1\tSegmentId: 07f5xxxx2d1f6f85\tSampled: true\t",
    ),
    (Timeout(ID, 3), f"2026-11-21T10:00:03.005Z {ID} Task timed out after 3.00 seconds\n"),
    (
        ExitLine(ID, "Runtime exited with error: signal: killed", "Runtime.ExitError"),
        f"RequestId: {ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
    ),
    (LogsDropped("storage is full", 3, 99), "LOGS_DROPPED Records: 3\tBytes: 99\tReason: storage is full"),
]


@pytest.mark.parametrize(("event", "text"), TEXTS)
def test_text(event: Event, text: str | None) -> None:
    assert render(event, time_ms=TIME) == text


def test_text_knows_no_levels() -> None:
    assert render(Start(ID, "1"), time_ms=TIME, system_level="WARN") == f"START RequestId: {ID} Version: 1"


TRACING = {
    "spanId": TRACE.segment_id,
    "type": "X-Amzn-Trace-Id",
    "value": f"Root={TRACE.root};Parent={TRACE.segment_id};Sampled=1",
}
JSONS: list[tuple[Event, str, object]] = [
    (
        InitStart("python:3.12.v30", ARN, function_name="f", function_version="$LATEST"),
        "platform.initStart",
        {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": "python:3.12.v30",
            "runtimeVersionArn": ARN,
            "functionName": "f",
            "functionVersion": "$LATEST",
        },
    ),
    (
        InitRuntimeDone("error", "Runtime.ExitError"),
        "platform.initRuntimeDone",
        {"initializationType": "on-demand", "phase": "init", "status": "error", "errorType": "Runtime.ExitError"},
    ),
    (
        InitReport(12.3456, "success", phase="invoke"),
        "platform.initReport",
        {"initializationType": "on-demand", "phase": "invoke", "status": "success", "metrics": {"durationMs": 12.346}},
    ),
    (
        RestoreStart("python:3.12.v30", ARN, function_name="f", function_version="2"),
        "platform.restoreStart",
        {"runtimeVersion": "python:3.12.v30", "runtimeVersionArn": ARN, "functionName": "f", "functionVersion": "2"},
    ),
    (
        RestoreRuntimeDone("error", "Runtime.AfterRestoreError"),
        "platform.restoreRuntimeDone",
        {"status": "error", "errorType": "Runtime.AfterRestoreError"},
    ),
    (RestoreReport(12.3456, "success"), "platform.restoreReport", {"status": "success", "metrics": {"durationMs": 12.346}}),
    (SnapshotSkipped("threads"), "platform.snapshotSkipped", {"reason": "threads"}),
    (
        Report(ID, 13.82, 129, 128, 36, restore_ms=204.27, billed_restore_ms=115),
        "platform.report",
        {
            "requestId": ID,
            "metrics": {
                "durationMs": 13.82,
                "billedDurationMs": 129,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 36,
                "restoreDurationMs": 204.27,
                "billedRestoreDurationMs": 115,
            },
            "status": "success",
        },
    ),
    (Start(ID, "$LATEST"), "platform.start", {"requestId": ID, "version": "$LATEST"}),
    (Start(ID, "2", TRACE), "platform.start", {"requestId": ID, "version": "2", "tracing": TRACING}),
    (
        RuntimeDone(ID, "failure", "ValueError", 2.5, 17, TRACE),
        "platform.runtimeDone",
        {
            "requestId": ID,
            "status": "failure",
            "errorType": "ValueError",
            "metrics": {"durationMs": 2.5, "producedBytes": 17},
            "tracing": TRACING,
        },
    ),
    (
        Report(ID, 220.65, 421, 128, 90, 200.1),
        "platform.report",
        {
            "requestId": ID,
            "metrics": {
                "durationMs": 220.65,
                "billedDurationMs": 421,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 90,
                "initDurationMs": 200.1,
            },
            "status": "success",
        },
    ),
    (
        Report(ID, 3000, 3000, 128, 90, status="timeout", error_type='odd "type"', trace=TRACE),
        "platform.report",
        {
            "requestId": ID,
            "metrics": {"durationMs": 3000, "billedDurationMs": 3000, "memorySizeMB": 128, "maxMemoryUsedMB": 90},
            "status": "timeout",
            "errorType": 'odd "type"',
            "tracing": TRACING,
        },
    ),
    (
        ExitLine(ID, "Runtime exited", "Runtime.ExitError"),
        "platform.fault",
        f"RequestId: {ID} Error: Runtime exited\nRuntime.ExitError",
    ),
    (LogsDropped("x", 1, 2), "platform.logsDropped", {"reason": "x", "droppedRecords": 1, "droppedBytes": 2}),
]


@pytest.mark.parametrize(("event", "kind", "record"), JSONS)
def test_json(event: Event, kind: str, record: object) -> None:
    line = render(event, time_ms=TIME, format="JSON", system_level="DEBUG")
    assert line is not None
    assert json.loads(line) == {"time": "2026-11-21T10:00:03.005Z", "type": kind, "record": record}


@pytest.mark.parametrize("event", [End(ID), Timeout(ID, 3)])
def test_lines_without_json(event: Event) -> None:
    assert render(event, time_ms=TIME, format="JSON", system_level="DEBUG") is None


@pytest.mark.parametrize(
    ("event", "least"),
    [
        (InitStart("v", ARN), "INFO"),
        (InitStart("", ""), "DEBUG"),
        (InitRuntimeDone("success"), "DEBUG"),
        (InitRuntimeDone("error"), "WARN"),
        (InitReport(1, "success"), "DEBUG"),
        (InitReport(1, "success", initialization_type="provisioned-concurrency"), "INFO"),
        (InitReport(1, "timeout"), "WARN"),
        (Start(ID, "1"), "INFO"),
        (RuntimeDone(ID, "success", None, 1), "DEBUG"),
        (RuntimeDone(ID, "failure", None, 1), "WARN"),
        (Report(ID, 1, 1, 1, 1), "INFO"),
        (Report(ID, 1, 1, 1, 1, status="error"), "WARN"),
        (ExitLine(ID, "x", "y"), "WARN"),
        (LogsDropped("x", 1, 1), "WARN"),
    ],
)
def test_levels(event: Event, least: str) -> None:
    for name, rank in lines.SYSTEM_LEVELS.items():
        shown = render(event, time_ms=TIME, format="JSON", system_level=name) is not None
        assert shown == (rank <= lines.SYSTEM_LEVELS[least]), name
    default = render(event, time_ms=TIME, format="JSON", system_level=None)
    assert (default is not None) == (least != "DEBUG")


@pytest.mark.parametrize(
    ("duration", "init", "expected"),
    [(3.01, 110.10, 114), (3.0, None, 3), (3.000001, None, 4), (0.01, None, 1), (0.1, 0.2, 1), (1.1, 1.9, 3)],
)
def test_billed(duration: float, init: float | None, expected: int) -> None:
    assert billed(duration, init) == expected


@given(
    st.text(), st.text(), st.sampled_from(["success", "error", "timeout", "failure"]),
    st.floats(0, 900_000), st.one_of(st.none(), st.text()), st.integers(0, 4_102_444_800_000),
)  # fmt: skip
def test_json_is_json_whatever_it_is_given(request_id, version, status, duration, error, time_ms) -> None:  # type: ignore[no-untyped-def]
    for event in (
        Start(request_id, version),
        RuntimeDone(request_id, status, error, duration, 3),
        Report(request_id, duration, 1, 2, 3, duration, status, error),
        ExitLine(request_id, version, error or ""),
        InitStart(version, request_id, function_name=version),
    ):
        line = render(event, time_ms=time_ms, format="JSON", system_level="DEBUG")
        assert line is not None
        assert "\n" not in line
        assert json.loads(line)["type"].startswith("platform.")
