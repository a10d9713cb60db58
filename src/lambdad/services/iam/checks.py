"""IAM's rules and quotas that its model does not express. Pure.

Quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lambdad.iam import arns
from lambdad.services.iam import errors

USERS: Final = 5000
GROUPS: Final = 300
ROLES: Final = 1000
POLICIES: Final = 1500
"""Of one account."""
KEYS: Final = 2
"""Of one user."""
MEMBERSHIPS: Final = 10
"""Groups of one user."""
ATTACHED: Final = 10
"""Managed policies of one user, group or role."""
VERSIONS: Final = 5
"""Of one managed policy."""
TAGS: Final = 50
INLINE_USER: Final = 2048
INLINE_GROUP: Final = 5120
INLINE_ROLE: Final = 10_240
"""Characters of all inline policies together, white space not counted."""
TRUST: Final = 2048
MANAGED: Final = 6144


def size(document: str) -> int:
    """Characters; IAM does not count white space."""
    return len("".join(document.split()))


def room(present: int, quota: str, limit: int) -> None:
    """Raises LimitExceeded where no further one has room."""
    if present >= limit:
        raise errors.over_quota(quota, limit)


def trust_size(document: str) -> None:
    if size(document) > TRUST:
        raise errors.over_quota("ACLSizePerRole", TRUST)


def managed_size(document: str) -> None:
    if size(document) > MANAGED:
        raise errors.over_quota("PolicySize", MANAGED)


def inline_size(documents: Iterable[str], noun: str, name: str, limit: int) -> None:
    if sum(map(size, documents)) > limit:
        raise errors.over_limit(f"Maximum policy size of {limit} bytes exceeded for {noun} {name}")


def policy_arn(arn: str) -> None:
    if not arns.is_policy(arn):
        raise errors.invalid(f"ARN {arn} is not valid.")


def new_tags(tags: Iterable[Mapping[str, Any]], present: Mapping[str, str] | None = None) -> dict[str, str]:
    """`present` with `tags` on top. Keys that differ in case only are the same key; the newest spelling stays.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    """
    given = {tag["Key"]: tag.get("Value") or "" for tag in tags}
    if len({key.lower() for key in given}) != len(list(tags)):
        raise errors.invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.lower().startswith("aws:") for key in given):
        raise errors.invalid("Tag keys that begin with aws: are reserved for system use.")
    replaced = {key.lower() for key in given}
    merged = {key: value for key, value in (present or {}).items() if key.lower() not in replaced} | given
    if len(merged) > TAGS:
        raise errors.over_quota("TagsPerResource", TAGS)
    return merged


def fewer_tags(keys: Iterable[str], present: Mapping[str, str]) -> dict[str, str]:
    gone = {key.lower() for key in keys}
    return {key: value for key, value in present.items() if key.lower() not in gone}
