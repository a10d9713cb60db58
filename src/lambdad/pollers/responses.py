"""What a function says of the records it was given. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from collections.abc import Collection
from typing import Any

import msgspec

PARTIAL = "ReportBatchItemFailures"

_decode = msgspec.json.decode


def failures(payload: bytes, identifiers: Collection[str]) -> Collection[str]:
    """Which of the records failed, by a response of a function that reports them.

    None where the response is null, an empty object, or one whose list of failures is null, empty or not there. All of them
    where it is malformed: no JSON, no object, an entry without `itemIdentifier`, or with one that is null, empty or unknown.
    """
    try:
        response = _decode(payload) if payload.strip() else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return identifiers
    if response is None:
        return ()
    listed: Any = response.get("batchItemFailures") if isinstance(response, dict) else False
    if listed is None:
        return ()
    if not isinstance(listed, list):
        return identifiers
    failed = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in listed]
    return (
        {each for each in failed if each}
        if all(isinstance(each, str) and each in identifiers for each in failed)
        else identifiers
    )
