"""Who may assume a role, as long as policies are not evaluated: whom the role's trust policy names. Pure.

Conditions and denials are not looked at.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from lambdad.domain.caller import Caller
from lambdad.iam.arns import identity_arn, parse_principal
from lambdad.iam.entities import Role
from lambdad.services.sts import errors

MayAssume = Callable[[Caller, Role, dict[str, Any]], None]
"""Takes AssumeRole's parameters; raises AccessDenied."""


def named_in_trust(caller: Caller, role: Role, params: dict[str, Any]) -> None:
    """A `MayAssume`: everybody, the caller's account, or the caller, who may be the session of a role."""
    names = {"*", caller.account, f"arn:aws:iam::{caller.account}:root", caller.principal_arn}
    principal = parse_principal(caller.principal_arn)
    if principal is not None and principal.kind == "role":
        # A trust policy names the role, whose path the session's ARN does not have.
        names.add(identity_arn(principal.account, "role", "/", principal.name))
    if names.isdisjoint(_trusted(role.trust)):
        raise errors.not_authorized(caller, role.arn)


def _trusted(document: str) -> Iterator[str]:
    statements = json.loads(document).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else principal
        for each in named if isinstance(named, list) else [named]:
            if isinstance(each, str):
                yield each
