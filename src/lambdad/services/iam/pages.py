"""Pages of lists. A marker says behind which item to go on, so that items that come and go do not shift the others."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from lambdad.services.iam import errors

T = TypeVar("T")

USUAL: Final = 100
"""Items of a page, unless asked for otherwise."""


def page(items: Sequence[T], place: Callable[[T], str], params: dict[str, Any]) -> tuple[Sequence[T], dict[str, Any]]:
    """`items` rise by `place`. Answers those of the page, and the members that say whether there are more."""
    limit, marker = params.get("MaxItems") or USUAL, params.get("Marker")
    if marker is not None:
        after = _decoded(marker)
        items = [item for item in items if place(item) > after]
    found = items[:limit]
    if len(items) <= limit:
        return found, {"IsTruncated": False}
    return found, {"IsTruncated": True, "Marker": base64.urlsafe_b64encode(place(found[-1]).encode()).decode()}


def _decoded(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise errors.validation("Invalid Marker.") from None
