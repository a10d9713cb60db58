"""Policies at users, groups and roles alike; boundaries and tags at users and roles."""

import asyncio
from urllib.parse import unquote

import pytest

from .api import ACCOUNT, ALLOW, BASIC, DENY, Api, padded

KINDS = pytest.mark.parametrize("noun", ["User", "Role"])
ALL_KINDS = pytest.mark.parametrize("noun", ["User", "Group", "Role"])


async def owner(api: Api, noun: str) -> dict[str, str]:
    """The parameter that names it."""
    match noun:
        case "User":
            await api.user("x")
        case "Group":
            await api.call("CreateGroup", GroupName="x")
        case _:
            await api.role("x")
    return {f"{noun}Name": "x"}


@ALL_KINDS
async def test_inline_policies(api: Api, noun: str) -> None:
    it = await owner(api, noun)
    for name in ("b", "a", "c"):
        await api.call(f"Put{noun}Policy", **it, PolicyName=name, PolicyDocument=ALLOW)
    other = DENY
    await api.call(f"Put{noun}Policy", **it, PolicyName="a", PolicyDocument=other)
    assert await api.all(f"List{noun}Policies", "PolicyNames", 2, **it) == [["a", "b"], ["c"]]
    found = await api.call(f"Get{noun}Policy", **it, PolicyName="a")
    assert unquote(found.pop("PolicyDocument")) == other
    assert found == it | {"PolicyName": "a"}
    await api.call(f"Delete{noun}Policy", **it, PolicyName="a")
    refusal = ("NoSuchEntity", f"The {noun.lower()} policy with name a cannot be found.")
    assert await api.refuses(f"Get{noun}Policy", **it, PolicyName="a") == refusal
    assert await api.refuses(f"Delete{noun}Policy", **it, PolicyName="a") == refusal
    assert await api.refuses(f"Put{noun}Policy", **it, PolicyName="a", PolicyDocument="{") == (
        "MalformedPolicyDocument",
        "Syntax errors in policy.",
    )


@pytest.mark.parametrize(("noun", "limit"), [("User", 2048), ("Group", 5120), ("Role", 10240)])
async def test_inline_policies_have_a_size_together(api: Api, noun: str, limit: int) -> None:
    it = await owner(api, noun)
    half = padded(ALLOW, limit // 2)
    await api.call(f"Put{noun}Policy", **it, PolicyName="a", PolicyDocument=half)
    assert await api.refuses(f"Put{noun}Policy", **it, PolicyName="b", PolicyDocument=half) == (
        "LimitExceeded",
        f"Maximum policy size of {limit} bytes exceeded for {noun.lower()} x",
    )


@ALL_KINDS
async def test_attached_policies(api: Api, noun: str) -> None:
    it, arn = await owner(api, noun), await api.policy(Path="/team/")
    await api.call(f"Attach{noun}Policy", **it, PolicyArn=BASIC)
    await api.call(f"Attach{noun}Policy", **it, PolicyArn=arn)
    await api.call(f"Attach{noun}Policy", **it, PolicyArn=arn)
    await api.restart()
    pages = await api.all(f"ListAttached{noun}Policies", "AttachedPolicies", 1, **it)
    assert pages == [
        [{"PolicyName": "reads", "PolicyArn": arn}],
        [{"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC}],
    ]
    under = await api.call(f"ListAttached{noun}Policies", **it, PathPrefix="/team/")
    assert [each["PolicyArn"] for each in under["AttachedPolicies"]] == [arn]
    assert await api.refuses("DeletePolicy", PolicyArn=arn) == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    await api.call(f"Detach{noun}Policy", **it, PolicyArn=arn)
    assert await api.refuses(f"Detach{noun}Policy", **it, PolicyArn=arn) == ("NoSuchEntity", f"Policy {arn} was not found.")
    await api.call("DeletePolicy", PolicyArn=arn)
    refusal = ("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
    assert await api.refuses(f"Attach{noun}Policy", **it, PolicyArn=arn) == refusal
    not_an_arn = "arn:aws:iam::aws:role/some-role"
    assert await api.refuses(f"Attach{noun}Policy", **it, PolicyArn=not_an_arn) == (
        "InvalidInput",
        f"ARN {not_an_arn} is not valid.",
    )


@ALL_KINDS
async def test_ten_policies_can_be_attached(api: Api, noun: str) -> None:
    it = await owner(api, noun)
    for number in range(10):
        await api.call(f"Attach{noun}Policy", **it, PolicyArn=await api.policy(f"p{number}"))
    assert await api.refuses(f"Attach{noun}Policy", **it, PolicyArn=BASIC) == (
        "LimitExceeded",
        f"Cannot exceed quota for PoliciesPer{noun}: 10",
    )


@KINDS
async def test_what_holds_for_it_is_known_by_its_documents(api: Api, noun: str) -> None:
    it, arn = await owner(api, noun), await api.policy()
    await api.call(f"Put{noun}Policy", **it, PolicyName="own", PolicyDocument=ALLOW)
    await api.call(f"Attach{noun}Policy", **it, PolicyArn=arn)
    newer = DENY
    await api.call("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=newer, SetAsDefault=True)
    identity = api.directory.user(ACCOUNT, "x") or api.directory.role(ACCOUNT, "x")
    assert identity is not None
    grants = api.directory.grants(identity)
    assert [(grant.kind, grant.name, grant.document) for grant in grants] == [
        ("inline", "own", ALLOW),
        ("managed", arn, newer),
    ]


@KINDS
async def test_boundaries(api: Api, noun: str) -> None:
    it, arn = await owner(api, noun), await api.policy()
    await api.call(f"Put{noun}PermissionsBoundary", **it, PermissionsBoundary=arn)
    shown = (await api.call(f"Get{noun}", **it))[noun]
    assert shown["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    assert (await api.refuses("DeletePolicy", PolicyArn=arn))[0] == "DeleteConflict"
    assert (await api.call("GetPolicy", PolicyArn=arn))["Policy"]["PermissionsBoundaryUsageCount"] == 1
    await api.call(f"Delete{noun}PermissionsBoundary", **it)
    assert (await api.refuses(f"Delete{noun}PermissionsBoundary", **it))[0] == "NoSuchEntity"
    await api.call("DeletePolicy", PolicyArn=arn)
    assert await api.refuses(f"Put{noun}PermissionsBoundary", **it, PermissionsBoundary=arn) == (
        "NoSuchEntity",
        f"Policy {arn} does not exist or is not attachable.",
    )


async def test_made_with_a_boundary(api: Api) -> None:
    arn = await api.policy()
    assert (await api.user(PermissionsBoundary=arn))["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert (await api.role(PermissionsBoundary=BASIC))["PermissionsBoundary"]["PermissionsBoundaryArn"] == BASIC
    assert (await api.refuses("CreateUser", UserName="b", PermissionsBoundary=f"{arn}x"))[0] == "NoSuchEntity"


@KINDS
async def test_tags(api: Api, noun: str) -> None:
    it = await owner(api, noun)
    await api.call(f"Tag{noun}", **it, Tags=[{"Key": "b", "Value": "1"}, {"Key": "a", "Value": ""}, {"Key": "c", "Value": "3"}])
    await api.call(f"Tag{noun}", **it, Tags=[{"Key": "B", "Value": "2"}])
    pages = await api.all(f"List{noun}Tags", "Tags", 2, **it)
    assert pages == [[{"Key": "B", "Value": "2"}, {"Key": "a", "Value": ""}], [{"Key": "c", "Value": "3"}]]
    await api.call(f"Untag{noun}", **it, TagKeys=["b", "none"])
    assert [tag["Key"] for tag in (await api.call(f"List{noun}Tags", **it))["Tags"]] == ["a", "c"]
    assert await api.refuses(f"Tag{noun}", **it, Tags=[{"Key": "x", "Value": ""}, {"Key": "X", "Value": ""}]) == (
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    assert (await api.refuses(f"Tag{noun}", **it, Tags=[{"Key": "aws:x", "Value": ""}]))[0] == "InvalidInput"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(49)]
    assert (await api.refuses(f"Tag{noun}", **it, Tags=many))[0] == "LimitExceeded"


async def test_changes_at_the_same_time_are_all_kept(api: Api) -> None:
    await api.role("x")
    arns = [await api.policy(f"p{number}") for number in range(10)]
    await asyncio.gather(*(api.call("AttachRolePolicy", RoleName="x", PolicyArn=arn) for arn in arns))
    found = (await api.call("ListAttachedRolePolicies", RoleName="x"))["AttachedPolicies"]
    assert sorted(each["PolicyArn"] for each in found) == sorted(arns)
