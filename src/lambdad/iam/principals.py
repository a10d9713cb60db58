"""Whom a statement means: the elements Principal and NotPrincipal. Pure.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html, and for what a grant is worth
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Literal

from msgspec import Struct

Kind = Literal["root", "user", "session", "service", "federated", "anonymous"]

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root", re.ASCII)
# Wildcards in parts of names are not allowed. Unique ids are what AWS shows of principals that were deleted.
_IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(iam::(\d{12}|cloudfront):(user|role)/|sts::\d{12}:(assumed-role|federated-user)/)[^*?]+|[A-Z0-9]{16,128}",
    re.ASCII,
)
_SERVICE = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+", re.ASCII | re.IGNORECASE)
_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")


class Principal(Struct, frozen=True):
    """Who makes a request."""

    arn: str
    """Of the user, the root user or the role's session; of a service its name; of a federated identity its provider's ARN
    (or name); `anonymous` of nobody."""
    account: str
    """Twelve digits; empty for services, federated and anonymous ones."""
    kind: Kind
    identity_arn: str = ""
    """Of the role that a session is of, or of the user whom a federated session stands for."""
    user_id: str = ""
    """`aws:userid`: the unique id, of a session `ROLE-ID:SESSION-NAME`."""
    tags: Mapping[str, str] = {}
    """Of the user or role, and of the session, whose tags come first."""
    token_issued: float | None = None
    """When temporary credentials were issued, in seconds since 1970; None of long-term ones."""
    mfa: bool = False
    """Whether temporary credentials were issued to somebody who had a second factor."""


ANONYMOUS = Principal("anonymous", "", "anonymous")


class Grant(IntEnum):
    """How a statement names a principal, which says what else must allow the request in the same account."""

    NONE = 0
    ACCOUNT = 1
    """As one of its account: identity policies must allow it."""
    ENTITY = 2
    """A session by its role: boundary and session policies must allow it."""
    DIRECT = 3
    """Itself, or everybody: nothing else is asked."""


class InvalidPrincipal(ValueError):
    """The message is AWS's."""


class Principals(Struct, frozen=True):
    everybody: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    services: frozenset[str]
    federated: frozenset[str]

    def grant(self, principal: Principal) -> Grant:
        """How these name the principal."""
        if self.everybody:
            return Grant.DIRECT
        match principal.kind:
            case "service":
                return Grant.DIRECT if principal.arn in self.services else Grant.NONE
            case "federated":
                return Grant.DIRECT if principal.arn in self.federated else Grant.NONE
            case "anonymous":
                return Grant.NONE
        if principal.arn in self.arns:
            return Grant.DIRECT
        if principal.identity_arn in self.arns:
            return Grant.ENTITY
        if principal.account in self.accounts:
            return Grant.DIRECT if principal.kind == "root" else Grant.ACCOUNT
        return Grant.NONE

    def spare(self, principal: Principal) -> bool:
        """Whether a Deny with NotPrincipal leaves the principal alone: of a user, its account must be named too, and of a
        session its role as well."""
        if self.everybody or principal.kind in ("service", "federated", "anonymous"):
            return self.grant(principal) is Grant.DIRECT
        if principal.account not in self.accounts:
            return False
        names = {"root": (), "session": (principal.arn, principal.identity_arn)}.get(principal.kind, (principal.arn,))
        return all(name in self.arns for name in names)


def read_principals(element: Any) -> Principals:
    """The value of Principal or NotPrincipal. Raises InvalidPrincipal."""
    if isinstance(element, str):
        if element != "*":
            raise InvalidPrincipal(f'Invalid principal in policy: "{element[:256]}"')
        return Principals(True, *[frozenset[str]()] * 4)
    if not isinstance(element, dict):
        raise InvalidPrincipal("Principal must be a JSON object.")
    named: dict[str, list[str]] = {}
    for kind, value in element.items():
        if kind not in _TYPES:
            raise InvalidPrincipal(f'Invalid principal in policy: "{kind[:256]}"')
        named[kind] = value if isinstance(value, list) else [value]
        for name in named[kind]:
            if not _valid(kind, name):
                shown = name[:256] if isinstance(name, str) else ""
                raise InvalidPrincipal(f'Invalid principal in policy: "{kind.upper()}":"{shown}"')
    if not any(named.values()):
        raise InvalidPrincipal("Missing required field Principal cannot be empty!")
    accounts, arns = set[str](), set[str]()
    for name in named.get("AWS", ()):
        root = _ROOT.fullmatch(name)
        if root or _ACCOUNT.fullmatch(name):
            accounts.add(root[1] if root else name)
        else:
            arns.add(name)
    return Principals(
        "*" in arns,
        frozenset(accounts),
        frozenset(arns),
        frozenset(named.get("Service", ())),
        frozenset(named.get("Federated", ())),
    )


def _valid(kind: str, name: Any) -> bool:
    if not isinstance(name, str):
        return False
    match kind:
        case "AWS":
            return name == "*" or any(form.fullmatch(name) for form in (_ACCOUNT, _ROOT, _IDENTITY))
        case "Service":
            return _SERVICE.fullmatch(name) is not None
    return bool(name) and "*" not in name
