"""Pages of lists of queues, in the order of their names."""

from collections.abc import Sequence
from typing import Any, Final

from lambdad.services.sqs import errors
from lambdad.services.sqs.attributes import Queue
from lambdad.wire.pages import BadMarker, cut

MOST: Final = 1000


def page(queues: Sequence[Queue], params: dict[str, Any]) -> tuple[Sequence[Queue], dict[str, Any]]:
    """Without MaxResults there is one page, of a thousand at most, and no token."""
    asked, token = params.get("MaxResults"), params.get("NextToken")
    if asked is not None and not 1 <= asked <= MOST:
        raise errors.invalid_value(asked, "MaxResults", f"Must be between 1 and {MOST}, if provided.")
    try:
        found, more = cut(queues, lambda queue: queue.name, asked or MOST, token)
    except BadMarker:
        raise errors.invalid(f"Invalid or expired next token: {token}") from None
    return found, {"NextToken": more} if asked and more else {}
