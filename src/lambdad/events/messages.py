"""What is stored beside an event, and what destinations and dead-letter queues are told of it. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import datetime
import json
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.errors import LambdadError
from lambdad.events.policy import Condition
from lambdad.frontend.api import Answer

PREFIX: Final = "events/"
"""Of the names of the queues."""
ERROR_MESSAGE: Final = 1024
"""Bytes of a dead letter's ErrorMessage."""


RecordCondition: TypeAlias = Condition | Literal["Success"]


class Header(Struct, frozen=True, array_like=True):
    """What is kept beside an event's payload, and changes with each try."""

    request_id: str
    qualifier: str | None
    trace_id: str
    failed: int = 0
    refused: int = 0


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Header).decode


def queue_of(name: FunctionName) -> str:
    """Each function has a queue of its own: what waits for one keeps no other waiting."""
    return f"{PREFIX}{name.account}/{name.region}/{name.name}"


def function_of(queue: str) -> FunctionName:
    account, region, name = queue.removeprefix(PREFIX).split("/")
    return FunctionName(account, region, name)


def record(
    name: FunctionName,
    request_id: str,
    payload: bytes,
    condition: RecordCondition,
    invokes: int,
    result: Answer | LambdadError | None,
    now: float,
) -> str:
    """For a destination. `result` is that of the last try, None where there was none; `now` in epoch seconds."""
    time = datetime.datetime.fromtimestamp(now, datetime.UTC)
    text: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": name.qualified(name.qualifier or LATEST).arn,
            "condition": condition,
            "approximateInvokeCount": invokes,
        },
        "requestPayload": _json(payload),
    }
    if isinstance(result, Answer):
        text["responseContext"] = {"statusCode": result.status, "executedVersion": result.executed_version}
        if result.function_error is not None:
            text["responseContext"]["functionError"] = result.function_error
        text["responsePayload"] = _json(result.payload)
    return json.dumps(text, ensure_ascii=False, separators=(",", ":"))


def _json(payload: bytes) -> Any:
    """Its value; text that is no JSON, which a function may answer, as it is."""
    text = payload.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def dead_letter(request_id: str, result: Answer | LambdadError | None) -> dict[str, tuple[str, str | bytes]]:
    """The message's attributes. `result` is that of the last try; None: the function is switched off, or it was too late."""
    match result:
        case Answer():
            code, text = result.status, _error_message(result.payload)
        case LambdadError():
            code, text = result.status, result.message
        case None:
            code, text = 429, "Rate Exceeded."
    # An attribute can't be empty.
    message = text.encode()[:ERROR_MESSAGE].decode("utf-8", "ignore") or "Unknown"
    return {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", str(code)),
        "ErrorMessage": ("String", message),
    }


def _error_message(payload: bytes) -> str:
    error = _json(payload)
    return str(error.get("errorMessage") or "") if isinstance(error, dict) else str(error)
