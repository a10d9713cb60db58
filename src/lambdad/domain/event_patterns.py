"""Event patterns, as EventBridge's rules and the FilterCriteria of Lambda's event source mappings use them.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html (and its pages on arrays,
null values and numbers), https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html. Where they are silent we
follow EventBridge's own engine (https://github.com/aws/event-ruler) and its answers to TestEventPattern as LocalStack's tests
(https://github.com/localstack/localstack, tests/aws/services/events) recorded them:

- A leaf is a string, a number, a boolean or null. A field that holds an object, an empty array, or an array of objects does
  not exist to `exists`; one that holds null does. What a pattern asks inside of a field that isn't there is absent as well.
- A field with an array matches if one of its elements does; all that is asked of an object in an array is asked of the same
  element. What must not exist there may exist in none of the array's objects, unless something else singles one out.
- Of duplicate keys the last one counts.

What we chose: `$or` is always the operator, never a field. Names with dots are names, while EventBridge takes `{"a.b": …}` for
`{"a": {"b": …}}` too. An event is an object. Patterns nest at most MAX_DEPTH deep. event_operators has what operators do.

Patterns and events come from the wire. Every part of a pattern looks at every part of an event at most once, and only patterns
are walked by recursion. How long a pattern may be is the caller's affair.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

from lambdad.domain.event_operators import NOTHING, InvalidPattern, Test, any_of, compile_operator, one_of, only

__all__ = ["InvalidPattern", "Pattern", "compile_pattern"]

MAX_DEPTH = 100
"""Objects and `$or` inside one another. AWS documents no number; this is far below what the interpreter's stack takes."""

Kind = Literal["object", "values"]

# Outcomes: all of several is NO or else their maximum, one of several is their maximum. An object in an array has to match by
# something it has; matches by what it has not only count if all objects of the array are such.
_NO, _BY_ABSENCE, _BY_PRESENCE = 0, 1, 2

_MISSING = object()

_Matcher = Callable[[Any], int]


class Pattern:
    """A compiled pattern; immutable, made by compile_pattern."""

    __slots__ = ("_kinds", "_matcher")

    def __init__(self, matcher: _Matcher, kinds: dict[str, frozenset[Kind]]) -> None:
        self._matcher = matcher
        self._kinds = kinds

    def matches(self, value: Any) -> bool:
        """Of a decoded JSON value; what is no object is no event and never matches."""
        return type(value) is dict and self._matcher(value) != _NO

    def kinds(self, name: str) -> frozenset[Kind]:
        """What the pattern asks of a top-level field, inside `$or` too: empty for nothing, "object" for fields of its own as
        in `{"body": {"a": [1]}}`, "values" for values and operators as in `{"body": ["text"]}`; alternatives may ask both.
        """
        return self._kinds.get(name, NOTHING)


def compile_pattern(text: str) -> Pattern:
    """Raises InvalidPattern."""
    try:
        root = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise _too_deep("$") from None
    except ValueError as error:
        raise InvalidPattern(f"Not valid JSON: {error}", "$") from None
    if type(root) is not dict:
        raise InvalidPattern("Filter is not an object", "$")
    matcher = _fields(root, "$", 1)
    kinds: dict[str, frozenset[Kind]] = {}
    _collect_kinds(root, kinds)
    return Pattern(matcher, kinds)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _too_deep(path: str) -> InvalidPattern:
    return InvalidPattern(f"Nested deeper than {MAX_DEPTH} levels", path)


def _collect_kinds(pattern: dict[str, Any], kinds: dict[str, frozenset[Kind]]) -> None:
    for name, asked in pattern.items():
        if name == "$or":
            for alternative in asked:
                _collect_kinds(alternative, kinds)
        else:
            kind: Kind = "object" if type(asked) is dict else "values"
            kinds[name] = kinds.get(name, frozenset()) | {kind}


# Structure: objects, arrays, $or. `depth` and `path` are where in the pattern we are.


def _fields(pattern: dict[str, Any], path: str, depth: int) -> _Matcher:
    """The matcher of an object, given that very object: all its fields, and one alternative of `$or`."""
    if depth > MAX_DEPTH:
        raise _too_deep(path)
    if not pattern:
        raise InvalidPattern("Empty objects are not allowed", path)
    fields: list[tuple[str, _Matcher]] = []
    alternatives: tuple[_Matcher, ...] = ()
    for name, asked in pattern.items():
        place = f"{path}.{name}"
        if name == "$or":
            alternatives = _alternatives(asked, place, depth + 1)
        elif type(asked) is dict:
            fields.append((name, _nested(_fields(asked, place, depth + 1))))
        elif type(asked) is list:
            fields.append((name, _leaf(asked, place)))
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array', place)

    def match(event: dict[str, Any]) -> int:
        outcome = _BY_ABSENCE
        for name, matcher in fields:
            found = matcher(event.get(name, _MISSING))
            if found == _NO:
                return _NO
            if found > outcome:
                outcome = found
        if alternatives:
            found = max(matcher(event) for matcher in alternatives)
            return found and max(found, outcome)
        return outcome

    return match


def _alternatives(asked: Any, path: str, depth: int) -> tuple[_Matcher, ...]:
    if type(asked) is not list or len(asked) < 2 or any(type(alternative) is not dict for alternative in asked):
        raise InvalidPattern("$or must be an array of at least two objects", path)
    return tuple(_fields(alternative, f"{path}[{index}]", depth) for index, alternative in enumerate(asked))


def _nested(fields: _Matcher) -> _Matcher:
    """The matcher of a field that has fields of its own."""
    absent = fields({})

    def match(value: Any) -> int:
        if type(value) is dict:
            return fields(value)
        if type(value) is not list:
            return absent
        lowest = _BY_PRESENCE
        for element in _elements(value):
            if type(element) is dict:
                outcome = fields(element)
                if outcome == _BY_PRESENCE:
                    return outcome
                lowest = min(lowest, outcome)
        return absent if lowest == _BY_PRESENCE else lowest

    return match


def _elements(array: list[Any]) -> Iterator[Any]:
    """Arrays inside arrays count as one array. Their order does not matter, and their depth must not."""
    pending = [array]
    while pending:
        for element in pending.pop():
            if type(element) is list:
                pending.append(element)
            else:
                yield element


# Leaves: lists of values and operators.


def _leaf(asked: list[Any], path: str) -> _Matcher:
    """The matcher of a field that has to be one of these, or to hold one."""
    if not asked:
        raise InvalidPattern("Empty arrays are not allowed", path)
    values: list[Any] = []
    tests: list[Test] = []
    absent = _NO
    for index, item in enumerate(asked):
        place = f"{path}[{index}]"
        if type(item) is list:
            raise InvalidPattern("Match value must be String, number, true, false, or null", place)
        if type(item) is not dict:
            values.append(item)
            continue
        name, argument = only(item, place)
        if name == "exists" and argument is False:
            absent = _BY_ABSENCE
        else:
            tests.append(compile_operator(name, argument, f"{place}.{name}"))
    if values:
        tests.insert(0, one_of(values))
    test = tests[0] if len(tests) == 1 else any_of(tuple(tests))

    def match(value: Any) -> int:
        kind = type(value)
        if kind is list:
            outcome = absent
            for element in _elements(value):
                if type(element) is not dict:
                    if test(element):
                        return _BY_PRESENCE
                    outcome = _NO
            return outcome
        if kind is dict or value is _MISSING:
            return absent
        return _BY_PRESENCE if test(value) else _NO

    return match
