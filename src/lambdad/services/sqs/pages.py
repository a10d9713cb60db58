"""Pages of lists of queues, in the order of their names. A token says behind which name to go on."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

from lambdad.services.sqs import errors
from lambdad.services.sqs.attributes import Queue

MOST: Final = 1000


def page(queues: Sequence[Queue], params: dict[str, Any]) -> tuple[Sequence[Queue], dict[str, Any]]:
    """Without MaxResults there is one page, of a thousand at most, and no token."""
    asked, token = params.get("MaxResults"), params.get("NextToken")
    if asked is not None and not 1 <= asked <= MOST:
        raise errors.invalid_value(asked, "MaxResults", f"Must be between 1 and {MOST}, if provided.")
    if token:
        after = _decoded(token)
        queues = [queue for queue in queues if queue.name > after]
    limit = asked or MOST
    found = queues[:limit]
    more = {"NextToken": base64.b64encode(found[-1].name.encode()).decode()} if asked and len(queues) > limit else {}
    return found, more


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        raise errors.invalid(f"Invalid or expired next token: {token}") from None
