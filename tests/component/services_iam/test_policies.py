import re
from urllib.parse import unquote

import pytest

from lambdad.iam.entities import Role
from lambdad.iam.write import Stale, Writer

from .api import ACCOUNT, ALLOW, BASIC, DENY, Api, caller, padded


async def test_a_policy(api: Api) -> None:
    arn = await api.policy(Path="/team/", Description="reads", Tags=[{"Key": "a", "Value": "1"}])
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/team/reads"
    made = (await api.call("GetPolicy", PolicyArn=arn))["Policy"]
    assert re.fullmatch(r"ANPA[A-Z2-7]{17}", made["PolicyId"])
    assert made == {
        "PolicyName": "reads",
        "PolicyId": made["PolicyId"],
        "Arn": arn,
        "Path": "/team/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": 1000,
        "UpdateDate": 1000,
        "Description": "reads",
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    assert await api.refuses("CreatePolicy", PolicyName="Reads", PolicyDocument=ALLOW) == (
        "EntityAlreadyExists",
        "A policy called Reads already exists. Duplicate names are not allowed.",
    )
    await api.call("DeletePolicy", PolicyArn=arn)
    assert await api.refuses("GetPolicy", PolicyArn=arn) == ("NoSuchEntity", f"Policy {arn} was not found.")


async def test_documents_are_checked(api: Api) -> None:
    assert await api.refuses("CreatePolicy", PolicyName="p", PolicyDocument=ALLOW.replace("2012-10-17", "2008-10-17")) == (
        "MalformedPolicyDocument",
        "Policy document must be version 2012-10-17 or greater.",
    )
    long = padded(ALLOW, 6144)
    refusal = ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert await api.refuses("CreatePolicy", PolicyName="p", PolicyDocument=long) == refusal
    arn = await api.policy()
    assert await api.refuses("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=long) == refusal
    assert (await api.refuses("CreatePolicyVersion", PolicyArn=arn, PolicyDocument="{"))[0] == "MalformedPolicyDocument"
    assert (await api.refuses("GetPolicy", PolicyArn="x" * 20))[0] == "InvalidInput"


async def test_versions(api: Api) -> None:
    arn = await api.policy()
    made = (await api.call("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=DENY))["PolicyVersion"]
    assert made == {"VersionId": "v2", "IsDefaultVersion": False, "CreateDate": 1000}
    await api.call("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=DENY, SetAsDefault=True)
    await api.restart()
    pages = await api.all("ListPolicyVersions", "Versions", 2, PolicyArn=arn)
    assert [[(each["VersionId"], each["IsDefaultVersion"]) for each in page] for page in pages] == [
        [("v3", True), ("v2", False)],
        [("v1", False)],
    ]
    first = (await api.call("GetPolicyVersion", PolicyArn=arn, VersionId="v1"))["PolicyVersion"]
    assert unquote(first["Document"]) == ALLOW
    assert await api.refuses("DeletePolicyVersion", PolicyArn=arn, VersionId="v3") == (
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    )
    assert (await api.refuses("DeletePolicy", PolicyArn=arn))[1].startswith("This policy has more than one version.")
    await api.call("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
    assert (await api.call("GetPolicy", PolicyArn=arn))["Policy"]["DefaultVersionId"] == "v1"
    await api.call("DeletePolicyVersion", PolicyArn=arn, VersionId="v3")
    again = (await api.call("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=DENY))["PolicyVersion"]
    assert again["VersionId"] == "v4", "numbers are not used again"
    refusal = ("NoSuchEntity", f"Policy {arn} version v3 does not exist or is not attachable.")
    assert await api.refuses("GetPolicyVersion", PolicyArn=arn, VersionId="v3") == refusal
    assert await api.refuses("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v3") == refusal


async def test_a_policy_has_five_versions(api: Api) -> None:
    arn = await api.policy()
    for _ in range(4):
        await api.call("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=DENY)
    assert await api.refuses("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=DENY) == (
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    )


async def test_awss_own_policies_are_there_and_stay(api: Api) -> None:
    found = (await api.call("GetPolicy", PolicyArn=BASIC))["Policy"]
    assert (found["PolicyName"], found["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    version = await api.call("GetPolicyVersion", PolicyArn=BASIC, VersionId=found["DefaultVersionId"])
    assert "logs:PutLogEvents" in unquote(version["PolicyVersion"]["Document"])
    assert len((await api.call("ListPolicyVersions", PolicyArn=BASIC))["Versions"]) == 1
    for operation, params in (
        ("DeletePolicy", {}),
        ("CreatePolicyVersion", {"PolicyDocument": DENY}),
        ("TagPolicy", {"Tags": []}),
    ):
        assert (await api.refuses(operation, PolicyArn=BASIC, **params))[0] == "AccessDenied"


async def test_lists_of_policies(api: Api) -> None:
    mine = await api.policy("mine", Path="/team/")
    await api.policy("zero")
    await api.role()
    await api.user(PermissionsBoundary=mine)
    await api.call("AttachRolePolicy", RoleName="worker", PolicyArn=BASIC)

    async def names(**params: object) -> list[str]:
        return [each["PolicyName"] for each in (await api.call("ListPolicies", **params))["Policies"]]

    assert await names(Scope="Local") == ["mine", "zero"]
    assert await names(Scope="Local", PathPrefix="/team/") == ["mine"]
    aws = await names(Scope="AWS")
    assert {"AdministratorAccess", "AWSLambda_FullAccess", "ReadOnlyAccess"} <= set(aws)
    assert sorted([*aws, "mine", "zero"], key=str.lower) == await names()
    assert await names(OnlyAttached=True) == ["AWSLambdaBasicExecutionRole"]
    assert await names(PolicyUsageFilter="PermissionsPolicy") == ["AWSLambdaBasicExecutionRole"]
    assert await names(PolicyUsageFilter="PermissionsBoundary") == ["mine"]
    pages = await api.all("ListPolicies", "Policies", 7)
    assert [each["PolicyName"] for page in pages for each in page] == await names()
    assert pages[0][0].keys() >= {"PolicyId", "Arn", "AttachmentCount"}


async def test_who_has_a_policy(api: Api) -> None:
    arn = await api.policy()
    await api.user("ann", Path="/staff/")
    await api.user("beth", PermissionsBoundary=arn)
    await api.role()
    await api.call("AttachUserPolicy", UserName="ann", PolicyArn=arn)
    await api.call("AttachRolePolicy", RoleName="worker", PolicyArn=arn)

    async def names(**params: object) -> tuple[list[str], list[str]]:
        found = await api.call("ListEntitiesForPolicy", PolicyArn=arn, **params)
        assert found["PolicyGroups"] == []
        return [each["UserName"] for each in found["PolicyUsers"]], [each["RoleName"] for each in found["PolicyRoles"]]

    assert await names() == (["beth", "ann"], ["worker"])
    assert await names(EntityFilter="Role") == ([], ["worker"])
    assert await names(EntityFilter="Group") == ([], [])
    assert await names(PathPrefix="/staff/") == (["ann"], [])
    assert await names(PolicyUsageFilter="PermissionsBoundary") == (["beth"], [])
    assert await names(PolicyUsageFilter="PermissionsPolicy") == (["ann"], ["worker"])
    users = await api.all("ListEntitiesForPolicy", "PolicyUsers", 1, PolicyArn=arn)
    assert [[each["UserName"] for each in page] for page in users] == [[], ["beth"], ["ann"]]
    assert (await api.refuses("ListEntitiesForPolicy", PolicyArn=f"{arn}x"))[0] == "NoSuchEntity"


async def test_tags_of_policies(api: Api) -> None:
    arn = await api.policy()
    await api.call("TagPolicy", PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    await api.call("UntagPolicy", PolicyArn=arn, TagKeys=["a"])
    assert (await api.call("ListPolicyTags", PolicyArn=arn))["Tags"] == [{"Key": "b", "Value": "2"}]


async def test_policies_of_other_accounts_are_not_there(api: Api) -> None:
    arn = await api.policy()
    api.caller = caller(account="111111111111")
    await api.role()
    assert (await api.refuses("GetPolicy", PolicyArn=arn))[0] == "NoSuchEntity"
    assert (await api.refuses("AttachRolePolicy", RoleName="worker", PolicyArn=arn))[0] == "NoSuchEntity"
    assert (await api.call("ListPolicies", Scope="Local"))["Policies"] == []


async def test_a_policy_can_not_go_while_it_is_being_attached(api: Api) -> None:
    """Whoever attaches makes sure that it is still there."""
    arn = await api.policy()
    await api.role()
    role, policy = api.directory.role(ACCOUNT, "worker"), api.directory.policy(arn)
    assert isinstance(role, Role)
    await api.call("DeletePolicy", PolicyArn=arn)
    with pytest.raises(Stale):
        await Writer(api.substrate.key_values, api.directory.current).commit((role, role), (policy, policy))
    assert api.directory.role(ACCOUNT, "worker") is role


async def test_nothing_is_kept_that_was_not_written(api: Api) -> None:
    api.substrate.key_values.full = True
    with pytest.raises(Exception, match="space"):
        await api.user()
    api.substrate.key_values.full = False
    assert (await api.call("ListUsers"))["Users"] == []
