"""Resource policies of functions, versions and aliases."""

import json
from typing import Any

import pytest

from tests.component.control.account_of_tests import ACCOUNT, TestAccount, function_arn


def permission(**params: Any) -> dict[str, Any]:
    return {
        "FunctionName": "resize",
        "StatementId": "s3",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        **params,
    }


async def test_a_statement_has_the_form_of_aws(account: TestAccount) -> None:
    await account.create()
    before = await account.call("GetFunctionConfiguration", FunctionName="resize")
    answer = await account.call(
        "AddPermission", **permission(SourceAccount=ACCOUNT, SourceArn="arn:aws:s3:::bucket", RevisionId=before["RevisionId"])
    )
    statement = (
        '{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",'
        f'"Resource":"{function_arn("resize")}","Condition":{{"StringEquals":{{"AWS:SourceAccount":"{ACCOUNT}"}},'
        '"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}'
    )
    assert answer["Statement"] == statement
    policy = await account.call("GetPolicy", FunctionName="resize")
    assert policy["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}'
    after = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert policy["RevisionId"] == after["RevisionId"] != before["RevisionId"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"Principal": "*"}, {"Principal": "*"}),
        ({"Principal": "999999999999"}, {"Principal": {"AWS": "arn:aws:iam::999999999999:root"}}),
        (
            {"Principal": "arn:aws:iam::999999999999:role/x"},
            {"Principal": {"AWS": "arn:aws:iam::999999999999:role/x"}},
        ),
        ({"PrincipalOrgID": "o-1234567890"}, {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}}),
        (
            {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
            {"Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}},
        ),
        ({"InvokedViaFunctionUrl": True}, {"Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}),
        ({"EventSourceToken": "amzn1.ask"}, {"Condition": {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask"}}}),
    ],
)
async def test_principals_and_conditions(account: TestAccount, params: dict[str, Any], expected: dict[str, Any]) -> None:
    await account.create()
    statement = json.loads((await account.call("AddPermission", **permission(**params)))["Statement"])
    assert {key: statement[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"Qualifier": "$LATEST"}, "We currently do not support adding policies for $LATEST."),
        ({"Principal": "nobody"}, "The provided principal was invalid. Please check the principal and try again."),
        ({"FunctionUrlAuthType": "NONE"}, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"),
    ],
)
async def test_permissions_that_are_refused(account: TestAccount, params: dict[str, Any], text: str) -> None:
    await account.create()
    assert await account.error("AddPermission", **permission(**params)) == ("InvalidParameterValueException", 400, text)


async def test_every_qualifier_has_a_policy_of_its_own(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    none = ("ResourceNotFoundException", 404, "No policy is associated with the given resource.")
    for qualifier in ("1", "live"):
        assert await account.error("GetPolicy", FunctionName="resize", Qualifier=qualifier) == none
        answer = await account.call("AddPermission", **permission(Qualifier=qualifier))
        assert json.loads(answer["Statement"])["Resource"] == function_arn("resize", qualifier)
    assert await account.error("GetPolicy", FunctionName="resize") == none
    alias = await account.call("GetAlias", FunctionName="resize", Name="live")
    policy = await account.call("GetPolicy", FunctionName="resize", Qualifier="live")
    assert alias["RevisionId"] == policy["RevisionId"]
    await account.call("RemovePermission", FunctionName="resize:live", StatementId="s3", RevisionId=policy["RevisionId"])
    assert await account.error("GetPolicy", FunctionName="resize", Qualifier="live") == none
    await account.call("GetPolicy", FunctionName="resize", Qualifier="1")


async def test_latest_never_shows_the_functions_policy(account: TestAccount) -> None:
    await account.create()
    await account.call("AddPermission", **permission())
    assert (await account.error("GetPolicy", FunctionName="resize", Qualifier="$LATEST"))[1] == 404


async def test_statements_are_added_and_removed_one_by_one(account: TestAccount) -> None:
    await account.create()
    await account.call("AddPermission", **permission())
    await account.call("AddPermission", **permission(StatementId="sns"))
    assert await account.error("AddPermission", **permission()) == (
        "ResourceConflictException",
        409,
        "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement.",
    )
    assert (await account.error("RemovePermission", FunctionName="resize", StatementId="sqs"))[2] == (
        "Statement sqs is not found in resource policy."
    )
    await account.call("RemovePermission", FunctionName="resize", StatementId="s3")
    policy = json.loads((await account.call("GetPolicy", FunctionName="resize"))["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["sns"]
    await account.call("RemovePermission", FunctionName="resize", StatementId="sns")
    for operation, params in (("GetPolicy", {}), ("RemovePermission", {"StatementId": "sns"})):
        assert await account.error(operation, FunctionName="resize", **params) == (
            "ResourceNotFoundException",
            404,
            "No policy is associated with the given resource.",
        )


async def test_functions_and_versions_that_are_not_there(account: TestAccount) -> None:
    assert (await account.error("AddPermission", **permission()))[2] == f"Function not found: {function_arn('resize')}"
    assert (await account.error("GetPolicy", FunctionName="resize"))[2] == f"Function not found: {function_arn('resize')}"
    assert (await account.error("RemovePermission", FunctionName="resize", StatementId="s3")) == (
        "ResourceNotFoundException",
        404,
        f"No policy found for: {function_arn('resize')}",
    )
    await account.create()
    assert (await account.error("AddPermission", **permission(Qualifier="7")))[2] == (
        f"Function not found: {function_arn('resize', '7')}"
    )


async def test_a_stale_revision_is_refused(account: TestAccount) -> None:
    await account.create()
    await account.call("AddPermission", **permission())
    expected = (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetPolicy API to retrieve the latest Revision Id",
    )
    assert await account.error("AddPermission", **permission(StatementId="b", RevisionId="old")) == expected
    assert await account.error("RemovePermission", FunctionName="resize", StatementId="s3", RevisionId="old") == expected


async def test_a_policy_has_twenty_kilobytes(account: TestAccount) -> None:
    await account.create()
    await account.call("AddPermission", **permission(SourceArn="arn:aws:s3:::" + "b" * 9000))
    await account.call("AddPermission", **permission(StatementId="b", SourceArn="arn:aws:s3:::" + "b" * 9000))
    code, status, text = await account.error(
        "AddPermission", **permission(StatementId="c", SourceArn="arn:aws:s3:::" + "b" * 9000)
    )
    assert (code, status) == ("PolicyLengthExceededException", 400)
    assert text.startswith("The final policy size (") and text.endswith(") is bigger than the limit (20480).")
