"""Reserved and provisioned concurrency."""

import asyncio
from typing import Any

from lambdad.domain.errors import InvalidParameterValue
from tests.component.control.account_of_tests import TestAccount, function_arn

BAD_VALUE = "InvalidParameterValueException"


async def reserve(account: TestAccount, number: int, name: str = "resize") -> dict[str, Any]:
    return await account.call("PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=number)


def provision(number: int, qualifier: str = "1", name: str = "resize") -> dict[str, Any]:
    return {"FunctionName": name, "Qualifier": qualifier, "ProvisionedConcurrentExecutions": number}


async def test_reserved_concurrency_is_set_read_and_removed(account: TestAccount) -> None:
    await account.create()
    assert await account.call("GetFunctionConcurrency", FunctionName="resize") == {}
    assert await reserve(account, 0) == {"ReservedConcurrentExecutions": 0}
    assert await account.call("GetFunctionConcurrency", FunctionName="resize") == {"ReservedConcurrentExecutions": 0}
    await reserve(account, 900)
    settings = await account.call("GetAccountSettings")
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    for _ in range(2):
        await account.call("DeleteFunctionConcurrency", FunctionName="resize")
    assert await account.call("GetFunctionConcurrency", FunctionName="resize") == {}


async def test_a_hundred_stay_unreserved(account: TestAccount) -> None:
    for name in ("a", "b"):
        await account.create(name)
    await reserve(account, 500, "a")
    text = (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
        "below its minimum value of [100]."
    )
    request = {"FunctionName": "b", "ReservedConcurrentExecutions": 401}
    assert await account.error("PutFunctionConcurrency", **request) == (BAD_VALUE, 400, text)
    await reserve(account, 400, "b")
    await reserve(account, 500, "a")


async def test_promises_made_at_once_do_not_add_up_to_too_much(account: TestAccount) -> None:
    names = [f"f{number}" for number in range(10)]
    for name in names:
        await account.create(name)
    found = await asyncio.gather(*(reserve(account, 300, name) for name in names), return_exceptions=True)
    assert sum(isinstance(each, InvalidParameterValue) for each in found) == 7


async def test_only_functions_have_reserved_concurrency(account: TestAccount) -> None:
    await account.create(Publish=True)
    for operation in ("PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency"):
        params = {"ReservedConcurrentExecutions": 1} if operation.startswith("Put") else {}
        assert await account.error(operation, FunctionName="resize:1", **params) == (
            BAD_VALUE,
            400,
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN.",
        )
        assert (await account.error(operation, FunctionName="other", **params))[2] == (
            f"Function not found: {function_arn('other')}"
        )


async def test_provisioned_concurrency_is_a_promise_that_says_so(account: TestAccount) -> None:
    await account.create(Publish=True)
    answer = await account.call("PutProvisionedConcurrencyConfig", **provision(5))
    assert answer == {
        "RequestedProvisionedConcurrentExecutions": 5,
        "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": "2026-05-28T20:26:40+0000",
    }
    place = {"FunctionName": "resize", "Qualifier": "1"}
    assert await account.call("GetProvisionedConcurrencyConfig", **place) == answer
    listed = await account.call("ListProvisionedConcurrencyConfigs", FunctionName="resize")
    assert listed == {"ProvisionedConcurrencyConfigs": [{"FunctionArn": function_arn("resize", "1"), **answer}]}
    assert (await account.call("GetAccountSettings"))["AccountLimit"]["UnreservedConcurrentExecutions"] == 995
    for _ in range(2):
        await account.call("DeleteProvisionedConcurrencyConfig", **place)
    assert await account.error("GetProvisionedConcurrencyConfig", **place) == (
        "ProvisionedConcurrencyConfigNotFoundException",
        404,
        "No Provisioned Concurrency Config found for this function",
    )


async def test_only_aliases_and_published_versions_are_provisioned(account: TestAccount) -> None:
    await account.create()
    await account.call("CreateAlias", FunctionName="resize", Name="dev", FunctionVersion="$LATEST")
    for qualifier in ("$LATEST", "dev"):
        assert (await account.error("PutProvisionedConcurrencyConfig", **provision(1, qualifier)))[2] == (
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    for operation in ("GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"):
        assert (await account.error(operation, FunctionName="resize", Qualifier="$LATEST"))[2] == (
            "The function resource provided must be an alias or a published version."
        )
    assert (await account.error("PutProvisionedConcurrencyConfig", **provision(1, "9")))[2] == (
        f"Function not found: {function_arn('resize', '9')}"
    )
    assert (await account.error("PutProvisionedConcurrencyConfig", **provision(1, "live")))[2] == (
        f"Cannot find alias arn: {function_arn('resize', 'live')}"
    )


async def test_an_alias_and_its_version_cannot_both_be_provisioned(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.call("CreateAlias", FunctionName="resize", Name="live", FunctionVersion="1")
    await account.call("PutProvisionedConcurrencyConfig", **provision(1, "live"))
    assert await account.error("PutProvisionedConcurrencyConfig", **provision(1)) == (
        "ResourceConflictException",
        409,
        "Version is pointed by a Provisioned Concurrency alias",
    )
    await account.call("DeleteProvisionedConcurrencyConfig", FunctionName="resize", Qualifier="live")
    await account.call("PutProvisionedConcurrencyConfig", **provision(1))
    assert (await account.error("PutProvisionedConcurrencyConfig", **provision(1, "live")))[2] == (
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    )


async def test_reserved_and_provisioned_fit_together(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.publish()
    await account.call("PutProvisionedConcurrencyConfig", **provision(1, "1"))
    await account.call("PutProvisionedConcurrencyConfig", **provision(1, "2"))
    request = {"FunctionName": "resize", "ReservedConcurrentExecutions": 1}
    assert (await account.error("PutFunctionConcurrency", **request))[2] == (
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    )
    await reserve(account, 3)
    await account.call("PutProvisionedConcurrencyConfig", **provision(2, "2"))
    assert (await account.error("PutProvisionedConcurrencyConfig", **provision(3, "2")))[2] == (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )


async def test_provisioned_concurrency_comes_out_of_the_account(account: TestAccount) -> None:
    await account.create(Publish=True)
    assert (await account.error("PutProvisionedConcurrencyConfig", **provision(1001)))[2] == (
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000]."
    )
    assert (await account.error("PutProvisionedConcurrencyConfig", **provision(901)))[2] == (
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100]."
    )
    await account.call("PutProvisionedConcurrencyConfig", **provision(900))
    await account.call("PutProvisionedConcurrencyConfig", **provision(900))
