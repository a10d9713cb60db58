"""The policies that AWS manages and Lambda's users attach: data, read once from `managed.json`.

The documents are those that AWS publishes: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
ReadOnlyAccess alone is shorter than on AWS: it names the services that functions are likely to meet.
"""

import importlib.resources
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from lambdad.iam.arns import AWS, identity_arn
from lambdad.iam.entities import ManagedPolicy, PolicyVersion
from lambdad.iam.ids import unique_id


class _Published(Struct):
    """One entry of the file."""

    name: str
    path: str
    version: int
    """Of the document, on AWS; only this one is kept."""
    created: int
    """When AWS made this version."""
    description: str
    document: dict[str, Any]


@cache
def managed_policies() -> Mapping[str, ManagedPolicy]:
    """By ARN. Every account has the same."""
    data = (importlib.resources.files("lambdad.iam") / "managed.json").read_bytes()
    policies = map(_policy, msgspec.json.decode(data, type=list[_Published]))
    return MappingProxyType({policy.arn: policy for policy in policies})


def _policy(entry: _Published) -> ManagedPolicy:
    # AWS's own unique ids say nothing; ours follow from the ARN, so that they stay what they are.
    digest = sha256(identity_arn(AWS, "policy", entry.path, entry.name).encode()).digest()
    version = PolicyVersion(entry.version, msgspec.json.encode(entry.document).decode(), entry.created)
    return ManagedPolicy(
        account=AWS,
        name=entry.name,
        path=entry.path,
        id=unique_id("ANPA", digest[:11]),
        created=entry.created,
        updated=entry.created,
        description=entry.description,
        versions=(version,),
        default=entry.version,
        newest=entry.version,
    )
