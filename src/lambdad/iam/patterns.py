"""Patterns of policies: `*`, `?` and policy variables, matched in time linear in the text. Pure.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html (wildcards),
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html (variables, their defaults, `${*}`, `${?}`,
`${$}`) and, for ARNs, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.

A variable that the request has no single value for, and that has no default, makes its pattern match nothing, also that of a
NotResource or of a negated operator. What we chose: the value of a variable is literal text, so a `*` in a tag is no wildcard;
a wildcard in a Resource reaches over colons, like over anything.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import chain
from typing import Final

from msgspec import Struct

Context = Mapping[str, str | Sequence[str]]
"""Condition keys in lower case, with one value or several."""

Test = Callable[[str], bool]

MAX_LENGTH: Final = 2048
"""Of one pattern, in characters: that of the longest ARN,
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html. It bounds an automaton's size."""

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_ARN_PARTS = 6


class Wild(Enum):
    MANY = "*"
    ONE = "?"


class Variable(Struct, frozen=True):
    key: str
    """In lower case."""
    default: str | None


Token = str | Wild | Variable
Tokens = tuple[Token, ...]


class Patterns(Struct, frozen=True):
    """Some patterns of which one must match, sorted by what it takes to match them."""

    exact: frozenset[str]
    tests: tuple[Test, ...]
    """Patterns with wildcards, without variables."""
    templates: tuple[Tokens, ...]
    """Patterns with variables; what they are depends on the request."""
    compiler: Callable[[Tokens], Test]
    fold: bool
    """The case of letters does not count: the patterns are in lower case, and so must be the text."""

    def matches(self, text: str, context: Context) -> bool:
        if text in self.exact:
            return True
        for test in self.tests:
            if test(text):
                return True
        for template in self.templates:
            tokens = _resolved(template, context, self.fold)
            if tokens is not None and self.compiler(tokens)(text):
                return True
        return False


def compile_patterns(
    texts: Iterable[str], *, variables: bool, wildcards: bool = True, fold: bool = False, arns: bool = False
) -> Patterns:
    """`arns`: compare ARNs part by part, so that no wildcard but the last part's reaches over a colon."""
    compiler = _arn_test if arns else _test
    exact, tests, templates = set[str](), list[Test](), list[Tokens]()
    for text in texts:
        tokens = tuple(_read(text.lower() if fold else text, variables, wildcards))
        if any(isinstance(token, Variable) for token in tokens):
            templates.append(tokens)
        elif any(isinstance(token, Wild) for token in tokens):
            tests.append(compiler(tokens))
        else:
            exact.add("".join(token for token in tokens if isinstance(token, str)))
    return Patterns(frozenset(exact), tuple(tests), tuple(templates), compiler, fold)


def _read(text: str, variables: bool, wildcards: bool) -> Iterator[Token]:
    plain = _wildcards if wildcards else _literal
    if not variables or "${" not in text:
        yield from plain(text)
        return
    end = 0
    for found in _VARIABLE.finditer(text):
        yield from plain(text[end : found.start()])
        inside = found[1].strip()
        yield inside if inside in ("*", "?", "$") else _variable(inside)
        end = found.end()
    yield from plain(text[end:])


def _variable(inside: str) -> Variable:
    """`key` or `key, 'default'`. What is neither is the name of a key that no request has."""
    key, comma, rest = inside.partition(",")
    rest = rest.strip()
    if not comma:
        return Variable(inside.lower(), None)
    if len(rest) >= 2 and rest[0] == rest[-1] == "'":
        return Variable(key.strip().lower(), rest[1:-1])
    return Variable(inside.lower(), None)


def _literal(text: str) -> Iterator[Token]:
    if text:
        yield text


def _wildcards(text: str) -> Iterator[Token]:
    for piece in re.split(r"([*?])", text):
        if piece in ("*", "?"):
            yield Wild(piece)
        elif piece:
            yield piece


def _resolved(template: Tokens, context: Context, fold: bool) -> Tokens | None:
    """Without variables, or None where one has no value."""
    tokens: list[Token] = []
    for token in template:
        if isinstance(token, Variable):
            value = context.get(token.key, token.default)
            if not isinstance(value, str):
                return None
            token = value.lower() if fold else value
        tokens.append(token)
    return tuple(tokens)


def _test(tokens: Tokens) -> Test:
    if Wild.ONE in tokens:
        return _automaton(tokens)
    if Wild.MANY in tokens:
        return _pieces(tokens)
    whole = "".join(token for token in tokens if isinstance(token, str))
    return whole.__eq__


def _pieces(tokens: Tokens) -> Test:
    """Only `*`: the first piece begins the text, the last ends it, the others are between, each as early as it can be."""
    pieces = [""]
    for token in tokens:
        if isinstance(token, str):
            pieces[-1] += token
        elif pieces[-1] or len(pieces) == 1:
            pieces.append("")
    first, *middle, last = pieces
    if not middle and not last:
        return (lambda text: text.startswith(first)) if first else (lambda _text: True)
    shortest = len(first) + len(last)

    def test(text: str) -> bool:
        end = len(text) - len(last)
        if len(text) < shortest or not text.startswith(first) or not text.endswith(last):
            return False
        at = len(first)
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return test


def _automaton(tokens: Tokens) -> Test:
    """With `?`: every place that the pattern can be at, as the bits of one integer, moves on with each character."""
    steps = list(chain.from_iterable([token] if isinstance(token, Wild) else str(token) for token in tokens))
    place, loops, anything = 0, 0, 0
    by_character: dict[str, int] = {}
    for step in steps:
        if step is Wild.MANY:
            loops |= 1 << place
            continue
        if step is Wild.ONE:
            anything |= 1 << place
        else:
            by_character[str(step)] = by_character.get(str(step), 0) | 1 << place
        place += 1
    by_character = {character: places | anything for character, places in by_character.items()}
    accepted = 1 << place

    def test(text: str) -> bool:
        places = 1
        for character in text:
            places = (places & by_character.get(character, anything)) << 1 | places & loops
            if not places:
                return False
        return bool(places & accepted)

    return test


def _arn_test(tokens: Tokens) -> Test:
    """Each of the six parts for itself; parts that the pattern lacks may be anything."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if not isinstance(token, str):
            parts[-1].append(token)
            continue
        here, *further = token.split(":", _ARN_PARTS - len(parts))
        parts[-1].append(here)
        parts += [[piece] for piece in further]
    parts += [[Wild.MANY]] * (_ARN_PARTS - len(parts))
    tests = [_test(tuple(part)) for part in parts]

    def test(text: str) -> bool:
        found = text.split(":", _ARN_PARTS - 1)
        return len(found) == _ARN_PARTS and all(each(part) for each, part in zip(tests, found, strict=True))

    return test
