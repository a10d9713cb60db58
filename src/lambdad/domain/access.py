"""What a request needs to be allowed: one permission for each thing that it does to a resource."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller


class Need(Struct, frozen=True):
    action: str
    """E.g. `lambda:GetFunction`, which policies name; not always the operation's name."""
    account: str
    """Whose resource it is."""
    resource: str = "*"
    """An ARN; `*` where the action knows no resource."""
    context: Mapping[str, str | Sequence[str]] = {}
    """Condition keys of the service, in lower case, beyond those that every request has."""


Require: TypeAlias = Callable[[Caller, Need, str | None], None]
"""Raises AccessDenied, in AWS's words, unless the caller may. Last comes the resource's own policy, a JSON document, where it
has one."""

RequireOfRole: TypeAlias = Callable[[str, FunctionName, Need], None]
"""The same for what lambdad does in a function's name, as its execution role, whose ARN comes first."""


def tag_context(tags: Mapping[str, str] | None) -> dict[str, str | Sequence[str]]:
    """`aws:RequestTag/…` and `aws:TagKeys`, of the tags that a request gives."""
    if not tags:
        return {}
    return {**{f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}, "aws:tagkeys": tuple(tags)}
