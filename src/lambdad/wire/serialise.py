"""From a handler's output, or an error, to an answer.

Members that the model does not have are dropped, and so are members that are None. Numbers for timestamps are epoch seconds; a
string goes out as it is. An event stream member makes the body an async iterator of frames.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any, assert_never

import msgspec

from lambdad.wire import eventstream, timestamps, xml
from lambdad.wire.messages import Response
from lambdad.wire.models import Member, Model, Operation, Protocol, Shape
from lambdad.wire.query_names import map_names, member_name

Output = Mapping[str, Any]

STATUS_OVERRIDE = "StatusCode_"
"""The key of an output that is the HTTP status, whatever the model says."""

_EVENT_STREAM = ("Content-Type", "application/vnd.amazon.eventstream")
# Smithy calls this trait s3UnwrappedXmlOutput; botocore's models do not carry it.
_UNWRAPPED = frozenset({("s3", "GetBucketLocation")})
# Names of root elements that the model does not give and that clients other than botocore look at.
_S3_ROOTS = {
    "ListBucketsOutput": "ListAllMyBucketsResult",
    "ListObjectsOutput": "ListBucketResult",
    "ListObjectsV2Output": "ListBucketResult",
    "ListObjectVersionsOutput": "ListVersionsResult",
    "ListMultipartUploadsOutput": "ListMultipartUploadsResult",
    "ListPartsOutput": "ListPartsResult",
    "CreateMultipartUploadOutput": "InitiateMultipartUploadResult",
    "CompleteMultipartUploadOutput": "CompleteMultipartUploadResult",
    "DeleteObjectsOutput": "DeleteResult",
    "GetBucketTaggingOutput": "Tagging",
    "GetObjectTaggingOutput": "Tagging",
    "GetBucketVersioningOutput": "VersioningConfiguration",
    "GetBucketLocationOutput": "LocationConstraint",
    "GetBucketAclOutput": "AccessControlPolicy",
    "GetObjectAclOutput": "AccessControlPolicy",
    "GetBucketCorsOutput": "CORSConfiguration",
    "GetBucketLifecycleConfigurationOutput": "LifecycleConfiguration",
    "GetBucketWebsiteOutput": "WebsiteConfiguration",
}


def answer(model: Model, operation: Operation, output: Output, request_id: str, protocol: Protocol) -> Response:
    """A successful answer. `protocol` is what the request spoke."""
    match protocol:
        case "json":
            response = _json_answer(model, operation, output)
        case "query":
            response = _query_answer(model, operation, output, request_id)
        case "rest-json" | "rest-xml":
            response = _rest_answer(model, operation, output, protocol)
        case _:
            assert_never(protocol)
    override = output.get(STATUS_OVERRIDE)
    if override is not None:
        response.status = int(override)
    response.headers.append((request_id_header(model), request_id))
    return response


def request_id_header(model: Model | None) -> str:
    return "x-amz-request-id" if model is not None and model.name == "s3" else "x-amzn-RequestId"


# --- json and query ---------------------------------------------------------------------------------------------------------


def _json_answer(model: Model, operation: Operation, output: Output) -> Response:
    headers = [("Content-Type", f"application/x-amz-json-{model.json_version}")]
    if operation.output is None:
        return Response(200, headers, b"")
    for member in operation.output.members.values():
        if member.shape.is_event_stream:
            first = eventstream.initial_response(
                msgspec.json.encode(json_value(operation.output, {**output, member.name: None}))
            )
            return Response(200, [_EVENT_STREAM], _frames(member.shape, output[member.name], first))
    return Response(200, headers, msgspec.json.encode(json_value(operation.output, output)))


def _query_answer(model: Model, operation: Operation, output: Output, request_id: str) -> Response:
    name = operation.name
    root = xml.Node(f"{name}Response", {"xmlns": model.namespace} if model.namespace else {})
    if operation.output is not None:
        wrapper = operation.traits.get("output", {}).get("resultWrapper") or f"{name}Result"
        root.children.append(_Xml(model, "query").structure(operation.output, output, wrapper))
    metadata = xml.Node("ResponseMetadata", children=[xml.Node("RequestId", text=request_id)])
    root.children.append(metadata)
    return Response(200, [("Content-Type", "text/xml")], xml.document(root))


# --- rest -------------------------------------------------------------------------------------------------------------------


def _rest_answer(model: Model, operation: Operation, output: Output, protocol: Protocol) -> Response:
    response = Response(operation.status)
    shape = operation.output
    if shape is None:
        return response
    has_body = False
    for name, member in shape.members.items():
        if member.location is None:
            has_body = True
            continue
        value = output.get(name)
        if value is not None:
            _outside_body(response, member, value)
    payload = shape.payload
    if payload is not None:
        _payload(model, response, payload, output.get(payload.name), protocol)
    elif has_body and response.status != 204:
        if protocol == "rest-json":
            response.headers.append(("Content-Type", "application/json"))
            response.body = msgspec.json.encode(json_value(shape, output))
        else:
            response.headers.append(("Content-Type", "application/xml"))
            response.body = _xml_document(model, operation, shape, output)
    return response


def _outside_body(response: Response, member: Member, value: Any) -> None:
    match member.location:
        case "statusCode":
            response.status = int(value)
        case "header":
            response.headers.append((member.wire_name, _header(member, value)))
        case "headers":
            response.headers.extend((f"{member.wire_name}{name}", str(each)) for name, each in value.items())


def _header(member: Member, value: Any) -> str:
    if member.trait("jsonvalue"):
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return base64.b64encode(text.encode()).decode()
    if member.shape.kind == "list":
        return ",".join(_text(member.shape.item, each, "rfc822") for each in value)
    return _text(member, value, "rfc822")


def _payload(model: Model, response: Response, member: Member, value: Any, protocol: Protocol) -> None:
    shape = member.shape
    named = {name.lower() for name, _ in response.headers}
    if shape.is_event_stream:
        response.headers = [pair for pair in response.headers if pair[0].lower() != "content-type"]
        response.headers.append(_EVENT_STREAM)
        response.body = _frames(shape, value)
        return
    if value is None:
        return
    match shape.kind:
        case "blob" | "string":
            content_type = "application/octet-stream" if shape.kind == "blob" else "text/plain"
            response.body = value.encode() if isinstance(value, str) else value
        case _ if protocol == "rest-json":
            content_type = "application/json"
            response.body = msgspec.json.encode(json_value(shape, value))
        case _:
            content_type = "application/xml"
            node = _Xml(model, "rest-xml").structure(shape, value, member.named or shape.name)
            response.body = xml.document(_in_namespace(node, model))
    if "content-type" not in named:
        response.headers.append(("Content-Type", content_type))


async def _frames(shape: Shape, events: AsyncIterator[Mapping[str, Output]], first: bytes = b"") -> AsyncIterator[bytes]:
    if first:
        yield first
    async for each in events:
        for name, members in each.items():
            yield eventstream.event(shape, name, members)


def _xml_document(model: Model, operation: Operation, shape: Shape, output: Output) -> bytes:
    name = shape.traits.get("locationName") or (_S3_ROOTS.get(shape.name, shape.name) if model.name == "s3" else shape.name)
    node = _Xml(model, "rest-xml").structure(shape, output, name)
    if (model.name, operation.name) in _UNWRAPPED:
        node = node.children[0] if node.children else node
    return xml.document(_in_namespace(node, model))


def _in_namespace(node: xml.Node, model: Model) -> xml.Node:
    if model.namespace:
        node.attributes = {"xmlns": model.namespace, **node.attributes}
    return node


# --- values -----------------------------------------------------------------------------------------------------------------


def json_value(shape: Shape, value: Any) -> Any:
    """What goes into a JSON body for `value`, without what the model does not have."""
    match shape.kind:
        case "structure":
            out = {}
            for name, member in shape.members.items():
                found = value.get(name)
                if found is not None and member.location is None:
                    out[member.wire_name] = json_value(member.shape, found)
            return out
        case "list":
            item = shape.item.shape
            return [None if each is None else json_value(item, each) for each in value]
        case "map":
            item = shape.item.shape
            return {str(key): json_value(item, each) for key, each in value.items() if each is not None}
        case "blob":
            return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
        case "timestamp":
            return _json_timestamp(shape, value)
        case _:
            return value


def _json_timestamp(shape: Shape, value: Any) -> Any:
    if isinstance(value, str):
        return value
    match shape.traits.get("timestampFormat"):
        case "iso8601":
            return timestamps.iso8601(value)
        case "rfc822":
            return timestamps.http_date(value)
        case _:
            return int(value) if value == int(value) else round(value, 3)


def _text(member: Member, value: Any, timestamp_format: str) -> str:
    """A scalar as text: in headers and in XML."""
    match member.shape.kind:
        case "boolean":
            return "true" if value else "false"
        case "blob":
            return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
        case "timestamp" if not isinstance(value, str):
            match member.trait("timestampFormat") or timestamp_format:
                case "unixTimestamp":
                    return str(int(value)) if value == int(value) else str(round(value, 3))
                case "rfc822":
                    return timestamps.http_date(value)
                case _:
                    return timestamps.iso8601(value)
        case "integer" | "long":
            return str(int(value))
        case _:
            return str(value)


class _Xml:
    """XML nodes of values; SQS's query names and S3's own are looked up on the way."""

    def __init__(self, model: Model, protocol: Protocol) -> None:
        self._model = model
        self._query = protocol == "query"

    def structure(self, shape: Shape, value: Output, name: str) -> xml.Node:
        node = xml.Node(name)
        namespace = shape.traits.get("xmlNamespace")
        if isinstance(namespace, dict) and namespace.get("prefix"):
            node.attributes[f"xmlns:{namespace['prefix']}"] = namespace["uri"]
        for key, member in shape.members.items():
            found = value.get(key)
            if found is None or member.location is not None:
                continue
            if member.trait("xmlAttribute"):
                node.attributes[member.wire_name] = _text(member, found, "iso8601")
            else:
                node.children.extend(self._member(member, found, self._name(member)))
        return node

    def _name(self, member: Member) -> str:
        if self._query:
            return member_name(member, self._model)
        if member.flattened and member.shape.kind == "list":
            return member.traits.get("locationName") or member.shape.item.named or member.name
        return member.wire_name

    def _member(self, member: Member, value: Any, name: str) -> list[xml.Node]:
        shape = member.shape
        match shape.kind:
            case "structure":
                return [self.structure(shape, value, name)]
            case "list":
                item_name = name if member.flattened else (shape.item.named or "member")
                nodes = [node for each in value for node in self._member(shape.item, each, item_name)]
                return nodes if member.flattened else [xml.Node(name, children=nodes)]
            case "map":
                entry_name = name if member.flattened else "entry"
                entries = [self._entry(shape, key, each, entry_name) for key, each in value.items() if each is not None]
                return entries if member.flattened else [xml.Node(name, children=entries)]
            case _:
                return [xml.Node(name, text=_text(member, value, "iso8601"))]

    def _entry(self, shape: Shape, key: str, value: Any, name: str) -> xml.Node:
        key_name, value_name = map_names(shape, self._model)
        return xml.Node(name, children=[xml.Node(key_name, text=key), *self._member(shape.item, value, value_name)])
