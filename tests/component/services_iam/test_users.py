import re

from .api import ACCOUNT, ALLOW, BASIC, Api, caller


async def test_a_user(api: Api) -> None:
    made = await api.user(Path="/staff/", Tags=[{"Key": "team", "Value": "blue"}])
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", made["UserId"])
    assert made == {
        "Path": "/staff/",
        "UserName": "ann",
        "UserId": made["UserId"],
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/staff/ann",
        "CreateDate": 1000,
        "Tags": [{"Key": "team", "Value": "blue"}],
    }
    assert (await api.call("GetUser", UserName="ann"))["User"] == made
    listed = (await api.call("ListUsers"))["Users"]
    assert [user["UserName"] for user in listed] == ["ann"]
    assert "Tags" not in listed[0]
    await api.call("DeleteUser", UserName="ann")
    assert await api.refuses("GetUser", UserName="ann") == ("NoSuchEntity", "The user with name ann cannot be found.")


async def test_names_are_told_apart_without_their_case(api: Api) -> None:
    await api.user("Ann")
    assert await api.refuses("CreateUser", UserName="aNN") == ("EntityAlreadyExists", "User with name aNN already exists.")
    assert (await api.call("GetUser", UserName="ann"))["User"]["UserName"] == "Ann"


async def test_without_a_name_it_is_the_caller(api: Api) -> None:
    assert (await api.call("GetUser"))["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    await api.user(Path="/a/b/")
    api.caller = caller("user/a/b/ann")
    assert (await api.call("GetUser"))["User"]["UserName"] == "ann"
    key = (await api.call("CreateAccessKey"))["AccessKey"]
    assert key["UserName"] == "ann"
    await api.call("UpdateAccessKey", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert [each["Status"] for each in (await api.call("ListAccessKeys"))["AccessKeyMetadata"]] == ["Inactive"]
    await api.call("DeleteAccessKey", AccessKeyId=key["AccessKeyId"])
    api.caller = caller("role/x")
    refusal = ("ValidationError", "Must specify userName when calling with non-User credentials")
    assert await api.refuses("GetUser") == refusal
    assert await api.refuses("CreateAccessKey") == refusal


async def test_accounts_do_not_see_each_other_and_regions_do(api: Api) -> None:
    await api.user()
    api.caller = caller(region="eu-west-1")
    assert len((await api.call("ListUsers"))["Users"]) == 1
    api.caller = caller(account="111111111111")
    assert (await api.call("ListUsers"))["Users"] == []
    assert (await api.refuses("GetUser", UserName="ann"))[0] == "NoSuchEntity"


async def test_pages_of_users_under_a_path(api: Api) -> None:
    for name in ("c", "A", "b", "d", "e"):
        await api.user(name, Path="/staff/")
    await api.user("other", Path="/guests/")
    pages = await api.all("ListUsers", "Users", 2, PathPrefix="/staff/")
    assert [[user["UserName"] for user in page] for page in pages] == [["A", "b"], ["c", "d"], ["e"]]
    assert await api.refuses("ListUsers", Marker="%") == ("ValidationError", "Invalid Marker.")


async def test_a_page_goes_on_where_the_last_one_ended_even_if_that_is_gone(api: Api) -> None:
    for name in "abcd":
        await api.user(name)
    marker = (await api.call("ListUsers", MaxItems=2))["Marker"]
    await api.call("DeleteUser", UserName="b")
    found = await api.call("ListUsers", Marker=marker)
    assert [user["UserName"] for user in found["Users"]] == ["c", "d"]


async def test_a_user_is_renamed_with_all_it_has(api: Api) -> None:
    made = await api.user()
    await api.user("taken")
    key = (await api.call("CreateAccessKey", UserName="ann"))["AccessKey"]["AccessKeyId"]
    await api.call("AttachUserPolicy", UserName="ann", PolicyArn=BASIC)
    assert (await api.refuses("UpdateUser", UserName="ann", NewUserName="taken"))[0] == "EntityAlreadyExists"
    await api.call("UpdateUser", UserName="ann", NewUserName="Ann")
    await api.call("UpdateUser", UserName="Ann", NewUserName="beth", NewPath="/x/")
    assert (await api.refuses("GetUser", UserName="ann"))[0] == "NoSuchEntity"
    found = (await api.call("GetUser", UserName="beth"))["User"]
    assert (found["UserId"], found["Arn"]) == (made["UserId"], f"arn:aws:iam::{ACCOUNT}:user/x/beth")
    assert (await api.call("GetAccessKeyLastUsed", AccessKeyId=key))["UserName"] == "beth"
    assert len((await api.call("ListAttachedUserPolicies", UserName="beth"))["AttachedPolicies"]) == 1
    await api.restart()
    assert (await api.call("GetAccessKeyLastUsed", AccessKeyId=key))["UserName"] == "beth"


async def test_a_user_is_deleted_when_it_has_nothing_any_more(api: Api) -> None:
    await api.user()
    key = (await api.call("CreateAccessKey", UserName="ann"))["AccessKey"]["AccessKeyId"]
    await api.call("AttachUserPolicy", UserName="ann", PolicyArn=BASIC)
    await api.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=ALLOW)
    for message, operation, params in (
        ("must detach all policies first.", "DetachUserPolicy", {"PolicyArn": BASIC}),
        ("must delete policies first.", "DeleteUserPolicy", {"PolicyName": "p"}),
        ("must delete access keys first.", "DeleteAccessKey", {"AccessKeyId": key}),
    ):
        assert await api.refuses("DeleteUser", UserName="ann") == ("DeleteConflict", f"Cannot delete entity, {message}")
        await api.call(operation, UserName="ann", **params)
    await api.call("DeleteUser", UserName="ann")
    assert (await api.refuses("GetAccessKeyLastUsed", AccessKeyId=key))[0] == "NoSuchEntity"


async def test_access_keys(api: Api) -> None:
    await api.user()
    first = (await api.call("CreateAccessKey", UserName="ann"))["AccessKey"]
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", first["AccessKeyId"])
    assert len(first["SecretAccessKey"]) == 40
    assert first["Status"] == "Active"
    second = (await api.call("CreateAccessKey", UserName="ann"))["AccessKey"]
    assert await api.refuses("CreateAccessKey", UserName="ann") == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    pages = await api.all("ListAccessKeys", "AccessKeyMetadata", 1, UserName="ann")
    assert sorted(key["AccessKeyId"] for page in pages for key in page) == sorted([first["AccessKeyId"], second["AccessKeyId"]])
    assert "SecretAccessKey" not in pages[0][0]
    await api.call("UpdateAccessKey", UserName="ann", AccessKeyId=first["AccessKeyId"], Status="Inactive")
    await api.restart()
    found = api.directory.access_key(first["AccessKeyId"])
    assert found is not None
    assert (found[0].name, found[1].secret, found[1].active) == ("ann", first["SecretAccessKey"], False)
    used = await api.call("GetAccessKeyLastUsed", AccessKeyId=first["AccessKeyId"])
    assert used == {"UserName": "ann", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    await api.call("DeleteAccessKey", UserName="ann", AccessKeyId=first["AccessKeyId"])
    assert api.directory.access_key(first["AccessKeyId"]) is None
    refusal = ("NoSuchEntity", f"The Access Key with id {first['AccessKeyId']} cannot be found.")
    assert await api.refuses("DeleteAccessKey", UserName="ann", AccessKeyId=first["AccessKeyId"]) == refusal
    assert await api.refuses("UpdateAccessKey", UserName="ann", AccessKeyId=first["AccessKeyId"], Status="Active") == refusal
    api.caller = caller(account="111111111111")
    assert (await api.refuses("GetAccessKeyLastUsed", AccessKeyId=second["AccessKeyId"]))[0] == "NoSuchEntity"


async def test_an_account_as_a_whole(api: Api) -> None:
    await api.user()
    await api.call("CreateGroup", GroupName="staff")
    assert (await api.call("ListAccountAliases"))["AccountAliases"] == []
    summary = (await api.call("GetAccountSummary"))["SummaryMap"]
    assert (summary["Users"], summary["Groups"], summary["Roles"], summary["AccessKeysPerUserQuota"]) == (1, 1, 0, 2)
