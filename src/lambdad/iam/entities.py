"""What IAM keeps: users with their access keys, groups, roles, managed policies. Pure; one record each.

All that belongs to one identity is in its record, so that every change of it is one compare-and-set. Names are unique in their
account without regard to case: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
Times are epoch seconds.
"""

from typing import Literal

from msgspec import Struct

from lambdad.iam.arns import AWS, identity_arn


class AccessKey(Struct, frozen=True):
    id: str
    """`AKIA…`"""
    secret: str
    """As it is: a signature (SigV4) can only be checked by who knows the secret that made it."""
    created: int
    active: bool = True


class Identity(Struct, frozen=True, kw_only=True):
    """What users, groups and roles have in common. Groups have neither tags nor a boundary, as on AWS."""

    account: str
    name: str
    path: str = "/"
    id: str
    created: int
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    """Documents of the policies that are its own, by name."""
    attached: tuple[str, ...] = ()
    """ARNs of managed policies, in the order of their attachment."""
    boundary: str | None = None
    """ARN of the managed policy that bounds what all others can allow."""


class User(Identity, frozen=True, kw_only=True):
    keys: tuple[AccessKey, ...] = ()
    groups: tuple[str, ...] = ()
    """Unique ids of those it is in: a group can be renamed."""

    @property
    def arn(self) -> str:
        return identity_arn(self.account, "user", self.path, self.name)


class Group(Identity, frozen=True, kw_only=True):
    @property
    def arn(self) -> str:
        return identity_arn(self.account, "group", self.path, self.name)


class Role(Identity, frozen=True, kw_only=True):
    trust: str
    """The document that says who may assume it."""
    description: str | None = None
    max_session: int = 3600
    """Seconds."""

    @property
    def arn(self) -> str:
        return identity_arn(self.account, "role", self.path, self.name)


class PolicyVersion(Struct, frozen=True):
    number: int
    document: str
    created: int

    @property
    def id(self) -> str:
        """E.g. `v1`."""
        return f"v{self.number}"


class ManagedPolicy(Struct, frozen=True, kw_only=True):
    account: str
    """`aws` for those of AWS."""
    name: str
    path: str = "/"
    id: str
    created: int
    updated: int
    description: str | None = None
    tags: dict[str, str] = {}
    versions: tuple[PolicyVersion, ...]
    """Rising by number; deleted ones are not there."""
    default: int
    """Number of the version that is in force."""
    newest: int
    """The highest number that was ever given out: numbers are not used again."""

    @property
    def arn(self) -> str:
        return identity_arn(self.account, "policy", self.path, self.name)

    @property
    def by_aws(self) -> bool:
        return self.account == AWS

    @property
    def document(self) -> str:
        """That is in force."""
        return next(version.document for version in self.versions if version.number == self.default)

    def version(self, id: str) -> PolicyVersion | None:
        """By id, e.g. `v2`."""
        return next((version for version in self.versions if version.id == id), None)


class HeldPolicy(Struct, frozen=True):
    """One policy that holds for an identity."""

    kind: Literal["inline", "managed"]
    name: str
    """Of an inline policy; the ARN of a managed one."""
    document: str
    holder: str = ""
    """Of an inline policy, whose it is, e.g. `role_worker`."""

    @property
    def source(self) -> str:
        """Which policy it is among all that hold for an identity, e.g. `role_worker_own`: what IAM's simulations call it, but
        that they know a managed one by its name."""
        return f"{self.holder}_{self.name}" if self.holder else self.name
