"""The regular expressions of service models, which are Java's, as Python's.

`compile_java` answers None for a pattern that Python can't express; such a constraint is not enforced (a test lists them).
https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html
"""

import re

# Exact: Unicode has had no new separators for years.
_SEPARATORS = r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

# What may stand inside a character class. Letters and numbers share one class, `\w`, as models always list both and `_` with
# them; a pattern that asks for letters without numbers is given up (see `_unicode_word`).
_PROPERTIES = {
    "L": r"\w",
    "N": r"\w",
    "IsL": r"\w",
    "IsN": r"\w",
    "Nd": r"0-9",
    "Z": _SEPARATORS,
    "Zs": r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000",
    "IsSpace_Separator": r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "Lu": "A-Z",
    "Ll": "a-z",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
    "ASCII": r"\x00-\x7f",
}
_PROPERTY = re.compile(r"\\([pP])(?:\{(\w+)\}|([A-Z]))")
_ESCAPES = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "h": r"[ \t\u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]",
    "R": r"(?:\r\n|[\n\x0b\f\r\u0085\u2028\u2029])",
}


def compile_java(pattern: str) -> re.Pattern[str] | None:
    """For `fullmatch`, which is what Java's `matches` does."""
    try:
        text, unicode = _translate(pattern)
        return re.compile(text, 0 if unicode else re.ASCII)
    except (_Inexpressible, re.error, RecursionError):
        return None


class _Inexpressible(Exception):
    """Java can say it, Python can't."""


def _translate(pattern: str) -> tuple[str, bool]:
    """The text, and whether it speaks of letters beyond ASCII."""
    out: list[str] = []
    position, inside, unicode = 0, False, False
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            property_ = _PROPERTY.match(pattern, position)
            if property_:
                out.append(_property(property_, pattern, inside))
                unicode = unicode or property_[2] in ("L", "N", "IsL", "IsN") or property_[3] in ("L", "N")
                position = property_.end()
                continue
            out.append(_escape(pattern, position, inside))
            position += 2
            continue
        if inside and char == "[":
            if pattern.startswith("[:", position):
                raise _Inexpressible
            out.append(r"\[")  # In AWS's own engine, and in the models, a bracket in a class stands for itself.
        elif inside and pattern.startswith("&&", position):
            raise _Inexpressible
        elif inside and char == "-" and _is_literal_hyphen(pattern, position):
            out.append(r"\-")
        elif inside and char in "&|~" and pattern.startswith(char * 2, position):
            out.append("\\" + char)  # Python warns of a set operation to come.
        elif not inside and pattern.startswith("(?<", position) and pattern[position + 3 : position + 4] not in ("=", "!"):
            out.append("(?P<")
            position += 2
        else:
            out.append(char)
        if char == "[" and not inside:
            inside = True
            if pattern.startswith("^", position + 1):
                out.append("^")
                position += 1
        elif char == "]" and inside:
            inside = False
        position += 1
    return "".join(out), unicode


def _property(found: re.Match[str], pattern: str, inside: bool) -> str:
    name = found[2] or found[3]
    ranges = _PROPERTIES.get(name)
    if ranges is None or (found[1] == "P" and inside) or (name in ("L", "IsL") and not _unicode_word(pattern)):
        raise _Inexpressible
    if inside:
        return ranges
    return f"[{'^' if found[1] == 'P' else ''}{ranges}]"


def _unicode_word(pattern: str) -> bool:
    return any(text in pattern for text in (r"\p{N}", r"\p{IsN}", r"\p{Nd}", r"\pN", "0-9", r"\d"))


def _escape(pattern: str, position: int, inside: bool) -> str:
    following = pattern[position + 1 : position + 2]
    if not following or (following in "QEGXx" and (following != "x" or pattern.startswith("\\x{", position))):
        raise _Inexpressible
    if following in "zZhR" and not inside:
        return _ESCAPES[following]
    if following in "zZhRvV" or (following.isalpha() and following not in "dDwWsSbBAnrtfuxae"):
        raise _Inexpressible
    if following == "e":
        return r"\x1b"
    if not following.isalnum() and following != "_":
        return re.escape(following) if following not in "-^]" else "\\" + following
    return pattern[position : position + 2]


def _is_literal_hyphen(pattern: str, position: int) -> bool:
    """After a class such as `\\w`, or before one, Java takes a hyphen for itself; Python objects."""
    before, after = pattern[max(position - 2, 0) : position], pattern[position + 1 : position + 3]
    return (
        (len(before) == 2 and before[0] == "\\" and before[1] in "dDwWsS}")
        or after in (r"\d", r"\w", r"\s", r"\p")
        or (before.endswith("}") and r"\p{" in pattern[:position])
    )
