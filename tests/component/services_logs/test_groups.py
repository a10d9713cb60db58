"""Log groups and streams through the API."""

import asyncio

import pytest

from lambdad.services.logs.groups import RETENTION_DAYS

from .api import Api

NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")
ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"


async def test_a_group_from_its_creation_to_its_deletion(api: Api) -> None:
    await api.call("CreateLogGroup", logGroupName="/app/a", kmsKeyId="k", tags={"x": "y"})
    assert await api.refuses("CreateLogGroup", logGroupName="/app/a") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert await api.call("DescribeLogGroups") == {
        "logGroups": [
            {
                "logGroupName": "/app/a",
                "creationTime": api.now.ms,
                "metricFilterCount": 0,
                "arn": f"{ARN}/app/a:*",
                "storedBytes": 0,
                "kmsKeyId": "k",
                "logGroupClass": "STANDARD",
                "logGroupArn": f"{ARN}/app/a",
                "deletionProtectionEnabled": False,
            }
        ]
    }
    await api.call("DeleteLogGroup", logGroupName="/app/a")
    assert await api.refuses("DeleteLogGroup", logGroupName="/app/a") == NO_GROUP
    assert (await api.call("DescribeLogGroups"))["logGroups"] == []


async def test_describing_groups_in_pages(api: Api) -> None:
    for name in ("b", "a", "/c", "a/1", "A"):
        await api.call("CreateLogGroup", logGroupName=name)
    names: list[str] = []
    page = await api.call("DescribeLogGroups", limit=2)
    while True:
        names += [group["logGroupName"] for group in page["logGroups"]]
        if "nextToken" not in page:
            break
        page = await api.call("DescribeLogGroups", limit=2, nextToken=page["nextToken"])
    assert names == ["/c", "A", "a", "a/1", "b"]
    assert (await api.refuses("DescribeLogGroups", nextToken="x"))[0] == "InvalidParameterException"
    assert (await api.refuses("DescribeLogGroups", nextToken="WzFd"))[0] == "InvalidParameterException"


async def test_choosing_groups(api: Api) -> None:
    for name, kind in (("/aws/lambda/f", "STANDARD"), ("/aws/x", "INFREQUENT_ACCESS"), ("dataLogs", "DELIVERY")):
        await api.call("CreateLogGroup", logGroupName=name, logGroupClass=kind)

    async def names(**params: object) -> list[str]:
        return [group["logGroupName"] for group in (await api.call("DescribeLogGroups", **params))["logGroups"]]

    assert await names(logGroupNamePrefix="/aws/l") == ["/aws/lambda/f"]
    assert await names(logGroupNamePattern="Logs") == ["dataLogs"]
    assert await names(logGroupNamePattern="logs") == []
    assert await names(logGroupClass="ESSENTIALS") == ["/aws/x"]
    assert await names(logGroupIdentifiers=["dataLogs", f"{ARN}/aws/x", "none"]) == ["/aws/x", "dataLogs"]
    assert await names(includeLinkedAccounts=True, accountIdentifiers=["111111111111"]) == []
    brief = await api.call("DescribeLogGroups", logGroupNamePattern="Logs")
    assert brief["logGroups"] == [{"logGroupName": "dataLogs", "creationTime": api.now.ms, "arn": f"{ARN}dataLogs:*"}]
    assert await api.refuses("DescribeLogGroups", logGroupNamePrefix="a", logGroupNamePattern="b") == (
        "InvalidParameterException",
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    )
    assert (await api.refuses("DescribeLogGroups", logGroupNamePrefix="a", logGroupIdentifiers=["b"]))[0] == (
        "InvalidParameterException"
    )


async def test_listing_groups(api: Api) -> None:
    await api.call("CreateLogGroup", logGroupName="/aws/lambda/f", tags={"team": "blue-1"})
    await api.call("CreateLogGroup", logGroupName="other", tags={"team": "red"})

    async def names(**params: object) -> list[str]:
        return [group["logGroupName"] for group in (await api.call("ListLogGroups", **params))["logGroups"]]

    assert await names() == ["/aws/lambda/f", "other"]
    assert await names(logGroupNamePattern="lam|^oth") == ["/aws/lambda/f", "other"]
    assert await names(logGroupNamePattern="^lambda") == []
    assert await names(logGroupTags=[{"key": "team"}]) == ["/aws/lambda/f", "other"]
    assert await names(logGroupTags=[{"key": "team", "values": ["blue*"]}]) == ["/aws/lambda/f"]
    assert await names(logGroupTags=[{"key": "team", "values": ["*-1"]}]) == ["/aws/lambda/f"]
    assert await names(logGroupTags=[{"key": "team", "values": ["*lue*"]}]) == ["/aws/lambda/f"]
    assert await names(logGroupTags=[{"key": "team", "values": ["!red"]}]) == ["/aws/lambda/f"]
    assert await names(logGroupTags=[{"key": "nobody"}]) == []
    assert await names(fieldIndexNames=["x"]) == []
    page = await api.call("ListLogGroups", limit=1)
    page = await api.call("ListLogGroups", limit=1, nextToken=page["nextToken"])
    assert page == {"logGroups": [{"logGroupName": "other", "logGroupArn": f"{ARN}other", "logGroupClass": "STANDARD"}]}


@pytest.mark.parametrize("days", RETENTION_DAYS)
async def test_retention(api: Api, days: int) -> None:
    await api.call("CreateLogGroup", logGroupName="g")
    await api.call("PutRetentionPolicy", logGroupName="g", retentionInDays=days)
    (group,) = (await api.call("DescribeLogGroups"))["logGroups"]
    assert group["retentionInDays"] == days
    await api.call("DeleteRetentionPolicy", logGroupName="g")
    (group,) = (await api.call("DescribeLogGroups"))["logGroups"]
    assert "retentionInDays" not in group


async def test_wrong_retention(api: Api) -> None:
    assert await api.refuses("PutRetentionPolicy", logGroupName="g", retentionInDays=7) == NO_GROUP
    assert await api.refuses("DeleteRetentionPolicy", logGroupName="g") == NO_GROUP
    await api.call("CreateLogGroup", logGroupName="g")
    for days in (0, -1, 2, 4000):
        assert (await api.refuses("PutRetentionPolicy", logGroupName="g", retentionInDays=days))[0] == (
            "InvalidParameterException"
        )


async def test_deletion_protection(api: Api) -> None:
    await api.call("CreateLogGroup", logGroupName="g", deletionProtectionEnabled=True)
    assert (await api.refuses("DeleteLogGroup", logGroupName="g"))[0] == "ValidationException"
    await api.call("PutLogGroupDeletionProtection", logGroupIdentifier=f"{ARN}g", deletionProtectionEnabled=False)
    await api.call("DeleteLogGroup", logGroupName="g")


async def test_tags_by_arn(api: Api) -> None:
    await api.call("CreateLogGroup", logGroupName="g", tags={"a": "1"})
    await api.call("TagResource", resourceArn=f"{ARN}g", tags={"b": "2", "a": "3"})
    assert await api.call("ListTagsForResource", resourceArn=f"{ARN}g:*".removesuffix(":*")) == {"tags": {"a": "3", "b": "2"}}
    await api.call("UntagResource", resourceArn=f"{ARN}g", tagKeys=["a", "none"])
    assert await api.call("ListTagsForResource", resourceArn=f"{ARN}g") == {"tags": {"b": "2"}}
    assert await api.refuses("ListTagsForResource", resourceArn=f"{ARN}none") == NO_GROUP
    assert (
        await api.refuses("TagResource", resourceArn=ARN.replace("us-east-1", "eu-west-1") + "g", tags={"a": "b"}) == NO_GROUP
    )
    assert (await api.refuses("TagResource", resourceArn="g", tags={"a": "b"}))[0] == "InvalidParameterException"
    assert (await api.refuses("TagResource", resourceArn="arn:aws:s3:::b", tags={"a": "b"}))[0] == "InvalidParameterException"


async def test_tags_by_name(api: Api) -> None:
    assert await api.refuses("TagLogGroup", logGroupName="g", tags={"a": "1"}) == NO_GROUP
    await api.call("CreateLogGroup", logGroupName="g")
    await api.call("TagLogGroup", logGroupName="g", tags={"a": "1", "b": "2"})
    await api.call("UntagLogGroup", logGroupName="g", tags=["a"])
    assert await api.call("ListTagsLogGroup", logGroupName="g") == {"tags": {"b": "2"}}


async def test_wrong_tags(api: Api) -> None:
    await api.call("CreateLogGroup", logGroupName="g", tags={str(number): "" for number in range(50)})
    assert (await api.refuses("TagResource", resourceArn=f"{ARN}g", tags={"more": ""}))[0] == "TooManyTagsException"
    await api.call("TagResource", resourceArn=f"{ARN}g", tags={"7": "again"})
    assert (await api.refuses("CreateLogGroup", logGroupName="h", tags={"aws:x": ""}))[0] == "InvalidParameterException"


async def test_changes_at_once_do_not_undo_each_other(api: Api) -> None:
    await api.call("CreateLogGroup", logGroupName="g")
    await asyncio.gather(
        api.call("TagResource", resourceArn=f"{ARN}g", tags={"a": "1"}),
        api.call("PutRetentionPolicy", logGroupName="g", retentionInDays=3),
        api.call("TagResource", resourceArn=f"{ARN}g", tags={"b": "2"}),
    )
    assert (await api.call("ListTagsLogGroup", logGroupName="g"))["tags"] == {"a": "1", "b": "2"}
    assert (await api.call("DescribeLogGroups"))["logGroups"][0]["retentionInDays"] == 3


async def test_a_stream_from_its_creation_to_its_deletion(api: Api) -> None:
    assert await api.refuses("CreateLogStream", logGroupName="g", logStreamName="s") == NO_GROUP
    assert await api.refuses("DescribeLogStreams", logGroupName="g") == NO_GROUP
    assert await api.refuses("DeleteLogStream", logGroupName="g", logStreamName="s") == NO_GROUP
    await api.call("CreateLogGroup", logGroupName="g")
    assert await api.refuses("DeleteLogStream", logGroupName="g", logStreamName="s") == NO_STREAM
    await api.call("CreateLogStream", logGroupName="g", logStreamName="s/[$LATEST]1")
    assert await api.refuses("CreateLogStream", logGroupName="g", logStreamName="s/[$LATEST]1") == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    (stream,) = (await api.call("DescribeLogStreams", logGroupIdentifier=f"{ARN}g"))["logStreams"]
    assert stream == {
        "logStreamName": "s/[$LATEST]1",
        "creationTime": api.now.ms,
        "arn": f"{ARN}g:log-stream:s/[$LATEST]1",
        "storedBytes": 0,
    }
    await api.call(
        "PutLogEvents",
        logGroupName="g",
        logStreamName="s/[$LATEST]1",
        logEvents=[{"timestamp": api.now.ms - 5, "message": "m"}],
    )
    (stream,) = (await api.call("DescribeLogStreams", logGroupName="g"))["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"], stream["lastIngestionTime"]) == (
        api.now.ms - 5,
        api.now.ms - 5,
        api.now.ms,
    )
    await api.call("DeleteLogStream", logGroupName="g", logStreamName="s/[$LATEST]1")
    assert (await api.call("DescribeLogStreams", logGroupName="g"))["logStreams"] == []


async def test_the_order_of_streams(api: Api) -> None:
    await api.call("CreateLogGroup", logGroupName="g")
    for name, age in (("b", 3), ("a", 1), ("c", 2), ("never", None)):
        await api.call("CreateLogStream", logGroupName="g", logStreamName=name)
        if age is not None:
            event = {"timestamp": api.now.ms - age, "message": "m"}
            await api.call("PutLogEvents", logGroupName="g", logStreamName=name, logEvents=[event])

    async def names(**params: object) -> list[str]:
        found: list[str] = []
        page = await api.call("DescribeLogStreams", logGroupName="g", limit=2, **params)
        while True:
            found += [stream["logStreamName"] for stream in page["logStreams"]]
            if "nextToken" not in page:
                return found
            page = await api.call("DescribeLogStreams", logGroupName="g", limit=2, nextToken=page["nextToken"], **params)

    assert await names() == ["a", "b", "c", "never"]
    assert await names(descending=True) == ["never", "c", "b", "a"]
    assert await names(orderBy="LastEventTime", descending=True) == ["a", "c", "b", "never"]
    assert await names(orderBy="LastEventTime") == ["never", "b", "c", "a"]
    assert await names(logStreamNamePrefix="ne") == ["never"]
    assert await api.refuses("DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", logStreamNamePrefix="a") == (
        "InvalidParameterException",
        "Cannot order by LastEventTime with a logStreamNamePrefix.",
    )
    assert (await api.refuses("DescribeLogStreams", logGroupName="g", logGroupIdentifier="g"))[0] == "InvalidParameterException"
    assert (await api.refuses("DescribeLogStreams"))[0] == "InvalidParameterException"
