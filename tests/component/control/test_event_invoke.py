"""Settings of asynchronous invocation."""

from typing import Any

import pytest

from tests.component.control.account_of_tests import ACCOUNT, REGION, START, TestAccount, function_arn

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:done"
FAILED = f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed"


def destinations(success: str | None = None, failure: str | None = None) -> dict[str, Any]:
    found = {"OnSuccess": success, "OnFailure": failure}
    return {"DestinationConfig": {side: {"Destination": arn} for side, arn in found.items() if arn is not None}}


async def test_put_replaces_and_update_merges(account: TestAccount) -> None:
    await account.create()
    put = {"FunctionName": "resize", "MaximumRetryAttempts": 0, **destinations(success=QUEUE)}
    answer = await account.call("PutFunctionEventInvokeConfig", **put)
    assert answer == {
        "FunctionArn": function_arn("resize", "$LATEST"),
        "LastModified": START,
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {}},
    }
    assert await account.call("GetFunctionEventInvokeConfig", FunctionName="resize") == answer
    account.clock += 1
    merged = await account.call(
        "UpdateFunctionEventInvokeConfig", FunctionName="resize", MaximumEventAgeInSeconds=60, **destinations(failure=FAILED)
    )
    assert merged == {
        "FunctionArn": function_arn("resize", "$LATEST"),
        "LastModified": START + 1,
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": FAILED}},
    }
    cleared = await account.call("UpdateFunctionEventInvokeConfig", FunctionName="resize", **destinations(success=""))
    assert cleared["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": FAILED}}
    replaced = await account.call("PutFunctionEventInvokeConfig", FunctionName="resize", MaximumRetryAttempts=1)
    assert replaced["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}} and "MaximumEventAgeInSeconds" not in replaced


async def test_every_qualifier_has_settings_of_its_own(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    for qualifier in ("1", "live", "$LATEST"):
        request = {"FunctionName": "resize", "Qualifier": qualifier}
        for operation in ("GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"):
            assert await account.error(operation, **request) == (
                "ResourceNotFoundException",
                404,
                f"The function {function_arn('resize', qualifier)} doesn't have an EventInvokeConfig",
            )
        assert (await account.error("UpdateFunctionEventInvokeConfig", MaximumRetryAttempts=1, **request))[1] == 404
        await account.call("PutFunctionEventInvokeConfig", MaximumRetryAttempts=1, **request)
    listed = await account.call("ListFunctionEventInvokeConfigs", FunctionName="resize", MaxItems=2)
    arns = [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]]
    rest = await account.call("ListFunctionEventInvokeConfigs", FunctionName="resize", Marker=listed["NextMarker"])
    arns += [each["FunctionArn"] for each in rest["FunctionEventInvokeConfigs"]]
    assert sorted(arns) == [function_arn("resize", each) for each in ("$LATEST", "1", "live")]
    await account.call("DeleteFunctionEventInvokeConfig", FunctionName="resize:live")
    assert (await account.error("GetFunctionEventInvokeConfig", FunctionName="resize:live"))[1] == 404


async def test_functions_that_are_not_there(account: TestAccount) -> None:
    await account.create()
    for name in ("other", "resize:9", "resize:live"):
        assert await account.error("PutFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=1) == (
            "ResourceNotFoundException",
            404,
            "The function doesn't exist.",
        )


async def test_something_must_be_set(account: TestAccount) -> None:
    await account.create()
    for operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"):
        assert await account.error(operation, FunctionName="resize") == (
            "InvalidParameterValueException",
            400,
            "You must specify at least one of error handling or destination setting.",
        )


@pytest.mark.parametrize(
    ("success", "failure", "text"),
    [
        (
            f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/x",
            None,
            f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:kinesis:{REGION}:"
            f"{ACCOUNT}:stream/x), onFailure=null) is invalid.",
        ),
        (
            QUEUE,
            f"{QUEUE}.fifo",
            f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={QUEUE}), "
            f"onFailure=OnFailure(destination={QUEUE}.fifo)) is invalid.",
        ),
        (
            "arn:aws:s3:::bucket",
            None,
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::bucket), "
            "onFailure=null) is invalid.",
        ),
        (function_arn("gone"), None, f"The destination ARN {function_arn('gone')} is invalid."),
        (None, function_arn("resize"), "You can't specify the function as a destination for itself."),
    ],
)
async def test_destinations_that_are_refused(account: TestAccount, success: str, failure: str, text: str) -> None:
    await account.create()
    request = {"FunctionName": "resize", **destinations(success, failure)}
    assert await account.error("PutFunctionEventInvokeConfig", **request) == ("InvalidParameterValueException", 400, text)


async def test_destinations_that_are_accepted(account: TestAccount) -> None:
    await account.create()
    await account.create("other")
    for success, failure in ((QUEUE, FAILED), (function_arn("other"), function_arn("other"))):
        request = {"FunctionName": "resize", **destinations(success, failure)}
        answer = await account.call("PutFunctionEventInvokeConfig", **request)
        assert answer["DestinationConfig"] == request["DestinationConfig"]


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        (f"arn:aws:sns:{REGION}:{ACCOUNT}:topic", "SNS topics"),
        (f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default", "EventBridge buses"),
        ("arn:aws:s3:::bucket", "S3 buckets"),
    ],
)
async def test_destinations_that_are_not_reached_yet(account: TestAccount, arn: str, kind: str) -> None:
    await account.create()
    code, status, text = await account.error("PutFunctionEventInvokeConfig", FunctionName="resize", **destinations(None, arn))
    assert (code, status) == ("NotImplementedException", 501)
    assert text.startswith(f"lambdad does not deliver to {kind} yet, so it refuses {arn}.")
