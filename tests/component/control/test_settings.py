"""Tags, code signing, runtime management, recursion, account settings."""

import asyncio
from typing import Any

import pytest

from lambdad.domain.errors import CallerError
from tests.component.control.account_of_tests import ACCOUNT, REGION, ZIP, TestAccount, function_arn

PUBLISHER = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/v"
BAD_VALUE = "InvalidParameterValueException"


async def test_tags_are_added_listed_and_removed(account: TestAccount) -> None:
    created = await account.create(Tags={"a": "1"})
    arn = created["FunctionArn"]
    before = (await account.call("GetFunctionConfiguration", FunctionName="resize"))["RevisionId"]
    await account.call("TagResource", Resource=arn, Tags={"a": "2", "b": ""})
    assert (await account.call("GetFunctionConfiguration", FunctionName="resize"))["RevisionId"] != before
    assert await account.call("ListTags", Resource=arn) == {"Tags": {"a": "2", "b": ""}}
    await account.call("UntagResource", Resource=arn, TagKeys=["a", "c"])
    assert await account.call("ListTags", Resource=arn) == {"Tags": {"b": ""}}


async def test_tags_that_are_refused(account: TestAccount) -> None:
    arn = (await account.create(Publish=True, Tags={"a": "1"}))["FunctionArn"].removesuffix(":1")
    assert await account.error("TagResource", Resource=arn, Tags={f"k{number}": "" for number in range(50)}) == (
        BAD_VALUE,
        400,
        "Number of tags exceeds resource tag limit.",
    )
    assert (await account.error("TagResource", Resource=arn, Tags={"aws:x": ""}))[0] == BAD_VALUE
    assert (await account.error("TagResource", Resource=arn, Tags={}))[2] == (
        "An error occurred and the request cannot be processed."
    )
    assert (await account.error("UntagResource", Resource=arn, TagKeys=[]))[0] == BAD_VALUE
    for operation, params in (("TagResource", {"Tags": {"b": "2"}}), ("ListTags", {}), ("UntagResource", {"TagKeys": ["a"]})):
        assert await account.error(operation, Resource=arn + ":1", **params) == (
            BAD_VALUE,
            400,
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        )
        gone = function_arn("gone")
        assert (await account.error(operation, Resource=gone, **params))[2] == f"Function not found: {gone}"
        mapping = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:00000000-0000-4000-8000-000000000000"
        assert (await account.error(operation, Resource=mapping, **params))[2] == f"Event source mapping not found: {mapping}"
        foreign = function_arn("resize").replace(ACCOUNT, "999999999999")
        assert (await account.error(operation, Resource=foreign, **params))[1] == 403
    assert await account.call("ListTags", Resource=arn) == {"Tags": {"a": "1"}}


async def signing(account: TestAccount, **params: Any) -> dict[str, Any]:
    answer = await account.call(
        "CreateCodeSigningConfig", AllowedPublishers={"SigningProfileVersionArns": [PUBLISHER]}, **params
    )
    config: dict[str, Any] = answer["CodeSigningConfig"]
    return config


@pytest.mark.parametrize("delete_first", [True, False])
@pytest.mark.parametrize("created", [True, False])
async def test_a_configuration_that_is_deleted_and_taken_at_once_is_one_of_both(
    account: TestAccount, created: bool, delete_first: bool
) -> None:
    await account.create()
    arn = (await signing(account))["CodeSigningConfigArn"]
    if created:
        taking = account.create("other", CodeSigningConfigArn=arn, settle=False)
    else:
        taking = account.call("PutFunctionCodeSigningConfig", FunctionName="resize", CodeSigningConfigArn=arn)
    both = [account.call("DeleteCodeSigningConfig", CodeSigningConfigArn=arn), taking]
    outcomes = await asyncio.gather(*(both if delete_first else reversed(both)), return_exceptions=True)
    assert sum(isinstance(each, CallerError) for each in outcomes) == 1, outcomes
    known = {each.arn for each in account.records.code_signing_configs(ACCOUNT, REGION)}
    used = {each.code_signing_config_arn for each in account.records.functions(ACCOUNT, REGION)} - {None}
    assert used <= known


async def test_a_code_signing_configuration_lives(account: TestAccount) -> None:
    config = await signing(account, Description="ours", Tags={"team": "a"})
    arn = config["CodeSigningConfigArn"]
    assert arn == f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:{config['CodeSigningConfigId']}"
    assert config["CodeSigningConfigId"].startswith("csc-") and len(config["CodeSigningConfigId"]) == 21
    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert await account.call("GetCodeSigningConfig", CodeSigningConfigArn=arn) == {"CodeSigningConfig": config}
    assert (await account.call("ListTags", Resource=arn))["Tags"] == {"team": "a"}
    await account.call("TagResource", Resource=arn, Tags={"b": "2"})
    await account.call("UntagResource", Resource=arn, TagKeys=["team"])
    assert (await account.call("ListTags", Resource=arn))["Tags"] == {"b": "2"}
    account.clock += 1
    updated = await account.call(
        "UpdateCodeSigningConfig",
        CodeSigningConfigArn=arn,
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )
    assert updated["CodeSigningConfig"]["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    assert updated["CodeSigningConfig"]["Description"] == "ours"
    assert updated["CodeSigningConfig"]["LastModified"] > config["LastModified"]
    listed = await account.call("ListCodeSigningConfigs")
    assert listed == {"CodeSigningConfigs": [updated["CodeSigningConfig"]]}
    await account.call("DeleteCodeSigningConfig", CodeSigningConfigArn=arn)
    expected = ("ResourceNotFoundException", 404, f"The Lambda code signing configuration {arn} can not be found.")
    for operation in (
        "GetCodeSigningConfig",
        "UpdateCodeSigningConfig",
        "DeleteCodeSigningConfig",
        "ListFunctionsByCodeSigningConfig",
    ):
        assert await account.error(operation, CodeSigningConfigArn=arn) == expected
    assert await account.error("ListTags", Resource=arn) == expected


async def test_functions_with_code_signing(account: TestAccount) -> None:
    arn = (await signing(account))["CodeSigningConfigArn"]
    await account.create("a", CodeSigningConfigArn=arn)
    await account.create("b")
    assert await account.call("GetFunctionCodeSigningConfig", FunctionName="b") == {}
    answer = {"CodeSigningConfigArn": arn, "FunctionName": "b"}
    for _ in range(2):
        assert await account.call("PutFunctionCodeSigningConfig", FunctionName="b", CodeSigningConfigArn=arn) == answer
    assert await account.call("GetFunctionCodeSigningConfig", FunctionName="b") == answer
    listed = await account.call("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn)
    assert listed == {"FunctionArns": [function_arn("a"), function_arn("b")]}
    assert (await account.error("DeleteCodeSigningConfig", CodeSigningConfigArn=arn))[:2] == ("ResourceConflictException", 409)
    for name in ("a", "b", "b"):
        await account.call("DeleteFunctionCodeSigningConfig", FunctionName=name)
    await account.call("DeleteCodeSigningConfig", CodeSigningConfigArn=arn)
    assert await account.error("PutFunctionCodeSigningConfig", FunctionName="b", CodeSigningConfigArn=arn) == (
        "CodeSigningConfigNotFoundException",
        404,
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}.",
    )
    assert (await account.error("GetFunctionCodeSigningConfig", FunctionName="gone"))[1] == 404


async def test_runtime_management(account: TestAccount) -> None:
    created = await account.create(Publish=True)
    assert await account.call("GetRuntimeManagementConfig", FunctionName="resize") == {
        "UpdateRuntimeOn": "Auto",
        "FunctionArn": function_arn("resize", "$LATEST"),
    }
    runtime = created["RuntimeVersionConfig"]["RuntimeVersionArn"]
    manual = {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": runtime}
    answer = await account.call("PutRuntimeManagementConfig", FunctionName="resize:1", **manual)
    assert answer == {**manual, "FunctionArn": function_arn("resize", "1")}
    assert await account.call("GetRuntimeManagementConfig", FunctionName="resize", Qualifier="1") == answer
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    for name, params in (
        ("resize", {"UpdateRuntimeOn": "Manual"}),
        ("resize", {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": runtime}),
        ("resize", {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": runtime[:-1] + "x"}),
        ("resize:live", {"UpdateRuntimeOn": "Auto"}),
    ):
        assert (await account.error("PutRuntimeManagementConfig", FunctionName=name, **params))[0] == BAD_VALUE
    assert (await account.error("GetRuntimeManagementConfig", FunctionName="gone"))[1] == 404


async def test_recursion(account: TestAccount) -> None:
    await account.create()
    assert await account.call("GetFunctionRecursionConfig", FunctionName="resize") == {"RecursiveLoop": "Terminate"}
    for _ in range(2):
        await account.call("PutFunctionRecursionConfig", FunctionName="resize", RecursiveLoop="Allow")
    assert await account.call("GetFunctionRecursionConfig", FunctionName="resize") == {"RecursiveLoop": "Allow"}
    assert (await account.error("PutFunctionRecursionConfig", FunctionName="gone", RecursiveLoop="Allow"))[2] == (
        f"Function not found: {function_arn('gone')}"
    )


async def test_account_settings_count_every_version(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.call("PublishLayerVersion", LayerName="tools", Content={"ZipFile": b"PK layer"})
    assert await account.call("GetAccountSettings") == {
        "AccountLimit": {
            "TotalCodeSize": 300 * 1024**3,
            "CodeSizeUnzipped": 262144000,
            "CodeSizeZipped": 52428800,
            "ConcurrentExecutions": 1000,
            "UnreservedConcurrentExecutions": 1000,
        },
        "AccountUsage": {"TotalCodeSize": 2 * len(ZIP) + len(b"PK layer"), "FunctionCount": 1},
    }
