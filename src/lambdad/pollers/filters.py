"""Filter criteria: which records a function gets. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html: a pattern that asks for members of the data applies
to data that is JSON, one that asks for the data as text to data that is not; what does not fit is filtered out. JSON is here an
object or a list: a message `42` or `"text"` is text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from lambdad.domain.event_patterns import Pattern, compile_pattern

Criteria: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Whether a record passes."""


def criteria(patterns: Sequence[str], data: str) -> Criteria | None:
    """`data`: the member of a record that holds its data, as text. None: every record passes. Raises InvalidPattern."""
    if not patterns:
        return None
    compiled = [compile_pattern(each) for each in patterns]
    looks_inside = any(each.kinds(data) for each in compiled)

    def passes(record: Mapping[str, Any]) -> bool:
        decoded = {**record, data: parsed} if looks_inside and (parsed := _parsed(record[data])) is not None else None
        return any(_matches(pattern, data, record, decoded) for pattern in compiled)

    return passes


def _matches(pattern: Pattern, data: str, record: Mapping[str, Any], decoded: Mapping[str, Any] | None) -> bool:
    kinds = pattern.kinds(data)
    if not kinds:
        return pattern.matches(record)
    if decoded is None:
        return "values" in kinds and pattern.matches(record)
    return "object" in kinds and pattern.matches(decoded)


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
