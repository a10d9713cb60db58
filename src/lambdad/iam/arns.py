"""ARNs of identities, and what the ARN of a caller says. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

AWS: Final = "aws"
"""The account of the policies that AWS manages, as their ARNs have it."""

_PRINCIPAL = re.compile(
    r"arn:aws[a-z-]*:(?:iam::(?P<root>\d{12}):root"
    r"|iam::(?P<account>\d{12}):user(?P<path>/(?:.*/)?)(?P<user>[^/]+)"
    r"|sts::(?P<owner>\d{12}):assumed-role/(?P<role>[^/]+)/(?P<session>[^/]+))"
)
_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(?:\d{12}|aws):policy/[\w+=,.@/-]+")


@dataclass(frozen=True, slots=True)
class PrincipalName:
    """Who an ARN names."""

    kind: Literal["root", "user", "role"]
    account: str
    name: str = ""
    """Of the user, or of the role that was assumed."""
    session: str = ""


def root_arn(account: str) -> str:
    """Of an account's root user; as a principal of a policy, of the whole account."""
    return f"arn:aws:iam::{account}:root"


def identity_arn(account: str, kind: Literal["user", "group", "role", "policy"], path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:{kind}{path}{name}"


def session_arn(account: str, role: str, session: str) -> str:
    """Of who has assumed a role. It has the role's name, but not its path."""
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def parse_principal(arn: str) -> PrincipalName | None:
    """The root user, a user, or the session of a role; None for anything else."""
    found = _PRINCIPAL.fullmatch(arn)
    if found is None:
        return None
    if found["root"]:
        return PrincipalName("root", found["root"])
    if found["user"]:
        return PrincipalName("user", found["account"], found["user"])
    return PrincipalName("role", found["owner"], found["role"], found["session"])


def is_policy(arn: str) -> bool:
    """Whether it has the form of a managed policy's ARN."""
    return _POLICY.fullmatch(arn) is not None
