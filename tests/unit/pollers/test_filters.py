"""Which records pass, by the documentation's table of formats of data and pattern."""

import json
from typing import Any

import pytest

from lambdad.domain.event_patterns import InvalidPattern
from lambdad.pollers.filters import criteria

JSON = {"body": {"kind": ["wanted"]}}
TEXT = {"body": ["wanted"]}
META = {"messageAttributes": {"kind": {"stringValue": ["wanted"]}}}


def passes(patterns: list[Any], body: str, kind: str = "other") -> bool:
    check = criteria([json.dumps(each) for each in patterns], "body")
    assert check is not None
    return check({"body": body, "messageAttributes": {"kind": {"stringValue": kind}}, "eventSource": "aws:sqs"})


@pytest.mark.parametrize(
    ("pattern", "body", "kind", "expected"),
    [
        (JSON, '{"kind":"wanted","more":1}', "other", True),
        (JSON, '  {"kind":"wanted"}', "other", True),
        (JSON, '[{"kind":"wanted"}]', "other", True),
        (JSON, '{"kind":"other"}', "other", False),
        (JSON, "wanted", "other", False),
        (JSON, '{"kind":"wanted"', "other", False),
        (JSON, "42", "other", False),
        (TEXT, "wanted", "other", True),
        (TEXT, "other", "other", False),
        (TEXT, '{"kind":"wanted"}', "other", False),
        ({"body": [{"prefix": "{"}]}, '{"kind":"wanted"}', "other", False),
        ({"body": [{"prefix": "{"}]}, "{no json", "other", True),
        (META, "anything", "wanted", True),
        (META, '{"a":1}', "wanted", True),
        (META, "anything", "other", False),
        ({**JSON, **META}, '{"kind":"wanted"}', "wanted", True),
        ({**JSON, **META}, '{"kind":"wanted"}', "other", False),
        ({"$or": [JSON, TEXT]}, '{"kind":"wanted"}', "other", True),
        ({"$or": [JSON, TEXT]}, "wanted", "other", True),
        ({"$or": [JSON, TEXT]}, "other", "other", False),
    ],
)
def test_a_pattern_and_a_message(pattern: Any, body: str, kind: str, *, expected: bool) -> None:
    assert passes([pattern], body, kind) is expected


def test_one_pattern_of_several_is_enough() -> None:
    assert passes([TEXT, JSON], '{"kind":"wanted"}')
    assert passes([TEXT, JSON], "wanted")
    assert not passes([TEXT, JSON], "other")


def test_hostile_data_is_no_match() -> None:
    assert not passes([JSON], "[" * 500_000)
    assert not passes([JSON], "{" * 500_000)


def test_no_pattern_is_no_filter() -> None:
    assert criteria([], "body") is None
    with pytest.raises(InvalidPattern):
        criteria(["{"], "body")
