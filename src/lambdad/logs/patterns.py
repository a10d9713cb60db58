"""CloudWatch Logs' filter patterns: terms, JSON patterns `{ … }`, space-delimited patterns `[ … ]`, expressions `%…%`.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html (and its pages on unstructured,
JSON and space-delimited events).

`compile_pattern(text).matches(message)`; what can't be read raises InvalidParameterException, `Invalid filter pattern`.
Patterns come from the wire: their length is limited, and no pattern and message need more than linear time.
"""

import json
import re
from dataclasses import dataclass
from typing import Protocol

from lambdad.domain.errors import CallerError
from lambdad.logs.conditions import (
    Condition,
    ConditionParser,
    InvalidPattern,
    Node,
    Scanner,
    evaluate,
)
from lambdad.logs.regex import Regex

MAX_LENGTH = 1024
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html, filterPattern."""
MAX_WILDCARDS = 3
"""Wildcards `[*]` and `.*` of all selectors together; each selector may have one."""

_TERM = re.compile(r"\w+")
_PROPERTY = re.compile(r"\.([\w-]+|\*)")
_INDEX = re.compile(r"\[(\d{1,9}|\*)\]", re.ASCII)
_FIELD = re.compile(r"[\w$.-]+")
_FIELD_END = re.compile(r"\s*(?=[,\]])")
_BARE_IN_JSON = re.compile(r'(?:(?!&&|\|\|)[^\s(){}"%=<>!,$])+')
_BARE_IN_FIELD = re.compile(r'(?:(?!&&|\|\|)[^\s()\[\]"%=<>!,])+')


class Pattern(Protocol):
    def matches(self, message: str) -> bool: ...


def compile_pattern(text: str) -> Pattern:
    """Raises CallerError InvalidParameterException."""
    try:
        if len(text) > MAX_LENGTH:
            raise InvalidPattern(text)
        stripped = text.strip()
        if stripped.startswith("{"):
            return _json_pattern(stripped)
        if stripped.startswith("["):
            return _fields_pattern(stripped)
        return _terms_pattern(stripped)
    except InvalidPattern as error:
        raise CallerError.named("InvalidParameterException", "Invalid filter pattern") from error


# Terms: all plain ones must be there, none of the -excluded ones; with only ?optional ones, one of them.


@dataclass(frozen=True, slots=True)
class TermsPattern:
    """Without any term it matches everything."""

    required: tuple[str | Regex, ...] = ()
    excluded: tuple[str | Regex, ...] = ()
    optional: tuple[str | Regex, ...] = ()

    def matches(self, message: str) -> bool:
        return (
            all(_contains(message, term) for term in self.required)
            and not any(_contains(message, term) for term in self.excluded)
            and (not self.optional or any(_contains(message, term) for term in self.optional))
        )


def _contains(message: str, term: str | Regex) -> bool:
    return term in message if isinstance(term, str) else term.search(message)


def _terms_pattern(text: str) -> TermsPattern:
    scanner = Scanner(text)
    required: list[str | Regex] = []
    excluded: list[str | Regex] = []
    optional: list[str | Regex] = []
    while True:
        scanner.blanks()
        if scanner.at_end():
            break
        if scanner.next_is("-"):
            scanner.blanks()
            excluded.append(_term(scanner))
        elif scanner.next_is("?"):
            optional.append(_term(scanner))
        else:
            required.append(_term(scanner))
        if not scanner.at_end() and not scanner.text[scanner.position].isspace():
            raise InvalidPattern(text)
    # AWS ignores ?terms beside others: "?ERROR ?WARN REQUEST" means REQUEST.
    return TermsPattern(tuple(required), tuple(excluded), () if required or excluded else tuple(optional))


def _term(scanner: Scanner) -> str | Regex:
    """A quoted phrase, a regular expression, or letters, digits and underscores; anything else has to be quoted."""
    following = scanner.text[scanner.position : scanner.position + 1]
    if following == '"':
        return scanner.quoted()
    if following == "%":
        return scanner.regex()
    found = scanner.take(_TERM)
    if found is None:
        raise InvalidPattern(scanner.text)
    return found[0]


# JSON: { $.a.b[0] = "x*" && ($.c > 5 || $.d IS NULL) }

Selector = tuple[str | int | None, ...]
"""Steps from the root: a property, an index, or None for a wildcard."""


@dataclass(frozen=True, slots=True)
class JsonPattern:
    condition: Condition[Selector]

    def matches(self, message: str) -> bool:
        """False for what is not a JSON object or array."""
        start = message.lstrip()[:1]
        if start not in ("{", "["):
            return False
        try:
            root = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return evaluate(self.condition, lambda selector: select(root, selector))


def select(root: Node, selector: Selector) -> list[Node]:
    """The values that a selector names."""
    found = [root]
    for step in selector:
        following: list[Node] = []
        for node in found:
            if isinstance(node, dict) and isinstance(step, str):
                if step in node:
                    following.append(node[step])
            elif isinstance(node, list) and isinstance(step, int):
                following.extend(node[step : step + 1])
            elif step is None and isinstance(node, dict | list):
                following.extend(node.values() if isinstance(node, dict) else node)
        found = following
    return found


def _json_pattern(text: str) -> JsonPattern:
    scanner = Scanner(text)
    scanner.next_is("{")
    wildcards = 0

    def selector() -> Selector:
        nonlocal wildcards
        steps = _selector(scanner)
        wildcards += steps.count(None)
        if steps.count(None) > 1 or wildcards > MAX_WILDCARDS:
            raise InvalidPattern(text)
        return steps

    condition = ConditionParser(scanner, selector, _BARE_IN_JSON, tests=True).parse()
    scanner.blanks()
    if not scanner.next_is("}") or not scanner.at_end():
        raise InvalidPattern(text)
    return JsonPattern(condition)


def _selector(scanner: Scanner) -> Selector:
    if not scanner.next_is("$"):
        raise InvalidPattern(scanner.text)
    steps: list[str | int | None] = []
    while True:
        if (name := scanner.take(_PROPERTY)) is not None:
            steps.append(None if name[1] == "*" else name[1])
        elif (index := scanner.take(_INDEX)) is not None:
            steps.append(None if index[1] == "*" else int(index[1]))
        elif steps:
            return tuple(steps)
        else:
            raise InvalidPattern(scanner.text)


# Space-delimited: [ip, user, ..., status_code = 4*, bytes > 1000]


@dataclass(frozen=True, slots=True)
class FieldsPattern:
    """`head` are the fields from the left, `tail` those behind the `...`; None: no `...`, the number must be the same."""

    head: tuple[Condition[str] | None, ...]
    tail: tuple[Condition[str] | None, ...] | None

    def matches(self, message: str) -> bool:
        fields = split_fields(message)
        if self.tail is None:
            pairs = zip(self.head, fields, strict=True) if len(fields) == len(self.head) else None
        elif len(fields) < len(self.head) + len(self.tail):
            pairs = None
        else:
            rest = fields[len(fields) - len(self.tail) :]
            pairs = zip(self.head + self.tail, [*fields[: len(self.head)], *rest], strict=True)
        return pairs is not None and all(
            condition is None or evaluate(condition, lambda _, value=value: (value,))  # type: ignore[misc]
            for condition, value in pairs
        )


def split_fields(message: str) -> list[str]:
    """By white space; what stands between `[` and `]` or between two `"` is one field, without them."""
    fields: list[str] = []
    closing = {"[": -1, '"': -1}
    position, length = 0, len(message)
    while position < length:
        character = message[position]
        if character.isspace():
            position += 1
            continue
        end = _bracketed_end(message, position, closing) if character in closing else None
        if end is not None:
            fields.append(message[position + 1 : end])
            position = end + 1
            continue
        start = position
        while position < length and not message[position].isspace():
            position += 1
        fields.append(message[start:position])
    return fields


def _bracketed_end(message: str, start: int, closing: dict[str, int]) -> int | None:
    """Where a field that opens at `start` closes, if white space or the end follows there.

    `closing` remembers the last place found per kind of bracket, else a message full of `[` would be searched again and again.
    """
    opening = message[start]
    end = closing[opening]
    if end <= start:
        end = message.find("]" if opening == "[" else '"', start + 1)
        closing[opening] = end = len(message) if end < 0 else end
    if end == len(message) or (end + 1 < len(message) and not message[end + 1].isspace()):
        return None
    return end


def _fields_pattern(text: str) -> FieldsPattern:
    scanner = Scanner(text)
    scanner.next_is("[")
    head: list[Condition[str] | None] = []
    tail: list[Condition[str] | None] | None = None
    while True:
        scanner.blanks()
        if scanner.next_is("..."):
            if tail is not None:
                raise InvalidPattern(text)
            tail = []
        else:
            (head if tail is None else tail).append(_field(scanner))
        scanner.blanks()
        if scanner.next_is(","):
            continue
        if scanner.next_is("]") and scanner.at_end():
            return FieldsPattern(tuple(head), None if tail is None else tuple(tail))
        raise InvalidPattern(text)


def _field(scanner: Scanner) -> Condition[str] | None:
    """Nothing, a name, or conditions of one name: `status = 403 || status = 404`."""
    start = scanner.position
    scanner.take(_FIELD)
    if scanner.take(_FIELD_END) is not None:
        return None
    scanner.position = start
    names: set[str] = set()

    def name() -> str:
        found = scanner.take(_FIELD)
        if found is None:
            raise InvalidPattern(scanner.text)
        names.add(found[0])
        if len(names) > 1:
            raise InvalidPattern(scanner.text)
        return found[0]

    return ConditionParser(scanner, name, _BARE_IN_FIELD, tests=False).parse()
