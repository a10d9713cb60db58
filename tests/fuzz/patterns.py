"""Patterns from the wire: of events, of logs, of policies. Compiled or refused, and then they match or don't, always the same.

KIND (1 byte)  PATTERN LF TEXT
"""

import json
from typing import Any

from lambdad.domain import event_patterns
from lambdad.domain.errors import CallerError
from lambdad.iam.patterns import compile_patterns
from lambdad.logs import patterns as logs

SEEDS = [
    b'e{"a":["x",1,null,true,{"prefix":"p"},{"suffix":"s"},{"exists":false}],"b":{"c":[{"numeric":[">",1,"<=",5]}]}}\n'
    b'{"a":["px",2],"b":[{"c":3},{"c":[4]}]}',
    b'e{"$or":[{"a":[{"anything-but":["x"]}]},{"b":[{"wildcard":"a*b*c"}]},{"c":[{"cidr":"10.0.0.0/8"}]}]}\n{"b":"aXbYc","c":"10.1.1.1"}',
    b'e{"d":[{"equals-ignore-case":"Aa"},{"anything-but":{"prefix":"q"}},{"prefix":{"equals-ignore-case":"Z"}}]}\n{"d":"aA"}',
    b'lERROR -debug ?"two words" %re[a-z]+x$%\nERROR two words rebx',
    b'l{ ($.a.b = "x*" && $.n >= 1.5) || $.l[0] IS NULL || $.x NOT EXISTS || $.r = %^a.c$% }\n{"a":{"b":"xy"},"l":[null]}',
    b'l[ip, user!=frank, ..., status=4*, bytes>100]\n127.0.0.1 ann [10/Oct/2026] "GET / x" 404 1534',
    b"parn:aws:s3:::b*/?/${aws:username}/${a, 'd'}\narn:aws:s3:::bucket/x/ann/d",
]


def naive(pattern: str, text: str) -> bool:
    """What the documentation of `*` and `?` says, in the obvious way: a table of what matches what."""
    row = [True] + [False] * len(text)
    for wanted in pattern:
        before, row = row, [wanted == "*" and row[0]]
        for place, character in enumerate(text):
            row.append(before[place + 1] or row[place] if wanted == "*" else before[place] and wanted in ("?", character))
    return row[-1]


def _events(pattern: str, text: str) -> None:
    try:
        compiled = event_patterns.compile_pattern(pattern)
    except event_patterns.InvalidPattern:
        return
    try:
        event: Any = json.loads(text)
    except (ValueError, RecursionError):
        event = {"a": text}
    assert compiled.matches(event) is compiled.matches(event)


def _logs(pattern: str, text: str) -> None:
    try:
        compiled = logs.compile_pattern(pattern)
    except CallerError as error:
        assert error.code == "InvalidParameterException"
        return
    assert compiled.matches(text) is compiled.matches(text)


def _policies(pattern: str, text: str) -> None:
    if len(pattern) > 100 or len(text) > 100:
        return
    context = {"aws:username": "ann"}
    if "${" not in pattern:
        assert compile_patterns([pattern], variables=True).matches(text, context) is naive(pattern, text)
        wanted, found = pattern.split(":", 5), text.split(":", 5)
        wanted += ["*"] * (6 - len(wanted))
        same = len(found) == 6 and all(map(naive, wanted, found))
        if "*" in pattern or "?" in pattern:
            assert compile_patterns([pattern], variables=True, arns=True).matches(text, context) is same
    for arns in (False, True):
        compile_patterns([pattern], variables=True, arns=arns).matches(text, context)


def check(data: bytes) -> None:
    kind, rest = data[:1], data[1:].decode(errors="replace")
    pattern, _, text = rest.partition("\n")
    match kind:
        case b"e":
            _events(pattern, text)
        case b"l":
            _logs(pattern, text)
        case b"p":
            _policies(pattern, text)
