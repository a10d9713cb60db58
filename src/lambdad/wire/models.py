"""The service models that botocore ships, as shapes and operations that the rest of `wire` walks.

The files are read with importlib.resources and not with botocore's own loader: that one drags in urllib3 and the rest of the
HTTP client, which triples start-up time and doubles memory, and it adds nothing here (no service-2 model has extras).
Format of the files: https://botocore.amazonaws.com/v1/documentation/api/latest/reference/loaders.html
"""

import gzip
import importlib.resources
import re
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any, Literal

import msgspec

from lambdad.wire.signing_names import SIGNING_NAMES

Kind = Literal[
    "structure", "list", "map", "string", "character", "integer", "long", "float", "double", "boolean", "blob", "timestamp"
]
Protocol = Literal["rest-json", "json", "query", "rest-xml"]

_INTEGERS = ("integer", "long")
# botocore's model of SQS speaks JSON only and has lost these; the query protocol and S3's XML go on carrying them.
_NAMESPACES = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/", "sqs": "http://queue.amazonaws.com/doc/2012-11-05/"}


class UnknownService(Exception):
    """botocore has no model of that name."""


class Shape:
    """One type of a model. Members are looked up when they are first asked for, since shapes may contain themselves."""

    __slots__ = (
        "_item",
        "_key",
        "_members",
        "_model",
        "enum",
        "kind",
        "maximum",
        "minimum",
        "name",
        "pattern",
        "required",
        "traits",
    )

    def __init__(self, model: "Model", name: str, traits: Mapping[str, Any]) -> None:
        self._model = model
        self.name = name
        self.traits = traits
        self.kind: Kind = traits["type"]
        self.required: frozenset[str] = frozenset(traits.get("required", ()))
        self.enum: tuple[str, ...] = tuple(traits.get("enum", ()))
        self.minimum: float | None = traits.get("min")
        self.maximum: float | None = traits.get("max")
        self.pattern: str | None = traits.get("pattern")
        self._members: dict[str, Member] | None = None
        self._item: Member | None = None
        self._key: Member | None = None

    def __repr__(self) -> str:
        return f"<Shape {self.name} {self.kind}>"

    @property
    def members(self) -> dict[str, "Member"]:
        """Of a structure, in the model's order."""
        if self._members is None:
            found = self.traits.get("members", {})
            self._members = {name: Member(name, self._model.shape(ref["shape"]), ref) for name, ref in found.items()}
        return self._members

    @property
    def item(self) -> "Member":
        """The element of a list, or the value of a map."""
        if self._item is None:
            ref = self.traits["member" if self.kind == "list" else "value"]
            self._item = Member("member" if self.kind == "list" else "value", self._model.shape(ref["shape"]), ref)
        return self._item

    @property
    def key(self) -> "Member":
        """The key of a map."""
        if self._key is None:
            ref = self.traits["key"]
            self._key = Member("key", self._model.shape(ref["shape"]), ref)
        return self._key

    @property
    def payload(self) -> "Member | None":
        """The member that is the whole body."""
        name = self.traits.get("payload")
        return self.members[name] if name else None

    @property
    def is_event_stream(self) -> bool:
        return bool(self.traits.get("eventstream"))

    @property
    def is_integer(self) -> bool:
        return self.kind in _INTEGERS


class Member:
    """A use of a shape: in a structure, as an element, a key or a value. Its traits go before the shape's own."""

    __slots__ = ("location", "name", "named", "shape", "traits", "wire_name")

    def __init__(self, name: str, shape: Shape, traits: Mapping[str, Any]) -> None:
        self.name = name
        self.shape = shape
        self.traits = traits
        self.location: str | None = traits.get("location")
        found = traits.get("locationName")
        self.named: str | None = found if found is not None else shape.traits.get("locationName")
        self.wire_name: str = found or name

    def __repr__(self) -> str:
        return f"<Member {self.name} of {self.shape!r}>"

    def trait(self, name: str) -> Any:
        found = self.traits.get(name)
        return found if found is not None else self.shape.traits.get(name)

    @property
    def flattened(self) -> bool:
        return bool(self.trait("flattened"))


class Operation:
    """One operation of a model."""

    __slots__ = ("input", "method", "name", "output", "status", "traits", "uri")

    def __init__(self, model: "Model", name: str, traits: Mapping[str, Any]) -> None:
        http = traits.get("http", {})
        self.name = name
        self.traits = traits
        self.method: str = http.get("method", "POST")
        self.uri: str = http.get("requestUri", "/")
        self.status: int = http.get("responseCode", 200)
        self.input: Shape | None = model.shape(traits["input"]["shape"]) if "input" in traits else None
        self.output: Shape | None = model.shape(traits["output"]["shape"]) if "output" in traits else None

    @property
    def literal_query(self) -> tuple[str, ...]:
        """Names of the query parameters that are part of the address, e.g. `list-type`."""
        return tuple(part.partition("=")[0] for part in self.uri.partition("?")[2].split("&") if part)

    def __repr__(self) -> str:
        return f"<Operation {self.name}: {self.method} {self.uri}>"


class Model:
    """One service: its operations, and its errors by code."""

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        metadata = document["metadata"]
        self.name = name
        self.metadata: Mapping[str, Any] = metadata
        self.protocol: Protocol = _protocol(metadata)
        self.signing_name: str = metadata.get("signingName") or metadata["endpointPrefix"]
        self.target_prefix: str | None = metadata.get("targetPrefix")
        self.json_version: str = metadata.get("jsonVersion", "1.0")
        self.api_version: str = metadata["apiVersion"]
        self.query_compatible = "awsQueryCompatible" in metadata
        self.namespace: str | None = metadata.get("xmlNamespace") or _NAMESPACES.get(name)
        self._shapes: dict[str, Shape] = {}
        # As JSON, a quarter of the size: most of a model's shapes are never met.
        self._documents = {shape: msgspec.json.encode(found) for shape, found in document["shapes"].items()}
        self._operation_documents: Mapping[str, Any] = document["operations"]
        self._operations: dict[str, Operation] = {}
        self._errors = dict(_error_codes(document["shapes"]))
        self.patterns: dict[str, re.Pattern[str] | None] = {}
        """Compiled patterns by shape, filled by `validate` as they are needed; None for one that Python can't express."""

    def __repr__(self) -> str:
        return f"<Model {self.name} {self.api_version} {self.protocol}>"

    def shape(self, name: str) -> Shape:
        shape = self._shapes.get(name)
        if shape is None:
            shape = self._shapes[name] = Shape(self, name, msgspec.json.decode(self._documents[name]))
        return shape

    @property
    def shape_names(self) -> frozenset[str]:
        return frozenset(self._documents)

    @property
    def operation_names(self) -> tuple[str, ...]:
        return tuple(self._operation_documents)

    def operation(self, name: str) -> Operation | None:
        operation = self._operations.get(name)
        if operation is None and name in self._operation_documents:
            operation = self._operations[name] = Operation(self, name, self._operation_documents[name])
        return operation

    def operations(self) -> Iterator[Operation]:
        for name in self._operation_documents:
            operation = self.operation(name)
            assert operation is not None
            yield operation

    def error(self, code: str) -> Shape | None:
        """The shape of an error, by the shape's name or by the code that clients see."""
        name = self._errors.get(code)
        return self.shape(name) if name else None


class Models:
    """Loads each model once, when it is first asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Model] = {}
        self._data = importlib.resources.files("botocore") / "data"

    def load(self, name: str) -> Model:
        """Raises UnknownService."""
        model = self._loaded.get(name)
        if model is None:
            model = self._loaded[name] = Model(name, self._read(name))
        return model

    def signed_as(self, signing_name: str) -> tuple[str, ...]:
        """botocore's names of the services that share a signing name; empty for a name that no service has."""
        found = SIGNING_NAMES.get(signing_name)
        if found is not None:
            return tuple(name for name in found if (self._data / name).is_dir())
        if _plain(signing_name) and (self._data / signing_name).is_dir():
            return (signing_name,)
        return ()

    def _read(self, name: str) -> Mapping[str, Any]:
        folder = self._data / name
        if not _plain(name) or not folder.is_dir():
            raise UnknownService(name)
        for version in sorted((entry for entry in folder.iterdir() if entry.is_dir()), key=_name, reverse=True):
            for file, unpack in (("service-2.json.gz", gzip.decompress), ("service-2.json", bytes)):
                if (version / file).is_file():
                    document: dict[str, Any] = msgspec.json.decode(unpack((version / file).read_bytes()))
                    _drop_documentation(document)
                    return document
        raise UnknownService(name)


def _protocol(metadata: Mapping[str, Any]) -> Protocol:
    """The first of the service's protocols that is spoken here. Services that speak none are only ever answered with errors."""
    for name in (metadata["protocol"], *metadata.get("protocols", ())):
        match name:
            case "rest-json" | "json" | "query" | "rest-xml":
                return name  # type: ignore[no-any-return]
            case "ec2":
                return "query"
    return "json"


def _name(entry: Traversable) -> str:
    return entry.name


def _plain(name: str) -> bool:
    return name.replace("-", "").isalnum()


def _drop_documentation(document: dict[str, Any]) -> None:
    """Two thirds of a model's memory is prose."""
    for group in ("operations", "shapes"):
        for entry in document[group].values():
            entry.pop("documentation", None)
            for ref in entry.get("members", {}).values():
                ref.pop("documentation", None)


def _error_codes(documents: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Codes first, so that a shape's own name wins over another shape's code."""
    errors = [(name, found) for name, found in documents.items() if found.get("exception")]
    for name, found in errors:
        code = found.get("error", {}).get("code")
        if code:
            yield code, name
    for name, _ in errors:
        yield name, name
