"""Where the statements of a policy document stand in its text. Pure.

IAM's simulations tell it, with lines and columns that count from 1. AWS is not precise about what a column is, but its answers
are (those in the AWS CLI's examples, https://docs.aws.amazon.com/cli/latest/reference/iam/simulate-custom-policy.html, and
others that people recorded): a statement of a list begins where the token before it ends, which is `[` or the statement before
it; one that stands alone begins behind its `{`; and each ends behind its `}`.
"""

import json
import re
from collections.abc import Iterator

from msgspec import Struct

_BLANK = re.compile(r"[ \t\n\r]*")
_NEW_LINE = re.compile(r"\r\n|\n|\r")
_decode = json.JSONDecoder().raw_decode


class Place(Struct, frozen=True):
    """One statement; offsets count characters from 0."""

    begin: int
    """Where AWS says that it begins."""
    start: int
    """Of its `{`."""
    end: int
    """Behind its `}`."""


class Position(Struct, frozen=True):
    line: int
    column: int
    """Both from 1."""


def places(text: str) -> tuple[Place, ...]:
    """Of the statements, in their order. `text` is a document that `policies.parse` takes."""
    at = next(at for key, at in _members(text) if key == "Statement")
    if text[at] == "{":
        return (Place(at + 1, at, _decode(text, at)[1]),)
    found, begin = list[Place](), at + 1
    while text[at] != "]":
        start = _skip(text, at + 1)
        end = _decode(text, start)[1]
        found.append(Place(begin, start, end))
        begin, at = end, _skip(text, end)
    return tuple(found)


def position(text: str, offset: int) -> Position:
    breaks = list(_NEW_LINE.finditer(text, 0, offset))
    return Position(len(breaks) + 1, offset - (breaks[-1].end() if breaks else 0) + 1)


def _members(text: str) -> Iterator[tuple[str, int]]:
    """The document's keys, and where their values start."""
    at = _skip(text, 0)
    while text[at] != "}":
        key, end = _decode(text, _skip(text, at + 1))
        value = _skip(text, _skip(text, end) + 1)
        yield key, value
        at = _skip(text, _decode(text, value)[1])


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    assert blank is not None
    return blank.end()
