"""Lists in pages: `Marker` and `NextMarker` are opaque to clients. Pure.

A marker holds the key of the last item that was answered, so that a list that changes between two pages leaves out and
repeats nothing that was there all along.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from lambdad.domain.errors import InvalidParameterValue

T = TypeVar("T")

DEFAULT = 50
"""Items of a page where the request gives no MaxItems; https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html"""


def page(
    items: Iterable[T], key: Callable[[T], str], params: dict[str, Any], *, limit: int = 10_000
) -> tuple[list[T], dict[str, Any]]:
    """Items after `Marker`, at most `MaxItems` and never more than `limit`; with the answer's `NextMarker`, if any.

    `items` must be in the order of `key`. Raises InvalidParameterValue for a marker that is none of ours.
    """
    after = _decode(params["Marker"]) if params.get("Marker") else None
    size = min(params.get("MaxItems") or DEFAULT, limit)
    found: list[T] = []
    for item in items:
        if after is not None and key(item) <= after:
            continue
        if len(found) == size:
            return found, {"NextMarker": _encode(key(found[-1]))}
        found.append(item)
    return found, {}


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(f"1:{key}".encode()).decode()


def _decode(marker: str) -> str:
    try:
        form, _, key = base64.urlsafe_b64decode(marker.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError):
        form, key = "", ""
    if form != "1":
        raise InvalidParameterValue(f"Invalid Marker: {marker}")
    return key


def number_key(number: int | str) -> str:
    """Version numbers as text that sorts as they do; `$LATEST` comes first."""
    return f"{int(number):020}" if str(number).isdecimal() else ""
