"""Wildcards, variables and ARNs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.iam.patterns import Context, compile_patterns

CONTEXT: Context = {
    "aws:username": "alice",
    "aws:principaltag/team": "blue*",
    "aws:tagkeys": ("a", "b"),
    "aws:principalarn": "arn:aws:iam::111122223333:user/alice",
    "aws:empty": "",
}


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a", "ab", False),
        ("*", "", True),
        ("*", "anything:at/all", True),
        ("**", "", True),
        ("**a", "ba", True),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*", "ba", False),
        ("*a", "ba", True),
        ("*a", "ab", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "axxbyyc", True),
        ("a*b*c", "acb", False),
        ("a*bc*bc", "abc", False),
        ("?", "", False),
        ("?", "a", True),
        ("?", "ab", False),
        ("a?c", "abc", True),
        ("a?*", "a", False),
        ("a?*", "abcd", True),
        ("*?b", "aab", True),
        ("*a?a*", "xxabaxx", True),
        ("*a?a*", "xxabbaxx", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/c/d", True),
        ("arn:aws:s3:*", "arn:aws:s3:::b/c", True),
        ("a.c", "abc", False),
        ("[a]", "a", False),
        ("é*", "éa", True),
    ],
)
def test_wildcards(pattern: str, text: str, expected: bool) -> None:
    assert compile_patterns([pattern], variables=True).matches(text, {}) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("home/${aws:username}", "home/alice", True),
        ("home/${aws:username}", "home/bob", False),
        ("home/${AWS:UserName}/*", "home/alice/x", True),
        ("${aws:PrincipalTag/team}", "blue*", True),
        ("${aws:PrincipalTag/team}", "bluest", False),  # a wildcard in a value is none
        ("${aws:nothing}", "", False),
        ("${aws:nothing}", "${aws:nothing}", False),
        ("x/${aws:nothing}/*", "x//y", False),
        ("${aws:nothing, 'company'}", "company", True),
        ("${aws:nothing,'company'}", "company", True),
        ("${aws:username, 'company'}", "alice", True),
        ("${aws:nothing, company}", "company", False),  # a default needs quotes
        ("${aws:nothing, ''}", "", True),
        ("${aws:tagkeys}", "a", False),  # several values are no value
        ("${aws:empty}x", "x", True),
        ("${*}", "*", True),
        ("${*}", "a", False),
        ("${?}", "?", True),
        ("${?}", "a", False),
        ("${$}{aws:username}", "${aws:username}", True),
        ("a${", "a${", True),
        ("${${aws:username}}", "${alice}", True),
        ("?${aws:username}*", "/alice/", True),
    ],
)
def test_variables(pattern: str, text: str, expected: bool) -> None:
    assert compile_patterns([pattern], variables=True).matches(text, CONTEXT) is expected


def test_without_variables_they_are_plain_text() -> None:
    patterns = compile_patterns(["${aws:username}"], variables=False)
    assert patterns.matches("${aws:username}", CONTEXT)
    assert not patterns.matches("alice", CONTEXT)


def test_without_wildcards_they_are_plain_text() -> None:
    patterns = compile_patterns(["a*?"], variables=True, wildcards=False)
    assert patterns.matches("a*?", {})
    assert not patterns.matches("abc", {})


def test_case_that_does_not_count() -> None:
    patterns = compile_patterns(["Lambda:Get*", "S3:List", "${aws:Nothing, 'Default'}"], variables=True, fold=True)
    assert patterns.matches("lambda:getfunction", {})
    assert patterns.matches("s3:list", {})
    assert patterns.matches("default", {})


@pytest.mark.parametrize(
    ("pattern", "arn", "expected"),
    [
        ("arn:aws:s3:::b", "arn:aws:s3:::b", True),
        ("arn:aws:s3:::b*", "arn:aws:s3:::bucket", True),
        ("arn:aws:sns:*:1:*", "arn:aws:sns:eu-west-1:1:topic", True),
        ("arn:aws:sns:*:topic", "arn:aws:sns:eu-west-1:1:topic", False),  # no wildcard reaches over a colon
        ("arn:*:topic", "arn:aws:sns:eu-west-1:1:topic", False),
        ("arn:aws:lambda:*:*:function:f:*", "arn:aws:lambda:r:1:function:f:2", True),
        ("arn:aws:lambda:*:*:*", "arn:aws:lambda:r:1:function:f:2", True),  # but in the last part
        ("arn:aws:sns:*", "arn:aws:sns:r:1:topic", True),
        ("*", "arn:aws:sns:r:1:topic", True),
        ("*", "no arn", False),
        ("arn:aws:s?s:r:1:q", "arn:aws:sqs:r:1:q", True),
        ("${aws:PrincipalArn}", "arn:aws:iam::111122223333:user/alice", True),
        ("${aws:PrincipalArn}*", "arn:aws:iam::111122223333:user/alice2", True),
        ("arn:aws:iam::111122223333:user/${aws:username}", "arn:aws:iam::111122223333:user/alice", True),
    ],
)
def test_arns_part_by_part(pattern: str, arn: str, expected: bool) -> None:
    assert compile_patterns([pattern], variables=True, arns=True).matches(arn, CONTEXT) is expected


def naive(pattern: str, text: str) -> bool:
    """What the documentation says, tried out."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_like_the_naive_reference(pattern: str, text: str) -> None:
    assert compile_patterns([pattern], variables=True).matches(text, {}) is naive(pattern, text)


@given(st.text("ab*?:", max_size=14), st.text("ab:", max_size=14))
def test_arns_like_the_naive_reference(pattern: str, text: str) -> None:
    wanted, found = pattern.split(":", 5), text.split(":", 5)
    wanted += ["*"] * (6 - len(wanted))
    expected = len(found) == 6 and all(naive(a, b) for a, b in zip(wanted, found, strict=True))
    if "*" in pattern or "?" in pattern:
        assert compile_patterns([pattern], variables=True, arns=True).matches(text, {}) is expected


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_pattern_can_be_matched(pattern: str, text: str) -> None:
    for arns in (False, True):
        compile_patterns([pattern, f"${{{pattern}}}"], variables=True, arns=arns).matches(text, {"x": "y"})
