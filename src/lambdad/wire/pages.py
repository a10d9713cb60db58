"""Lists in pages, as most of AWS's operations answer them. Pure.

A marker is opaque to clients. It holds the key of the last item that was answered, so that a list that changes between two
pages leaves out and repeats nothing that was there all along.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


class BadMarker(ValueError):
    """The marker is none of ours."""


def cut(items: Iterable[T], key: Callable[[T], str], size: int, marker: str | None) -> tuple[list[T], str | None]:
    """At most `size` items after the marker's, and the marker for the next page, if there is one. `items` must be in the order
    of `key`. Raises BadMarker."""
    after = _decoded(marker) if marker else None
    found: list[T] = []
    for item in items:
        if after is not None and key(item) <= after:
            continue
        if len(found) == size:
            return found, base64.urlsafe_b64encode(f"1:{key(found[-1])}".encode()).decode()
        found.append(item)
    return found, None


def _decoded(marker: str) -> str:
    try:
        form, _, key = base64.b64decode(marker, altchars=b"-_", validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        form, key = "", ""
    if form != "1":
        raise BadMarker(marker)
    return key
