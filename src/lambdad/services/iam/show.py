"""Entities as IAM's answers have them. Pure. Documents are percent-encoded (RFC 3986), as on AWS; SDKs decode them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lambdad.iam.entities import AccessKey, Group, Identity, ManagedPolicy, PolicyVersion, Role, User


def document(text: str) -> str:
    return quote(text, safe="")


def tags(of: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in of.items()]


def _tagged(of: Mapping[str, str]) -> dict[str, Any]:
    return {"Tags": tags(of)} if of else {}


def _bounded(identity: Identity) -> dict[str, Any]:
    if identity.boundary is None:
        return {}
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": identity.boundary}
    return {"PermissionsBoundary": boundary}


def listed_user(user: User) -> dict[str, Any]:
    """In lists, without its tags and its boundary."""
    return {"Path": user.path, "UserName": user.name, "UserId": user.id, "Arn": user.arn, "CreateDate": user.created}


def user(user: User) -> dict[str, Any]:
    return listed_user(user) | _bounded(user) | _tagged(user.tags)


def group(group: Group) -> dict[str, Any]:
    return {"Path": group.path, "GroupName": group.name, "GroupId": group.id, "Arn": group.arn, "CreateDate": group.created}


def listed_role(role: Role) -> dict[str, Any]:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": document(role.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session,
    }


def role(role: Role) -> dict[str, Any]:
    return listed_role(role) | _bounded(role) | _tagged(role.tags)


def key(user: User, key: AccessKey) -> dict[str, Any]:
    """Without the secret."""
    return {
        "UserName": user.name,
        "AccessKeyId": key.id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": key.created,
    }


def listed_policy(policy: ManagedPolicy, attached: int, bounding: int) -> dict[str, Any]:
    """`attached`, `bounding`: how many identities it is attached to, and how many it bounds."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default}",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounding,
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }


def policy(policy: ManagedPolicy, attached: int, bounding: int) -> dict[str, Any]:
    return listed_policy(policy, attached, bounding) | {"Description": policy.description, "Tags": tags(policy.tags)}


def version(policy: ManagedPolicy, version: PolicyVersion) -> dict[str, Any]:
    """Without the document."""
    return {
        "VersionId": version.id,
        "IsDefaultVersion": version.number == policy.default,
        "CreateDate": version.created,
    }
