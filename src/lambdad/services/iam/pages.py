"""Lists in pages by `Marker`, `MaxItems` and `IsTruncated`."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from lambdad.services.iam import errors
from lambdad.wire.pages import BadMarker, cut

T = TypeVar("T")

USUAL: Final = 100
"""Items of a page, unless asked for otherwise."""


def page(items: Sequence[T], place: Callable[[T], str], params: dict[str, Any]) -> tuple[Sequence[T], dict[str, Any]]:
    """`items` rise by `place`. Answers those of the page, and the members that say whether there are more."""
    try:
        found, marker = cut(items, place, params.get("MaxItems") or USUAL, params.get("Marker"))
    except BadMarker:
        raise errors.validation("Invalid Marker.") from None
    return found, {"IsTruncated": True, "Marker": marker} if marker else {"IsTruncated": False}
