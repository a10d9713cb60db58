"""The logging module as a function finds it: a handler on the root logger, in text or JSON.

Formats: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import json
import logging
import time
import traceback

from lambdad_runtime import faults, payloads
from lambdad_runtime.telemetry import JSON, TEXT, Telemetry, frame_type

_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_STANDARD = (frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"aws_request_id", "tenant_id"}) - {"taskName"}
"""Attributes of every record; all others are the function's `extra`. The name of a task counts as one, as on AWS."""
_encode = json.JSONEncoder(ensure_ascii=False).encode


class Current:
    """Whose records are being written now."""

    __slots__ = ("request_id", "tenant_id")

    def __init__(self) -> None:
        self.request_id = ""
        self.tenant_id = None


class LambdaLoggerFilter(logging.Filter):
    """Adds `aws_request_id` and `tenant_id`, which a function's own format strings may use as well."""

    def __init__(self, current: Current) -> None:
        super().__init__()
        self._current = current

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self._current.request_id
        record.tenant_id = self._current.tenant_id
        return True


class LogSink:
    """What `context.log` writes to."""

    __slots__ = ("_telemetry",)

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def log(self, message: str) -> None:
        self._telemetry.write(TEXT, message.encode("utf-8", "backslashreplace"))


class LambdaLoggerHandler(logging.Handler):
    """One event per record, however many lines it has."""

    def __init__(self, telemetry: Telemetry, kind: int) -> None:
        super().__init__()
        self.log_sink = LogSink(telemetry)
        self._telemetry = telemetry
        self._kind = kind

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record).encode("utf-8", "backslashreplace")
        # A formatter that the function has set writes text, even in a function whose own format is JSON.
        kind = self._kind if isinstance(self.formatter, JsonFormatter) else TEXT
        self._telemetry.write(frame_type(kind, record.levelno), message)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: AWS's keys first, then the keys of `extra`; None is left out."""

    def format(self, record: logging.LogRecord) -> str:
        level = min(50, max(0, record.levelno)) // 10 * 10
        result = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": logging.getLevelName(level),
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            kind, error, tb = record.exc_info
            result["stackTrace"] = traceback.format_tb(tb)
            result["errorType"] = kind.__name__ if kind else None
            result["errorMessage"] = str(error) if kind else None
        result["requestId"] = getattr(record, "aws_request_id", None)
        if record.exc_info:
            result["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
        result["tenantId"] = getattr(record, "tenant_id", None)
        for key, value in record.__dict__.items():
            if key not in _STANDARD and key not in result:
                result[key] = value
        return _encode({key: value for key, value in result.items() if value is not None}) + "\n"


def install(telemetry: Telemetry, current: Current, as_json: bool, level: str) -> None:
    """Give the root logger Lambda's handler. `level` is AWS_LAMBDA_LOG_LEVEL or "", which leaves Python's WARNING."""
    logging.Formatter.converter = time.gmtime
    root = logging.getLogger()
    handler = LambdaLoggerHandler(telemetry, JSON if as_json else TEXT)
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter(_TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter(current))
    root.addHandler(handler)
    number = logging.getLevelName("DEBUG" if level.upper() == "TRACE" else level.upper())
    if isinstance(number, int):
        root.setLevel(number)


def write_error(telemetry: Telemetry, error: dict, as_json: bool) -> None:
    """Write the event for an error that the function did not catch; `error` is its payload."""
    if as_json:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        record = {"timestamp": stamp, "log_level": "ERROR"}
        record.update(error)
        telemetry.write(frame_type(JSON, logging.ERROR), payloads.encode(record))
    else:
        text = faults.text_of(error).encode("utf-8", "backslashreplace")
        telemetry.write(frame_type(TEXT, logging.ERROR), text)
