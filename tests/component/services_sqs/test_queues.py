import json

import pytest

from .api import Api


async def test_a_queue_has_awss_defaults(api: Api) -> None:
    url = await api.queue()
    assert url == "http://localhost:4566/000000000000/q"
    assert await api.attributes(url) == {
        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:q",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "CreatedTimestamp": "1000",
        "LastModifiedTimestamp": "1000",
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
    }
    assert await api.call("GetQueueAttributes", QueueUrl=url) == {"Attributes": {}}
    shown = await api.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["DelaySeconds", "Policy"])
    assert shown == {"Attributes": {"DelaySeconds": "0"}}


async def test_a_fifo_queue_has_more(api: Api) -> None:
    shown = await api.attributes(await api.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true"))
    assert {name: shown[name] for name in ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope")} == {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "queue",
    }
    assert shown["FifoThroughputLimit"] == "perQueue"


@pytest.mark.parametrize(
    ("name", "attributes", "code", "message"),
    [
        ("", {}, "InvalidParameterValue", "Queue name cannot be empty"),
        ("a.b", {}, "InvalidParameterValue", "Can only include alphanumeric"),
        ("q.fifo", {}, "InvalidParameterValue", "Can only include alphanumeric"),
        ("x" * 81, {}, "InvalidParameterValue", "Can only include alphanumeric"),
        ("q", {"FifoQueue": "true"}, "InvalidParameterValue", "The name of a FIFO queue can only include"),
        ("q", {"FifoQueue": "false"}, "InvalidAttributeName", "Unknown Attribute FifoQueue."),
        ("q", {"ContentBasedDeduplication": "true"}, "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication."),
        ("q", {"QueueArn": "arn"}, "InvalidAttributeName", "Unknown Attribute QueueArn."),
        ("q", {"VisibilityTimeout": "43201"}, "InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."),
        ("q", {"DelaySeconds": "-1"}, "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."),
        ("q", {"MaximumMessageSize": "1023"}, "InvalidAttributeValue", "Invalid value for the parameter MaximumMessageSize."),
        ("q", {"Policy": "{"}, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        ("q", {"RedrivePolicy": "x"}, "InvalidParameterValue", "Value x for parameter RedrivePolicy is invalid."),
        (
            "q",
            {"RedrivePolicy": '{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}'},
            "InvalidParameterValue",
            'Value {"deadLetterTargetArn": "dummy", "maxReceiveCount": 42} for parameter RedrivePolicy is invalid. '
            "Reason: Invalid value for deadLetterTargetArn.",
        ),
        (
            "q",
            {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:no", "maxReceiveCount": 1}'},
            "InvalidParameterValue",
            'Value {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:no", "maxReceiveCount": 1} for parameter '
            "RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
        ),
        (
            "q",
            {"KmsMasterKeyId": "key", "SqsManagedSseEnabled": "true"},
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time.",
        ),
    ],
)
async def test_what_can_not_be_created(api: Api, name: str, attributes: dict[str, str], code: str, message: str) -> None:
    found = await api.refuses("CreateQueue", QueueName=name, Attributes=attributes)
    assert found[0] == code
    assert found[1].startswith(message)


async def test_creating_it_again(api: Api) -> None:
    url = await api.queue(VisibilityTimeout="5")
    assert await api.queue(VisibilityTimeout="5") == url
    assert await api.queue() == url
    assert await api.refuses("CreateQueue", QueueName="q", Attributes={"DelaySeconds": "2"}) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    )


async def test_a_name_is_free_again_after_a_minute(api: Api) -> None:
    url = await api.queue()
    await api.send(url, "old")
    await api.call("DeleteQueue", QueueUrl=url)
    assert (await api.refuses("SendMessage", QueueUrl=url, MessageBody="x"))[0] == "NonExistentQueue"
    assert (await api.refuses("CreateQueue", QueueName="q"))[0] == "QueueDeletedRecently"
    await api.clock.advance(60)
    assert await api.bodies(await api.queue()) == []


async def test_queues_of_others_are_not_seen(api: Api) -> None:
    await api.queue()
    url = (await api.call("GetQueueUrl", QueueName="q"))["QueueUrl"]
    assert (await api.refuses("GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId="111111111111"))[0] == "NonExistentQueue"
    api.caller = type(api.caller)("111111111111", "us-east-1", "r", "k", "arn:aws:iam::111111111111:root", "localhost")
    assert await api.call("ListQueues") == {}
    assert (await api.call("GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId="000000000000"))["QueueUrl"].endswith("0/q")
    api.caller = type(api.caller)("000000000000", "eu-west-1", "r", "k", "arn:aws:iam::000000000000:root", "localhost")
    assert (await api.refuses("PurgeQueue", QueueUrl=url))[0] == "NonExistentQueue"


@pytest.mark.parametrize("url", ["q", "http://localhost/q", "http://localhost/", "http://localhost/123/q"])
async def test_an_address_that_is_none(api: Api, url: str) -> None:
    assert await api.refuses("PurgeQueue", QueueUrl=url) == (
        "InvalidAddress",
        f"The address {url} is not valid for this endpoint.",
    )


async def test_pages(api: Api) -> None:
    urls = [await api.queue(f"a{number}") for number in range(5)]
    await api.queue("b")
    assert (await api.call("ListQueues", QueueNamePrefix="a"))["QueueUrls"] == urls
    found, token = [], {}
    while True:
        page = await api.call("ListQueues", QueueNamePrefix="a", MaxResults=2, **token)
        found += page["QueueUrls"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == urls
    assert (await api.refuses("ListQueues", MaxResults=1001))[0] == "InvalidParameterValue"
    assert (await api.refuses("ListQueues", NextToken="%"))[0] == "InvalidParameterValue"


async def test_attributes_are_changed_and_outlive_a_restart(api: Api) -> None:
    url = await api.queue()
    await api.clock.advance(5)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    changes = {"VisibilityTimeout": "7", "Policy": policy, "KmsMasterKeyId": "key"}
    await api.call("SetQueueAttributes", QueueUrl=url, Attributes=changes)
    await api.call("TagQueue", QueueUrl=url, Tags={"a": "1", "b": ""})
    await api.restart()
    shown = await api.attributes(url)
    assert shown["LastModifiedTimestamp"] == "1005"
    assert (shown["VisibilityTimeout"], shown["Policy"], shown["KmsMasterKeyId"]) == ("7", policy, "key")
    assert (shown["SqsManagedSseEnabled"], shown["KmsDataKeyReusePeriodSeconds"]) == ("false", "300")
    await api.call("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": "", "SqsManagedSseEnabled": "true"})
    shown = await api.attributes(url)
    assert "Policy" not in shown
    assert "KmsMasterKeyId" not in shown
    assert await api.call("ListQueueTags", QueueUrl=url) == {"Tags": {"a": "1", "b": ""}}
    await api.call("UntagQueue", QueueUrl=url, TagKeys=["a", "c"])
    assert await api.call("ListQueueTags", QueueUrl=url) == {"Tags": {"b": ""}}
    assert (await api.refuses("TagQueue", QueueUrl=url, Tags={"aws:x": "1"}))[0] == "InvalidParameterValue"
    fifo = await api.queue("q.fifo", FifoQueue="true")
    assert await api.refuses("SetQueueAttributes", QueueUrl=fifo, Attributes={"FifoQueue": "false"}) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )


async def test_permissions_are_statements_of_the_policy(api: Api) -> None:
    url = await api.queue()

    async def add(label: str, *accounts: str) -> None:
        await api.call("AddPermission", QueueUrl=url, Label=label, AWSAccountIds=list(accounts), Actions=["ReceiveMessage"])

    await add("one", "111111111111")
    await add("two", "111111111111", "222222222222")
    policy = json.loads((await api.attributes(url))["Policy"])
    assert policy["Id"] == "arn:aws:sqs:us-east-1:000000000000:q/SQSDefaultPolicy"
    assert policy["Statement"][0] == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SQS:ReceiveMessage",
        "Resource": "arn:aws:sqs:us-east-1:000000000000:q",
    }
    assert policy["Statement"][1]["Principal"]["AWS"][1] == "arn:aws:iam::222222222222:root"
    again = {"QueueUrl": url, "Label": "one", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]}
    assert (await api.refuses("AddPermission", **again))[1].endswith("for parameter Label is invalid. Reason: Already exists.")
    await api.call("RemovePermission", QueueUrl=url, Label="one")
    await api.call("RemovePermission", QueueUrl=url, Label="two")
    assert "Policy" not in await api.attributes(url)
    assert await api.refuses("RemovePermission", QueueUrl=url, Label="two") == (
        "InvalidParameterValue",
        "Value two for parameter Label is invalid. Reason: can't find label.",
    )


async def test_a_purge_once_a_minute(api: Api) -> None:
    url = await api.queue()
    await api.send(url, "one")
    await api.send(url, "two", DelaySeconds=10)
    await api.bodies(url)
    await api.call("PurgeQueue", QueueUrl=url)
    assert await api.counts(url) == (0, 0, 0)
    assert (await api.refuses("PurgeQueue", QueueUrl=url))[0] == "PurgeQueueInProgress"
    await api.clock.advance(60)
    assert await api.bodies(url) == []
    await api.call("PurgeQueue", QueueUrl=url)


async def test_redrive_policies(api: Api) -> None:
    dead, fifo = await api.queue("dead"), await api.queue("q.fifo", FifoQueue="true")
    arn = await api.arn(dead)

    def redrive(**policy: object) -> dict[str, str]:
        return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn} | policy)}

    source = await api.queue("source", **redrive(maxReceiveCount="3"))
    assert (await api.attributes(source))["RedrivePolicy"] == f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}'
    assert (await api.call("ListDeadLetterSourceQueues", QueueUrl=dead))["queueUrls"] == [source]
    for policy, reason in (
        (redrive(maxReceiveCount=0), "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive."),
        (redrive(), "Redrive policy does not contain mandatory attribute: maxReceiveCount."),
    ):
        _, message = await api.refuses("SetQueueAttributes", QueueUrl=source, Attributes=policy)
        assert message.endswith(reason)
    _, message = await api.refuses("SetQueueAttributes", QueueUrl=fifo, Attributes=redrive(maxReceiveCount=1))
    assert message.endswith("Dead-letter queue must be same type of queue as the source.")
    deny = {"RedriveAllowPolicy": '{"redrivePermission": "denyAll"}'}
    await api.call("SetQueueAttributes", QueueUrl=dead, Attributes=deny)
    other = await api.queue("other")
    refusal = await api.refuses("SetQueueAttributes", QueueUrl=other, Attributes=redrive(maxReceiveCount=1))
    assert refusal[0] == "InvalidParameterValue"
    by_queue = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [await api.arn(other)]})
    await api.call("SetQueueAttributes", QueueUrl=dead, Attributes={"RedriveAllowPolicy": by_queue})
    await api.call("SetQueueAttributes", QueueUrl=other, Attributes=redrive(maxReceiveCount=1))
    assert json.loads((await api.attributes(dead))["RedriveAllowPolicy"]) == json.loads(by_queue)
    await api.call("SetQueueAttributes", QueueUrl=source, Attributes={"RedrivePolicy": ""})
    assert (await api.call("ListDeadLetterSourceQueues", QueueUrl=dead))["queueUrls"] == [other]
