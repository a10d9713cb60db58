"""CloudWatch's regular expressions: the subset, and both matchers' agreement."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.logs.regex import InvalidRegex, Regex


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("AUTHORIZED", "[ERROR 401] UNAUTHORIZED REQUEST", True),
        ("AUTHORIZED", "authorized", False),
        ("^[hc]at", "hat trick", True),
        ("^[hc]at", "a hat", False),
        ("[hc]at$", "a cat", True),
        ("[hc]at$", "cats", False),
        ("colou?r", "color", True),
        ("colou?r", "colour", True),
        ("a{3,5}", "aa", False),
        ("a{3,5}", "xaaay", True),
        ("^a{3}$", "aaaa", False),
        ("a{2,}b", "aaaab", True),
        ("gra|ey", "grey", True),
        ("gra|ey", "gray", True),
        ("gra|ey", "grow", False),
        ("\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}", "from 10.1.255.3:80", True),
        ("\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}", "from 10.1.255", False),
        ("\\[ERROR\\]", "[ERROR] x", True),
        ("\\x41", "A", True),
        ("10.+x", "10 and x", True),
        (".", "\n", False),
        ("[^a-z]", "abc", False),
        ("[^a-z]", "abC", True),
        ("[a.]", "x", False),
        ("[-a]", "-", True),
        ("[\\d_]+$", "x_9", True),
        ("ab*", "a", True),
        ("x{0}y", "y", True),
        ("^$", "", True),
        ("^$", "a", False),
        ("\\w", "é", False),
        ("200 OK", "HTTP 200 OK", True),
    ],
)
def test_search(source: str, text: str, found: bool) -> None:
    regex = Regex(source)
    assert regex.search(text) is found
    assert regex.search_linear(text) is found


@pytest.mark.parametrize(
    "source",
    [
        "", "something!", "(a)", "a)", "a**", "a+?", "*a", "{2}", "a{", "a{x}", "a{5,3}", "[", "[]", "[a", "[z-a]", "[\\d-z]",
        "\\", "\\1", "\\k", "\\b", "\\xg1", "a^b", "a$b", "a||b", "|a", "é", "a{99999}", "a{4096}a", "a{2000}a{2097}", "<", "&",
    ],
)  # fmt: skip
def test_refused(source: str) -> None:
    with pytest.raises(InvalidRegex):
        Regex(source)


_CHARACTERS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "\\w", "\\."])
_QUANTIFIERS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{0,2}", "{1,3}", "{2,}", "{0}"])
_SEQUENCES = st.lists(st.builds(lambda a, b: a + b, _CHARACTERS, _QUANTIFIERS), min_size=1, max_size=6).map("".join)
_ALTERNATIVES = st.builds(lambda a, s, z: a + s + z, st.sampled_from(["", "^"]), _SEQUENCES, st.sampled_from(["", "$"]))


@given(st.lists(_ALTERNATIVES, min_size=1, max_size=3).map("|".join), st.text("abc.", max_size=12))
def test_the_linear_matcher_agrees_with_python(source: str, text: str) -> None:
    expected = re.search(source.replace("$", "\\Z"), text) is not None
    assert Regex(source).search(text) is expected
    assert Regex(source).search_linear(text) is expected


@given(st.text(max_size=40))
def test_anything_compiles_or_is_refused(source: str) -> None:
    try:
        regex = Regex(source)
    except InvalidRegex:
        return
    regex.search(source)


def test_hostile_expressions_end() -> None:
    text = "a" * 20_000
    assert not Regex("a*" * 200 + "b").search(text)
    assert not Regex("a?" * 300 + "a{300}b").search(text)
    assert not Regex(".*.*.*.*x").search(text)
