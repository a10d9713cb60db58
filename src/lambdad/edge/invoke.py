"""The direct route of Invoke, InvokeWithResponseStream and InvokeAsync: a path, a few headers, and the frontend.

Nothing here walks the service model: what the model demands of the three operations' parameters is compiled in (a test compares
it with the model), and checked with the same texts.
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import base64
import re
from collections.abc import AsyncIterator, Callable
from typing import Literal
from urllib.parse import unquote

from msgspec import Struct

from lambdad.domain import limits
from lambdad.domain.caller import Caller
from lambdad.domain.errors import LambdadError, RequestTooLarge, ValidationError
from lambdad.frontend.api import Answer, Frontend, Invoke, StreamedAnswer
from lambdad.wire import eventstream
from lambdad.wire.messages import Request, Response
from lambdad.wire.validate import fault, refuse

Kind = Literal["Invoke", "InvokeWithResponseStream", "InvokeAsync"]

OPERATIONS: frozenset[Kind] = frozenset({"Invoke", "InvokeWithResponseStream", "InvokeAsync"})

FUNCTION_NAME = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
TENANT_ID = r"[a-zA-Z0-9\._:\/=+\-@ ]+"
INVOCATION_TYPES = ("Event", "RequestResponse", "DryRun")
STREAM_TYPES = ("RequestResponse", "DryRun")
LOG_TYPES = ("None", "Tail")

LONGEST_NAME, LONGEST_QUALIFIER, LONGEST_TENANT_ID = 256, 128, 256
INVOKE_ASYNC_PAYLOAD = 262_144
"""Bytes; https://docs.aws.amazon.com/lambda/latest/api/API_InvokeAsync.html"""

_PATH = re.compile(
    r"/(?:2015-03-31/functions/(?P<plain>[^/]+)/invocations"
    r"|2021-11-15/functions/(?P<stream>[^/]+)/response-streaming-invocations"
    r"|2014-11-13/functions/(?P<old>[^/]+)/invoke-async)/?"
)
_NAME = re.compile(FUNCTION_NAME, re.ASCII)
_QUALIFIER = re.compile(QUALIFIER, re.ASCII)
_TENANT_ID = re.compile(TENANT_ID, re.ASCII)
# A frame of 1 MiB: a client sees the first bytes of a large chunk before its last ones have come.
_PIECE = 1024 * 1024


class Target(Struct, frozen=True):
    """What the path says."""

    kind: Kind
    name: str
    """Still percent-encoded."""


def target(request: Request) -> Target | None:
    """None if the request is for something else."""
    if request.method != "POST":
        return None
    found = _PATH.fullmatch(request.path)
    if found is None:
        return None
    plain = found["plain"]
    if plain is not None:
        return Target("Invoke", plain)
    stream = found["stream"]
    return Target("InvokeWithResponseStream", stream) if stream is not None else Target("InvokeAsync", found["old"])


def body_limit(kind: Kind, request: Request) -> int:
    """Bytes of payload that may be sent."""
    if kind == "InvokeAsync":
        return INVOKE_ASYNC_PAYLOAD
    return limits.EVENT_PAYLOAD if request.headers.get("x-amz-invocation-type") == "Event" else limits.SYNC_PAYLOAD


def too_large(kind: Kind, request: Request, size: int) -> RequestTooLarge:
    limit = body_limit(kind, request)
    named = "Event" if kind == "InvokeAsync" else request.headers.get("x-amz-invocation-type", "RequestResponse")
    return RequestTooLarge(f"{size} byte payload is too large for the {named} invocation type (limit {limit} bytes)")


class InvokeRoute:
    """Calls the frontend for the three operations. `refused` makes the answer of an error, given the request's id."""

    def __init__(self, frontend: Frontend, refused: Callable[[LambdadError, str], Response]) -> None:
        self._frontend = frontend
        self._refused = refused

    def begin(self, where: Target, request: Request, caller: Caller, respond: Callable[[Response], None]) -> None:
        """Invoke or InvokeAsync; `respond` is called once unless this raises LambdadError."""
        request_id = caller.request_id
        if where.kind == "Invoke":
            wanted, made = parse(where, request, caller, INVOCATION_TYPES), answered
        else:
            name = _function_name(where)
            refuse(list(_name_faults(name)))
            action = "lambda:InvokeAsync"
            wanted = Invoke(caller, name, None, request.body, "Event", trace_id=caller.trace_id, action=action)
            made = _accepted

        def done(answer: Answer | LambdadError) -> None:
            respond(made(answer, request_id) if isinstance(answer, Answer) else self._refused(answer, request_id))

        self._frontend.invoke(wanted, done)

    async def stream(self, where: Target, request: Request, caller: Caller) -> Response:
        """InvokeWithResponseStream. Raises LambdadError."""
        answer = await self._frontend.invoke_stream(parse(where, request, caller, STREAM_TYPES))
        if isinstance(answer, Answer):
            return answered(answer, caller.request_id)
        return streamed(answer, caller.request_id)


def parse(where: Target, request: Request, caller: Caller, types: tuple[str, ...]) -> Invoke:
    """Raises ValidationError naming every fault of the parameters."""
    headers = request.headers
    name = _function_name(where)
    qualifier = None
    if request.query:
        qualifier = next((value for key, value in request.query_pairs if key == "Qualifier"), None)
    invocation_type = headers.get("x-amz-invocation-type", "RequestResponse")
    log_type = headers.get("x-amz-log-type", "None")
    tenant_id = headers.get("x-amz-tenant-id")
    if (
        len(name) > LONGEST_NAME
        or _NAME.fullmatch(name) is None
        or qualifier is not None
        or tenant_id is not None
        or invocation_type not in types
        or log_type not in LOG_TYPES
    ):
        faults = list(_name_faults(name))
        faults += _enum_faults(invocation_type, "invocationType", types)
        faults += _enum_faults(log_type, "logType", LOG_TYPES)
        faults += _text_faults(qualifier, "qualifier", _QUALIFIER, LONGEST_QUALIFIER)
        faults += _text_faults(tenant_id, "tenantId", _TENANT_ID, LONGEST_TENANT_ID)
        refuse(faults)
    return Invoke(
        caller,
        name,
        qualifier,
        request.body,
        invocation_type,
        log_type,
        headers.get("x-amz-client-context"),
        caller.trace_id,
        tenant_id,
    )


def _function_name(where: Target) -> str:
    if "%" not in where.name:
        return where.name
    try:
        return unquote(where.name, errors="strict")
    except UnicodeDecodeError:
        raise ValidationError(
            f"1 validation error detected: {fault(repr(where.name), 'functionName', 'Member must be UTF-8')}"
        ) from None


def _name_faults(name: str) -> list[str]:
    return _text_faults(name, "functionName", _NAME, LONGEST_NAME)


def _text_faults(value: str | None, path: str, pattern: re.Pattern[str], longest: int) -> list[str]:
    """Of a text of 1 to `longest` characters."""
    if value is None:
        return []
    if len(value) > longest:
        return [fault(f"'{value}'", path, f"Member must have length less than or equal to {longest}")]
    faults = []
    if pattern.fullmatch(value) is None:
        faults.append(fault(f"'{value}'", path, f"Member must satisfy regular expression pattern: {pattern.pattern}"))
    if not value:
        faults.append(fault(f"'{value}'", path, "Member must have length greater than or equal to 1"))
    return faults


def _enum_faults(value: str, path: str, allowed: tuple[str, ...]) -> list[str]:
    if value in allowed:
        return []
    return [fault(f"'{value}'", path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")]


def answered(answer: Answer, request_id: str) -> Response:
    """Of Invoke; also DryRun's of InvokeWithResponseStream."""
    headers = [("x-amzn-RequestId", request_id), ("x-amzn-Remapped-Content-Length", "0")]
    if answer.status == 200:
        headers.append(("Content-Type", "application/json"))
    if answer.executed_version is not None:
        headers.append(("X-Amz-Executed-Version", answer.executed_version))
    if answer.function_error is not None:
        headers.append(("X-Amz-Function-Error", answer.function_error))
    if answer.log_tail is not None:
        headers.append(("X-Amz-Log-Result", base64.b64encode(answer.log_tail).decode()))
    if answer.trace_id:
        headers.append(("X-Amzn-Trace-Id", answer.trace_id))
    return Response(answer.status, headers, answer.payload)


def _accepted(answer: Answer, request_id: str) -> Response:
    """Of InvokeAsync."""
    return Response(202, [("Content-Type", "application/json"), ("x-amzn-RequestId", request_id)], b'{"Status":202}')


def streamed(answer: StreamedAnswer, request_id: str) -> Response:
    headers = [
        ("x-amzn-RequestId", request_id),
        ("x-amzn-Remapped-Content-Length", "0"),
        ("Content-Type", "application/vnd.amazon.eventstream"),
        ("X-Amz-Executed-Version", answer.executed_version),
    ]
    if answer.trace_id:
        headers.append(("X-Amzn-Trace-Id", answer.trace_id))
    return Response(200, headers, _frames(answer))


async def _frames(answer: StreamedAnswer) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.chunks:
            if len(chunk) <= _PIECE:
                if chunk:
                    yield eventstream.payload_chunk(chunk)
            else:
                for start in range(0, len(chunk), _PIECE):
                    yield eventstream.payload_chunk(chunk[start : start + _PIECE])
    except LambdadError as error:
        # The head is out: the stream itself has to say what happened.
        yield eventstream.error(error.code, error.message)
        return
    outcome = answer.completion.outcome
    if outcome is None:
        yield eventstream.complete()
        return
    code = details = None
    if outcome.error is not None:
        code = outcome.error
        details = outcome.payload.decode("utf-8", "replace")
    yield eventstream.complete(code, details, base64.b64encode(outcome.log_tail).decode() if answer.want_log else None)
