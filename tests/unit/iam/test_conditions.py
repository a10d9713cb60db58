"""Every condition operator, with and without its key."""

from collections.abc import Sequence

import pytest

from lambdad.iam.conditions import BadOperand, compile_condition, read_operator
from lambdad.iam.patterns import Context

ARN = "arn:aws:s3:::bucket"


def holds(operator: str, wanted: str | Sequence[str], context: Context) -> bool:
    read = read_operator(operator)
    assert read is not None, operator
    values = [wanted] if isinstance(wanted, str) else wanted
    return compile_condition(read, operator, "Ns:Key", values, True).test(context)


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", [], "b", False),
        ("StringEquals", "${ns:other}", "o", True),
        ("StringEquals", "${ns:absent}", "o", False),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", [], "b", True),
        ("StringEqualsIgnoreCase", "aB", "Ab", True),
        ("StringNotEqualsIgnoreCase", "aB", "Ab", False),
        ("StringLike", "a*", "abc", True),
        ("StringLike", "a*", "Abc", False),
        ("StringLike", "a?c", "abc", True),
        ("StringNotLike", "a*", "abc", False),
        ("StringNotLike", "a*", "bcd", True),
        ("stringLIKE", "a*", "abc", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", "10", "ten", False),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "10", "10", False),
        ("NumericGreaterThan", "-1", "0", True),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericLessThan", ["1", "10"], "5", True),
        ("NumericEquals", "1", "nan", False),
        ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
        ("DateEquals", "2026-01-01", "2026-01-01T01:00:00+01:00", True),
        ("DateEquals", "1767225600", "2026-01-01T00:00:00Z", True),
        ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", True),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", True),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", True),
        ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "1767225600", True),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "soon", False),
        ("Bool", "true", "true", True),
        ("Bool", "TRUE", "true", True),
        ("Bool", "false", "true", False),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
        ("BinaryEquals", "QmluYXJ5", "qmluyxj5", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
        ("IpAddress", "203.0.113.7/24", "203.0.113.9", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.9", False),
        ("IpAddress", "203.0.113.9", "203.0.113.9", True),
        ("IpAddress", "2001:db8::/32", "2001:db8:1::1", True),
        ("IpAddress", "2001:db8::/32", "203.0.113.9", False),
        ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.9", True),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "10.1.2.3", True),
        ("IpAddress", "0.0.0.0/0", "nowhere", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.114.9", True),
        ("NotIpAddress", ["203.0.113.0/24", "203.0.114.0/24"], "203.0.114.9", False),
        ("ArnEquals", "arn:aws:s3:::buck*", ARN, True),
        ("ArnLike", "arn:aws:s3:::buck*", ARN, True),
        ("ArnLike", "arn:*:bucket", ARN, False),
        ("ArnNotEquals", ARN, ARN, False),
        ("ArnNotLike", "arn:aws:s3:::other*", ARN, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringEqualsIfExists", "a", "a", True),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
        ("Null", "false", "", True),
    ],
)
def test_one_value(operator: str, wanted: str | list[str], value: str, expected: bool) -> None:
    assert holds(operator, wanted, {"ns:key": value, "ns:other": "o"}) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "expected"),
    [
        ("StringEquals", "a", False),
        ("StringLike", "*", False),
        ("StringNotEquals", "a", True),
        ("StringNotLike", "*", True),
        ("NumericEquals", "1", False),
        ("NumericNotEquals", "1", True),
        ("DateLessThan", "2026-01-01", False),
        ("Bool", "false", False),
        ("IpAddress", "0.0.0.0/0", False),
        ("NotIpAddress", "0.0.0.0/0", True),
        ("ArnLike", "*", False),
        ("ArnNotLike", "*", True),
        ("StringEqualsIfExists", "a", True),
        ("BoolIfExists", "false", True),
        ("IpAddressIfExists", "10.0.0.0/8", True),
        ("StringNotEqualsIfExists", "a", True),
        ("Null", "true", True),
        ("Null", "false", False),
        ("ForAllValues:StringEquals", "a", True),
        ("ForAllValues:StringNotEquals", "a", True),
        ("ForAnyValue:StringEquals", "a", False),
        ("ForAnyValue:StringNotEquals", "a", False),
        ("ForAnyValue:StringEqualsIfExists", "a", False),
        ("ForAllValues:StringEqualsIfExists", "a", True),
    ],
)
def test_a_key_that_is_missing(operator: str, wanted: str, expected: bool) -> None:
    assert holds(operator, wanted, {"ns:other": "a"}) is expected
    assert holds(operator, wanted, {"ns:key": ()}) is expected, "no value at all is the same"


@pytest.mark.parametrize(
    ("operator", "wanted", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["b", "a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], [""], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
        ("ForAllValues:StringLike", ["a*"], ["a1", "a2"], True),
        ("forallvalues:StringLike", ["a*"], ["a1", "b2"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "a"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
        ("ForAnyValue:StringEquals", [""], [""], False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a"], ["a"], False),
        ("ForAnyValue:ArnLike", ["arn:aws:s3:::b*"], ["x", ARN], True),
        ("ForAnyValue:NumericGreaterThan", ["5"], ["1", "9"], True),
        # Without a qualifier: one of them, negated none of them.
        ("StringEquals", ["a"], ["a", "b"], True),
        ("StringNotEquals", ["a"], ["a", "b"], False),
        ("StringNotEquals", ["a"], ["c", "b"], True),
    ],
)
def test_several_values(operator: str, wanted: list[str], values: list[str], expected: bool) -> None:
    assert holds(operator, wanted, {"ns:key": values}) is expected


def test_a_qualifier_on_a_key_with_one_value() -> None:
    assert holds("ForAllValues:StringEquals", "a", {"ns:key": "a"})
    assert not holds("ForAnyValue:StringEquals", "a", {"ns:key": "b"})


@pytest.mark.parametrize(
    "operator",
    ["", "x", "StringEqual", "NullIfExists", "ForAnyValue:Null", "ForAnyValue::StringEquals", "ForSome:StringEquals",
     "StringEqualsIfExistsIfExists", "IfExists", "StringEquals "],
)  # fmt: skip
def test_what_is_no_operator(operator: str) -> None:
    assert read_operator(operator) is None


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("NumericEquals", "ten"),
        ("NumericEquals", "1e5"),
        ("NumericEquals", "٣"),
        ("DateLessThan", "soon"),
        ("DateLessThan", "2026-13-01"),
        ("DateLessThan", "9223372036854775808"),
        ("IpAddress", "10.0.0.0/33"),
        ("IpAddress", "home"),
    ],
)
def test_what_can_not_be_compared(operator: str, value: str) -> None:
    read = read_operator(operator)
    assert read is not None
    with pytest.raises(BadOperand):
        compile_condition(read, operator, "k", [value], True)
