"""Lists in pages by `Marker`, `MaxItems` and `NextMarker`. Pure."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from lambdad.domain.errors import InvalidParameterValue
from lambdad.wire.pages import BadMarker, cut

T = TypeVar("T")

DEFAULT = 50
"""Items of a page where the request gives no MaxItems; https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html"""


def page(
    items: Iterable[T], key: Callable[[T], str], params: dict[str, Any], *, limit: int = 10_000
) -> tuple[list[T], dict[str, Any]]:
    """Items after `Marker`, at most `MaxItems` and never more than `limit`; with the answer's `NextMarker`, if any.

    `items` must be in the order of `key`. Raises InvalidParameterValue for a marker that is none of ours.
    """
    try:
        found, marker = cut(items, key, min(params.get("MaxItems") or DEFAULT, limit), params.get("Marker"))
    except BadMarker:
        raise InvalidParameterValue(f"Invalid Marker: {params['Marker']}") from None
    return found, {"NextMarker": marker} if marker else {}


def number_key(number: int | str) -> str:
    """Version numbers as text that sorts as they do; `$LATEST` comes first."""
    return f"{int(number):020}" if str(number).isdecimal() else ""
