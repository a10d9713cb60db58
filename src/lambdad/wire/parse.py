"""From a request to parameters by their model names.

Blobs arrive as bytes, timestamps as epoch seconds (float), numbers as int or float; what the model does not know is
dropped, as AWS does.
Anything that can't be read raises CallerError `SerializationException` (400), with the texts of AWS's own deserialiser.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from lambdad.domain.errors import CallerError
from lambdad.wire import query, timestamps, xml
from lambdad.wire.match import Match, form, protocol_of
from lambdad.wire.messages import Request
from lambdad.wire.models import Member, Model, Shape
from lambdad.wire.scalars import article, java_name, scalar, unreadable

Params = dict[str, Any]

_LARGE, _MOST_COMMAS = 8 * 1024 * 1024, 100_000
"""What is larger is so because of a zip in base64; of something else it would be millions of values, and take minutes."""


def parse(request: Request, match: Match, model: Model) -> Params:
    """The operation's parameters. Raises CallerError."""
    shape = match.operation.input
    if shape is None:
        return {}
    protocol = protocol_of(request, model)
    match protocol:
        case "json":
            return from_json_document(request.body, shape)
        case "query":
            params = query.structure(shape, query.tree(form(request)), model)
            if model.name == "sqs" and "QueueUrl" in shape.members:
                # Older clients send to the queue's own address, and need not name it again.
                params.setdefault("QueueUrl", request.path)
            return params
        case "rest-json":
            params = _outside_body(request, match, shape)
            _rest_body(request, shape, params, from_json_document)
            return params
        case "rest-xml":
            params = _outside_body(request, match, shape)
            _rest_body(request, shape, params, from_xml_document)
            return params
        case _:
            assert_never(protocol)


# --- outside the body -----------------------------------------------------------------------------------------------------


def _outside_body(request: Request, match: Match, shape: Shape) -> Params:
    params: Params = {}
    for name, member in shape.members.items():
        match member.location:
            case "uri":
                params[name] = scalar(member, match.labels[member.wire_name])
            case "querystring":
                value = _query_member(request, match, shape, member)
            case "header":
                text = request.headers.get(member.wire_name.lower())
                value = None if text is None else _header(member, text)
            case "headers":
                value = _header_map(request, member)
            case _:
                continue
        if member.location != "uri" and value is not None:
            params[name] = value
    return params


def _query_member(request: Request, match: Match, shape: Shape, member: Member) -> Any:
    pairs = request.query_pairs
    if member.shape.kind == "map":
        named = {other.wire_name for other in shape.members.values() if other.location == "querystring"}
        named.update(match.operation.literal_query)
        rest = [(key, value) for key, value in pairs if key not in named]
        if member.shape.item.shape.kind != "list":
            return dict(rest) or None
        lists: dict[str, list[str]] = {}
        for key, value in rest:
            lists.setdefault(key, []).append(value)
        return lists or None
    values = [value for key, value in pairs if key == member.wire_name]
    if not values:
        return None
    if member.shape.kind == "list":
        return [scalar(member.shape.item, value) for value in values]
    return scalar(member, values[0])


def _header(member: Member, text: str) -> Any:
    if member.trait("jsonvalue"):
        return _decoded_json_header(text)
    if member.shape.kind == "list":
        return [scalar(member.shape.item, part.strip().strip('"')) for part in text.split(",")]
    return scalar(member, text)


def _decoded_json_header(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise unreadable("A JSON header is not base64 of UTF-8.") from None


def _header_map(request: Request, member: Member) -> dict[str, str] | None:
    prefix = member.wire_name.lower()
    return {name[len(prefix) :]: value for name, value in request.headers.items() if name.startswith(prefix)} or None


def _rest_body(request: Request, shape: Shape, params: Params, document: Callable[[bytes, Shape], Params]) -> None:
    payload = shape.payload
    if payload is None:
        if any(member.location is None for member in shape.members.values()):
            params.update(document(request.body, shape))
        return
    match payload.shape.kind:
        case "blob":
            params[payload.name] = request.body
        case "string":
            if request.body:
                params[payload.name] = _utf8(request.body)
        case _:
            if request.body:
                params[payload.name] = document(request.body, payload.shape)


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise unreadable("The request's body is not UTF-8.") from None


# --- JSON -------------------------------------------------------------------------------------------------------------------


def from_json_document(body: bytes, shape: Shape) -> Params:
    """The members of `shape` that are in the body. An empty body is an empty object."""
    if not body.strip():
        return {}
    if len(body) > _LARGE and body.count(b",") > _MOST_COMMAS:
        raise unreadable("Could not parse request body into json: it has too many members")
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError as problem:
        raise unreadable(f"Could not parse request body into json: {problem}") from None
    except (UnicodeDecodeError, RecursionError):
        raise unreadable("Could not parse request body into json: it is not UTF-8, or nested too deeply") from None
    found = _json(shape, document)
    return found if isinstance(found, dict) else {}


def _json(shape: Shape, value: Any) -> Any:
    if value is None:
        return None
    match shape.kind:
        case "structure":
            if not isinstance(value, dict):
                raise unreadable("Expected structure or null" if isinstance(value, list) else "Unexpected field type")
            return _json_structure(shape, value)
        case "list":
            if not isinstance(value, list):
                raise unreadable("Expected list or null")
            item = shape.item.shape
            return [_json(item, each) for each in value]
        case "map":
            if not isinstance(value, dict):
                raise unreadable("Expected map or null")
            item = shape.item.shape
            return {key: _json(item, each) for key, each in value.items()}
        case _:
            return _json_scalar(shape, value)


def _json_structure(shape: Shape, value: dict[str, Any]) -> Params:
    params: Params = {}
    for name, member in shape.members.items():
        if member.location is None:
            found = value.get(member.wire_name)
            if found is not None:
                params[name] = _json(member.shape, found)
    return params


def _json_scalar(shape: Shape, value: Any) -> Any:
    if isinstance(value, dict):
        raise unreadable("Start of structure or map found where not expected.")
    if isinstance(value, list):
        raise unreadable("Start of list found where not expected")
    kind = shape.kind
    try:
        match kind, value:
            case "string" | "character", str():
                return value
            case "boolean", bool():
                return value
            case (("integer" | "long"), int()) if not isinstance(value, bool):
                return value
            case (("integer" | "long"), float()) if value.is_integer():
                return int(value)
            case (("float" | "double"), int() | float()) if not isinstance(value, bool):
                return float(value)
            case (("float" | "double"), "NaN" | "Infinity" | "-Infinity"):
                return float(value)
            case "timestamp", int() | float() | str() if not isinstance(value, bool):
                return timestamps.parse(value)
            case "blob", str():
                return base64.b64decode(value, validate=True)
    except ValueError:  # binascii.Error is one.
        pass
    raise unreadable(f"{_token(value)} can not be converted to {article(java_name(kind))}")


def _token(value: Any) -> str:
    """What AWS's deserialiser calls a JSON value."""
    match value:
        case bool():
            return "TRUE_VALUE" if value else "FALSE_VALUE"
        case int() | float():
            return "NUMBER_VALUE"
        case _:
            return "STRING_VALUE"


# --- XML --------------------------------------------------------------------------------------------------------------------


def from_xml_document(body: bytes, shape: Shape) -> Params:
    if not body.strip():
        return {}
    try:
        root = xml.parse(body)
    except xml.MalformedXml:
        raise CallerError.named(
            "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", 400
        ) from None
    return _xml_structure(shape, root)


def _xml_structure(shape: Shape, node: xml.Node) -> Params:
    params: Params = {}
    for name, member in shape.members.items():
        if member.location is not None:
            continue
        if member.trait("xmlAttribute"):
            wanted = member.wire_name.rpartition(":")[2]
            for key, text in node.attributes.items():
                if key.rpartition(":")[2] == wanted:
                    params[name] = scalar(member, text)
            continue
        wire_name = member.wire_name
        if member.flattened and member.shape.kind == "list":
            wire_name = member.traits.get("locationName") or member.shape.item.named or member.name
        found = [child for child in node.children if child.name == wire_name]
        if found:
            params[name] = _xml_member(member, found)
    return params


def _xml_member(member: Member, found: list[xml.Node]) -> Any:
    shape = member.shape
    match shape.kind:
        case "structure":
            return _xml_structure(shape, found[0])
        case "list":
            wanted = shape.item.named or "member"
            nodes = found if member.flattened else [child for child in found[0].children if child.name == wanted]
            return [_xml_member(shape.item, [node]) for node in nodes]
        case "map":
            entries = found if member.flattened else [child for child in found[0].children if child.name == "entry"]
            return dict(_xml_entry(shape, entry) for entry in entries)
        case _:
            if found[0].children:
                raise unreadable("Start of structure or map found where not expected.")
            return scalar(member, found[0].text)


def _xml_entry(shape: Shape, entry: xml.Node) -> tuple[str, Any]:
    keys = [child for child in entry.children if child.name == (shape.key.named or "key")]
    values = [child for child in entry.children if child.name == (shape.item.named or "value")]
    if not keys or not values:
        raise unreadable("A map entry needs a key and a value")
    return keys[0].text, _xml_member(shape.item, values)
