import re
from urllib.parse import unquote

import pytest

from .api import ACCOUNT, ALLOW, BASIC, TRUST, Api, padded


async def test_a_role(api: Api) -> None:
    made = await api.role(Path="/service/", Description="works", MaxSessionDuration=7200)
    assert re.fullmatch(r"AROA[A-Z2-7]{17}", made["RoleId"])
    assert unquote(made["AssumeRolePolicyDocument"]) == TRUST
    assert not set(made["AssumeRolePolicyDocument"]) & set(' {}":/+')
    assert made == {
        "Path": "/service/",
        "RoleName": "worker",
        "RoleId": made["RoleId"],
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/service/worker",
        "CreateDate": 1000,
        "AssumeRolePolicyDocument": made["AssumeRolePolicyDocument"],
        "Description": "works",
        "MaxSessionDuration": 7200,
    }
    assert (await api.call("GetRole", RoleName="worker"))["Role"] == made | {"RoleLastUsed": {}}
    assert (await api.call("ListRoles"))["Roles"] == [made]
    assert await api.refuses("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=TRUST) == (
        "EntityAlreadyExists",
        "Role with name Worker already exists.",
    )
    assert (await api.call("ListInstanceProfilesForRole", RoleName="worker"))["InstanceProfiles"] == []


async def test_a_role_changes_and_outlives_a_restart(api: Api) -> None:
    await api.role()
    await api.call("UpdateRole", RoleName="worker", Description="one", MaxSessionDuration=43200)
    await api.call("UpdateRole", RoleName="worker")
    shown = (await api.call("UpdateRoleDescription", RoleName="worker", Description="two"))["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("two", 43200)
    trust = TRUST.replace("lambda.", "events.")
    await api.call("UpdateAssumeRolePolicy", RoleName="worker", PolicyDocument=trust)
    await api.restart()
    found = (await api.call("GetRole", RoleName="worker"))["Role"]
    assert unquote(found["AssumeRolePolicyDocument"]) == trust
    assert found["Description"] == "two"


async def test_a_role_is_deleted_when_it_has_no_policies_any_more(api: Api) -> None:
    await api.role()
    await api.call("AttachRolePolicy", RoleName="worker", PolicyArn=BASIC)
    await api.call("PutRolePolicy", RoleName="worker", PolicyName="p", PolicyDocument=ALLOW)
    for message, operation, params in (
        ("must detach all policies first.", "DetachRolePolicy", {"PolicyArn": BASIC}),
        ("must delete policies first.", "DeleteRolePolicy", {"PolicyName": "p"}),
    ):
        assert await api.refuses("DeleteRole", RoleName="worker") == ("DeleteConflict", f"Cannot delete entity, {message}")
        await api.call(operation, RoleName="worker", **params)
    await api.call("DeleteRole", RoleName="worker")
    assert api.directory.role_by_arn(f"arn:aws:iam::{ACCOUNT}:role/worker") is None


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetRole", {}),
        ("UpdateRole", {}),
        ("UpdateRoleDescription", {"Description": "x"}),
        ("UpdateAssumeRolePolicy", {"PolicyDocument": TRUST}),
        ("DeleteRole", {}),
        ("TagRole", {"Tags": []}),
        ("UntagRole", {"TagKeys": []}),
        ("ListRoleTags", {}),
        ("PutRolePolicy", {"PolicyName": "p", "PolicyDocument": ALLOW}),
        ("GetRolePolicy", {"PolicyName": "p"}),
        ("ListRolePolicies", {}),
        ("DeleteRolePolicy", {"PolicyName": "p"}),
        ("AttachRolePolicy", {"PolicyArn": BASIC}),
        ("DetachRolePolicy", {"PolicyArn": BASIC}),
        ("ListAttachedRolePolicies", {}),
        ("PutRolePermissionsBoundary", {"PermissionsBoundary": BASIC}),
        ("DeleteRolePermissionsBoundary", {}),
        ("ListInstanceProfilesForRole", {}),
    ],
)
async def test_a_role_that_is_not_there(api: Api, operation: str, params: dict[str, object]) -> None:
    assert await api.refuses(operation, RoleName="no", **params) == (
        "NoSuchEntity",
        "The role with name no cannot be found.",
    )


async def test_trust_policies_are_checked(api: Api) -> None:
    assert await api.refuses("CreateRole", RoleName="r", AssumeRolePolicyDocument="{") == (
        "MalformedPolicyDocument",
        "This policy contains invalid Json",
    )
    long = padded(TRUST, 2048)
    assert await api.refuses("CreateRole", RoleName="r", AssumeRolePolicyDocument=long) == (
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
    )
    await api.role("r")
    assert (await api.refuses("UpdateAssumeRolePolicy", RoleName="r", PolicyDocument="[]"))[0] == "MalformedPolicyDocument"
    blanks = TRUST + " " * 4000
    await api.call("UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=blanks)


async def test_pages_of_roles(api: Api) -> None:
    for number in range(5):
        await api.role(f"r{number}", Path="/a/" if number else "/")
    pages = await api.all("ListRoles", "Roles", 3)
    assert [[role["RoleName"] for role in page] for page in pages] == [["r0", "r1", "r2"], ["r3", "r4"]]
    assert len((await api.call("ListRoles", PathPrefix="/a/"))["Roles"]) == 4


async def test_a_hundred_items_are_a_page(api: Api) -> None:
    for number in range(101):
        await api.role(f"r{number:03}")
    found = await api.call("ListRoles")
    assert (len(found["Roles"]), found["IsTruncated"]) == (100, True)
