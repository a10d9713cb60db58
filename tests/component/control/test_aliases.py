"""Aliases."""

from typing import Any

import pytest

from tests.component.control.account_of_tests import ACCOUNT, TestAccount, function_arn


async def two_versions(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.publish()


def routing(weights: dict[str, float]) -> dict[str, Any]:
    return {"AdditionalVersionWeights": weights}


async def test_an_alias_points_to_a_version(account: TestAccount) -> None:
    await two_versions(account)
    created = await account.call(
        "CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1", Description="the public one"
    )
    assert {**created, "RevisionId": ""} == {
        "AliasArn": function_arn("resize", "live"),
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "the public one",
        "RevisionId": "",
    }
    assert await account.call("GetAlias", FunctionName="resize", Name="live") == created
    updated = await account.call(
        "UpdateAlias",
        FunctionName="resize",
        Name="live",
        FunctionVersion="2",
        RoutingConfig=routing({"1": 0.25}),
        RevisionId=created["RevisionId"],
    )
    assert updated["RoutingConfig"] == routing({"1": 0.25})
    assert (updated["Description"], updated["RevisionId"] != created["RevisionId"]) == ("the public one", True)
    cleared = await account.call("UpdateAlias", FunctionName="resize", Name="live", RoutingConfig=routing({}), Description="")
    assert "RoutingConfig" not in cleared and (cleared["Description"], cleared["FunctionVersion"]) == ("", "2")


async def test_latest_can_have_an_alias(account: TestAccount) -> None:
    await account.create()
    await account.call("CreateAlias", FunctionName="resize", Name="dev", FunctionVersion="$LATEST")
    answer = await account.call("GetFunctionConfiguration", FunctionName="resize:dev")
    assert (answer["Version"], answer["FunctionArn"]) == ("$LATEST", function_arn("resize", "dev"))


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"FunctionVersion": "9"}, "ResourceNotFoundException", f"Function not found: {function_arn('resize', '9')}"),
        (
            {"RoutingConfig": routing({"2": 0.1, "1": 0.1})},
            "InvalidParameterValueException",
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            {"FunctionVersion": "$LATEST", "RoutingConfig": routing({"2": 0.1})},
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            {"RoutingConfig": routing({"1": 0.1})},
            "InvalidParameterValueException",
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        (
            {"RoutingConfig": routing({"9": 0.1})},
            "ResourceNotFoundException",
            f"Function not found: {function_arn('resize', '9')}",
        ),
        (
            {"RoutingConfig": routing({"2": 1.5})},
            "ValidationException",
            "1 validation error detected: Value '{2=1.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            "constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
            "Member must have value greater than or equal to 0.0, Member must not be null]",
        ),
        (
            {"RoutingConfig": routing({"live": 0.5})},
            "ValidationException",
            "1 validation error detected: Value '{live=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            "constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "
            "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, "
            "Member must not be null]",
        ),
        (
            {"Name": "12"},
            "ValidationException",
            "1 validation error detected: Value '12' at 'name' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        ),
    ],
)
async def test_aliases_that_are_refused(account: TestAccount, params: dict[str, Any], code: str, text: str) -> None:
    await two_versions(account)
    request = {"FunctionName": "resize", "Name": "live", "FunctionVersion": "1", **params}
    found = await account.error("CreateAlias", **request)
    assert (found[0], found[2]) == (code, text)
    if request["Name"] == "live":
        await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
        found = await account.error("UpdateAlias", **request)
        assert (found[0], found[2]) == (code, text)


async def test_two_versions_of_an_alias_share_their_role(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.update(Role=f"arn:aws:iam::{ACCOUNT}:role/other")
    await account.call("PublishVersion", FunctionName="resize")
    request = {"FunctionName": "resize", "Name": "live", "FunctionVersion": "1", "RoutingConfig": routing({"2": 0.5})}
    assert "must have the same execution role" in (await account.error("CreateAlias", **request))[2]


async def test_an_alias_that_exists_or_does_not(account: TestAccount) -> None:
    await account.create(Publish=True)
    arn = function_arn("resize", "live")
    for operation, text in (("GetAlias", "Cannot find alias arn: "), ("UpdateAlias", "Alias not found: ")):
        assert await account.error(operation, FunctionName="resize", Name="live") == (
            "ResourceNotFoundException",
            404,
            text + arn,
        )
    await account.call("DeleteAlias", FunctionName="resize", Name="live")
    created = await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    assert await account.error("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1") == (
        "ResourceConflictException",
        409,
        f"Alias already exists: {arn}",
    )
    await account.call("UpdateAlias", FunctionName="resize", Name="live", Description="x")
    code, status, text = await account.error(
        "UpdateAlias", FunctionName="resize", Name="live", RevisionId=created["RevisionId"]
    )
    assert (code, status) == ("PreconditionFailedException", 412)
    assert text.startswith("The Revision Id provided does not match the latest Revision Id.")
    await account.call("DeleteAlias", FunctionName="resize", Name="live")
    assert (await account.call("ListAliases", FunctionName="resize"))["Aliases"] == []
    assert (await account.error("DeleteAlias", FunctionName="other", Name="live"))[0] == "ResourceNotFoundException"


async def test_what_belongs_to_an_alias_goes_with_it(account: TestAccount) -> None:
    await account.create(Publish=True)
    for _ in range(2):
        await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
        assert (await account.error("GetPolicy", FunctionName="resize:live"))[0] == "ResourceNotFoundException"
        await account.call(
            "AddPermission",
            FunctionName="resize:live",
            StatementId="s",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
        )
        await account.call("DeleteAlias", FunctionName="resize", Name="live")


async def test_listing_by_version(account: TestAccount) -> None:
    await two_versions(account)
    for name, version, weights in (("c", "1", {}), ("a", "2", {}), ("b", "1", {"2": 0.5})):
        await account.call(
            "CreateAlias", FunctionName="resize", Name=name, FunctionVersion=version, RoutingConfig=routing(weights)
        )
    every = await account.call("ListAliases", FunctionName="resize")
    assert [each["Name"] for each in every["Aliases"]] == ["a", "b", "c"]
    one = await account.call("ListAliases", FunctionName="resize", FunctionVersion="2")
    assert [each["Name"] for each in one["Aliases"]] == ["a", "b"]
    paged = await account.call("ListAliases", FunctionName="resize", MaxItems=2)
    rest = await account.call("ListAliases", FunctionName="resize", MaxItems=2, Marker=paged["NextMarker"])
    assert [each["Name"] for each in rest["Aliases"]] == ["c"]
