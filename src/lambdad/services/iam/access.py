"""Which permissions IAM's operations need. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagement.html; that a new name or
path needs permission for it as well: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from lambdad.domain.access import Need, tag_context
from lambdad.domain.arns import account_of
from lambdad.domain.caller import Caller
from lambdad.iam.arns import identity_arn, parse_principal
from lambdad.iam.directory import Directory
from lambdad.iam.entities import Group, ManagedPolicy, Role, User

Entity: TypeAlias = User | Group | Role | ManagedPolicy
Noun: TypeAlias = Literal["user", "group", "role", "policy"]
Context: TypeAlias = dict[str, str | Sequence[str]]
_Needs: TypeAlias = Callable[[str, Caller, Mapping[str, Any], Directory], list[Need]]


def needs(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    """Of a validated request. What exists is named by its ARN, with its path. None where a session names no user but must,
    which the operation refuses."""
    return _TABLE[operation](operation, caller, params, directory)


def _of_account(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    return [Need(f"iam:{operation}", caller.account)]


def _creating(noun: Noun) -> _Needs:
    """What is made has no tags yet, and the boundary that it is to have."""

    def needed(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
        arn = identity_arn(caller.account, noun, params.get("Path") or "/", params[f"{noun.title()}Name"])
        return [Need(f"iam:{operation}", caller.account, arn, _asked(params) | _bounded(operation, params.get(_BOUNDARY)))]

    return needed


def _of_user(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    """A user, else the one who calls."""
    name = params.get("UserName")
    if name is None:
        principal = parse_principal(caller.principal_arn)
        if principal is None or principal.kind == "role":
            return []
        if principal.kind == "root":
            return [Need(f"iam:{operation}", caller.account, caller.principal_arn)]
        name = principal.name
    return _on("user", name, directory.user(caller.account, name), operation, caller, params)


def _of_group(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    name = params["GroupName"]
    return _on("group", name, directory.group(caller.account, name), operation, caller, params)


def _of_role(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    name = params["RoleName"]
    return _on("role", name, directory.role(caller.account, name), operation, caller, params)


def _on(noun: Noun, name: str, found: Entity | None, operation: str, caller: Caller, params: Mapping[str, Any]) -> list[Need]:
    action = f"iam:{operation}"
    arn = identity_arn(caller.account, noun, "/", name) if found is None else found.arn
    context = _asked(params) | _tags_of(found)
    if operation.startswith(("Attach", "Detach")):
        context["iam:policyarn"] = params["PolicyArn"]
    present = found.boundary if isinstance(found, User | Role) else None
    context |= _bounded(operation, params.get(_BOUNDARY) or present)
    required = [Need(action, caller.account, arn, context)]
    title = noun.title()
    if params.get("NewPath") or params.get(f"New{title}Name"):
        path = params.get("NewPath") or ("/" if found is None else found.path)
        renamed = identity_arn(caller.account, noun, path, params.get(f"New{title}Name") or name)
        required.append(Need(action, caller.account, renamed, context))
    return required


def _of_policy(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    """Those of AWS are as good as one's own."""
    arn = params["PolicyArn"]
    context = _asked(params) | _tags_of(directory.policy(arn))
    return [Need(f"iam:{operation}", _account_of(arn, caller), arn, context)]


def _of_access_key(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    """It is a matter of the key's user. Of another account's key nothing is told, as of one that is not there."""
    found = directory.access_key(params["AccessKeyId"])
    if found is None or found[0].account != caller.account:
        return [Need(f"iam:{operation}", caller.account)]
    return _on("user", found[0].name, found[0], operation, caller, params)


def _simulating(operation: str, caller: Caller, params: Mapping[str, Any], directory: Directory) -> list[Need]:
    arn = params["PolicySourceArn"]
    return [Need(f"iam:{operation}", _account_of(arn, caller), arn)]


def _asked(params: Mapping[str, Any]) -> Context:
    """The tags, or keys of tags, of the request."""
    context = tag_context({tag["Key"]: tag.get("Value") or "" for tag in params.get("Tags") or ()})
    if params.get("TagKeys"):
        context["aws:tagkeys"] = tuple(params["TagKeys"])
    return context


def _tags_of(found: Entity | None) -> Context:
    """Tags of what is there; those of users and roles have a second name."""
    tags = {} if found is None else found.tags
    prefixes = ("aws", "iam") if isinstance(found, User | Role) else ("aws",)
    return {f"{prefix}:resourcetag/{key.lower()}": value for key, value in tags.items() for prefix in prefixes}


def _bounded(operation: str, boundary: str | None) -> Context:
    return {"iam:permissionsboundary": boundary} if boundary and operation in _BY_BOUNDARY else {}


def _account_of(arn: str, caller: Caller) -> str:
    account = account_of(arn)
    return account if account.isdecimal() else caller.account


_BOUNDARY: Final = "PermissionsBoundary"
_BY_BOUNDARY: Final = frozenset(
    {
        "AttachRolePolicy",
        "AttachUserPolicy",
        "CreateRole",
        "CreateUser",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DeleteUserPermissionsBoundary",
        "DeleteUserPolicy",
        "DetachRolePolicy",
        "DetachUserPolicy",
        "GetRole",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "PutUserPermissionsBoundary",
        "PutUserPolicy",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    }
)
"""Whose permission may depend on the boundary: the one that is asked for, else the one that is there."""

_TABLE: Final[dict[str, _Needs]] = {
    **dict.fromkeys(
        (
            "GetAccountSummary",
            "ListAccountAliases",
            "ListGroups",
            "ListPolicies",
            "ListRoles",
            "ListUsers",
            "SimulateCustomPolicy",
        ),
        _of_account,
    ),
    "CreateGroup": _creating("group"),
    "CreatePolicy": _creating("policy"),
    "CreateRole": _creating("role"),
    "CreateUser": _creating("user"),
    **dict.fromkeys(
        (
            "AttachUserPolicy",
            "CreateAccessKey",
            "DeleteAccessKey",
            "DeleteUser",
            "DeleteUserPermissionsBoundary",
            "DeleteUserPolicy",
            "DetachUserPolicy",
            "GetUser",
            "GetUserPolicy",
            "ListAccessKeys",
            "ListAttachedUserPolicies",
            "ListGroupsForUser",
            "ListUserPolicies",
            "ListUserTags",
            "PutUserPermissionsBoundary",
            "PutUserPolicy",
            "TagUser",
            "UntagUser",
            "UpdateAccessKey",
            "UpdateUser",
        ),
        _of_user,
    ),
    "GetAccessKeyLastUsed": _of_access_key,
    **dict.fromkeys(
        (
            "AddUserToGroup",
            "AttachGroupPolicy",
            "DeleteGroup",
            "DeleteGroupPolicy",
            "DetachGroupPolicy",
            "GetGroup",
            "GetGroupPolicy",
            "ListAttachedGroupPolicies",
            "ListGroupPolicies",
            "PutGroupPolicy",
            "RemoveUserFromGroup",
            "UpdateGroup",
        ),
        _of_group,
    ),
    **dict.fromkeys(
        (
            "AttachRolePolicy",
            "DeleteRole",
            "DeleteRolePermissionsBoundary",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "ListInstanceProfilesForRole",
            "ListRolePolicies",
            "ListRoleTags",
            "PutRolePermissionsBoundary",
            "PutRolePolicy",
            "TagRole",
            "UntagRole",
            "UpdateAssumeRolePolicy",
            "UpdateRole",
            "UpdateRoleDescription",
        ),
        _of_role,
    ),
    **dict.fromkeys(
        (
            "CreatePolicyVersion",
            "DeletePolicy",
            "DeletePolicyVersion",
            "GetPolicy",
            "GetPolicyVersion",
            "ListEntitiesForPolicy",
            "ListPolicyTags",
            "ListPolicyVersions",
            "SetDefaultPolicyVersion",
            "TagPolicy",
            "UntagPolicy",
        ),
        _of_policy,
    ),
    "SimulatePrincipalPolicy": _simulating,
}
