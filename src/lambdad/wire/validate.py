"""What the service model demands of parameters, with AWS's texts.

All faults are reported together: `2 validation errors detected: Value 'x' at 'functionName' failed to satisfy constraint:
Member must satisfy regular expression pattern: …; Value null at 'code' failed to satisfy constraint: Member must not be
null`. AWS does not promise an order of faults; ours is that of the model's members.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from lambdad.domain.errors import ValidationError
from lambdad.wire.models import Model, Operation, Shape
from lambdad.wire.patterns import compile_java

_MOST_FAULTS = 100
NULL = "Member must not be null"

# Shapes whose enum is not checked here, by service, each with its reason.
EXEMPT_ENUMS: Mapping[str, frozenset[str]] = {
    # AWS answers InvalidParameterValueException with a text of its own, and takes ARNs too; the control plane checks it.
    "lambda": frozenset({"Runtime"}),
}
# Services that say in words of their own what is wrong, and so check everything themselves.
OWN_WORDS = frozenset({"sqs"})


def validate(params: dict[str, Any], operation: Operation, model: Model) -> None:
    """Raises ValidationError naming every fault, as long as there are not more than a reader would look at."""
    if operation.input is not None and model.name not in OWN_WORDS:
        refuse(list(islice(Validator(model).structure(operation.input, params, ""), _MOST_FAULTS)))


def refuse(faults: list[str]) -> None:
    """Raises ValidationError if there are any."""
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        raise ValidationError(f"{len(faults)} validation {noun} detected: {'; '.join(faults)}")


def fault(value: str, path: str, constraint: str) -> str:
    """One fault; `value` as AWS prints it: `'x'`, or `null` without quotes."""
    return f"Value {value} at '{path}' failed to satisfy constraint: {constraint}"


def violation(value: object, path: str, constraint: str) -> ValidationError:
    """The error for one value that breaks one constraint, where a service checks what its model leaves out."""
    return ValidationError("1 validation error detected: " + fault(f"'{value}'", path, constraint))


class Validator:
    """Walks parameters along their shapes. Compiled patterns are kept by the shape's name, for as long as the model lives."""

    def __init__(self, model: Model) -> None:
        self._exempt = EXEMPT_ENUMS.get(model.name, frozenset())
        self._patterns = model.patterns

    def structure(self, shape: Shape, params: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for name, member in shape.members.items():
            value = params.get(name)
            path = f"{prefix}{name[0].lower()}{name[1:]}"
            if value is None:
                if name in shape.required:
                    yield fault("null", path, NULL)
            else:
                yield from self.value(member.shape, value, path)

    def value(self, shape: Shape, value: Any, path: str) -> Iterator[str]:
        for constraint in self._broken(shape, value):
            yield _fault(value, path, constraint, shape)
        match shape.kind:
            case "structure":
                yield from self.structure(shape, value, f"{path}.")
            case "list":
                yield from self._list(shape, value, path)
            case "map":
                yield from self._map(shape, value, path)

    def _list(self, shape: Shape, value: list[Any], path: str) -> Iterator[str]:
        item = shape.item.shape
        if item.enum and item.name not in self._exempt:
            if any(each is None or each not in item.enum for each in value):
                # Lists of enums are reported as a whole, with the null check listed even where it held.
                yield _fault(value, path, f"Member must satisfy constraint: [{_enum(item)}, {NULL}]", shape, item)
            return
        for number, each in enumerate(value, 1):
            where = f"{path}.{number}.member"
            if each is None:
                yield fault("null", where, NULL)
            else:
                yield from self.value(item, each, where)

    def _map(self, shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
        key, item = shape.key.shape, shape.item.shape
        if any(any(self._broken(key, each)) for each in value):
            yield _fault(value, path, f"Map keys must satisfy constraint: [{', '.join(self._all(key))}]", shape, key, item)
        if item.kind in ("structure", "list", "map"):
            for name, each in value.items():
                if each is not None:
                    yield from self.value(item, each, f"{path}.{name}.member")
        elif any(each is not None and any(self._broken(item, each)) for each in value.values()):
            yield _fault(value, path, f"Map value must satisfy constraint: [{', '.join(self._all(item))}]", shape, key, item)

    def _broken(self, shape: Shape, value: Any) -> Iterator[str]:
        size = _size(shape, value)
        too_long = shape.maximum is not None and size is not None and size > shape.maximum
        # A text that is too long anyway is not run through a regular expression: some of them backtrack.
        if shape.pattern is not None and isinstance(value, str) and not too_long:
            compiled = self._compiled(shape)
            if compiled is not None and compiled.fullmatch(value) is None:
                yield f"Member must satisfy regular expression pattern: {shape.pattern}"
        if shape.enum and shape.name not in self._exempt and value not in shape.enum:
            yield _enum(shape)
        if size is not None:
            if too_long:
                yield _at_most(shape)
            if shape.minimum is not None and size < shape.minimum:
                yield _at_least(shape)

    def _all(self, shape: Shape) -> Iterator[str]:
        """Every constraint of a shape, broken or not: that is how AWS reports maps."""
        if shape.maximum is not None:
            yield _at_most(shape)
        if shape.minimum is not None:
            yield _at_least(shape)
        if shape.pattern is not None:
            yield f"Member must satisfy regular expression pattern: {shape.pattern}"
        if shape.enum:
            yield _enum(shape)

    def _compiled(self, shape: Shape) -> re.Pattern[str] | None:
        if shape.name not in self._patterns:
            self._patterns[shape.name] = compile_java(shape.pattern or "")
        return self._patterns[shape.name]


def _fault(value: Any, path: str, constraint: str, *shapes: Shape) -> str:
    """Values of sensitive shapes are not repeated, as on AWS."""
    if any(shape.traits.get("sensitive") for shape in shapes):
        return f"Value at '{path}' failed to satisfy constraint: {constraint}"
    return fault(f"'{_java(value)}'", path, constraint)


def _size(shape: Shape, value: Any) -> float | None:
    match shape.kind:
        case "string" | "list" | "map" | "blob":
            return len(value)
        case "integer" | "long" | "float" | "double":
            return float(value)
        case _:
            return None


def _enum(shape: Shape) -> str:
    return f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _at_most(shape: Shape) -> str:
    return f"Member must have {_measure(shape)} less than or equal to {_number(shape.maximum)}"


def _at_least(shape: Shape) -> str:
    return f"Member must have {_measure(shape)} greater than or equal to {_number(shape.minimum)}"


def _measure(shape: Shape) -> str:
    return "value" if shape.kind in ("integer", "long", "float", "double") else "length"


def _number(bound: float | None) -> str:
    return str(int(bound)) if bound is not None and bound == int(bound) else str(bound)


def _java(value: Any) -> str:
    """As Java's `toString` prints it, which is what AWS puts into its texts."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(_java, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}={_java(each)}" for key, each in value.items()) + "}"
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case _:
            return str(value)
