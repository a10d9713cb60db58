"""What the batch operations have in common: up to ten entries, each with an id of its own, that succeed or fail one by one."""

import re
from typing import Any, Final

from lambdad.services.sqs import errors

MOST: Final = 10

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def entries(params: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Raises CallerError where the request as a whole is no good."""
    found = [each for each in params.get("Entries") or [] if each is not None]
    if not found:
        raise errors.batch("EmptyBatchRequest", f"There should be at least one {kind} in the request.")
    if len(found) > MOST:
        raise errors.batch(
            "TooManyEntriesInBatchRequest", f"Maximum number of entries per request are {MOST}. You have sent {len(found)}."
        )
    seen = set()
    for each in found:
        identifier = each.get("Id")
        if identifier is None or not _ID.fullmatch(identifier):
            raise errors.batch(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if identifier in seen:
            raise errors.batch("BatchEntryIdsNotDistinct", f"Id {identifier} repeated.")
        seen.add(identifier)
    return found
