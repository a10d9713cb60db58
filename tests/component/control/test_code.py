"""Packages: updates, S3, limits, and what becomes of packages that nothing refers to."""

import asyncio

import pytest

from lambdad.control.api import AccountLimits
from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from tests.component.control.account_of_tests import ACCOUNT, REGION, ZIP, TestAccount, layer_arn, sha

NEW = b"PK new code"


class Buckets:
    """An `ObjectStore` with one object."""

    async def get_object(self, caller: Caller, bucket: str, key: str, version: str | None) -> bytes:
        if (bucket, key, version) == ("bucket", "app.zip", "v1"):
            return NEW
        raise CallerError.named("NoSuchKey", "The specified key does not exist.", 404)


async def test_new_code_serves_when_it_is_ready(account: TestAccount) -> None:
    await account.create()
    account.artifacts.hold()
    answer = await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=NEW)
    assert (answer["CodeSize"], answer["LastUpdateStatus"], answer["State"]) == (len(NEW), "InProgress", "Active")
    function = account.records.function(ACCOUNT, REGION, "resize")
    assert function is not None and function.serving is not None and function.serving.code.digest == sha(ZIP)
    account.artifacts.go.set()
    await account.settle()
    assert account.artifacts.prepared_codes[-1] == (sha(NEW), (), "python3.12")


async def test_a_dry_run_changes_nothing(account: TestAccount) -> None:
    await account.create()
    before = await account.call("GetFunctionConfiguration", FunctionName="resize")
    answer = await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=NEW, DryRun=True)
    assert answer["CodeSize"] == len(NEW)
    assert await account.call("GetFunctionConfiguration", FunctionName="resize") == before
    assert (await account.error("UpdateFunctionCode", FunctionName="resize", ZipFile=b"none", DryRun=True))[2].startswith(
        "Could not unzip"
    )


async def test_an_update_can_publish(account: TestAccount) -> None:
    await account.create()
    answer = await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=NEW, Publish=True)
    assert (answer["Version"], answer["State"]) == ("1", "Pending")
    await account.settle()
    version = await account.call("GetFunctionConfiguration", FunctionName="resize", Qualifier="1")
    assert (version["State"], version["CodeSize"]) == ("Active", len(NEW))


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"ImageUri": "x"}, "Please don't provide ImageUri when updating a function with packageType Zip."),
        ({}, "Please provide a source for function code."),
        (
            {"ZipFile": ZIP, "Architectures": ["arm64"]},
            "The architecture arm64 is not available on this host, which is x86_64. Use Architectures [x86_64].",
        ),
        (
            {"S3Bucket": "bucket", "S3Key": "app.zip", "S3ObjectStorageMode": "REFERENCE"},
            "lambdad does not support packages that stay in S3 (S3ObjectStorageMode REFERENCE) yet.",
        ),
        (
            {"S3Bucket": "bucket", "S3Key": "app.zip"},
            "Error occurred while GetObject. S3 Error Code: NotImplemented. "
            "S3 Error Message: lambdad has no S3 yet; send the package itself as ZipFile.",
        ),
    ],
)
async def test_updates_that_are_refused(account: TestAccount, params: dict[str, object], text: str) -> None:
    await account.create()
    assert await account.error("UpdateFunctionCode", FunctionName="resize", **params) == (
        "InvalidParameterValueException",
        400,
        text,
    )
    assert (await account.error("UpdateFunctionCode", FunctionName="other", ZipFile=ZIP))[0] == "ResourceNotFoundException"


async def test_packages_come_from_s3() -> None:
    account = await TestAccount(object_store=Buckets()).start()
    place = {"S3Bucket": "bucket", "S3Key": "app.zip"}
    answer = await account.create(Code={**place, "S3ObjectVersion": "v1"})
    assert answer["CodeSize"] == len(NEW)
    assert await account.error("UpdateFunctionCode", FunctionName="resize", **place) == (
        "InvalidParameterValueException",
        400,
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
    )
    await account.stop()


async def test_code_and_layers_share_a_limit(account: TestAccount) -> None:
    account.artifacts.unpacked = {sha(ZIP): 200_000_000, sha(b"PK layer"): 62_144_001}
    await account.call("PublishLayerVersion", LayerName="tools", Content={"ZipFile": b"PK layer"})
    text = (
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
        "The actual size is 262144001 bytes."
    )
    assert (await account.create_error(Layers=[layer_arn("tools", 1)]))[2] == text
    await account.create()
    assert (await account.error("UpdateFunctionConfiguration", FunctionName="resize", Layers=[layer_arn("tools", 1)]))[
        2
    ] == text


async def test_the_account_has_room_for_so_much_code() -> None:
    account = await TestAccount(limits=AccountLimits(code_storage=len(ZIP) * 2)).start()
    await account.create("a")
    await account.create("b")
    assert await account.create_error("c") == (
        "CodeStorageExceededException",
        400,
        "You have exceeded your maximum total code size per account.",
    )
    await account.call("DeleteFunction", FunctionName="a")
    await account.create("c")
    await account.stop()


async def test_versions_and_layers_need_room_too() -> None:
    account = await TestAccount(limits=AccountLimits(code_storage=len(ZIP) * 3)).start()
    exceeded = ("CodeStorageExceededException", 400, "You have exceeded your maximum total code size per account.")
    await account.create("a", Publish=True)
    assert await account.create_error("b", Publish=True) == exceeded
    await account.call("PublishVersion", FunctionName="a")
    await account.update("a", Description="changed")
    await account.call("PublishVersion", FunctionName="a")
    await account.update("a", Description="changed again")
    assert await account.error("PublishVersion", FunctionName="a") == exceeded
    assert await account.error("PublishLayerVersion", LayerName="tools", Content={"ZipFile": ZIP}) == exceeded
    # What takes the place of something else needs no room, and what is smaller gives some.
    await account.call("UpdateFunctionCode", FunctionName="a", ZipFile=ZIP[:-1])
    await account.settle()
    usage = (await account.call("GetAccountSettings"))["AccountUsage"]
    assert usage["TotalCodeSize"] == len(ZIP) * 3 - 1
    assert await account.error("UpdateFunctionCode", FunctionName="a", ZipFile=ZIP + b"..") == exceeded
    await account.stop()


async def test_a_package_that_does_not_fit_is_not_even_opened() -> None:
    account = await TestAccount(limits=AccountLimits(code_storage=10)).start()
    assert (await account.create_error(Code={"ZipFile": b"PK and too much more"}))[0] == "CodeStorageExceededException"
    assert account.artifacts.blobs == {}
    await account.stop()


async def test_creations_at_once_do_not_share_the_last_room() -> None:
    account = await TestAccount(limits=AccountLimits(code_storage=len(ZIP) * 3)).start()
    found = await asyncio.gather(*(account.create_error(f"f{n}") for n in range(10)), return_exceptions=True)
    assert sum(each[0] == "CodeStorageExceededException" for each in found if isinstance(each, tuple)) == 7
    assert (await account.call("GetAccountSettings"))["AccountUsage"]["TotalCodeSize"] == len(ZIP) * 3
    # A request that fails gives its room back.
    await account.call("DeleteFunction", FunctionName=(await account.call("ListFunctions"))["Functions"][0]["FunctionName"])
    for _ in range(3):
        assert (await account.create_error(Code={"ZipFile": b"no zip"}))[0] == "InvalidParameterValueException"
    await account.create("last")
    # Another region has room of its own.
    await account.create("last", caller=account.caller_of(ACCOUNT, "eu-west-1"))
    await account.stop()


async def test_packages_go_a_while_after_their_last_reference(account: TestAccount) -> None:
    await account.create()
    await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=NEW)
    await account.settle()
    account.clock += 100
    await asyncio.sleep(100)
    assert sha(ZIP) in account.artifacts.blobs, "invocations may still run on it"
    for _ in range(2):
        account.clock += 960
        await asyncio.sleep(960)
    assert set(account.artifacts.blobs) == {sha(NEW)}


async def test_every_release_gets_its_own_grace(account: TestAccount) -> None:
    await account.create("early")
    await account.create("late", Code={"ZipFile": NEW})
    await account.call("DeleteFunction", FunctionName="early")
    account.clock += 900
    await asyncio.sleep(900)
    await account.call("DeleteFunction", FunctionName="late")
    account.clock += 100
    await asyncio.sleep(100)
    assert set(account.artifacts.blobs) == {sha(NEW)}
    account.clock += 2000
    await asyncio.sleep(2000)
    assert account.artifacts.blobs == {}


async def test_a_package_that_was_in_hand_during_a_sweep_goes_with_the_next(account: TestAccount) -> None:
    account.artifacts.hold()
    await account.create(settle=False)
    await account.call("DeleteFunction", FunctionName="resize")
    account.clock += 960
    await asyncio.sleep(961)
    assert set(account.artifacts.blobs) == {sha(ZIP)}, "it is still being unpacked"
    account.artifacts.go.set()
    account.clock += 960
    await asyncio.sleep(961)
    assert account.artifacts.blobs == {}


async def test_a_package_stays_while_anything_refers_to_it(account: TestAccount) -> None:
    await account.call("PublishLayerVersion", LayerName="tools", Content={"ZipFile": b"PK layer"})
    await account.create(Layers=[layer_arn("tools", 1)], Publish=True)
    await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=NEW)
    await account.settle()
    await account.call("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    for _ in range(3):
        account.clock += 1000
        await asyncio.sleep(1000)
    assert set(account.artifacts.blobs) == {sha(ZIP), sha(NEW), sha(b"PK layer")}, "version 1 and the layer it holds"
    await account.call("DeleteFunction", FunctionName="resize")
    for _ in range(3):
        account.clock += 1000
        await asyncio.sleep(1000)
    assert account.artifacts.blobs == {}


async def test_a_start_sweeps_what_a_killed_process_left(account: TestAccount) -> None:
    await account.create()
    account.artifacts.blobs["orphan"] = b"taken, never recorded"
    await account.stop()
    await account.start()
    await asyncio.sleep(0.01)
    assert set(account.artifacts.blobs) == {sha(ZIP)}


async def test_a_sweep_never_takes_a_package_that_is_on_its_way_in(account: TestAccount) -> None:
    packages = account.control._packages
    creating = [asyncio.create_task(account.create(f"f{number}", Code={"ZipFile": b"PK%d" % number})) for number in range(20)]
    account.clock += 10_000
    sweeps = [asyncio.create_task(packages.sweep()) for _ in range(5)]
    await asyncio.gather(*creating, *sweeps)
    assert len(account.artifacts.blobs) == 20
    for number in range(20):
        assert sha(b"PK%d" % number) in account.artifacts.blobs
