"""The words for payloads that are no JSON, and the verdict itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.frontend.jackson import SCAN, fault

VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

FAULTS = [
    (b"hello", f"Unrecognized token 'hello': was expecting {VALUES}", 1, 6),
    (b"[nope, 1]", f"Unrecognized token 'nope': was expecting {VALUES}", 1, 7),
    (b"{key: value}", "Unexpected character ('k' (code 107)): was expecting double-quote to start field name", 1, 3),
    (b"{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", 1, 3),
    (b'{"a":1,}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 1, 9),
    (b'{"a" 1}', "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 1, 7),
    (b'{"a":1 "b"}', "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 1, 9),
    (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 1, 5),
    (b"[1,]", "Unexpected character (']' (code 93)): expected a value", 1, 5),
    (b'{"a":}', "Unexpected character ('}' (code 125)): expected a value", 1, 7),
    (b"\xc2\xb2", f"Unexpected character ('²' (code 178)): expected a valid value {VALUES}", 1, 3),
    (b"\x00", f"Unexpected character ((CTRL-CHAR, code 0)): expected a valid value {VALUES}", 1, 2),
    (b'{"a":\n  tru}', f"Unrecognized token 'tru': was expecting {VALUES}", 2, 7),
    (b"{} {}", "Unexpected character ('{' (code 123)): Expected space separating root-level values", 1, 5),
    (
        b"------WebKit",
        "Unexpected character ('-' (code 45)) in numeric value: "
        "expected digit (0-9) to follow minus sign, for valid numeric value",
        1,
        3,
    ),
    (b"01", "Invalid numeric value: Leading zeroes not allowed", 1, 3),
    (b"1.x", "Unexpected character ('x' (code 120)) in numeric value: Decimal point not followed by a digit", 1, 4),
    (b"1ex", "Unexpected character ('x' (code 120)) in numeric value: Exponent indicator not followed by a digit", 1, 4),
    (b"NaN", "Non-standard token 'NaN': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow", 1, 4),
    (b" ", "No content to map due to end-of-input", 1, 2),
    (b'"abc', "Unexpected end-of-input: was expecting closing quote for a string value", 1, 5),
    (b'{"abc', "Unexpected end-of-input in field name", 1, 6),
    (b'{"abc"', "Unexpected end-of-input within/between Object entries", 1, 7),
    (b'{"abc":', "Unexpected end-of-input within/between Object entries", 1, 8),
    (b'"\\q"', "Unrecognized character escape 'q' (code 113)", 1, 4),
    (b'"\\u12g4"', "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence", 1, 7),
    (
        b'"a\nb"',
        "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value",
        2,
        1,
    ),
    (
        b'{"a\t":1}',
        "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in name",
        1,
        5,
    ),
    (b'"\xa7"', "Invalid UTF-8 start byte 0xa7", 1, 3),
    (b'"\xe2\x28\xa1"', "Invalid UTF-8 middle byte 0x28", 1, 4),
]


@pytest.mark.parametrize(("payload", "text", "line", "column"), FAULTS, ids=[repr(row[0]) for row in FAULTS])
def test_texts(payload: bytes, text: str, line: int, column: int) -> None:
    found = fault(payload)
    source = payload.decode(errors="replace")
    assert found == f'{text}\n at [Source: (byte[])"{source}"; line: {line}, column: {column}]'


def test_the_start_of_what_was_not_closed_is_named() -> None:
    source = '[Source: (byte[])"{"a":["; line: 1, column: '
    expected = f"Unexpected end-of-input: expected close marker for Array (start marker at {source}6])\n at {source}7]"
    assert fault(b'{"a":[') == expected
    assert str(fault(b"{]")).startswith(
        "Unexpected close marker ']': expected '}' (for Object starting at [Source: (byte[])\"{]\"; line: 1, column: 1])"
    )


def test_long_sources_are_quoted_in_part() -> None:
    found = str(fault(b"[" + b"1," * 400))
    assert '"[truncated 301 bytes]; line: 1, column: 802]' in found


def test_nesting_is_limited() -> None:
    assert fault(b"[" * 1000 + b"]" * 1000) is None
    assert str(fault(b"[" * 1001)).startswith("Document nesting depth (1001) exceeds the maximum allowed (1000, ")


@pytest.mark.parametrize("payload", [b'"\\ud800"', b'"\\u00e9\xc3\xa9"', b" {} \n", b"-0.5e+10", b"null", b'{"":[{},[]]}'])
def test_what_is_json_has_no_fault(payload: bytes) -> None:
    assert fault(payload) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def verdict(payload: bytes) -> bool:
    """Python's own, made as strict as the grammar."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(payload.decode(), parse_constant=refuse)
    except ValueError:
        return False
    return True


@given(JSON, st.booleans())
def test_every_json_text_is_accepted(value: object, ascii: bool) -> None:
    assert fault(json.dumps(value, ensure_ascii=ascii).encode(errors="replace")) is None


@given(JSON, st.integers(0, 200), st.sampled_from(b'{}[],:"\\ 01-.eENtn\x00\n\xff\xc3'))
def test_the_verdict_on_damaged_texts_is_the_grammars(value: object, at: int, byte: int) -> None:
    payload = bytearray(json.dumps(value).encode())
    payload[at % len(payload)] = byte
    assert (fault(bytes(payload)) is None) == verdict(bytes(payload))


def test_large_payloads_are_judged_by_the_same_grammar_with_fewer_words() -> None:
    filler = b'["' + b"x" * SCAN + b'"'
    assert fault(filler + b', "\\ud800"]') is None
    assert fault(filler + b", " + b"9" * 5000 + b"]") is None
    assert str(fault(filler)).startswith("Unexpected end-of-input\n at [Source: ")
    assert str(fault(filler + b", oops]")).startswith("Unexpected character ('o' (code 111)): expected a valid value")
    assert str(fault(filler + b', "\xff"]')).startswith("Invalid UTF-8 start byte 0xff\n")
    assert str(fault(filler + b", NaN]")).startswith("Non-standard token 'NaN'")
    assert str(fault(b"[" * (SCAN + 1))).startswith("Document nesting depth (1001)")
