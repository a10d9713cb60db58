"""Resource policies of functions and layer versions as documents, which is what decisions are made of."""

import json
from typing import Any, Final

from lambdad.domain.arns import LATEST
from lambdad.domain.functions import Function, Policy

DOCUMENTS: Final = 4096
"""That are remembered: a request for a function that has a policy would write it anew."""

_written: dict[str, str] = {}
"""By revision, which no two policies share."""


def policy_of(function: Function, qualifier: str | None) -> str | None:
    """Of the function itself, a version or an alias: a policy is about the ARN that a request names."""
    if not function.policies:
        return None
    policy = function.policies.get(qualifier or LATEST)
    return None if policy is None else document(policy)


def document(policy: Policy) -> str:
    text = _written.get(policy.revision_id)
    if text is None:
        if len(_written) >= DOCUMENTS:
            _written.clear()
        text = as_json({"Version": "2012-10-17", "Id": "default", "Statement": list(policy.statements)})
        _written[policy.revision_id] = text
    return text


def as_json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
