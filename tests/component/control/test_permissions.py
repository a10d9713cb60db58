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


def whole(*statements: dict[str, Any], **members: Any) -> str:
    return json.dumps({"Version": "2012-10-17", **members, "Statement": list(statements)}, indent=2, ensure_ascii=False)


def statement(qualifier: str = "", **members: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": function_arn("resize", qualifier),
        **members,
    }


DENY = statement(
    Sid="no",
    Effect="Deny",
    Principal="*",
    Action=["lambda:Invoke*"],
    Condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
)
ARN = function_arn("resize")


async def test_a_whole_policy_is_put_read_and_deleted(account: TestAccount) -> None:
    await account.create()
    await account.call("AddPermission", **permission())
    put = await account.call("PutResourcePolicy", ResourceArn=ARN, Policy=whole(statement(), DENY, Id="mine"))
    assert json.loads(put["Policy"]) == {"Version": "2012-10-17", "Id": "mine", "Statement": [statement(), DENY]}
    assert await account.call("GetResourcePolicy", ResourceArn=ARN) == put
    assert await account.call("GetPolicy", FunctionName="resize") == put
    assert put["RevisionId"] == (await account.call("GetFunctionConfiguration", FunctionName="resize"))["RevisionId"]
    await account.stop()
    await account.start()
    assert await account.call("GetResourcePolicy", ResourceArn=ARN) == put
    assert await account.call("DeleteResourcePolicy", ResourceArn=ARN, RevisionId=put["RevisionId"]) == {}
    none = ("ResourceNotFoundException", 404, "No policy is associated with the given resource.")
    assert await account.error("GetResourcePolicy", ResourceArn=ARN) == none
    assert await account.error("DeleteResourcePolicy", ResourceArn=ARN) == none
    assert await account.error("GetPolicy", FunctionName="resize") == none


async def test_whole_policies_and_single_statements_are_the_same_policy(account: TestAccount) -> None:
    await account.create()
    await account.call("PutResourcePolicy", ResourceArn=ARN, Policy=whole(statement(), DENY))
    await account.call("AddPermission", **permission())
    assert (await account.error("AddPermission", **permission(StatementId="no")))[1] == 409
    policy = json.loads((await account.call("GetResourcePolicy", ResourceArn=ARN))["Policy"])
    assert "Id" not in policy
    assert [each.get("Sid") for each in policy["Statement"]] == [None, "no", "s3"]
    for sid in ("no", "s3"):
        await account.call("RemovePermission", FunctionName="resize", StatementId=sid)
    assert json.loads((await account.call("GetPolicy", FunctionName="resize"))["Policy"])["Statement"] == [statement()]


async def test_versions_and_aliases_have_whole_policies_of_their_own(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    for qualifier in ("1", "live"):
        arn, every = function_arn("resize", qualifier), statement("*")
        put = await account.call("PutResourcePolicy", ResourceArn=arn, Policy=whole(statement(qualifier), every))
        assert await account.call("GetPolicy", FunctionName="resize", Qualifier=qualifier) == put
    assert (await account.error("GetResourcePolicy", ResourceArn=ARN))[1] == 404
    await account.call("DeleteResourcePolicy", ResourceArn=function_arn("resize", "live"))
    await account.call("GetResourcePolicy", ResourceArn=function_arn("resize", "1"))
    assert (await account.error("GetResourcePolicy", ResourceArn=f"{ARN}:7"))[2] == f"Function not found: {ARN}:7"
    assert (await account.error("GetResourcePolicy", ResourceArn=f"{ARN}:$LATEST"))[1] == 404


async def test_an_old_document_stays_an_old_one(account: TestAccount) -> None:
    await account.create()
    old = {"Statement": statement(Condition={"StringEquals": {"aws:PrincipalTag/a": "${plain}"}})}
    put = await account.call("PutResourcePolicy", ResourceArn=ARN, Policy=json.dumps(old))
    assert json.loads(put["Policy"]) == {"Version": "2008-10-17", "Statement": [old["Statement"]]}


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("{", "This policy contains invalid Json"),
        (whole(statement(Sid="half")).replace("half", "\\ud800"), "This policy contains invalid Json"),
        (whole(), "Could not parse the policy: Statement is empty!"),
        (whole(statement(Principal=None)), "Principal must be a JSON object."),
        (whole(statement(Principal={"AWS": "nobody"})), 'Invalid principal in policy: "AWS":"nobody"'),
        (whole(statement(Effect="Perhaps")), "Invalid effect: Perhaps"),
        (whole(statement(), statement(Sid="a"), statement(Sid="a")), "The Statement Ids in the policy are not unique"),
        (whole(statement(), Version="2020-01-01"), "The policy must contain a valid version string"),
        (
            whole(statement(Resource=[ARN, f"{ARN}2"])),
            f"The policy names the resource {ARN}2, which is not the function {ARN}.",
        ),
        (whole(statement(Resource="*")), f"The policy names the resource *, which is not the function {ARN}."),
        (
            whole({key: value for key, value in statement(NotResource=f"{ARN}:1").items() if key != "Resource"}),
            "NotResource is not supported in the policy of a function.",
        ),
        (
            whole(statement(Action=["lambda:InvokeFunction", "sqs:SendMessage"])),
            "The policy names the action sqs:SendMessage, which is not one of Lambda.",
        ),
        (whole(statement(Action="*")), "The policy names the action *, which is not one of Lambda."),
    ],
)
async def test_whole_policies_that_are_refused(account: TestAccount, policy: str, text: str) -> None:
    await account.create()
    error = await account.error("PutResourcePolicy", ResourceArn=ARN, Policy=policy)
    assert error == ("InvalidParameterValueException", 400, text)


async def test_where_no_whole_policy_can_be_put(account: TestAccount) -> None:
    policy = whole(statement())
    assert (await account.error("PutResourcePolicy", ResourceArn=ARN, Policy=policy))[2] == f"Function not found: {ARN}"
    await account.create()
    assert (await account.error("PutResourcePolicy", ResourceArn=f"{ARN}:$LATEST", Policy=policy))[2] == (
        "We currently do not support adding policies for $LATEST."
    )
    other = ARN.replace(ACCOUNT, "999999999999")
    assert (await account.error("PutResourcePolicy", ResourceArn=other, Policy=policy))[:2] == ("AccessDeniedException", 403)


async def test_a_whole_policy_replaces_the_one_that_was_read(account: TestAccount) -> None:
    await account.create()
    first = await account.call("PutResourcePolicy", ResourceArn=ARN, Policy=whole(statement()))
    second = await account.call("PutResourcePolicy", ResourceArn=ARN, Policy=whole(DENY), RevisionId=first["RevisionId"])
    assert second["RevisionId"] != first["RevisionId"]
    stale = {"ResourceArn": ARN, "RevisionId": first["RevisionId"]}
    for operation, params in (("PutResourcePolicy", {"Policy": whole(statement())}), ("DeleteResourcePolicy", {})):
        assert await account.error(operation, **stale, **params) == (
            "PreconditionFailedException",
            412,
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetResourcePolicy API to retrieve the latest Revision Id",
        )
    assert await account.call("GetResourcePolicy", ResourceArn=ARN) == second


async def test_a_whole_policy_has_twenty_kilobytes(account: TestAccount) -> None:
    await account.create()
    long = statement(Condition={"StringLike": {"aws:userid": ["é" * 2000] * 6}})
    assert (await account.error("PutResourcePolicy", ResourceArn=ARN, Policy=whole(long)))[:2] == (
        "PolicyLengthExceededException",
        400,
    )
