"""Published versions."""

from tests.component.control.account_of_tests import ACCOUNT, TestAccount, function_arn, sha


async def test_a_version_is_a_copy_of_latest(account: TestAccount) -> None:
    await account.create(Description="first", Environment={"Variables": {"LEVEL": "high"}})
    answer = await account.call("PublishVersion", FunctionName="resize", Description="as shipped")
    assert (answer["Version"], answer["FunctionArn"]) == ("1", function_arn("resize", "1"))
    assert (answer["Description"], answer["State"], answer["LastUpdateStatus"]) == ("as shipped", "Active", "Successful")
    await account.update(Timeout=99, Environment={"Variables": {}})
    version = await account.call("GetFunctionConfiguration", FunctionName="resize:1")
    assert version["Timeout"] == 3 and version["Environment"] == {"Variables": {"LEVEL": "high"}}


async def test_publishing_what_has_not_changed_answers_the_last_version(account: TestAccount) -> None:
    await account.create(Publish=True)
    assert (await account.call("PublishVersion", FunctionName="resize"))["Version"] == "1"
    assert (await account.call("PublishVersion", FunctionName="resize", Description="other"))["Version"] == "1"
    await account.update(Description="changed")
    assert (await account.call("PublishVersion", FunctionName="resize"))["Version"] == "2"
    await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=b"PK new")
    await account.settle()
    assert (await account.call("PublishVersion", FunctionName="resize"))["Version"] == "3"
    assert (await account.call("PublishVersion", FunctionName="resize"))["Version"] == "3"


async def test_publish_on_create(account: TestAccount) -> None:
    account.artifacts.hold()
    answer = await account.create(settle=False, Publish=True)
    assert (answer["Version"], answer["FunctionArn"], answer["State"]) == ("1", function_arn("resize", "1"), "Pending")
    account.artifacts.go.set()
    await account.settle()
    for qualifier in ("1", "$LATEST"):
        found = await account.call("GetFunctionConfiguration", FunctionName="resize", Qualifier=qualifier)
        assert found["State"] == "Active"


async def test_the_code_can_be_named_by_its_hash(account: TestAccount) -> None:
    created = await account.create()
    assert await account.error("PublishVersion", FunctionName="resize", CodeSha256="other") == (
        "InvalidParameterValueException",
        400,
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({created['CodeSha256']}). "
        "Please try again with the CodeSHA256 in $LATEST.",
    )
    await account.call("PublishVersion", FunctionName="resize", CodeSha256=created["CodeSha256"])


async def test_a_version_published_after_a_failed_update_is_prepared_for_itself(account: TestAccount) -> None:
    await account.create()
    broken = b"PK broken"
    account.artifacts.broken[sha(broken)] = OSError("disk")
    await account.call("UpdateFunctionCode", FunctionName="resize", ZipFile=broken)
    await account.settle()
    answer = await account.call("PublishVersion", FunctionName="resize")
    assert answer["State"] == "Pending" and "LastUpdateStatus" not in answer
    await account.settle()
    assert (await account.call("GetFunctionConfiguration", FunctionName="resize:1"))["State"] == "Failed"


async def test_listing_starts_with_latest_and_gives_fifty_at_most(account: TestAccount) -> None:
    await account.create()
    for _ in range(51):
        await account.publish()
    first = await account.call("ListVersionsByFunction", FunctionName="resize", MaxItems=1000)
    assert [each["Version"] for each in first["Versions"]] == ["$LATEST", *map(str, range(1, 50))]
    assert first["Versions"][0]["FunctionArn"] == function_arn("resize", "$LATEST")
    assert "State" not in first["Versions"][0]
    rest = await account.call("ListVersionsByFunction", FunctionName="resize", Marker=first["NextMarker"])
    assert [each["Version"] for each in rest["Versions"]] == ["50", "51"] and "NextMarker" not in rest
    one = await account.call("ListVersionsByFunction", FunctionName="resize", MaxItems=1)
    two = await account.call("ListVersionsByFunction", FunctionName="resize", MaxItems=1, Marker=one["NextMarker"])
    assert [each["Version"] for each in two["Versions"]] == ["1"]


async def test_versions_of_nothing(account: TestAccount) -> None:
    for operation in ("ListVersionsByFunction", "PublishVersion"):
        assert (await account.error(operation, FunctionName="other"))[2] == f"Function not found: {function_arn('other')}"


async def test_numbers_go_on_when_a_function_is_created_anew(account: TestAccount) -> None:
    await account.create(Publish=True)
    assert await account.publish() == "2"
    for expected in ("3", "4"):
        await account.call("DeleteFunction", FunctionName="resize")
        # Also where nobody remembers but the store.
        await account.stop()
        await account.start()
        assert (await account.create(Publish=True))["Version"] == expected
    assert await account.publish() == "5"
    await account.call("DeleteFunction", FunctionName="resize")
    await account.create()
    listed = (await account.call("ListVersionsByFunction", FunctionName="resize"))["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST"]
    assert await account.publish() == "6"


async def test_numbers_are_counted_per_name_account_and_region(account: TestAccount) -> None:
    await account.create(Publish=True)
    await account.call("DeleteFunction", FunctionName="resize")
    assert (await account.create("other", Publish=True))["Version"] == "1"
    assert (await account.create(caller=account.caller_of(ACCOUNT, "eu-west-1"), Publish=True))["Version"] == "1"
    assert (await account.create(Publish=True))["Version"] == "2"


async def test_a_function_without_versions_leaves_nothing_behind(account: TestAccount) -> None:
    await account.create()
    await account.call("DeleteFunction", FunctionName="resize")
    assert await account.key_values.scan("") == []
