"""The operators of a policy's Condition element. Pure.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html:

- a key that the request lacks does not match, so a condition on it is false, and a negated one (`StringNotEquals`) true;
  with `IfExists` it is true;
- one of several values of the policy is enough; a negated operator asks that none matches;
- `ForAllValues` asks it of every value of the request, and is true without any, or with an empty one; `ForAnyValue` of at
  least one, and not of an empty one. `IfExists` changes nothing of these two, which the documentation does not say
  (https://iam.cloudcopilot.io/resources/operators).

Where AWS is silent: an operator without a qualifier on a key with several values asks it of one of them, negated of all; a
value of the request that is no number, date or address does not match.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt
from typing import Final

from msgspec import Struct

from lambdad.iam.patterns import Context, compile_patterns

Match = Callable[[str, Context], bool]
"""Whether one value of the request is what one of the policy's values asks for."""

_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
_SECONDS = re.compile(r"\d{1,19}", re.ASCII)
_MAX_SECONDS = 2**63 - 1
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"(?:(forallvalues|foranyvalue):)?([a-z]+?)(ifexists)?", re.ASCII)


class BadOperand(ValueError):
    """A value that the operator can't compare with, e.g. `DateLessThan` with `soon`."""


class Operator(Struct, frozen=True):
    """An operator's name, taken apart."""

    name: str
    """In lower case, e.g. `stringnotlike`."""
    qualifier: str
    """`forallvalues`, `foranyvalue`, or nothing."""
    if_exists: bool


class Condition(Struct, frozen=True):
    operator: str
    """As the policy spells it."""
    key: str
    test: Callable[[Context], bool]


def read_operator(text: str) -> Operator | None:
    """None for what is no operator of IAM. The case of letters does not count."""
    found = _NAME.fullmatch(text.lower())
    if found is None:
        return None
    qualifier, name, if_exists = found[1] or "", found[2], bool(found[3])
    known = name in _OPERATORS or (name == "null" and not qualifier and not if_exists)
    return Operator(name, qualifier, if_exists) if known else None


def compile_condition(operator: Operator, spelt: str, key: str, values: Sequence[str], variables: bool) -> Condition:
    """`variables`: whether `${…}` is one. Raises BadOperand."""
    lowered = key.lower()
    if operator.name == "null":
        return Condition(spelt, key, _null(lowered, values))
    factory, negated = _OPERATORS[operator.name]
    match = factory(values, variables)
    if operator.qualifier == "forallvalues":
        return Condition(spelt, key, _for_all(lowered, match, negated))
    if operator.qualifier == "foranyvalue":
        return Condition(spelt, key, _for_any(lowered, match, negated))
    return Condition(spelt, key, _single(lowered, match, negated, negated or operator.if_exists))


def _single(key: str, match: Match, negated: bool, missing: bool) -> Callable[[Context], bool]:
    def test(context: Context) -> bool:
        value = context.get(key)
        if isinstance(value, str):
            return match(value, context) != negated
        if not value:
            return missing
        return any(match(each, context) for each in value) != negated

    return test


def _for_all(key: str, match: Match, negated: bool) -> Callable[[Context], bool]:
    def test(context: Context) -> bool:
        values = _values(key, context)
        return not any(values) or all(match(value, context) != negated for value in values)

    return test


def _for_any(key: str, match: Match, negated: bool) -> Callable[[Context], bool]:
    def test(context: Context) -> bool:
        values = _values(key, context)
        return any(values) and any(match(value, context) != negated for value in values)

    return test


def _null(key: str, values: Sequence[str]) -> Callable[[Context], bool]:
    wanted = {value.lower() for value in values}

    def test(context: Context) -> bool:
        # An empty text is a value, no text at all is none.
        return ("true" if context.get(key, ()) in ((), []) else "false") in wanted

    return test


def _values(key: str, context: Context) -> Sequence[str]:
    value = context.get(key, ())
    return (value,) if isinstance(value, str) else value


def _strings(*, wildcards: bool = False, fold: bool = False, arns: bool = False) -> Callable[[Sequence[str], bool], Match]:
    def factory(values: Sequence[str], variables: bool) -> Match:
        patterns = compile_patterns(values, variables=variables, wildcards=wildcards, fold=fold, arns=arns)
        if fold:
            return lambda value, context: patterns.matches(value.lower(), context)
        return patterns.matches

    return factory


def _plain(values: Sequence[str], _variables: bool) -> Match:
    wanted = frozenset(values)
    return lambda value, _context: value in wanted


def _booleans(values: Sequence[str], _variables: bool) -> Match:
    wanted = frozenset(value.lower() for value in values)
    return lambda value, _context: value.lower() in wanted


def _ordered(
    read: Callable[[str], float | None], compare: Callable[[float, float], bool]
) -> Callable[[Sequence[str], bool], Match]:
    def factory(values: Sequence[str], _variables: bool) -> Match:
        wanted = [_operand(read(value), value) for value in values]

        def match(value: str, _context: Context) -> bool:
            number = read(value)
            return number is not None and any(compare(number, each) for each in wanted)

        return match

    return factory


def _operand(read: float | None, text: str) -> float:
    if read is None:
        raise BadOperand(text)
    return read


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def _date(text: str) -> float | None:
    """Seconds since 1970, of those or of W3C's form of ISO 8601. Without an offset it is UTC."""
    if _SECONDS.fullmatch(text):
        seconds = int(text)
        return seconds if seconds <= _MAX_SECONDS else None
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _addresses(values: Sequence[str], _variables: bool) -> Match:
    try:
        networks = [ipaddress.ip_network(value, strict=False) for value in values]
    except ValueError as error:
        raise BadOperand(str(error)) from error

    def match(value: str, _context: Context) -> bool:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        # An IPv4 client of a socket that listens on both.
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in networks)

    return match


_STRING, _FOLDED, _LIKE = _strings(), _strings(fold=True), _strings(wildcards=True)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html: the two are the same.
_ARN = _strings(wildcards=True, arns=True)

_OPERATORS: Final[dict[str, tuple[Callable[[Sequence[str], bool], Match], bool]]] = {
    "stringequals": (_STRING, False),
    "stringnotequals": (_STRING, True),
    "stringequalsignorecase": (_FOLDED, False),
    "stringnotequalsignorecase": (_FOLDED, True),
    "stringlike": (_LIKE, False),
    "stringnotlike": (_LIKE, True),
    "numericequals": (_ordered(_number, eq), False),
    "numericnotequals": (_ordered(_number, eq), True),
    "numericlessthan": (_ordered(_number, lt), False),
    "numericlessthanequals": (_ordered(_number, le), False),
    "numericgreaterthan": (_ordered(_number, gt), False),
    "numericgreaterthanequals": (_ordered(_number, ge), False),
    "dateequals": (_ordered(_date, eq), False),
    "datenotequals": (_ordered(_date, eq), True),
    "datelessthan": (_ordered(_date, lt), False),
    "datelessthanequals": (_ordered(_date, le), False),
    "dategreaterthan": (_ordered(_date, gt), False),
    "dategreaterthanequals": (_ordered(_date, ge), False),
    "bool": (_booleans, False),
    "binaryequals": (_plain, False),
    "ipaddress": (_addresses, False),
    "notipaddress": (_addresses, True),
    "arnequals": (_ARN, False),
    "arnlike": (_ARN, False),
    "arnnotequals": (_ARN, True),
    "arnnotlike": (_ARN, True),
}
"""Of each, what compares, and whether its opposite is asked for."""
