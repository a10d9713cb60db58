"""Event patterns, with the examples of AWS's own pages and what EventBridge was recorded to answer."""

import json
from typing import Any

import pytest

from lambdad.domain.event_patterns import MAX_DEPTH, InvalidPattern, compile_pattern


def matches(pattern: Any, event: Any) -> bool:
    return compile_pattern(json.dumps(pattern)).matches(event)


@pytest.mark.parametrize(
    ("asked", "value", "expected"),
    [
        # Exact values
        (["x"], "x", True),
        (["x"], "X", False),
        (["x"], "xy", False),
        (["x", "y"], "y", True),
        ([""], "", True),
        ([""], None, False),
        ([None], None, True),
        ([None], "", False),
        ([None], False, False),
        ([1], 1.0, True),
        ([1.0], 1, True),
        ([3e2], 300, True),
        ([1], "1", False),
        (["1"], 1, False),
        ([1], True, False),
        ([True], 1, False),
        ([True], True, True),
        ([0], False, False),
        ([False], False, True),
        ([123456789012], 123456789012, True),
        ([1, {"prefix": "a"}, None], None, True),
        ([1, {"prefix": "a"}, None], "ab", True),
        ([1, {"prefix": "a"}, None], "b", False),
        # prefix, suffix
        ([{"prefix": "us-"}], "us-east-1", True),
        ([{"prefix": "us-"}], "us", False),
        ([{"prefix": ""}], "anything", True),
        ([{"prefix": "1"}], 12, False),
        ([{"prefix": {"equals-ignore-case": "EventB"}}], "eventbridge", True),
        ([{"prefix": {"equals-ignore-case": "EventB"}}], "bridge", False),
        ([{"suffix": ".png"}], "a.png", True),
        ([{"suffix": ".png"}], "a.PNG", False),
        ([{"suffix": {"equals-ignore-case": ".png"}}], "a.PnG", True),
        ([{"suffix": {"equals-ignore-case": ".png"}}], None, False),
        # equals-ignore-case
        ([{"equals-ignore-case": "Alice"}], "aLICE", True),
        ([{"equals-ignore-case": "Alice"}], "alices", False),
        ([{"equals-ignore-case": "ΣΑΣ"}], "σας", True),
        ([{"equals-ignore-case": ""}], "", True),
        ([{"equals-ignore-case": "1"}], 1, False),
        # wildcard
        ([{"wildcard": "dir/*.png"}], "dir/a.png", True),
        ([{"wildcard": "dir/*.png"}], "dir/.png", True),
        ([{"wildcard": "dir/*.png"}], "dir/a.png.txt", False),
        ([{"wildcard": "*"}], "", True),
        ([{"wildcard": "*a*"}], "bab", True),
        ([{"wildcard": "*a*b*"}], "ba", False),
        ([{"wildcard": "ab*ba"}], "aba", False),
        ([{"wildcard": "ab*ba"}], "abba", True),
        ([{"wildcard": "a*bc*c"}], "abc", False),
        ([{"wildcard": "a*bc*c"}], "abcbcc", True),
        ([{"wildcard": "plain"}], "plain", True),
        ([{"wildcard": "plain"}], "plainer", False),
        ([{"wildcard": ""}], "x", False),
        ([{"wildcard": ""}], "", True),
        ([{"wildcard": "a\\*b"}], "a*b", True),
        ([{"wildcard": "a\\*b"}], "axb", False),
        ([{"wildcard": "a\\\\*"}], "a\\b", True),
        ([{"wildcard": "\\**"}], "*x", True),
        ([{"wildcard": "*"}], 1, False),
        # anything-but
        ([{"anything-but": "x"}], "y", True),
        ([{"anything-but": "x"}], "x", False),
        ([{"anything-but": "x"}], None, True),
        ([{"anything-but": "x"}], 1, True),
        ([{"anything-but": "x"}], True, True),
        ([{"anything-but": 0}], 0.0, False),
        ([{"anything-but": 0}], False, True),
        ([{"anything-but": [100, 200]}], 200, False),
        ([{"anything-but": [100, 200]}], 300, True),
        ([{"anything-but": {"prefix": "init"}}], "initializing", False),
        ([{"anything-but": {"prefix": "init"}}], "running", True),
        ([{"anything-but": {"prefix": ["init", "test"]}}], "tested", False),
        ([{"anything-but": {"prefix": ["init", "test"]}}], 12, True),
        ([{"anything-but": {"suffix": [".txt", ".png"]}}], "a.png", False),
        ([{"anything-but": {"suffix": ".png"}}], "a.txt", True),
        ([{"anything-but": {"equals-ignore-case": ["A", "b"]}}], "B", False),
        ([{"anything-but": {"equals-ignore-case": "a"}}], None, True),
        ([{"anything-but": {"wildcard": "*/lib/*"}}], "/usr/lib/x", False),
        ([{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}], "/usr/bin/x", False),
        ([{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}], "/etc", True),
        ([{"anything-but": {"wildcard": ""}}], "dir/init", True),
        # numeric
        ([{"numeric": ["=", 5]}], 5.0, True),
        ([{"numeric": ["=", 5]}], "5", False),
        ([{"numeric": ["=", 1]}], True, False),
        ([{"numeric": ["<", 10]}], 10, False),
        ([{"numeric": ["<=", 10]}], 10, True),
        ([{"numeric": [">", 0]}], 1e-7, True),
        ([{"numeric": [">=", 0]}], -0.0, True),
        ([{"numeric": [">", 0, "<=", 5]}], 0, False),
        ([{"numeric": [">", 0, "<=", 5]}], 5, True),
        ([{"numeric": [">=", 0, "<", 5]}], 5, False),
        ([{"numeric": [">", 100]}], 5_000_000_000, True),
        ([{"numeric": [">", 100]}], 5_000_000_001, False),
        ([{"numeric": ["<", 100]}], -5e9 - 1, False),
        ([{"numeric": [">", 100]}], 10**400, False),
        ([{"numeric": ["=", 4999999999.999999]}], 4999999999.999999, True),
        # cidr
        ([{"cidr": "10.0.0.0/24"}], "10.0.0.255", True),
        ([{"cidr": "10.0.0.0/24"}], "10.0.1.0", False),
        ([{"cidr": "10.0.0.9/24"}], "10.0.0.1", True),
        ([{"cidr": "10.0.0.1/32"}], "10.0.0.1", True),
        ([{"cidr": "0.0.0.0/0"}], "2001:db8::1", False),
        ([{"cidr": "2001:db8::/32"}], "2001:DB8:1::1", True),
        ([{"cidr": "2001:db8::/32"}], "2001:db9::", False),
        ([{"cidr": "::/0"}], "10.0.0.1", False),
        ([{"cidr": "10.0.0.0/24"}], "nonsense", False),
        ([{"cidr": "10.0.0.0/24"}], 167772161, False),
        ([{"cidr": "10.0.0.0/24"}], "1" * 100_000, False),
        # exists: only leaves do
        ([{"exists": True}], "", True),
        ([{"exists": True}], None, True),
        ([{"exists": True}], False, True),
        ([{"exists": True}], {"S": "x"}, False),
        ([{"exists": True}], {}, False),
        ([{"exists": True}], [], False),
        ([{"exists": True}], [None], True),
        ([{"exists": True}], [{"a": 1}], False),
        ([{"exists": False}], None, False),
        ([{"exists": False}], {"S": "x"}, True),
        ([{"exists": False}], [], True),
        ([{"exists": False}], [{"a": 1}], True),
        ([{"exists": False}], [{"a": 1}, 2], False),
        ([{"exists": False}, "x"], "x", True),
        # Arrays: one element is enough, arrays in arrays are flat
        (["x"], ["y", "x"], True),
        (["x"], ["y"], False),
        (["x"], [["y"], [["x"]]], True),
        ([None], [], False),
        (["x"], ["y", {"f": "x"}], False),
        ([{"anything-but": "x"}], ["x", "y"], True),
        ([{"anything-but": "x"}], ["x"], False),
        ([{"anything-but": "x"}], [], False),
        ([{"anything-but": "x"}], {"a": 1}, False),
    ],
)
def test_leaves(asked: Any, value: Any, expected: bool) -> None:
    assert matches({"f": asked}, {"f": value, "other": 1}) is expected
    assert matches({"deep": {"f": asked}}, {"deep": [{"other": 1}, {"f": value}]}) is expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["x"], False),
        ([None], False),
        ([{"anything-but": "x"}], False),
        ([{"anything-but": {"prefix": "x"}}], False),
        ([{"exists": True}], False),
        ([{"exists": False}], True),
        ([{"anything-but": ["roses"]}, {"exists": False}], True),
    ],
)
def test_missing_fields(asked: Any, expected: bool) -> None:
    assert matches({"f": asked}, {"g": "x"}) is expected
    assert matches({"f": {"S": asked}}, {}) is expected
    assert matches({"f": {"S": asked}}, {"f": "no object"}) is expected
    assert matches({"f": {"S": asked}}, {"f": []}) is expected


PEOPLE = {"people": [{"first": "Anna", "last": "Smith"}, [{"first": "Peter", "last": "Jones"}], "nobody"]}


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"a": [1], "b": [2]}, {"a": 1, "b": 2}, True),
        ({"a": [1], "b": [2]}, {"a": 1}, False),
        ({"a": {"b": {"c": [1]}}}, {"a": {"b": {"c": 1}}}, True),
        ({"a": {"b": {"c": [1]}}}, {"a": {"c": 1}}, False),
        ({"Detail": [1]}, {"detail": 1}, False),
        ({"a.b": [1]}, {"a.b": 1}, True),
        ({"a": {"b": [1]}}, {"a": '{"b": 1}'}, False),
        # Objects in arrays: everything by the same element
        ({"people": {"first": ["Anna"]}}, PEOPLE, True),
        ({"people": {"first": ["Peter"], "last": ["Jones"]}}, PEOPLE, True),
        ({"people": {"first": ["Anna"], "last": ["Jones"]}}, PEOPLE, False),
        ({"people": {"$or": [{"first": ["Anna"]}, {"last": ["None"]}], "last": ["Jones"]}}, PEOPLE, False),
        ({"people": {"$or": [{"first": ["Anna"]}, {"last": ["Jones"]}], "last": ["Jones"]}}, PEOPLE, True),
        ({"a": {"id": [{"exists": True}]}}, {"a": [{"k": 1}, {"id": 2}]}, True),
        ({"a": {"id": [{"exists": False}]}}, {"a": [{"k": 1}, {"id": 2}]}, False),
        ({"a": {"id": [{"exists": False}]}}, {"a": [{"k": 1}, {"k": 2}]}, True),
        ({"a": {"id": [{"exists": False}], "k": [1]}}, {"a": [{"k": 1}, {"id": 2}]}, True),
        ({"a": {"id": [{"exists": False}, 3]}}, {"a": [{"id": 3}, {"id": 2}]}, True),
        ({"a": {"id": [{"exists": False}, 3]}}, {"a": [{}, {"id": 2}]}, False),
        ({"a": {"b": {"c": [1], "d": [2]}}}, {"a": [{"b": {"c": 1}}, {"b": {"d": 2}}]}, False),
        # $or
        ({"$or": [{"a": [1]}, {"b": [1]}]}, {"b": 1}, True),
        ({"$or": [{"a": [1]}, {"b": [1]}]}, {"c": 1}, False),
        ({"s": ["x"], "$or": [{"a": [1]}, {"b": [1]}]}, {"a": 1}, False),
        ({"s": ["x"], "$or": [{"a": [1]}, {"b": [1]}]}, {"a": 1, "s": "x"}, True),
        (
            {"s": [1], "$or": [{"a": [1], "b": [1], "$or": [{"c": [1]}, {"d": [1]}]}, {"e": [1]}]},
            {"s": 1, "a": 1, "b": 1},
            False,
        ),
        ({"s": [1], "$or": [{"a": [1], "$or": [{"c": [1]}, {"d": [1]}]}, {"e": [1]}]}, {"s": 1, "a": 1, "d": 1}, True),
        ({"d": {"$or": [{"a": {"x": [1]}}, {"b": [{"exists": False}]}]}}, {"d": {"b": 1}}, False),
        ({"d": {"$or": [{"a": {"x": [1]}}, {"b": [{"exists": False}]}]}}, {}, True),
        # Only objects are events
        ({"a": [{"exists": False}]}, {}, True),
        ({"a": [{"exists": False}]}, [], False),
        ({"a": [{"exists": False}]}, "text", False),
        ({"a": [1]}, [{"a": 1}], False),
    ],
)
def test_structure(pattern: Any, event: Any, expected: bool) -> None:
    assert matches(pattern, event) is expected


def test_the_last_of_duplicate_keys_counts() -> None:
    pattern = compile_pattern('{"a": ["x"], "a": ["y"]}')
    assert pattern.matches({"a": "y"})
    assert not pattern.matches({"a": "x"})


def test_kinds() -> None:
    pattern = compile_pattern(
        '{"body": {"a": [1]}, "id": ["x"], "$or": [{"body": ["t"]}, {"$or": [{"x": [1]}, {"y": {"z": [1]}}]}]}'
    )
    assert pattern.kinds("body") == {"object", "values"}
    assert pattern.kinds("id") == {"values"}
    assert pattern.kinds("x") == {"values"}
    assert pattern.kinds("y") == {"object"}
    assert pattern.kinds("z") == set()
    assert pattern.kinds("$or") == set()


def nested(depth: int) -> str:
    return '{"a":' * depth + "[1]" + "}" * depth


@pytest.mark.parametrize(
    ("text", "reason", "path"),
    [
        ("", "Not valid JSON: ", "$"),
        ("{'a': 1}", "Not valid JSON: ", "$"),
        ('{"a": [NaN]}', "Not valid JSON: NaN", "$"),
        ('{"a": [' + "1" * 10_000 + "]}", "Not valid JSON: ", "$"),
        ('["a"]', "Filter is not an object", "$"),
        ('"a"', "Filter is not an object", "$"),
        ("{}", "Empty objects are not allowed", "$"),
        ('{"a": {"b": {}}}', "Empty objects are not allowed", "$.a.b"),
        ('{"a": {"b": []}}', "Empty arrays are not allowed", "$.a.b"),
        ('{"int": 42}', '"int" must be an object or an array', "$.int"),
        ('{"a": null}', '"a" must be an object or an array', "$.a"),
        ('{"a": ["x", ["y"]]}', "Match value must be String, number, true, false, or null", "$.a[1]"),
        ('{"a": [{}]}', "Match expression must have exactly one key", "$.a[0]"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Match expression must have exactly one key", "$.a[0]"),
        ('{"a": [{"EXISTS": true}]}', "Unrecognized match type EXISTS", "$.a[0].EXISTS"),
        ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false", "$.a[0].exists"),
        ('{"a": [{"exists": 0}]}', "exists match pattern must be either true or false", "$.a[0].exists"),
        ('{"a": [{"prefix": ["x"]}]}', "prefix match pattern must be a string", "$.a[0].prefix"),
        ('{"a": [{"prefix": {"wildcard": "x"}}]}', "Unsupported prefix pattern: wildcard", "$.a[0].prefix"),
        ('{"a": [{"suffix": 123}]}', "suffix match pattern must be a string", "$.a[0].suffix"),
        ('{"a": [{"suffix": {"equals-ignore-case": 1}}]}', "equals-ignore-case match pattern must be", "$.a[0].suffix.equals-"),
        ('{"a": [{"equals-ignore-case": {"prefix": "x"}}]}', "equals-ignore-case match pattern must be", "$.a[0].equals-"),
        ('{"a": [{"wildcard": ["x"]}]}', "wildcard match pattern must be a string", "$.a[0].wildcard"),
        ('{"a": [{"wildcard": "a**"}]}', "Consecutive wildcard characters at pos 1", "$.a[0].wildcard"),
        (r'{"a": [{"wildcard": "a\\b"}]}', "Invalid escape character at pos 1", "$.a[0].wildcard"),
        (r'{"a": [{"wildcard": "a\\"}]}', "Invalid escape character at pos 1", "$.a[0].wildcard"),
        ('{"a": [{"anything-but": []}]}', "Value of anything-but must be an array or", "$.a[0].anything-but"),
        ('{"a": [{"anything-but": null}]}', "Value of anything-but must be an array or", "$.a[0].anything-but"),
        ('{"a": [{"anything-but": [true]}]}', "Value of anything-but must be an array or", "$.a[0].anything-but"),
        ('{"a": [{"anything-but": [1, "x"]}]}', "Inside anything-but list, either all values are", "$.a[0].anything-but"),
        ('{"a": [{"anything-but": {"cidr": "::/0"}}]}', "Unsupported anything-but pattern: cidr", "$.a[0].anything-but.cidr"),
        ('{"a": [{"anything-but": {"prefix": ""}}]}', "Empty prefix is not allowed", "$.a[0].anything-but.prefix"),
        ('{"a": [{"anything-but": {"suffix": [123, "x"]}}]}', "suffix match pattern must be", "$.a[0].anything-but.suffix"),
        ('{"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]}', "prefix match pattern must be", "$.a[0].any"),
        ('{"a": [{"anything-but": {"wildcard": ["a", "**"]}}]}', "Consecutive wildcard characters at pos 0", "$.a[0].any"),
        ('{"a": [{"numeric": 5}]}', "Value of numeric must be an array", "$.a[0].numeric"),
        ('{"a": [{"numeric": []}]}', "numeric must have one comparison or the two of a range", "$.a[0].numeric"),
        ('{"a": [{"numeric": [">", 0, "<"]}]}', "numeric must have one comparison or", "$.a[0].numeric"),
        ('{"a": [{"numeric": ["!=", 0]}]}', 'Unrecognized numeric range operator: "!="', "$.a[0].numeric"),
        ('{"a": [{"numeric": [[], 0]}]}', "Unrecognized numeric range operator: []", "$.a[0].numeric"),
        ('{"a": [{"numeric": ["<", "10"]}]}', "Value of < must be numeric", "$.a[0].numeric"),
        ('{"a": [{"numeric": ["=", true]}]}', "Value of = must be numeric", "$.a[0].numeric"),
        ('{"a": [{"numeric": ["<", 5000000001]}]}', "Value must be between -5000000000 and", "$.a[0].numeric"),
        ('{"a": [{"numeric": [">", 0, ">", 0]}]}', "A numeric range is > or >= and then < or <=", "$.a[0].numeric"),
        ('{"a": [{"numeric": ["<", 5, ">", 0]}]}', "A numeric range is > or >= and then < or <=", "$.a[0].numeric"),
        ('{"a": [{"numeric": [">", 5, "<", 5]}]}', "Bottom must be less than top", "$.a[0].numeric"),
        ('{"a": [{"cidr": 1}]}', "cidr match pattern must be a string", "$.a[0].cidr"),
        ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required", "$.a[0].cidr"),
        ('{"a": [{"cidr": "10.0.0.0/255.0.0.0"}]}', "Malformed CIDR, mask bits must be an integer", "$.a[0].cidr"),
        ('{"a": [{"cidr": "bad-/64filter"}]}', "Malformed CIDR, mask bits must be an integer", "$.a[0].cidr"),
        ('{"a": [{"cidr": "10.0.0.0/33"}]}', "Malformed CIDR: 10.0.0.0/33", "$.a[0].cidr"),
        ('{"$or": [{"a": [1]}]}', "$or must be an array of at least two objects", "$.$or"),
        ('{"$or": {"a": [1]}}', "$or must be an array of at least two objects", "$.$or"),
        ('{"a": {"$or": [{"a": [1]}, "b"]}}', "$or must be an array of at least two objects", "$.a.$or"),
        ('{"$or": [{"a": [1]}, {}]}', "Empty objects are not allowed", "$.$or[1]"),
        (nested(MAX_DEPTH + 1), "Nested deeper than 100 levels", "$.a.a"),
        ('{"$or":[{"a":[1]},' * 200 + '{"b":[1]}' + "]}" * 200, "Nested deeper than 100 levels", "$.$or"),
        ('{"a":' * 100_000, "Nested deeper than 100 levels", "$"),
        ('{"a":' + "[" * 100_000, "Nested deeper than 100 levels", "$"),
    ],
)
def test_malformed(text: str, reason: str, path: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern(text)
    assert caught.value.reason.startswith(reason)
    assert caught.value.path.startswith(path)
    assert str(caught.value) == f"{caught.value.reason} (at {caught.value.path})"


# Hostile input: sizes at which anything exponential, or recursion, would not end well.


def test_wildcards_do_not_backtrack() -> None:
    asked = compile_pattern(json.dumps({"f": [{"wildcard": "a*" * 2000 + "b"}, {"wildcard": "*a" * 2000 + "*b*"}]}))
    assert not asked.matches({"f": "a" * 1_000_000})
    assert asked.matches({"f": "a" * 1_000_000 + "b"})


def test_deep_events_do_not_recurse() -> None:
    array: list[Any] = [1]
    for _ in range(100_000):
        array = [array]
    assert matches({"f": [1]}, {"f": array})
    assert not matches({"f": {"g": [1]}}, {"f": array})
    event: dict[str, Any] = {"a": 1}
    for _ in range(MAX_DEPTH - 1):
        event = {"a": [[event]]}
    assert compile_pattern(nested(MAX_DEPTH)).matches(event)


def test_wide_arrays_at_every_level_are_walked_once() -> None:
    event: Any = 2
    for _ in range(17):
        event = {"a": [event, event]}
    assert not compile_pattern(nested(17)).matches(event)
