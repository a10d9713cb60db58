"""As much of CBOR as an error takes: a map of text to text. RFC 8949, 3.1: https://www.rfc-editor.org/rfc/rfc8949"""

from collections.abc import Mapping

_TEXT, _MAP = 3 << 5, 5 << 5


def text_map(values: Mapping[str, str]) -> bytes:
    return _head(_MAP, len(values)) + b"".join(_text(name) + _text(value) for name, value in values.items())


def _text(value: str) -> bytes:
    data = value.encode()
    return _head(_TEXT, len(data)) + data


def _head(major: int, count: int) -> bytes:
    for short, limit, size in ((24, 1 << 8, 1), (25, 1 << 16, 2)):
        if count < 24:
            return bytes([major | count])
        if count < limit:
            return bytes([major | short]) + count.to_bytes(size, "big")
    return bytes([major | 26]) + count.to_bytes(4, "big")
