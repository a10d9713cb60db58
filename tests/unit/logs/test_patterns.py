"""Filter patterns, with the examples of AWS's own pages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.domain.errors import CallerError
from lambdad.logs.patterns import compile_pattern, split_fields


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("  ", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "Exiting with ERRORCODE: -1", True),
        ("ERROR", "error", False),
        ("ERROR -Exiting", "Exiting with ERRORCODE: -1", False),
        ('"ERROR" - "Exiting"', "Exiting with ERRORCODE: -1", False),
        ("ERROR -Exiting", "[ERROR] x", True),
        ("-INFO", "INFO x", False),
        ("-INFO", "WARN x", True),
        ("ERROR Exception", "[ERROR] Caught IllegalArgumentException", True),
        ("ERROR Exception", "[ERROR] x", False),
        ("Failed to process the request", "[WARN] Failed to process the request", True),
        ("?ERROR ?WARN", "WARN message", True),
        ("?ERROR ?WARN", "ERROR message", True),
        ("?ERROR ?WARN", "INFO message", False),
        ("?ERROR ?WARN REQUEST", "INFO REQUEST", True),
        ("?ERROR ?WARN REQUEST", "ERROR", False),
        ("?ERROR ?WARN -REQUEST", "INFO", True),
        ('"INTERNAL SERVER ERROR"', "500 INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "INTERNAL ERROR SERVER", False),
        ('?"a b" ?"c d"', "x c d", True),
        ('"say \\"hi\\""', 'they say "hi"', True),
        ('"back\\\\slash"', "back\\slash", True),
        ("größe", "die größe", True),
        ("%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", True),
        ("%^START%", "END START", False),
        ("%[Ee]rror|[Ff]ail%", "it Failed", True),
        ("-%\\d+% x", "x 1", False),
        ("%50\\%%", "at 50% now", True),
        ('"8476a536-e9f4"', "RequestId: 8476a536-e9f4-11e8", True),
        ('""', "x", True),
    ],
)
def test_terms(pattern: str, message: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(message) is expected


TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "ThisFlag": True,
        "Off": False,
        "status": 404,
        "code": "404",
        "latency": 50.5,
        "small": 0.001,
        "quote": 'say "hi"',
        "dash-ed_name": 1,
    }
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{$.eventType=UpdateTrail}", True),
        ('{ $.eventType = "Update" }', False),
        ('{ $.eventType = "Update*" }', True),
        ("{ $.eventType = *Trail }", True),
        ("{ $.eventType = *dateTr* }", True),
        ("{ $.eventType = *Update }", False),
        ("{ $.eventType = Up*ail }", False),
        ("{ $.eventType = * }", True),
        ("{ $.missing = * }", False),
        ("{ $.missing != x }", False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress != 111.111.* }", False),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[2] = "value" }', False),
        ('{ $.arrayKey[*] = "another value" }', True),
        ("{ $.arrayKey = value }", False),
        ("{ $.arrayKey != value }", False),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[*].id = 3 }", False),
        ("{ $.objectList[*].name = b }", True),
        ("{ $.eventType[0] = U }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.missing IS NULL }", False),
        ("{ $.SomeObject = * }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ("{ $.Off IS FALSE }", True),
        ("{ $.ThisFlag = true }", True),
        ("{ $.status = 404 }", True),
        ("{ $.status = 404.0 }", True),
        ("{ $.status = 4* }", True),
        ('{ $.status = "404" }', True),
        ("{ $.status != 500 }", True),
        ("{ $.code = 404 }", True),
        ("{ $.status > 4e2 }", True),
        ("{ $.status >= 404 && $.status <= 404 }", True),
        ("{ $.status < 404 || $.status > 404 }", False),
        ("{ $.latency < 55.5 }", True),
        ("{ $.latency > +50 }", True),
        ("{ $.small < 10e-3 }", True),
        ("{ $.eventType > 5 }", False),
        ("{ $.eventType != 5 }", True),
        ('{ $.quote = "say \\"hi\\"" }', True),
        ("{ $.dash-ed_name = 1 }", True),
        ("{ $.eventType = %^Up.*il$% }", True),
        ("{ $.status = %40[0-9]% }", True),
        ("{ $.eventType != %Delete% }", True),
        ("{ ($.status = 1 || $.status = 404) && $.ThisFlag IS TRUE }", True),
        ("{ $.status = 404 || $.status = 1 && $.missing = 1 }", True),
        ("{ ($.status = 404 || $.status = 1) && $.missing = 1 }", False),
        ("{ (($.status = 404)) }", True),
        ("{ $.*.id = 1 }", False),
    ],
)
def test_json(pattern: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(TRAIL) is expected


@pytest.mark.parametrize(
    "message", ["", "text", "[1", "{'a': 1}", "5", '"x"', "[" * 100_000, '{"a":' * 100_000, "{" + "9" * 5000]
)
def test_json_patterns_match_only_json(message: str) -> None:
    assert not compile_pattern("{ $.a NOT EXISTS }").matches(message)


def test_json_wildcard_property() -> None:
    assert compile_pattern("{ $.*.id = 1 }").matches('{"a": {"id": 2}, "b": {"id": 1}}')
    assert compile_pattern("{ $[*] = 2 }").matches("[1, 2]")


LOG = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code]", False),
        ("[ip, user, username, timestamp, request, status_code, bytes, more]", False),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 2000]", False),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request = *png*, status_code = 4*, bytes]", False),
        ("[ip, user, username, timestamp, request, status_code = 403 || status_code = 404, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code >= 400 && status_code < 500, bytes]", True),
        ("[..., status_code, bytes]", True),
        ("[..., status_code = 200, bytes]", False),
        ("[..., request=*.html*, status_code=4*,]", True),
        ("[ip, user, ..., status_code = 404, bytes]", True),
        ("[ip = 127.*, ...]", True),
        ("[ip = 10.*, ...]", False),
        ("[ip = %127\\.0\\.0\\.[0-9]{1,3}%, ...]", True),
        ("[...]", True),
        ("[,,,,,,]", True),
        ("[ip, , user != bob, ...]", True),
        ('[..., request = "GET /index.html HTTP/1.0", code, bytes]', True),
        ("[a, b, c, d = *-0700, ...]", True),
        ("[a, b, c, d, e, f, g, ..., h]", False),
    ],
)
def test_space_delimited(pattern: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(LOG) is expected


def test_space_delimited_words() -> None:
    events = ["ERROR WARN message", "ERROR message", "WARN message", "INFO message"]
    for pattern, expected in (
        ("[w1=ERROR, w2]", [1]),
        ("[w1=ERROR || w1=WARN, w2]", [1, 2]),
        ("[w1!=ERROR&&w1!=WARN, w2]", [3]),
        ("[w1, w2=WARN, w3]", [0]),
    ):
        compiled = compile_pattern(pattern)
        assert [index for index, event in enumerate(events) if compiled.matches(event)] == expected


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("", []),
        ("a  b\tc\n", ["a", "b", "c"]),
        ('[a b] "c d" e', ["a b", "c d", "e"]),
        ('[a "b', ["[a", '"b']),
        ('"a"b c', ['"a"b', "c"]),
        ("[] x", ["", "x"]),
    ],
)
def test_split_fields(message: str, fields: list[str]) -> None:
    assert split_fields(message) == fields


def test_split_fields_of_many_open_brackets_is_quick() -> None:
    assert len(split_fields("[ " * 200_000 + "]x")) == 200_001


@pytest.mark.parametrize(
    "pattern",
    [
        "a-b", "a.b", '"open', "%open", "%a!%", "%(a)%", "-", "?", "a%b%", '"a"b', "%a% %b% %c%", "a" * 1025,
        "{", "{}", "{ }", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $ = 1 }", "{ $.a = 1", "{ $.a = 1 } x", "{ $.a == 1 }",
        "{ $.a > x }", '{ $.a < "5" }', "{ $.a > %1% }", "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a IS MAYBE }", "{ $.a EXISTS }",
        "{ $.a = 1 || || $.b = 2 }", "{ $.a[x] = 1 }", "{ $.*.a[*] = 1 }", "{ $.*=1 || $.*=2 || $.*=3 || $.*=4 }",
        "{ $.a = %x% || $.a = %y% || $.a = %z% }", "{" + "(" * 500 + "$.a=1" + ")" * 500 + "}", '{ $.a = "x }',
        "[", "[a", "[a]b", "[..., a, ...]", "[a b]", "[a = ]", "[a > x]", "[a = 1 && b = 2]", "[a = 1 ||]", "[= 1]",
    ],
)  # fmt: skip
def test_refused(pattern: str) -> None:
    with pytest.raises(CallerError, match="Invalid filter pattern") as caught:
        compile_pattern(pattern)
    assert caught.value.code == "InvalidParameterException"


@given(st.text(st.sampled_from('{}[]()$.*?-%"\\=<>!&|, ab1é\n'), max_size=40), st.text(max_size=40))
def test_anything_compiles_or_is_refused(pattern: str, message: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except CallerError as error:
        assert error.message == "Invalid filter pattern"
        return
    compiled.matches(message)


@given(st.text(max_size=30), st.text(max_size=10), st.text(max_size=10))
def test_a_quoted_phrase_is_found_wherever_it_is(phrase: str, before: str, after: str) -> None:
    quoted = phrase.replace("\\", "\\\\").replace('"', '\\"')
    assert compile_pattern(f'"{quoted}"').matches(before + phrase + after)
