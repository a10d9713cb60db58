"""Forms of the query protocol: `Attributes.entry.1.key=…` and its flattened cousins.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from collections.abc import Iterable
from typing import Any

from lambdad.domain.errors import CallerError
from lambdad.wire.models import Member, Model, Shape
from lambdad.wire.query_names import map_names, member_name
from lambdad.wire.scalars import scalar, unreadable

# A dotted name is a path; no model's parameters nest deeper than a tenth of this.
_DEEPEST = 64
_LONGEST_NUMBER = 9
"""Digits of an element's number; int() refuses thousands of them."""
_VALUE = "."

Tree = dict[str, Any]
"""Names to subtrees; a node's own text is under a dot, which is no part of a name, while the empty text may be one."""


def tree(pairs: Iterable[tuple[str, str]]) -> Tree:
    """Raises CallerError for names that nest absurdly."""
    root: Tree = {}
    for name, value in pairs:
        parts = name.split(".")
        if len(parts) > _DEEPEST:
            raise CallerError.named("MalformedQueryString", "A parameter's name has too many parts", 400)
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[_VALUE] = value
    return root


def structure(shape: Shape, node: Tree, model: Model) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, member in shape.members.items():
        found = _find(node, member, model)
        if found is not None:
            params[name] = _value(member, found, model)
    return params


def _find(node: Tree, member: Member, model: Model) -> Tree | None:
    found = node.get(member_name(member, model))
    return found if isinstance(found, dict) else None


def _value(member: Member, node: Tree, model: Model) -> Any:
    shape = member.shape
    match shape.kind:
        case "structure":
            return structure(shape, node, model)
        case "list":
            elements = node if member.flattened else node.get(shape.item.named or "member", {})
            return [_value(shape.item, each, model) for each in _numbered(elements)]
        case "map":
            entries = node if member.flattened else node.get("entry", {})
            return dict(_entry(shape, each, model) for each in _numbered(entries))
        case _:
            if _VALUE not in node:
                raise unreadable("Start of structure or map found where not expected.")
            return scalar(member, node[_VALUE])


def _entry(shape: Shape, node: Tree, model: Model) -> tuple[str, Any]:
    key_name, value_name = map_names(shape, model)
    key, value = node.get(key_name), node.get(value_name)
    if not isinstance(key, dict) or not isinstance(value, dict) or _VALUE not in key:
        raise unreadable("A map entry needs a key and a value")
    return key[_VALUE], _value(shape.item, value, model)


def _numbered(node: Tree) -> list[Tree]:
    """Elements in the order of their numbers, which need not be without gaps."""
    numbers = [name for name in node if len(name) <= _LONGEST_NUMBER and name.isascii() and name.isdigit()]
    return [node[name] for name in sorted(numbers, key=int)]
