"""Texts of errors and records, compared with AWS's own runtime client."""

import json
import logging
import sys
from typing import Any

import pytest
from awslambdaric import bootstrap as theirs
from awslambdaric.lambda_runtime_log_utils import JsonFormatter as TheirFormatter
from lambdad_runtime import faults, handler, logs
from lambdad_runtime.telemetry import JSON, TEXT, frame_type


class Sink:
    lines: list[str]

    def log_error(self, lines: list[str]) -> None:
        self.lines = lines


def failure(depth: int) -> BaseException:
    def inner(left: int) -> None:
        if left == 0:
            raise ValueError("first\nsecond")
        inner(left - 1)

    try:
        inner(depth)
    except ValueError as error:
        return error
    raise AssertionError


def test_the_payload_of_an_exception_is_aws_own() -> None:
    error = failure(3)
    expected = theirs.build_fault_result((type(error), error, error.__traceback__), None)
    assert faults.payload_of(error) == expected
    assert list(faults.payload_of(error)) == list(expected)


@pytest.mark.parametrize(("message", "error_type"), [("m", "T"), ("", "T"), ("m", ""), ("", ""), ("a\n  b", "T")])
def test_the_text_of_an_error_is_aws_own(message: str, error_type: str) -> None:
    payload = faults.payload(message, error_type, "r", faults.stack_of(failure(1).__traceback__))
    sink = Sink()
    theirs.log_error(payload, sink)
    assert faults.text_of(payload) == "\n".join(sink.lines)


@pytest.mark.parametrize(
    "name", ["", "nodot", "sys.exit", "no_such.f", "no/such.f", "json.nothing", "json.tool.none", "json.dumps"]
)
def test_handlers_are_resolved_as_by_aws(name: str) -> None:
    try:
        expected: Any = theirs._get_handler(name)
    except theirs.FaultException as error:
        expected = (error.exception_type, error.msg)
    try:
        found: Any = handler.resolve(name)
    except faults.Fault as error:
        found = (error.error_type, error.message)
    assert found == expected


def record(level: int, with_error: bool, extra: dict[str, Any]) -> logging.LogRecord:
    error = failure(0)
    information = (type(error), error, error.__traceback__) if with_error else None
    made = logging.LogRecord("some.logger", level, "/var/task/m.py", 3, "is %s", ("é",), information, "handler")
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize("level", [0, 5, 10, 15, 20, 30, 40, 50, 99])
@pytest.mark.parametrize("with_error", [False, True])
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"aws_request_id": "r", "tenant_id": None},
        {"aws_request_id": "r", "tenant_id": "t", "mine": [1], "level": "hidden", "empty": None, "taskName": "Task-1"},
    ],
    ids=["bare", "request", "extra"],
)
def test_json_records_are_aws_own(level: int, with_error: bool, extra: dict[str, Any]) -> None:
    expected = json.loads(TheirFormatter().format(record(level, with_error, extra)))
    found = json.loads(logs.JsonFormatter().format(record(level, with_error, extra)))
    found["timestamp"] = expected["timestamp"] = ""
    assert found == expected


@pytest.mark.parametrize(
    ("level", "step"), [(0, 0), (5, 0), (10, 8), (19, 8), (20, 12), (30, 16), (40, 20), (50, 24), (99, 24), (-1, 0)]
)
def test_the_type_of_a_frame_has_the_level(level: int, step: int) -> None:
    assert frame_type(TEXT, level) == 0xA55A0003 + step
    assert frame_type(JSON, level) == 0xA55A0002 + step


def test_frames_of_the_runtime_are_removed_from_the_top_only() -> None:
    def called_back() -> None:
        raise KeyError("x")

    class Telltale:
        def __repr__(self) -> str:
            called_back()
            return ""

    try:
        handler.resolve("no_such_module_at_all.f")
    except faults.Fault as error:
        assert faults.without_runtime(error.__traceback__) is error.__traceback__  # this test's own frame is the first
    try:
        repr(Telltale())
    except KeyError as error:
        assert len(faults.stack_of(error.__traceback__)) == 3
    assert faults.without_runtime(None) is None
    assert "lambdad_runtime" in sys.modules
