"""The lifecycle loop: bounded, going on after failures, and not stuck after a crash. Writers that arrive together."""

import asyncio

import pytest

from lambdad.domain.errors import ResourceConflict
from lambdad.substrate.api import StorageFull
from tests.component.control.account_of_tests import ACCOUNT, MODEL, REGION, ZIP, TestAccount, sha

PERMISSION = {"FunctionName": "resize", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}

NOT_OURS = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}
LATER = ("Durable", "FunctionUrlConfig", "CapacityProvider", "ScalingConfig")


async def test_every_operation_of_the_control_plane_is_there(account: TestAccount) -> None:
    names = {name for name in MODEL.operation_names if name not in NOT_OURS and not any(part in name for part in LATER)}
    assert set(account.control.operations) == names
    assert account.control.name == "lambda"


async def test_a_crash_leaves_nothing_stuck(account: TestAccount) -> None:
    await account.create("updated")
    account.artifacts.hold()
    await account.create("created", settle=False, Publish=True)
    await account.call("UpdateFunctionCode", FunctionName="updated", ZipFile=b"PK new")
    await account.stop()
    account.artifacts.go.set()
    await account.start()
    await account.settle()
    for name, qualifier in (("created", "$LATEST"), ("created", "1"), ("updated", "$LATEST")):
        found = await account.call("GetFunctionConfiguration", FunctionName=name, Qualifier=qualifier)
        assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")
    function = account.records.function(ACCOUNT, REGION, "updated")
    assert function is not None and function.serving is None and function.latest.code.digest == sha(b"PK new")


async def test_few_packages_are_prepared_at_once(account: TestAccount) -> None:
    account.artifacts.hold()
    for number in range(20):
        await account.create(f"f{number}", settle=False)
    await asyncio.sleep(1)
    assert account.artifacts.preparing == 4
    account.artifacts.go.set()
    await account.settle()
    assert account.artifacts.most_preparing == 4
    assert len(account.artifacts.prepared_codes) == 20, "each once"


async def test_one_failure_does_not_stop_the_others(account: TestAccount) -> None:
    account.artifacts.broken[sha(b"PK bad")] = RuntimeError("a bug")
    for number in range(10):
        await account.create(f"bad{number}", settle=False, Code={"ZipFile": b"PK bad"})
    await account.create("good")
    states = {
        name: (await account.call("GetFunctionConfiguration", FunctionName=name))["State"] for name in ("bad0", "bad9", "good")
    }
    assert states == {"bad0": "Failed", "bad9": "Failed", "good": "Active"}


async def test_a_function_deleted_while_it_is_prepared(account: TestAccount) -> None:
    account.artifacts.hold()
    await account.create(settle=False)
    await asyncio.sleep(1)
    await account.call("DeleteFunction", FunctionName="resize")
    await account.create(settle=False)
    account.artifacts.go.set()
    await account.settle()
    assert (await account.call("GetFunctionConfiguration", FunctionName="resize"))["State"] == "Active"


async def test_a_result_waits_for_a_store_that_is_full(account: TestAccount) -> None:
    account.artifacts.hold()
    await account.create(settle=False)
    account.key_values.full = True
    account.artifacts.go.set()
    await asyncio.sleep(300)
    assert (await account.call("GetFunctionConfiguration", FunctionName="resize"))["State"] == "Pending"
    account.key_values.full = False
    await asyncio.sleep(31)
    assert (await account.call("GetFunctionConfiguration", FunctionName="resize"))["State"] == "Active"


async def test_a_full_store_refuses_a_creation_whole(account: TestAccount) -> None:
    account.key_values.full = True
    with pytest.raises(StorageFull):
        await account.create()
    account.key_values.full = False
    assert (await account.call("ListFunctions"))["Functions"] == []
    for _ in range(2):
        account.clock += 1000
        await asyncio.sleep(1000)
    assert account.artifacts.blobs == {}, "and its package goes"


async def test_of_two_creations_at_once_one_wins(account: TestAccount) -> None:
    found = await asyncio.gather(
        *(account.create(settle=False, Code={"ZipFile": b"PK%d" % number}) for number in range(5)), return_exceptions=True
    )
    assert sum(isinstance(each, ResourceConflict) for each in found) == 4
    assert sum(isinstance(each, dict) for each in found) == 1


async def test_writers_that_arrive_together_all_write(account: TestAccount) -> None:
    await account.create()
    await asyncio.gather(
        *(account.call("AddPermission", StatementId=f"s{number}", **PERMISSION) for number in range(50)),
        *(
            account.call("TagResource", Resource=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:resize", Tags={f"t{n}": ""})
            for n in range(40)
        ),
        *(account.call("PublishLayerVersion", LayerName="tools", Content={"ZipFile": ZIP}) for _ in range(20)),
    )
    assert (await account.call("GetPolicy", FunctionName="resize"))["Policy"].count('"Sid"') == 50
    assert len((await account.call("GetFunction", FunctionName="resize"))["Tags"]) == 40
    versions = (await account.call("ListLayerVersions", LayerName="tools"))["LayerVersions"]
    assert [each["Version"] for each in versions] == list(range(20, 0, -1))


async def test_starting_and_closing_twice_is_fine(account: TestAccount) -> None:
    await account.control.start()
    await account.control.close()
    await account.control.close()
    assert repr(account.control).startswith("<LambdaControl [")
