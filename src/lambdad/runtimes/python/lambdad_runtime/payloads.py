"""Events and results as JSON, with the liberties that AWS's Python runtime takes.

Its encoder is simplejson's, so beyond what the standard library's does: Decimal becomes a number with all its digits, bytes
within a result become text, and named tuples (whatever has `_asdict`) become objects.
"""

from __future__ import annotations

import json
import marshal
import sys
from decimal import Decimal
from json.encoder import c_make_encoder, encode_basestring, encode_basestring_ascii

from lambdad_runtime.faults import Fault

_ESCAPES = sys.version_info < (3, 12)
"""Before Python 3.12 AWS's runtime escapes what is not ASCII."""
_quote = encode_basestring_ascii if _ESCAPES else encode_basestring
_encoder = json.JSONEncoder(ensure_ascii=_ESCAPES)
_scan = json.JSONDecoder().scan_once


def _fast_encode():
    """What the standard library's encoder makes anew in each call, made once. It need not look for circles: marshal refuses
    those before. Where there is no C encoder, the ordinary way."""
    if c_make_encoder is None:
        return _encoder.encode
    pieces = c_make_encoder(None, _encoder.default, _quote, None, ": ", ", ", False, False, True)
    return lambda value: "".join(pieces(value, 0))


_encode = _fast_encode()


def event_of(body: bytes):
    """The event behind an invocation's body. Raises Fault, type Runtime.UnmarshalError."""
    try:
        text = body.decode()
        event, end = _scan(text, 0)
        if end == len(text):
            return event
    except (ValueError, RecursionError, StopIteration):
        pass  # white space around it, a byte order mark, or no JSON: the ordinary way tells
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from error


def result_of(value) -> tuple[bytes, str]:
    """A handler's result as body and content type; bytes stay what they are. Raises Fault, type Runtime.MarshalError."""
    if isinstance(value, bytes):
        return value, "application/unknown"
    try:
        return encode(value), "application/json"
    except Exception as error:  # whatever the properties of a function's own classes raise
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from error


def encode(value) -> bytes:
    """JSON in UTF-8. Raises TypeError or ValueError for what can't be expressed."""
    try:
        # The standard library's fast encoder takes a named tuple for an array and gives no chance to see it. marshal, which
        # runs at C speed too, refuses every subclass of a built-in type, so what it lets through is safe for that encoder.
        marshal.dumps(value, 2)
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        pieces: list[str] = []
        _write(value, pieces.append, set())
        text = "".join(pieces)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8, but an escape; only text within strings can be meant.
        return "".join([c if c < "\ud800" or c > "\udfff" else "\\u%04x" % ord(c) for c in text]).encode()


def _write(value, put, parents: set) -> None:
    if isinstance(value, str):
        put(_quote(value))
    elif value is None or value is True or value is False or isinstance(value, (int, float)):
        put(_scalar(value))
    elif isinstance(value, bytes):
        put(_quote(value.decode()))
    elif isinstance(value, Decimal):
        put("NaN" if value.is_nan() else str(value))
    else:
        if id(value) in parents:
            raise ValueError("Circular reference detected")
        parents.add(id(value))
        as_dict = getattr(value, "_asdict", None)
        if callable(as_dict):
            _write_object(as_dict(), put, parents)
        elif isinstance(value, (list, tuple)):
            _write_array(value, put, parents)
        elif isinstance(value, dict):
            _write_object(value, put, parents)
        else:
            raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
        parents.discard(id(value))


def _write_array(values, put, parents: set) -> None:
    before = "["
    for value in values:
        put(before)
        _write(value, put, parents)
        before = ", "
    put("]" if before == ", " else "[]")


def _write_object(values: dict, put, parents: set) -> None:
    before = "{"
    for key, value in values.items():
        put(before + _key(key) + ": ")
        _write(value, put, parents)
        before = ", "
    put("}" if before == ", " else "{}")


def _key(key) -> str:
    if isinstance(key, str):
        return _quote(key)
    if isinstance(key, bytes):
        return _quote(key.decode())
    if key is None or isinstance(key, (int, float)):
        return '"' + _scalar(key) + '"'
    raise TypeError("keys must be str, int, float, bool or None, not %s" % type(key).__name__)


def _scalar(value) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)
