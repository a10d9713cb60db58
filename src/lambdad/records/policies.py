"""Resource policies of functions and layer versions as documents, which is what decisions are made of."""

import json
from collections.abc import Mapping
from typing import Any, Final

from lambdad.domain.arns import LATEST
from lambdad.domain.functions import Function, Policy

DOCUMENTS: Final = 4096
"""That are remembered: a request for a function that has a policy would write it anew."""

_written: dict[str, tuple[Policy, str]] = {}
"""By revision."""


def policy_of(function: Function, qualifier: str | None) -> str | None:
    """Of the function itself, a version or an alias: a policy is about the ARN that a request names."""
    policy = function.policies.get(qualifier or LATEST)
    if policy is None:
        return None
    known = _written.get(policy.revision_id)
    if known is None or known[0] is not policy:
        if len(_written) >= DOCUMENTS:
            _written.clear()
        known = _written[policy.revision_id] = (policy, document(policy))
    return known[1]


def document(policy: Policy) -> str:
    named = {} if policy.id is None else {"Id": policy.id}
    return as_json({"Version": policy.version, **named, "Statement": list(policy.statements)})


def as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
