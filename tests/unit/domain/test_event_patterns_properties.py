"""What holds for all event patterns and all events."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdad.domain.event_patterns import InvalidPattern, compile_pattern


def matches(pattern: Any, event: Any) -> bool:
    return compile_pattern(json.dumps(pattern)).matches(event)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
NAMES = st.sampled_from(["a", "b", "c", "$or", "a.b"]) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
EVENTS = st.dictionaries(NAMES, VALUES, max_size=4)
OPERATORS = st.one_of(
    st.builds(
        lambda name, text: {name: text}, st.sampled_from(["prefix", "suffix", "equals-ignore-case"]), st.text(max_size=2)
    ),
    st.builds(lambda parts: {"wildcard": "*".join(parts)}, st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4)),
    st.builds(lambda text: {"anything-but": text}, st.text(max_size=2) | st.integers()),
    st.builds(lambda symbol, n: {"numeric": [symbol, n]}, st.sampled_from(["=", "<", "<=", ">", ">="]), st.integers(-9, 9)),
    st.builds(lambda flag: {"exists": flag}, st.booleans()),
    st.sampled_from([{"cidr": "10.0.0.0/8"}, {"cidr": "::/0"}]),
)
LEAVES = st.lists(SCALARS | OPERATORS, min_size=1, max_size=3)
FIELDS = st.sampled_from(["a", "b", "c", "a.b"])
PATTERNS = st.dictionaries(
    FIELDS,
    st.recursive(LEAVES, lambda inner: st.dictionaries(FIELDS, inner, min_size=1, max_size=3), max_leaves=5),
    min_size=1,
    max_size=3,
)


def exactly(value: Any) -> Any:
    """The pattern that asks for everything in an object, None where there is nothing to ask."""
    if isinstance(value, dict):
        asked = {name: pattern for name, inner in value.items() if name != "$or" and (pattern := exactly(inner))}
        return asked or None
    if isinstance(value, list):
        return [item for item in value if not isinstance(item, dict | list)] or None
    return [value]


@given(EVENTS)
def test_what_an_event_says_matches_it(event: dict[str, Any]) -> None:
    pattern = exactly(event)
    assert pattern is None or matches(pattern, event)


@given(PATTERNS, EVENTS | VALUES)
def test_matching_never_raises(pattern: Any, event: Any) -> None:
    assert matches(pattern, event) in (True, False)


@given(st.text(max_size=3) | st.integers(-3, 3) | st.floats(-3, 3), SCALARS)
def test_anything_but_is_the_negation_of_exact(value: Any, present: Any) -> None:
    assert matches({"f": [{"anything-but": value}]}, {"f": present}) is not matches({"f": [value]}, {"f": present})


@given(PATTERNS, PATTERNS, EVENTS)
def test_or_is_the_or_of_its_alternatives(one: Any, other: Any, event: Any) -> None:
    assert matches({"$or": [one, other]}, event) is (matches(one, event) or matches(other, event))


@given(PATTERNS, EVENTS)
def test_fields_are_anded(pattern: dict[str, Any], event: Any) -> None:
    assert matches(pattern, event) is all(matches({name: asked}, event) for name, asked in pattern.items())


@given(LEAVES, EVENTS)
def test_what_a_list_asks_is_ored(asked: list[Any], event: Any) -> None:
    assert matches({"a": asked}, event) is any(matches({"a": [item]}, event) for item in asked)


@given(
    st.text(st.sampled_from("ab*"), max_size=6).filter(lambda text: "**" not in text),
    st.text(st.sampled_from("ab"), max_size=8),
)
def test_wildcards_are_what_they_say(wildcard: str, text: str) -> None:
    def naive(pattern: str, rest: str) -> bool:
        if not pattern:
            return not rest
        if pattern[0] == "*":
            return any(naive(pattern[1:], rest[start:]) for start in range(len(rest) + 1))
        return rest[:1] == pattern[0] and naive(pattern[1:], rest[1:])

    assert matches({"f": [{"wildcard": wildcard}]}, {"f": text}) is naive(wildcard, text)


@given(st.text() | st.builds(json.dumps, VALUES))
def test_compiling_raises_nothing_else(text: str) -> None:
    try:
        compile_pattern(text)
    except InvalidPattern as error:
        assert error.path.startswith("$")
