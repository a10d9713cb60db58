"""ARNs of the companions' resources. Pure. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lambdad.domain.access import Need
from lambdad.domain.arns import account_of
from lambdad.domain.caller import Caller

Params = Mapping[str, Any]


def arn(service: str, caller: Caller, resource: str) -> str:
    """`resource` in the caller's account and region; one that is an ARN already stays as it is."""
    return resource if resource.startswith("arn:") else f"arn:aws:{service}:{caller.region}:{caller.account}:{resource}"


def named(service: str, caller: Caller, kind: str, name: str) -> str:
    """The same for a name: `kind` is what stands before it, with its separator."""
    return name if name.startswith("arn:") else arn(service, caller, kind + name)


def owner(resource: str, caller: Caller) -> str:
    """Whose it is; the caller's, where its ARN does not say (buckets, `*`)."""
    return account_of(resource) or caller.account


def need(action: str, caller: Caller, resource: str = "*", context: Mapping[str, str | Sequence[str]] | None = None) -> Need:
    return Need(action, owner(resource, caller), resource, context or {})


def texts(params: Params, names: Iterable[str]) -> list[str]:
    """The parameters of these names that are there and are text, or lists of it."""
    found: list[str] = []
    for name in names:
        value = params.get(name)
        found += [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each]
    return found
