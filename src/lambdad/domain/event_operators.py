"""What an event pattern asks of a leaf: exact values, and the operators of EventBridge. See event_patterns.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html; where it is silent,
EventBridge's own engine (https://github.com/aws/event-ruler) and its answers to TestEventPattern as LocalStack's tests
(https://github.com/localstack/localstack, tests/aws/services/events) recorded them, whose words for errors we use:

- `anything-but` matches null and values of other types, but takes neither null nor booleans nor mixed lists. Lists of texts,
  and refusing an empty `prefix` or `suffix`, is only for inside it; ignoring the case of a prefix or suffix only for outside.
- `numeric` knows numbers within ±MAX_NUMBER; others match none of it. Exact values and `anything-but` have no limit.
- A range is `>` or `>=` and then `<` or `<=`, from a smaller to a greater number.

What we chose: fractions are doubles, which have the documented 15 digits, and are not rounded to six decimals. Ignoring case is
Unicode's case folding. `cidr` has host bits masked off, and `/32` and `/128` are taken. Wildcards may be as many as fit;
AWS refuses what is too complex for its automaton, while here no operator takes more than linear time.
"""

import ipaddress
import json
import operator
from collections.abc import Callable
from typing import Any

MAX_NUMBER = 5_000_000_000
"""Of `numeric`, and -MAX_NUMBER; https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html."""

NOTHING: frozenset[Any] = frozenset()

Test = Callable[[Any], bool]
"""Of one leaf: a string, a number, a boolean or None."""


class InvalidPattern(Exception):
    """`reason` in the words of EventBridge where it has some, `path` as `$.detail.state[0]`."""

    def __init__(self, reason: str, path: str) -> None:
        super().__init__(f"{reason} (at {path})")
        self.reason = reason
        self.path = path


def any_of(tests: tuple[Test, ...]) -> Test:
    def test(value: Any) -> bool:
        return any(each(value) for each in tests)

    return test


def one_of(values: list[Any]) -> Test:
    """Exact values. By type, because to Python True is 1, while 1 and 1.0 are the same to JSON as well."""
    numbers = frozenset(value for value in values if type(value) in (int, float))
    accepted: dict[type, frozenset[Any]] = {
        kind: frozenset(value for value in values if type(value) is kind) for kind in (str, bool, type(None))
    }
    accepted |= {int: numbers, float: numbers}

    def test(value: Any) -> bool:
        return value in accepted.get(type(value), NOTHING)

    return test


def only(item: dict[str, Any], path: str) -> tuple[str, Any]:
    """The operator and its argument."""
    if len(item) != 1:
        raise InvalidPattern("Match expression must have exactly one key", path)
    return next(iter(item.items()))


def compile_operator(name: str, argument: Any, path: str) -> Test:
    """`{name: argument}`, except `{"exists": false}`, which is no test of a leaf. Raises InvalidPattern."""
    if name == "exists":
        if argument is not True:
            raise InvalidPattern("exists match pattern must be either true or false", path)
        return _always
    if name == "anything-but":
        return _anything_but(argument, path)
    if name == "numeric":
        return _numeric(argument, path)
    if name == "cidr":
        return _cidr(argument, path)
    if name in _TEXTS_IGNORING_CASE and type(argument) is dict:
        inner, argument = only(argument, path)
        if inner != "equals-ignore-case":
            raise InvalidPattern(f"Unsupported {name} pattern: {inner}", path)
        return _texts_operator(inner, _TEXTS_IGNORING_CASE[name], [argument], f"{path}.{inner}")
    if name not in _TEXTS:
        raise InvalidPattern(f"Unrecognized match type {name}", path)
    return _texts_operator(name, _TEXTS[name], [argument], path)


def _always(_value: Any) -> bool:
    return True


def _anything_but(argument: Any, path: str) -> Test:
    if type(argument) is dict:
        inner, argument = only(argument, path)
        path = f"{path}.{inner}"
        if inner not in _TEXTS:
            raise InvalidPattern(f"Unsupported anything-but pattern: {inner}", path)
        texts = argument if type(argument) is list else [argument]
        if not texts or (inner in _TEXTS_IGNORING_CASE and "" in texts):
            raise InvalidPattern(f"Empty {inner} is not allowed inside anything-but", path)
        return _not(_texts_operator(inner, _TEXTS[inner], texts, path))
    values = argument if type(argument) is list else [argument]
    if not values or any(type(value) not in (str, int, float) for value in values):
        raise InvalidPattern("Value of anything-but must be an array or single string/number value", path)
    if len({type(value) is str for value in values}) > 1:
        raise InvalidPattern("Inside anything-but list, either all values are number or string", path)
    return _not(one_of(values))


def _not(test: Test) -> Test:
    return lambda value: not test(value)


# Operators of texts. Each takes several, of which one has to do; values of other types do not match.


def _texts_operator(name: str, compiled: Callable[[list[str]], Test], arguments: list[Any], path: str) -> Test:
    if any(type(argument) is not str for argument in arguments):
        raise InvalidPattern(f"{name} match pattern must be a string", path)
    try:
        return compiled(arguments)
    except ValueError as error:
        raise InvalidPattern(str(error), path) from None


def _prefixes(texts: list[str]) -> Test:
    starts = tuple(texts)
    return lambda value: type(value) is str and value.startswith(starts)


def _suffixes(texts: list[str]) -> Test:
    ends = tuple(texts)
    return lambda value: type(value) is str and value.endswith(ends)


def _texts_ignoring_case(texts: list[str]) -> Test:
    folded = frozenset(text.casefold() for text in texts)
    return lambda value: type(value) is str and value.casefold() in folded


def _prefixes_ignoring_case(texts: list[str]) -> Test:
    starts = tuple(text.casefold() for text in texts)
    return lambda value: type(value) is str and value.casefold().startswith(starts)


def _suffixes_ignoring_case(texts: list[str]) -> Test:
    ends = tuple(text.casefold() for text in texts)
    return lambda value: type(value) is str and value.casefold().endswith(ends)


def _wildcards(texts: list[str]) -> Test:
    tests = tuple(_wildcard(text) for text in texts)
    return tests[0] if len(tests) == 1 else any_of(tests)


def _wildcard(text: str) -> Test:
    """The text between `*` is looked for from left to right; the first place found is as good as any later one, so there is
    nothing to go back to.
    """
    first, *rest = _between_wildcards(text)
    if not rest:
        return lambda value: type(value) is str and value == first
    *middle, last = rest

    def test(value: Any) -> bool:
        if type(value) is not str or not value.startswith(first) or not value.endswith(last):
            return False
        position, end = len(first), len(value) - len(last)
        for part in middle:
            position = value.find(part, position, end)
            if position < 0:
                return False
            position += len(part)
        return position <= end

    return test


def _between_wildcards(text: str) -> list[str]:
    """Split at `*`, where `\\*` and `\\\\` stand for themselves. Raises ValueError."""
    parts = [""]
    characters = iter(enumerate(text))
    for position, character in characters:
        if character == "*":
            if text.startswith("*", position + 1):
                raise ValueError(f"Consecutive wildcard characters at pos {position}")
            parts.append("")
            continue
        if character == "\\":
            _, character = next(characters, (0, ""))
            if character not in ("*", "\\"):
                raise ValueError(f"Invalid escape character at pos {position}")
        parts[-1] += character
    return parts


_TEXTS: dict[str, Callable[[list[str]], Test]] = {
    "prefix": _prefixes,
    "suffix": _suffixes,
    "equals-ignore-case": _texts_ignoring_case,
    "wildcard": _wildcards,
}
_TEXTS_IGNORING_CASE = {"prefix": _prefixes_ignoring_case, "suffix": _suffixes_ignoring_case}


# Numbers and addresses.

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _numeric(argument: Any, path: str) -> Test:
    """`[">", 0]`, or a range `[">=", 0, "<", 10]`."""
    if type(argument) is not list:
        raise InvalidPattern("Value of numeric must be an array", path)
    if len(argument) not in (2, 4):
        raise InvalidPattern("numeric must have one comparison or the two of a range", path)
    comparison, bound = _comparison(argument[:2], path)
    if len(argument) == 2:
        return lambda value: _is_comparable(value) and comparison(value, bound)
    upper_comparison, upper_bound = _comparison(argument[2:], path)
    if argument[0] not in (">", ">=") or argument[2] not in ("<", "<="):
        raise InvalidPattern("A numeric range is > or >= and then < or <=", path)
    if bound >= upper_bound:
        raise InvalidPattern("Bottom must be less than top", path)
    return lambda value: _is_comparable(value) and comparison(value, bound) and upper_comparison(value, upper_bound)


def _comparison(pair: list[Any], path: str) -> tuple[Callable[[float, float], bool], float]:
    symbol, bound = pair
    if type(symbol) is not str or symbol not in _COMPARISONS:
        raise InvalidPattern(f"Unrecognized numeric range operator: {json.dumps(symbol)}", path)
    if type(bound) not in (int, float):
        raise InvalidPattern(f"Value of {symbol} must be numeric", path)
    if not _is_comparable(bound):
        raise InvalidPattern(f"Value must be between {-MAX_NUMBER} and {MAX_NUMBER}, inclusive", path)
    return _COMPARISONS[symbol], bound


def _is_comparable(value: Any) -> bool:
    return type(value) in (int, float) and -MAX_NUMBER <= value <= MAX_NUMBER


_LONGEST_ADDRESS = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")


def _cidr(argument: Any, path: str) -> Test:
    if type(argument) is not str:
        raise InvalidPattern("cidr match pattern must be a string", path)
    _, slash, bits = argument.partition("/")
    if not slash or "/" in bits:
        raise InvalidPattern("Malformed CIDR, one '/' required", path)
    if not (bits.isascii() and bits.isdecimal()):
        raise InvalidPattern("Malformed CIDR, mask bits must be an integer", path)
    try:
        network = ipaddress.ip_network(argument, strict=False)
    except ValueError:
        raise InvalidPattern(f"Malformed CIDR: {argument}", path) from None

    def test(value: Any) -> bool:
        if type(value) is not str or len(value) > _LONGEST_ADDRESS:
            return False
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test
