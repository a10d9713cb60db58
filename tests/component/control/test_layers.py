"""Layers, their versions and who may use them."""

import base64
import json
from typing import Any

import pytest

from tests.component.control.account_of_tests import ACCOUNT, REGION, ROLE, ZIP, TestAccount, layer_arn, sha

OTHER = "999999999999"
CONTENT = b"PK layer"


async def publish(account: TestAccount, name: str = "tools", content: bytes = CONTENT, **params: Any) -> dict[str, Any]:
    return await account.call("PublishLayerVersion", LayerName=name, Content={"ZipFile": content}, **params)


async def test_a_layer_version_as_it_was_published(account: TestAccount) -> None:
    asked = {
        "Description": "pillow",
        "CompatibleRuntimes": ["python3.12", "python3.8"],
        "CompatibleArchitectures": ["x86_64"],
        "LicenseInfo": "MIT",
    }
    published = await publish(account, **asked)
    assert published == {
        **asked,
        "LayerArn": layer_arn("tools"),
        "LayerVersionArn": layer_arn("tools", 1),
        "Version": 1,
        "CreatedDate": "2026-05-28T20:26:40.123+0000",
        "Content": {
            "Location": f"http://127.0.0.1/{ACCOUNT}/{sha(CONTENT)}",
            "CodeSha256": base64.b64encode(bytes.fromhex(sha(CONTENT))).decode(),
            "CodeSize": len(CONTENT),
        },
    }
    for name in ("tools", layer_arn("tools")):
        assert await account.call("GetLayerVersion", LayerName=name, VersionNumber=1) == published
    assert await account.call("GetLayerVersionByArn", Arn=layer_arn("tools", 1)) == published


async def test_numbers_count_up_even_over_deleted_versions(account: TestAccount) -> None:
    for number in (1, 2):
        assert (await publish(account))["Version"] == number
    for number in (1, 2, 2):
        await account.call("DeleteLayerVersion", LayerName="tools", VersionNumber=number)
    assert (await account.call("ListLayers"))["Layers"] == []
    assert (await publish(account))["Version"] == 3


async def test_layer_versions_that_are_not_there(account: TestAccount) -> None:
    expected = ("ResourceNotFoundException", 404, f"Layer version {layer_arn('tools', 1)} does not exist.")
    assert await account.error("GetLayerVersion", LayerName="tools", VersionNumber=1) == expected
    assert await account.error("GetLayerVersionByArn", Arn=layer_arn("tools", 1)) == expected
    assert await account.error("GetLayerVersionPolicy", LayerName="tools", VersionNumber=1) == expected
    for operation in ("GetLayerVersion", "DeleteLayerVersion", "GetLayerVersionPolicy"):
        assert await account.error(operation, LayerName="tools", VersionNumber=0) == (
            "InvalidParameterValueException",
            400,
            "Layer Version Cannot be less than 1",
        )
    assert (await account.call("ListLayerVersions", LayerName="tools"))["LayerVersions"] == []


async def test_lists_with_filters(account: TestAccount) -> None:
    await publish(account, "a", CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"])
    await publish(account, "a", CompatibleRuntimes=["nodejs22.x"])
    await publish(account, "b", CompatibleRuntimes=["python3.12"])
    every = (await account.call("ListLayers"))["Layers"]
    assert [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for each in every] == [("a", 2), ("b", 1)]
    python = (await account.call("ListLayers", CompatibleRuntime="python3.12"))["Layers"]
    assert [(each["LayerArn"], each["LatestMatchingVersion"]["Version"]) for each in python] == [
        (layer_arn("a"), 1),
        (layer_arn("b"), 1),
    ]
    assert len((await account.call("ListLayers", CompatibleArchitecture="x86_64"))["Layers"]) == 1
    versions = (await account.call("ListLayerVersions", LayerName="a", CompatibleRuntime="nodejs22.x"))["LayerVersions"]
    assert [each["LayerVersionArn"] for each in versions] == [layer_arn("a", 2)]


async def test_versions_are_listed_newest_first_in_pages(account: TestAccount) -> None:
    for _ in range(3):
        await publish(account)
    first = await account.call("ListLayerVersions", LayerName="tools", MaxItems=2)
    assert [each["Version"] for each in first["LayerVersions"]] == [3, 2]
    await publish(account)
    rest = await account.call("ListLayerVersions", LayerName="tools", MaxItems=2, Marker=first["NextMarker"])
    assert [each["Version"] for each in rest["LayerVersions"]] == [1] and "NextMarker" not in rest
    await publish(account, "other")
    page = await account.call("ListLayers", MaxItems=1)
    assert [each["LayerName"] for each in page["Layers"]] == ["other"] and page["NextMarker"]


async def test_unknown_runtimes_and_broken_packages(account: TestAccount) -> None:
    code, _, text = await account.error(
        "PublishLayerVersion", LayerName="tools", Content={"ZipFile": ZIP}, CompatibleRuntimes=["cobol74"]
    )
    assert code == "ValidationException"
    assert text.startswith(
        "1 validation error detected: Value '[cobol74]' at 'compatibleRuntimes' failed to satisfy constraint:"
    )
    assert (await account.error("PublishLayerVersion", LayerName="tools", Content={"ZipFile": b"none"}))[2].startswith(
        "Could not unzip"
    )
    assert (await publish(account))["Version"] == 1, "a refused version takes no number"


async def test_a_function_uses_layers_in_order_and_keeps_deleted_ones(account: TestAccount) -> None:
    await publish(account, "a", b"PK a")
    await publish(account, "b", b"PK b")
    arns = [layer_arn("b", 1), layer_arn("a", 1)]
    answer = await account.create(Layers=arns)
    assert answer["Layers"] == [{"Arn": arn, "CodeSize": 4} for arn in arns]
    assert account.artifacts.prepared_codes[-1] == (sha(ZIP), (sha(b"PK b"), sha(b"PK a")), "python3.12")
    await account.call("DeleteLayerVersion", LayerName="a", VersionNumber=1)
    answer = await account.update(Timeout=9)
    assert [each["Arn"] for each in answer["Layers"]] == arns
    assert "Layers" not in await account.update(Layers=[])
    assert (await account.error("UpdateFunctionConfiguration", FunctionName="resize", Layers=[layer_arn("a", 1)]))[2] == (
        f"Layer version {layer_arn('a', 1)} does not exist."
    )


async def test_two_versions_of_one_layer_are_refused(account: TestAccount) -> None:
    await publish(account)
    await publish(account)
    first, second = layer_arn("tools", 1), layer_arn("tools", 2)
    assert (await account.create_error(Layers=[first, second]))[2] == (
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{first} and {second} are versions of the same layer."
    )


# Permissions


def permission(**params: Any) -> dict[str, Any]:
    return {
        "LayerName": "tools",
        "VersionNumber": 1,
        "StatementId": "share",
        "Action": "lambda:GetLayerVersion",
        "Principal": OTHER,
        **params,
    }


async def test_a_statement_has_the_form_of_aws(account: TestAccount) -> None:
    await publish(account)
    answer = await account.call("AddLayerVersionPermission", **permission())
    statement = {
        "Sid": "share",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "lambda:GetLayerVersion",
        "Resource": layer_arn("tools", 1),
    }
    assert json.loads(answer["Statement"]) == statement
    policy = await account.call("GetLayerVersionPolicy", LayerName="tools", VersionNumber=1)
    assert policy["RevisionId"] == answer["RevisionId"]
    assert json.loads(policy["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    organisation = await account.call(
        "AddLayerVersionPermission", **permission(StatementId="org", Principal="*", OrganizationId="o-1234567890")
    )
    assert json.loads(organisation["Statement"])["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert json.loads(organisation["Statement"])["Principal"] == "*"


async def test_layer_permissions_that_are_refused(account: TestAccount) -> None:
    assert (await account.error("AddLayerVersionPermission", **permission()))[2] == (
        f"Layer version {layer_arn('tools', 1)} does not exist."
    )
    await publish(account)
    added = await account.call("AddLayerVersionPermission", **permission())
    assert await account.error("AddLayerVersionPermission", **permission()) == (
        "ResourceConflictException",
        409,
        "The statement id (share) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
    )
    stale = (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetLayerPolicy API to retrieve the latest Revision Id",
    )
    assert await account.error("AddLayerVersionPermission", **permission(StatementId="b", RevisionId="old")) == stale
    place = {"LayerName": "tools", "VersionNumber": 1}
    assert await account.error("RemoveLayerVersionPermission", StatementId="share", RevisionId="old", **place) == stale
    assert (await account.error("RemoveLayerVersionPermission", StatementId="other", **place))[2] == (
        "Statement other is not found in resource policy."
    )
    await account.call("RemoveLayerVersionPermission", StatementId="share", RevisionId=added["RevisionId"], **place)
    for operation, params in (("GetLayerVersionPolicy", {}), ("RemoveLayerVersionPermission", {"StatementId": "share"})):
        assert await account.error(operation, **place, **params) == (
            "ResourceNotFoundException",
            404,
            "No policy is associated with the given resource.",
        )
    assert (await account.error("AddLayerVersionPermission", **permission(OrganizationId="o-1234567890")))[1] == 400


@pytest.mark.parametrize("principal", [OTHER, "*", f"arn:aws:iam::{OTHER}:root"])
async def test_another_account_uses_what_is_shared_with_it(account: TestAccount, principal: str) -> None:
    await publish(account)
    arn, stranger = layer_arn("tools", 1), account.caller_of(OTHER)
    code, status, text = await account.error("GetLayerVersionByArn", stranger, Arn=arn)
    assert (code, status) == ("AccessDeniedException", 403)
    assert f"is not authorized to perform: lambda:GetLayerVersion on resource: {arn}" in text
    await account.call("AddLayerVersionPermission", **permission(Principal=principal))
    assert (await account.call("GetLayerVersionByArn", stranger, Arn=arn))["Version"] == 1
    request = {
        "FunctionName": "theirs",
        "Role": ROLE.replace(ACCOUNT, OTHER),
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Code": {"ZipFile": ZIP},
        "Layers": [arn],
    }
    assert (await account.call("CreateFunction", stranger, **request))["Layers"][0]["Arn"] == arn
    assert (await account.error("DeleteLayerVersion", stranger, LayerName=layer_arn("tools"), VersionNumber=1))[1] == 403


async def test_layers_of_other_regions_are_out_of_reach(account: TestAccount) -> None:
    far = layer_arn("tools", 1).replace(REGION, "us-east-1")
    assert (await account.error("GetLayerVersionByArn", Arn=far))[0] == "InvalidParameterValueException"
