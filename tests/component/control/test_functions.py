"""Functions: create, read, list, update, delete, with the windows between."""

import base64
import json

import pytest

from lambdad.domain.errors import InvalidParameterValue
from lambdad.domain.functions import Code
from tests.component.control.account_of_tests import ACCOUNT, REGION, ROLE, START, ZIP, TestAccount, function_arn, sha

CREATING = "The function is being created."


async def test_a_new_function_is_pending_and_then_active(account: TestAccount) -> None:
    account.artifacts.hold()
    answer = await account.create(settle=False)
    digest = base64.b64encode(bytes.fromhex(sha(ZIP))).decode()
    assert answer["ConfigSha256"]
    expected = {
        "FunctionName": "resize",
        "FunctionArn": function_arn("resize"),
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "CodeSize": len(ZIP),
        "CodeSha256": digest,
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2026-05-28T20:26:40.123+0000",
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/resize"},
        "State": "Pending",
        "StateReason": CREATING,
        "StateReasonCode": "Creating",
    }
    assert {key: answer[key] for key in expected} == expected
    assert set(answer) - set(expected) == {"RevisionId", "ConfigSha256", "RuntimeVersionConfig"}
    arn = answer["RuntimeVersionConfig"]["RuntimeVersionArn"]
    assert arn.startswith(f"arn:aws:lambda:{REGION}::runtime:") and len(arn.rsplit(":", 1)[1]) == 64

    account.artifacts.go.set()
    await account.settle()
    later = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert (later["State"], later["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in later and "StateReasonCode" not in later and "LastUpdateStatusReason" not in later
    assert later["RevisionId"] != answer["RevisionId"], "a state transition is a revision"
    assert later["LastModified"] == answer["LastModified"]


async def test_everything_that_was_asked_for_is_answered(account: TestAccount) -> None:
    asked = {
        "Description": "makes images small",
        "Timeout": 900,
        "MemorySize": 10240,
        "EphemeralStorage": {"Size": 512},
        "Environment": {"Variables": {"LEVEL": "high"}},
        "TracingConfig": {"Mode": "Active"},
        "KMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
        "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"},
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "mine"},
        "Architectures": ["x86_64"],
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    }
    answer = await account.create(**asked)
    asked["SnapStart"] = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    asked["LoggingConfig"] = {
        "LogFormat": "JSON",
        "LogGroup": "mine",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
    }
    asked["VpcConfig"] = {
        "SubnetIds": ["subnet-1"],
        "SecurityGroupIds": ["sg-1"],
        "VpcId": "",
        "Ipv6AllowedForDualStack": False,
    }
    assert {key: answer[key] for key in asked} == asked


async def test_getting_a_function_tells_where_its_code_is(account: TestAccount) -> None:
    await account.create(Tags={"team": "a"}, Code={"ZipFile": ZIP, "SourceKMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"})
    await account.call("PutFunctionConcurrency", FunctionName="resize", ReservedConcurrentExecutions=7)
    answer = await account.call("GetFunction", FunctionName="resize")
    assert answer["Code"] == {
        "RepositoryType": "S3",
        "Location": f"http://127.0.0.1/{ACCOUNT}/{sha(ZIP)}",
        "SourceKMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
    }
    assert answer["Tags"] == {"team": "a"}
    assert answer["Concurrency"] == {"ReservedConcurrentExecutions": 7}


async def test_a_plain_function_has_neither_tags_nor_concurrency(account: TestAccount) -> None:
    await account.create()
    assert set(await account.call("GetFunction", FunctionName="resize")) == {"Configuration", "Code"}


@pytest.mark.parametrize("spelling", ["resize", function_arn("resize"), f"{ACCOUNT}:function:resize"])
async def test_every_spelling_of_the_name_works(account: TestAccount, spelling: str) -> None:
    await account.create()
    answer = await account.call("GetFunctionConfiguration", FunctionName=spelling)
    assert answer["FunctionArn"] == function_arn("resize")


async def test_the_arn_carries_the_qualifier_that_was_asked_for(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    for qualifier, version in (("$LATEST", "$LATEST"), ("1", "1"), ("live", "1")):
        answer = (await account.call("GetFunction", FunctionName="resize", Qualifier=qualifier))["Configuration"]
        assert (answer["FunctionArn"], answer["Version"]) == (function_arn("resize", qualifier), version)


async def test_what_is_not_there_is_not_found(account: TestAccount) -> None:
    await account.create()
    for operation in ("GetFunction", "GetFunctionConfiguration"):
        assert await account.error(operation, FunctionName="other") == (
            "ResourceNotFoundException",
            404,
            f"Function not found: {function_arn('other')}",
        )
        assert await account.error(operation, FunctionName="resize", Qualifier="9") == (
            "ResourceNotFoundException",
            404,
            f"Function not found: {function_arn('resize', '9')}",
        )
        assert await account.error(operation, FunctionName="resize:live") == (
            "ResourceNotFoundException",
            404,
            f"Cannot find alias arn: {function_arn('resize', 'live')}",
        )


async def test_contradicting_qualifiers_are_refused(account: TestAccount) -> None:
    await account.create()
    assert await account.error("GetFunction", FunctionName="resize:1", Qualifier="2") == (
        "InvalidParameterValueException",
        400,
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


async def test_another_region_and_another_account(account: TestAccount) -> None:
    await account.create()
    far = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:resize"
    assert await account.error("GetFunction", FunctionName=far) == (
        "ResourceNotFoundException",
        404,
        f"Functions from 'us-east-1' are not reachable in this region ('{REGION}')",
    )
    stranger = account.caller_of("999999999999")
    code, status, text = await account.error("GetFunction", stranger, FunctionName=function_arn("resize"))
    assert (code, status) == ("AccessDeniedException", 403)
    assert "is not authorized to perform: lambda:GetFunction on resource: " + function_arn("resize") in text
    assert (await account.error("GetFunction", stranger, FunctionName="resize"))[0] == "ResourceNotFoundException"


async def test_a_name_can_be_taken_once(account: TestAccount) -> None:
    await account.create()
    assert await account.create_error() == ("ResourceConflictException", 409, "Function already exist: resize")
    await account.create("resize", **{"FunctionName": "resize2"})


async def test_a_deleted_function_can_be_created_again(account: TestAccount) -> None:
    await account.create(Tags={"team": "a"})
    assert await account.call("DeleteFunction", FunctionName="resize") == {"StatusCode_": 204}
    assert (await account.error("GetFunction", FunctionName="resize"))[1] == 404
    assert (await account.error("DeleteFunction", FunctionName="resize")) == (
        "ResourceNotFoundException",
        404,
        f"Function not found: {function_arn('resize')}",
    )
    await account.create()
    assert "Tags" not in await account.call("GetFunction", FunctionName="resize")


async def test_deleting_versions(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.publish()
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="2")
    assert await account.error("DeleteFunction", FunctionName="resize", Qualifier="$LATEST") == (
        "InvalidParameterValueException",
        400,
        "$LATEST version cannot be deleted without deleting the function.",
    )
    assert (await account.error("DeleteFunction", FunctionName="resize", Qualifier="live"))[2] == (
        "Deletion of aliases is not currently supported."
    )
    assert (await account.error("DeleteFunction", FunctionName="resize", Qualifier="2"))[0] == "ResourceConflictException"
    await account.call("DeleteFunction", FunctionName="resize", Qualifier="1")
    await account.call("DeleteFunction", FunctionName="resize", Qualifier="1")
    assert (await account.error("GetFunction", FunctionName="resize", Qualifier="1"))[1] == 404
    assert await account.publish() == "3", "numbers are never used twice"


async def test_lists_leave_states_out(account: TestAccount) -> None:
    await account.create("b", Publish=True)
    await account.create("a")
    answer = await account.call("ListFunctions")
    assert [each["FunctionArn"] for each in answer["Functions"]] == [function_arn("a"), function_arn("b")]
    hidden = {"State", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"}
    assert not any(hidden & set(each) for each in answer["Functions"])
    every = await account.call("ListFunctions", FunctionVersion="ALL")
    assert [each["FunctionArn"] for each in every["Functions"]] == [
        function_arn("a", "$LATEST"),
        function_arn("b", "$LATEST"),
        function_arn("b", "1"),
    ]
    assert "NextMarker" not in answer


async def test_lists_come_in_pages_that_repeat_and_miss_nothing(account: TestAccount) -> None:
    for name in ("b", "d", "f", "h"):
        await account.create(name)
    first = await account.call("ListFunctions", MaxItems=2)
    assert [each["FunctionName"] for each in first["Functions"]] == ["b", "d"]
    await account.call("DeleteFunction", FunctionName="d")
    await account.create("a")
    await account.create("e")
    second = await account.call("ListFunctions", MaxItems=2, Marker=first["NextMarker"])
    assert [each["FunctionName"] for each in second["Functions"]] == ["e", "f"]
    third = await account.call("ListFunctions", MaxItems=2, Marker=second["NextMarker"])
    assert [each["FunctionName"] for each in third["Functions"]] == ["h"]
    assert "NextMarker" not in third
    assert (await account.error("ListFunctions", Marker="nonsense"))[0] == "InvalidParameterValueException"


async def test_no_function_is_a_replica(account: TestAccount) -> None:
    await account.create()
    assert (await account.call("ListFunctions", MasterRegion="us-east-1", FunctionVersion="ALL"))["Functions"] == []
    assert len((await account.call("ListFunctions", MasterRegion="ALL", FunctionVersion="ALL"))["Functions"]) == 1
    assert (await account.error("ListFunctions", MasterRegion="ALL"))[0] == "InvalidParameterValueException"


async def test_an_update_changes_what_is_given_and_keeps_the_rest(account: TestAccount) -> None:
    await account.create(Environment={"Variables": {"LEVEL": "high"}}, Description="old")
    before = await account.call("GetFunctionConfiguration", FunctionName="resize")
    account.artifacts.hold()
    account.clock = START + 60
    answer = await account.update(settle=False, Timeout=30, Runtime="python3.13")
    assert (answer["Timeout"], answer["Runtime"], answer["Description"]) == (30, "python3.13", "old")
    assert answer["Environment"] == {"Variables": {"LEVEL": "high"}}
    assert (answer["LastUpdateStatus"], answer["LastUpdateStatusReason"], answer["LastUpdateStatusReasonCode"]) == (
        "InProgress",
        CREATING,
        "Creating",
    )
    assert answer["State"] == "Active"
    assert answer["LastModified"] == "2026-05-28T20:27:40.123+0000"
    assert answer["RevisionId"] != before["RevisionId"]
    assert answer["RuntimeVersionConfig"] != before["RuntimeVersionConfig"]

    function = account.records.function(ACCOUNT, REGION, "resize")
    assert function is not None and function.serving is not None
    assert function.serving.timeout == 3, "the old configuration serves meanwhile"
    assert function.serving.build != function.latest.build
    account.artifacts.go.set()
    await account.settle()
    later = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert (later["LastUpdateStatus"], later["RevisionId"] != answer["RevisionId"]) == ("Successful", True)
    function = account.records.function(ACCOUNT, REGION, "resize")
    assert function is not None and function.serving is None


async def test_empty_values_remove(account: TestAccount) -> None:
    await account.create(
        KMSKeyArn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
        DeadLetterConfig={"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead2"},
        Environment={"Variables": {"LEVEL": "high"}},
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"},
    )
    answer = await account.update(
        KMSKeyArn="",
        DeadLetterConfig={"TargetArn": ""},
        Environment={"Variables": {}},
        LoggingConfig={"LogFormat": "Text"},
        Description="",
    )
    assert "KMSKeyArn" not in answer and "DeadLetterConfig" not in answer
    assert answer["Environment"] == {"Variables": {}}
    assert answer["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/resize"}


async def test_nothing_can_be_changed_while_a_function_is_pending(account: TestAccount) -> None:
    account.artifacts.hold()
    await account.create(settle=False)
    expected = (
        "ResourceConflictException",
        409,
        "The operation cannot be performed at this time. The function is currently in the following state: Pending",
    )
    assert await account.error("UpdateFunctionConfiguration", FunctionName="resize", Timeout=9) == expected
    assert await account.error("UpdateFunctionCode", FunctionName="resize", ZipFile=ZIP) == expected
    assert await account.error("PublishVersion", FunctionName="resize") == expected


async def test_nothing_can_be_changed_while_an_update_is_in_progress(account: TestAccount) -> None:
    await account.create()
    account.artifacts.hold()
    await account.update(settle=False, Timeout=9)
    expected = (
        "ResourceConflictException",
        409,
        "The operation cannot be performed at this time. An update is in progress for resource: " + function_arn("resize"),
    )
    assert await account.error("UpdateFunctionConfiguration", FunctionName="resize", Timeout=10) == expected
    assert await account.error("UpdateFunctionCode", FunctionName="resize", ZipFile=ZIP) == expected
    assert await account.error("PublishVersion", FunctionName="resize") == expected
    assert await account.error("TagResource", Resource=function_arn("resize"), Tags={"a": "b"}) == expected


async def test_a_stale_revision_is_refused(account: TestAccount) -> None:
    created = await account.create()
    expected = (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )
    stale = created["RevisionId"]
    for operation, params in (
        ("UpdateFunctionConfiguration", {"Timeout": 9}),
        ("UpdateFunctionCode", {"ZipFile": ZIP}),
        ("PublishVersion", {}),
    ):
        assert await account.error(operation, FunctionName="resize", RevisionId=stale, **params) == expected
    fresh = (await account.call("GetFunction", FunctionName="resize"))["Configuration"]["RevisionId"]
    await account.update(RevisionId=fresh, Timeout=9)


async def test_a_version_cannot_be_updated(account: TestAccount) -> None:
    await account.create(Publish=True)
    for name in ("resize:1", function_arn("resize", "1")):
        code, _, text = await account.error("UpdateFunctionConfiguration", FunctionName=name, Timeout=9)
        assert code == "InvalidParameterValueException"
        assert text.startswith("This operation is permitted on Lambda functions only.")
    await account.call("UpdateFunctionConfiguration", FunctionName="resize:$LATEST", Timeout=9)


async def test_code_that_cannot_be_prepared_fails_the_function(account: TestAccount) -> None:
    account.artifacts.broken[sha(ZIP)] = InvalidParameterValue("no good")
    await account.create()
    answer = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert (answer["State"], answer["StateReason"], answer["StateReasonCode"]) == (
        "Failed",
        "no good",
        "InvalidZipFileException",
    )
    assert "LastUpdateStatus" not in answer
    assert (await account.error("PublishVersion", FunctionName="resize"))[2].endswith("state: Failed")
    await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=b"PK better")
    await account.settle()
    answer = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in answer


@pytest.mark.parametrize("error", [OSError("no space"), RuntimeError("a bug")])
async def test_a_failure_of_the_host_fails_the_update_and_the_old_code_goes_on(account: TestAccount, error: Exception) -> None:
    await account.create()
    account.artifacts.broken[sha(b"PK worse")] = error
    await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=b"PK worse")
    await account.settle()
    answer = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert (answer["State"], answer["LastUpdateStatus"], answer["LastUpdateStatusReasonCode"]) == (
        "Active",
        "Failed",
        "InternalError",
    )
    assert str(error) in answer["LastUpdateStatusReason"]
    function = account.records.function(ACCOUNT, REGION, "resize")
    assert function is not None and function.serving is not None
    assert function.serving.code == Code(sha(ZIP), len(ZIP))
    await account.update(Timeout=9)
    function = account.records.function(ACCOUNT, REGION, "resize")
    assert function is not None and function.serving is not None, "the configuration has changed, the code is still broken"
    assert function.serving.code.digest == sha(ZIP)
    await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=b"PK better")
    await account.settle()
    function = account.records.function(ACCOUNT, REGION, "resize")
    assert function is not None and function.serving is None and function.latest.timeout == 9


async def test_the_environment_is_stored_as_it_came(account: TestAccount) -> None:
    variables = {"GREETING": "grüß dich", "EMPTY": ""}
    await account.create(Environment={"Variables": variables})
    answer = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert answer["Environment"] == {"Variables": variables}
    assert json.dumps(answer)
