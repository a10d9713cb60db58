"""What Lambda says of a payload that is no JSON, in the words of its JSON parser, Jackson. Pure.

Only run after a fast check has refused the payload, so it may be slow; but it must be right about what is JSON, since
what it finds no fault with is accepted. Texts: Jackson's `UTF8StreamJsonParser`, as Lambda's answers show them. Columns
count bytes from 1 and stand behind the byte that was read last.
"""

import json
import re
from typing import Literal, NoReturn

EXCERPT = 500
"""Bytes of the source that are quoted; Jackson's `ErrorReportConfiguration.DEFAULT_MAX_RAW_CONTENT_LENGTH`."""

DEPTH = 1000
"""Jackson's `StreamReadConstraints.DEFAULT_MAX_DEPTH`."""

SCAN = 65_536
"""Bytes up to which a payload is scanned for its exact fault, a few milliseconds at most; above, only its place is told."""

_BLANK = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f\x80-\xff]*')
_WORD = re.compile(r"[\w$]*")
_DIGITS = re.compile(rb"[0-9]*")
_ESCAPES = b'"\\/bfnrt'
_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_CLOSERS = {"Object": ord("}"), "Array": ord("]")}

Kind = Literal["Object", "Array"]


class _Fault(Exception):
    pass


def fault(payload: bytes) -> str | None:
    """What is wrong with `payload`, or None if it is one JSON value in UTF-8."""
    try:
        if len(payload) <= SCAN:
            _Scanner(payload).document()
        else:
            _place_of_fault(_Scanner(payload))
    except _Fault as found:
        return str(found)
    return None


def _place_of_fault(scanner: "_Scanner") -> None:
    """For large payloads: the same verdict by the interpreter's own parser, which is fast but has other words."""
    data = scanner.data
    try:
        json.loads(data.decode(), parse_constant=_no_constant, parse_int=len, parse_float=len)
    except UnicodeDecodeError as error:
        scanner.at = error.start + 1
        scanner.fail(f"Invalid UTF-8 start byte 0x{data[error.start]:02x}")
    except json.JSONDecodeError as error:
        scanner.at = len(error.doc[: error.pos].encode())
        if scanner.at == len(data):
            scanner.end_of_input("")
        scanner.unexpected(f"expected a valid value {_VALUES}")
    except RecursionError:
        scanner.too_deep()


def _no_constant(name: str) -> NoReturn:
    """`NaN`, `Infinity` and `-Infinity` are no JSON, though Python reads them."""
    raise _Fault(f"Non-standard token '{name}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow")


class _Scanner:
    """Reads a document once, from left to right; `at` is the next byte. No recursion: depth is the attacker's choice."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.open: list[tuple[Kind, int, bool]] = []
        """Open containers: kind, position of the start marker, and whether it has an entry yet."""

    def document(self) -> None:
        self.skip_blanks()
        if self.at == len(self.data):
            self.fail("No content to map due to end-of-input")
        self.value()
        while self.open:
            self.entry()
        self.skip_blanks()
        if self.at < len(self.data):
            self.unexpected("Expected space separating root-level values")

    def entry(self) -> None:
        """One entry of the innermost container, up to the value's first token; or its end."""
        kind, start, has_entry = self.open[-1]
        byte = self.within(kind, start)
        if byte == _CLOSERS[kind]:
            self.at += 1
            self.open.pop()
            return
        if byte in b"}]":
            self.at += 1
            closer = chr(_CLOSERS[kind])
            self.fail(
                f"Unexpected close marker '{chr(byte)}': expected '{closer}' (for {kind} starting at {self.source(start)})"
            )
        if has_entry:
            if byte != ord(","):
                self.unexpected(f"was expecting comma to separate {kind} entries")
            self.at += 1
            byte = self.within(kind, start)
        self.open[-1] = (kind, start, True)
        if kind == "Object":
            self.name(byte)
        self.value()

    def name(self, byte: int) -> None:
        if byte != ord('"'):
            self.unexpected("was expecting double-quote to start field name")
        self.string("in field name", "name")
        self.skip_blanks()
        if self.peek(" within/between Object entries") != ord(":"):
            self.unexpected("was expecting a colon to separate field name and value")
        self.at += 1
        self.skip_blanks()
        self.peek(" within/between Object entries")

    def value(self) -> None:
        byte = self.data[self.at]
        if byte in b"{[":
            self.open.append(("Object" if byte == ord("{") else "Array", self.at, False))
            self.at += 1
            if len(self.open) > DEPTH:
                self.too_deep()
        elif byte == ord('"'):
            self.string(": was expecting closing quote for a string value", "string value")
        elif byte in b"-0123456789":
            self.number()
        elif byte in b"},]":
            self.unexpected("expected a value")
        else:
            self.word()

    def word(self) -> None:
        start = self.at
        text = self.data[start : start + 1024].decode("utf-8", errors="ignore")
        match = _WORD.match(text)
        word = match[0] if match and not text[:1].isdigit() else ""
        if word in ("true", "false", "null"):
            self.at += len(word)
            return
        if not word:
            self.unexpected(f"expected a valid value {_VALUES}")
        # Jackson has read one byte more than the word, where there is one.
        self.at = min(len(self.data), start + len(word.encode()) + 1)
        if word in ("NaN", "Infinity"):
            self.fail(f"Non-standard token '{word}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow")
        self.fail(f"Unrecognized token '{word}': was expecting {_VALUES}")

    def number(self) -> None:
        if self.data[self.at] == ord("-"):
            self.at += 1
            self.digit("expected digit (0-9) to follow minus sign, for valid numeric value")
        if self.data[self.at] == ord("0") and self.data[self.at + 1 : self.at + 2].isdigit():
            self.at += 2
            self.fail("Invalid numeric value: Leading zeroes not allowed")
        self.skip(_DIGITS)
        if self.data[self.at : self.at + 1] == b".":
            self.at += 1
            self.digit("Decimal point not followed by a digit")
            self.skip(_DIGITS)
        if self.data[self.at : self.at + 1] in (b"e", b"E"):
            self.at += 1
            if self.data[self.at : self.at + 1] in (b"+", b"-"):
                self.at += 1
            self.digit("Exponent indicator not followed by a digit")
            self.skip(_DIGITS)

    def digit(self, wanted: str) -> None:
        """The next byte must be a digit; it is not consumed."""
        byte = self.peek(" in numeric value")
        if not ord("0") <= byte <= ord("9"):
            character, code = self.character()
            self.fail(f"Unexpected character ('{character}' (code {code})) in numeric value: {wanted}")

    def string(self, at_end: str, where: str) -> None:
        """From the opening quote to behind the closing one. `at_end` and `where` are words of the faults."""
        self.at += 1
        while True:
            self.skip(_PLAIN)
            byte = self.peek(at_end if at_end.startswith(":") else f" {at_end}")
            if byte == ord('"'):
                self.at += 1
                return
            if byte == ord("\\"):
                self.escape()
            elif byte < 0x20:
                self.at += 1
                self.fail(
                    f"Illegal unquoted character ((CTRL-CHAR, code {byte})):"
                    f" has to be escaped using backslash to be included in {where}"
                )
            else:
                self.character()

    def escape(self) -> None:
        self.at += 1
        byte = self.peek(" in character escape sequence")
        if byte in _ESCAPES:
            self.at += 1
        elif byte == ord("u"):
            self.at += 1
            for _ in range(4):
                if self.peek(" in character escape sequence") not in b"0123456789abcdefABCDEF":
                    self.unexpected("expected a hex-digit for character escape sequence")
                self.at += 1
        else:
            character, code = self.character()
            self.fail(f"Unrecognized character escape '{character}' (code {code})")

    def character(self) -> tuple[str, int]:
        """The character at hand, as it is quoted, and its code; consumed. Faults where it is no UTF-8."""
        first = self.data[self.at]
        length = 1 if first < 0x80 else 2 if 0xC2 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4
        if length == 4 and not 0xF0 <= first < 0xF5:
            self.at += 1
            self.fail(f"Invalid UTF-8 start byte 0x{first:02x}")
        encoded = self.data[self.at : self.at + length]
        try:
            character = encoded.decode()
        except UnicodeDecodeError as error:
            self.at += max(1, error.end - error.start) + 1
            if self.at > len(self.data):
                self.at = len(self.data)
                self.end_of_input(" in a multi-byte UTF-8 character")
            self.fail(f"Invalid UTF-8 middle byte 0x{self.data[self.at - 1]:02x}")
        self.at += length
        code = ord(character)
        return (f"CTRL-CHAR, code {code}" if code < 0x20 else character), code

    def within(self, kind: Kind, start: int) -> int:
        """The next byte in a container."""
        self.skip_blanks()
        if self.at == len(self.data):
            self.end_of_input(f": expected close marker for {kind} (start marker at {self.source(start)})")
        return self.data[self.at]

    def peek(self, at_end: str) -> int:
        if self.at >= len(self.data):
            self.end_of_input(at_end)
        return self.data[self.at]

    def skip_blanks(self) -> None:
        self.skip(_BLANK)

    def skip(self, pattern: re.Pattern[bytes]) -> None:
        match = pattern.match(self.data, self.at)
        assert match is not None, "the pattern matches the empty text"
        self.at = match.end()

    def end_of_input(self, where: str) -> NoReturn:
        self.fail(f"Unexpected end-of-input{where}")

    def unexpected(self, wanted: str) -> NoReturn:
        character, code = self.character()
        quoted = f"({character})" if code < 0x20 else f"'{character}' (code {code})"
        self.fail(f"Unexpected character ({quoted}): {wanted}")

    def too_deep(self) -> NoReturn:
        self.fail(
            f"Document nesting depth ({DEPTH + 1}) exceeds the maximum allowed"
            f" ({DEPTH}, from `StreamReadConstraints.getMaxNestingDepth()`)"
        )

    def fail(self, text: str) -> NoReturn:
        raise _Fault(f"{text}\n at {self.source(self.at)}")

    def source(self, at: int) -> str:
        """A place as Jackson prints it."""
        quoted = self.data[:EXCERPT].decode("utf-8", errors="replace")
        rest = len(self.data) - EXCERPT
        truncated = f"[truncated {rest} bytes]" if rest > 0 else ""
        line = self.data.count(b"\n", 0, at) + 1
        column = at - (self.data.rfind(b"\n", 0, at) + 1) + 1
        return f'[Source: (byte[])"{quoted}"{truncated}; line: {line}, column: {column}]'
