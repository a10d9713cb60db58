"""From an error to an answer, in the shape that the service's protocol gives to errors.

HTTP status and the spelling of the message member come from the model where it knows the error, else from the error itself.
"""

from typing import Any, assert_never

import msgspec

from lambdad.domain.errors import CallerError, LambdadError, NotImplementedOperation, PlatformError
from lambdad.wire import xml
from lambdad.wire.messages import Response
from lambdad.wire.models import Model, Protocol, Shape
from lambdad.wire.serialise import json_value, request_id_header

# Not members of the body: `retry_after` is a header, `query_error` is the name that SQS's older clients know the error by.
_HEADERS = frozenset({"retry_after", "query_error"})

# What the older protocols call the faults of a signature, where that is not the newer name without `Exception`.
# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
_OLDER_NAMES = {
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ValidationException": "ValidationError",
}


def not_implemented(service: str, operation: str | None) -> NotImplementedOperation:
    """The 501 of a service or operation that AWS has and lambdad has not."""
    what = f"{operation} of {service}" if operation else f"the service {service}"
    return NotImplementedOperation(f"lambdad does not implement {what} yet; docs/compatibility.md lists what it does.")


def refusal(error: LambdadError, model: Model | None, request_id: str, protocol: Protocol | None = None) -> Response:
    """The answer that carries `error`. `protocol` is what the request spoke; without a model it is taken for rest-json."""
    spoken = protocol or (model.protocol if model is not None else "rest-json")
    shape = model.error(error.code) if model is not None else None
    status = _status(error, shape, spoken)
    match spoken:
        case "rest-json":
            response = _rest_json(error, shape, status)
        case "json":
            response = _json(error, shape, status, model)
        case "query":
            response = _query(error, shape, status, request_id, model)
        case "rest-xml":
            response = _rest_xml(error, status, request_id, model)
        case _:
            assert_never(spoken)
    retry_after = error.members.get("retry_after")
    if retry_after is not None:
        response.headers.append(("Retry-After", str(retry_after)))
    response.headers.append((request_id_header(model), request_id))
    return response


def _status(error: LambdadError, shape: Shape | None, protocol: Protocol) -> int:
    if shape is None:
        return error.status
    modelled = shape.traits.get("error", {}).get("httpStatusCode")
    if modelled is not None:
        return int(modelled)
    if protocol == "json":
        # Services of this protocol put every fault of the caller under 400.
        return 500 if shape.traits.get("fault") else 400
    return error.status


def _members(error: LambdadError, shape: Shape | None) -> dict[str, Any]:
    members = {name: value for name, value in error.members.items() if name not in _HEADERS and value is not None}
    if shape is None:
        return members
    out: dict[str, Any] = json_value(shape, members)
    # What the error's author adds goes out even if the model lags behind.
    return {**{name: value for name, value in members.items() if name not in shape.members}, **out}


def _message_key(shape: Shape | None, default: str = "message") -> str:
    if shape is not None:
        for name in shape.members:
            if name.lower() == "message":
                return name
    return default


def _rest_json(error: LambdadError, shape: Shape | None, status: int) -> Response:
    body = {_message_key(shape): error.message}
    # ValidationException never has a Type, whatever a model says.
    if shape is not None and "Type" in shape.members and error.code != "ValidationException":
        body = {"Type": _fault(error), **body}
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)]
    return Response(status, headers, msgspec.json.encode({**body, **_members(error, shape)}))


def _json(error: LambdadError, shape: Shape | None, status: int, model: Model | None) -> Response:
    key = _message_key(shape, "Message" if error.code == "SerializationException" else "message")
    body = {"__type": _shape_name(error, shape, model), key: error.message, **_members(error, shape)}
    version = model.json_version if model is not None else "1.0"
    headers = [("Content-Type", f"application/x-amz-json-{version}")]
    if model is not None and model.query_compatible:
        fault = "Receiver" if isinstance(error, PlatformError) else "Sender"
        headers.append(("x-amzn-query-error", f"{_query_code(error, shape)};{fault}"))
    return Response(status, headers, msgspec.json.encode(body))


def _shape_name(error: LambdadError, shape: Shape | None, model: Model | None) -> str:
    name = shape.name if shape is not None else error.code
    # SQS alone prefixes the names of its errors with its namespace.
    return f"com.amazonaws.sqs#{name}" if model is not None and model.name == "sqs" else name


def _query_code(error: LambdadError, shape: Shape | None) -> str:
    named = error.members.get("query_error")
    if named is not None:
        return str(named)
    if shape is not None:
        return str(shape.traits.get("error", {}).get("code") or error.code)
    return _OLDER_NAMES.get(error.code) or error.code.removesuffix("Exception")


def _query(error: LambdadError, shape: Shape | None, status: int, request_id: str, model: Model | None) -> Response:
    inside = [
        xml.Node("Type", text="Receiver" if isinstance(error, PlatformError) else "Sender"),
        xml.Node("Code", text=_query_code(error, shape)),
        xml.Node("Message", text=error.message),
        *_extra_nodes(error),
    ]
    namespace = {"xmlns": model.namespace} if model is not None and model.namespace else {}
    root = xml.Node("ErrorResponse", namespace, [xml.Node("Error", children=inside), xml.Node("RequestId", text=request_id)])
    return Response(status, [("Content-Type", "text/xml")], xml.document(root))


def _rest_xml(error: LambdadError, status: int, request_id: str, model: Model | None) -> Response:
    inside = [xml.Node("Code", text=_query_code(error, None)), xml.Node("Message", text=error.message), *_extra_nodes(error)]
    headers = [("Content-Type", "application/xml")]
    if model is not None and model.name == "s3":
        root = xml.Node("Error", children=[*inside, xml.Node("RequestId", text=request_id)])
    else:
        kind = xml.Node("Type", text="Receiver" if isinstance(error, PlatformError) else "Sender")
        root = xml.Node(
            "ErrorResponse", children=[xml.Node("Error", children=[kind, *inside]), xml.Node("RequestId", text=request_id)]
        )
    return Response(status, headers, xml.document(root))


def _extra_nodes(error: LambdadError) -> list[xml.Node]:
    return [
        xml.Node(name, text=str(value))
        for name, value in error.members.items()
        if name not in _HEADERS and value is not None and isinstance(value, str | int | float)
    ]


def _fault(error: LambdadError) -> str:
    return error.fault if isinstance(error, CallerError | PlatformError) else "Service"
