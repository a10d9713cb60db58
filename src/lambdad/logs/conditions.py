"""Conditions inside JSON and space-delimited filter patterns: `subject = value`, joined with `&&`, `||` and parentheses.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html. `&&` binds closer than `||`.
A `*` at the start or the end of a value stands for any text, one in the middle for itself.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, assert_never

from lambdad.logs.regex import InvalidRegex, Regex

Subject = TypeVar("Subject")
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Test = Literal["IS NULL", "IS TRUE", "IS FALSE", "NOT EXISTS"]
Node = object
"""A value of JSON, or a field's text."""

MAX_DEPTH = 32
"""Parentheses inside each other; AWS publishes no limit."""
MAX_REGEXES = 2
"""Per pattern, by the page named above."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\([\"\\])")
_TEST = re.compile(r"IS\s+(NULL|TRUE|FALSE)\b|NOT\s+(EXISTS)\b", re.IGNORECASE)
_BLANKS = re.compile(r"\s*")


class InvalidPattern(ValueError):
    """The pattern can't be read."""


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """`open_start` and `open_end`: there was a `*`."""

    text: str
    open_start: bool
    open_end: bool

    def matches(self, text: str) -> bool:
        if self.open_start and self.open_end:
            return self.text in text
        if self.open_start:
            return text.endswith(self.text)
        if self.open_end:
            return text.startswith(self.text)
        return text == self.text


Value = Number | Text | Regex


@dataclass(frozen=True, slots=True)
class Comparison(Generic[Subject]):
    subject: Subject
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Is(Generic[Subject]):
    subject: Subject
    test: Test


@dataclass(frozen=True, slots=True)
class All(Generic[Subject]):
    parts: tuple["Condition[Subject]", ...]


@dataclass(frozen=True, slots=True)
class Any_(Generic[Subject]):
    parts: tuple["Condition[Subject]", ...]


Condition = Comparison[Subject] | Is[Subject] | All[Subject] | Any_[Subject]


class Scanner:
    """Reads a pattern from left to right."""

    __slots__ = ("position", "regexes", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.regexes = 0

    def blanks(self) -> None:
        self.take(_BLANKS)

    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def next_is(self, literal: str) -> bool:
        """And step over it if it is."""
        if self.text.startswith(literal, self.position):
            self.position += len(literal)
            return True
        return False

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def quoted(self) -> str:
        """A text in double quotes, in which `\\"` and `\\\\` stand for `"` and `\\`."""
        found = self.take(_QUOTED)
        if found is None:
            raise InvalidPattern(self.text)
        return _ESCAPED.sub(r"\1", found[1])

    def regex(self) -> Regex:
        """`%…%`, in which `\\%` stands for `%`."""
        start = self.position + 1
        end = start
        while end < len(self.text) and self.text[end] != "%":
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise InvalidPattern(self.text)
        self.position = end + 1
        self.regexes += 1
        if self.regexes > MAX_REGEXES:
            raise InvalidPattern(self.text)
        try:
            return Regex(self.text[start:end])
        except InvalidRegex as error:
            raise InvalidPattern(self.text) from error


class ConditionParser(Generic[Subject]):
    """`subject` reads what is compared; `bare` matches a value without quotes; `tests`: IS … and NOT EXISTS are known."""

    def __init__(self, scanner: Scanner, subject: Callable[[], Subject], bare: re.Pattern[str], tests: bool) -> None:
        self._scanner = scanner
        self._subject = subject
        self._bare = bare
        self._tests = tests

    def parse(self, depth: int = 0) -> Condition[Subject]:
        parts = [self._all(depth)]
        while self._follows("||"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def _all(self, depth: int) -> Condition[Subject]:
        parts = [self._one(depth)]
        while self._follows("&&"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, depth: int) -> Condition[Subject]:
        scanner = self._scanner
        scanner.blanks()
        if scanner.next_is("("):
            if depth >= MAX_DEPTH:
                raise InvalidPattern(scanner.text)
            inner = self.parse(depth + 1)
            scanner.blanks()
            if not scanner.next_is(")"):
                raise InvalidPattern(scanner.text)
            return inner
        subject = self._subject()
        scanner.blanks()
        if self._tests and (test := scanner.take(_TEST)) is not None:
            return Is(subject, _test(test))
        operator = scanner.take(_OPERATOR)
        if operator is None:
            raise InvalidPattern(scanner.text)
        scanner.blanks()
        return self._comparison(subject, operator[0])

    def _comparison(self, subject: Subject, operator: str) -> Comparison[Subject]:
        value = self._value()
        match operator:
            case "=" | "!=":
                return Comparison(subject, operator, value)
            case "<" | "<=" | ">" | ">=" if isinstance(value, Number):
                return Comparison(subject, operator, value)
            case _:
                raise InvalidPattern(self._scanner.text)

    def _value(self) -> Value:
        scanner = self._scanner
        following = scanner.text[scanner.position : scanner.position + 1]
        if following == '"':
            return _text(scanner.quoted())
        if following == "%":
            return scanner.regex()
        bare = scanner.take(self._bare)
        if bare is None or not bare[0]:
            raise InvalidPattern(scanner.text)
        if _NUMBER.fullmatch(bare[0]):
            return Number(float(bare[0]), bare[0])
        return _text(bare[0])

    def _follows(self, literal: str) -> bool:
        self._scanner.blanks()
        return self._scanner.next_is(literal)


def evaluate(condition: Condition[Subject], nodes: Callable[[Subject], Sequence[Node]]) -> bool:
    """`nodes` finds what a subject names: nothing, one value, or several (of a `[*]`), of which any may match."""
    match condition:
        case Any_():
            return any(evaluate(part, nodes) for part in condition.parts)
        case All():
            return all(evaluate(part, nodes) for part in condition.parts)
        case Comparison():
            return any(compare(node, condition.operator, condition.value) for node in nodes(condition.subject))
        case Is():
            found = nodes(condition.subject)
            match condition.test:
                case "NOT EXISTS":
                    return not found
                case "IS NULL":
                    return any(node is None for node in found)
                case "IS TRUE":
                    return any(node is True for node in found)
                case "IS FALSE":
                    return any(node is False for node in found)
                case _:
                    assert_never(condition.test)
        case _:
            assert_never(condition)


def compare(node: Node, operator: Operator, value: Value) -> bool:
    """Objects, arrays and null compare with nothing, not even by `!=`: the event has not the pattern's form."""
    if isinstance(node, bool):
        node = "true" if node else "false"
    if not isinstance(node, str | int | float):
        return False
    if isinstance(value, Number):
        return _compare_number(node, operator, value)
    text = node if isinstance(node, str) else repr(node)
    found = value.search(text) if isinstance(value, Regex) else value.matches(text)
    return found == (operator == "=")


def _compare_number(node: str | int | float, operator: Operator, value: Number) -> bool:
    if isinstance(node, str):
        if not _NUMBER.fullmatch(node):
            return operator == "!="
        node = float(node)
    match operator:
        case "=":
            return node == value.value
        case "!=":
            return node != value.value
        case "<":
            return node < value.value
        case "<=":
            return node <= value.value
        case ">":
            return node > value.value
        case ">=":
            return node >= value.value
        case _:
            assert_never(operator)


def _text(text: str) -> Text:
    if text == "*":
        return Text("", True, True)
    open_start = text.startswith("*")
    open_end = text.endswith("*")
    return Text(text[open_start : len(text) - open_end], open_start, open_end)


def _test(found: re.Match[str]) -> Test:
    match (found[1] or "").upper():
        case "NULL":
            return "IS NULL"
        case "TRUE":
            return "IS TRUE"
        case "FALSE":
            return "IS FALSE"
        case _:
            return "NOT EXISTS"
