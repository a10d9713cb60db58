import re

import pytest

from .api import ACCOUNT, ALLOW, BASIC, Api


async def test_a_group(api: Api) -> None:
    made = (await api.call("CreateGroup", GroupName="staff", Path="/a/"))["Group"]
    assert re.fullmatch(r"AGPA[A-Z2-7]{17}", made["GroupId"])
    assert made == {
        "Path": "/a/",
        "GroupName": "staff",
        "GroupId": made["GroupId"],
        "Arn": f"arn:aws:iam::{ACCOUNT}:group/a/staff",
        "CreateDate": 1000,
    }
    assert await api.call("GetGroup", GroupName="staff") == {"Group": made, "Users": [], "IsTruncated": False}
    assert (await api.call("ListGroups"))["Groups"] == [made]
    assert (await api.call("ListGroups", PathPrefix="/b/"))["Groups"] == []
    assert await api.refuses("CreateGroup", GroupName="Staff") == (
        "EntityAlreadyExists",
        "Group with name Staff already exists.",
    )
    await api.call("DeleteGroup", GroupName="staff")
    assert await api.refuses("GetGroup", GroupName="staff") == ("NoSuchEntity", "The group with name staff cannot be found.")


async def test_who_is_in_a_group(api: Api) -> None:
    await api.call("CreateGroup", GroupName="staff")
    for name in ("c", "a", "b"):
        await api.user(name)
        await api.call("AddUserToGroup", GroupName="staff", UserName=name)
    await api.call("AddUserToGroup", GroupName="staff", UserName="a")
    await api.restart()
    pages = await api.all("GetGroup", "Users", 2, GroupName="staff")
    assert [[user["UserName"] for user in page] for page in pages] == [["a", "b"], ["c"]]
    assert [group["GroupName"] for group in (await api.call("ListGroupsForUser", UserName="a"))["Groups"]] == ["staff"]
    refusal = ("DeleteConflict", "Cannot delete entity, must remove users from group first.")
    assert await api.refuses("DeleteGroup", GroupName="staff") == refusal
    assert await api.refuses("DeleteUser", UserName="a") == refusal
    await api.call("RemoveUserFromGroup", GroupName="staff", UserName="a")
    assert (await api.refuses("RemoveUserFromGroup", GroupName="staff", UserName="a"))[0] == "NoSuchEntity"
    assert (await api.call("ListGroupsForUser", UserName="a"))["Groups"] == []
    await api.call("DeleteUser", UserName="a")


async def test_a_user_is_in_ten_groups_at_most(api: Api) -> None:
    await api.user()
    for number in range(11):
        await api.call("CreateGroup", GroupName=f"g{number:02}")
    for number in range(10):
        await api.call("AddUserToGroup", GroupName=f"g{number:02}", UserName="ann")
    assert await api.refuses("AddUserToGroup", GroupName="g10", UserName="ann") == (
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
    )
    pages = await api.all("ListGroupsForUser", "Groups", 6, UserName="ann")
    assert [len(page) for page in pages] == [6, 4]
    assert [len(page) for page in await api.all("ListGroups", "Groups", 6)] == [6, 5]


async def test_a_group_is_renamed_with_all_it_has(api: Api) -> None:
    await api.user()
    for name in ("staff", "taken"):
        await api.call("CreateGroup", GroupName=name)
    await api.call("AddUserToGroup", GroupName="staff", UserName="ann")
    assert (await api.refuses("UpdateGroup", GroupName="staff", NewGroupName="taken"))[0] == "EntityAlreadyExists"
    await api.call("UpdateGroup", GroupName="staff", NewPath="/x/")
    await api.call("UpdateGroup", GroupName="staff", NewGroupName="crew")
    found = await api.call("GetGroup", GroupName="crew")
    assert found["Group"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/x/crew"
    assert [user["UserName"] for user in found["Users"]] == ["ann"]
    assert [group["GroupName"] for group in (await api.call("ListGroupsForUser", UserName="ann"))["Groups"]] == ["crew"]


async def test_policies_of_a_group_hold_for_its_users(api: Api) -> None:
    await api.user()
    await api.call("CreateGroup", GroupName="staff")
    await api.call("AddUserToGroup", GroupName="staff", UserName="ann")
    await api.call("PutGroupPolicy", GroupName="staff", PolicyName="own", PolicyDocument=ALLOW)
    await api.call("AttachGroupPolicy", GroupName="staff", PolicyArn=BASIC)
    user = api.directory.user(ACCOUNT, "ann")
    assert user is not None
    assert [grant.name for grant in api.directory.grants(user)] == ["own", BASIC]
    having = await api.call("ListEntitiesForPolicy", PolicyArn=BASIC, EntityFilter="Group")
    assert [group["GroupName"] for group in having["PolicyGroups"]] == ["staff"]
    await api.call("RemoveUserFromGroup", GroupName="staff", UserName="ann")
    for message, operation, params in (
        ("must detach all policies first.", "DetachGroupPolicy", {"PolicyArn": BASIC}),
        ("must delete policies first.", "DeleteGroupPolicy", {"PolicyName": "own"}),
    ):
        assert await api.refuses("DeleteGroup", GroupName="staff") == ("DeleteConflict", f"Cannot delete entity, {message}")
        await api.call(operation, GroupName="staff", **params)
    await api.call("DeleteGroup", GroupName="staff")


@pytest.mark.parametrize("operation", ["AddUserToGroup", "RemoveUserFromGroup"])
async def test_what_is_not_there_has_no_members(api: Api, operation: str) -> None:
    await api.user()
    assert (await api.refuses(operation, GroupName="no", UserName="ann"))[1] == "The group with name no cannot be found."
    await api.call("CreateGroup", GroupName="staff")
    assert (await api.refuses(operation, GroupName="staff", UserName="no"))[1] == "The user with name no cannot be found."
