import pytest

from .api import Api


@pytest.fixture
async def url(api: Api) -> str:
    return await api.queue("q.fifo", FifoQueue="true")


async def send(api: Api, url: str, *texts: str) -> None:
    """The first letter is the group."""
    for text in texts:
        await api.send(url, text, MessageGroupId=text[0], MessageDeduplicationId=text)


async def test_groups_keep_their_order(api: Api, url: str) -> None:
    await send(api, url, "a1", "b1", "a2", "a3", "b2")
    first = await api.receive(url, MaxNumberOfMessages=2)
    assert [each["Body"] for each in first] == ["a1", "a2"]
    assert await api.bodies(url) == ["b1", "b2"]
    await api.delete(url, first[0])
    assert await api.bodies(url) == []
    await api.delete(url, first[1])
    assert await api.bodies(url) == ["a3"]
    numbers = [each["Attributes"]["SequenceNumber"] for each in first]
    assert numbers == sorted(numbers)
    assert first[0]["Attributes"]["MessageGroupId"] == "a"
    assert first[0]["Attributes"]["MessageDeduplicationId"] == "a1"


async def test_a_message_is_taken_once_in_five_minutes(api: Api, url: str) -> None:
    ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = await api.send(url, "one", **ids)
    (message,) = await api.receive(url)
    await api.delete(url, message)
    await api.clock.advance(299)
    second = await api.send(url, "two", **ids | {"MessageGroupId": "other"})
    assert (second["MessageId"], second["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert await api.bodies(url) == []
    await api.clock.advance(1)
    third = await api.send(url, "three", **ids)
    assert third["MessageId"] != first["MessageId"]
    assert await api.bodies(url) == ["three"]


async def test_once_for_each_group(api: Api) -> None:
    url = await api.queue("g.fifo", FifoQueue="true", DeduplicationScope="messageGroup")
    for group in "aab":
        await api.send(url, group, MessageGroupId=group, MessageDeduplicationId="d")
    assert await api.bodies(url) == ["a", "b"]


async def test_once_by_content(api: Api) -> None:
    url = await api.queue("c.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    attributes = {"x": {"DataType": "String", "StringValue": "1"}}
    await api.send(url, "same", MessageGroupId="g")
    await api.send(url, "same", MessageGroupId="g", MessageAttributes=attributes)
    await api.send(url, "same", MessageGroupId="g", MessageDeduplicationId="other")
    assert await api.bodies(url) == ["same", "same"]


async def test_what_a_fifo_queue_asks_for(api: Api, url: str) -> None:
    send = {"QueueUrl": url, "MessageBody": "x"}
    assert await api.refuses("SendMessage", **send) == (
        "MissingParameter",
        "The request must contain the parameter MessageGroupId.",
    )
    assert await api.refuses("SendMessage", **send, MessageGroupId="g") == (
        "InvalidParameterValue",
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    )
    assert await api.refuses("SendMessage", **send, MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=2) == (
        "InvalidParameterValue",
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this "
        "queue type.",
    )
    assert (await api.refuses("SendMessage", **send, MessageGroupId="a b"))[0] == "InvalidParameterValue"
    assert await api.refuses("SendMessageBatch", QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}]) == (
        "InvalidParameterValue",
        "The request must contain the parameter MessageGroupId.",
    )


async def test_handles_expire(api: Api, url: str) -> None:
    await send(api, url, "a1")
    (first,) = await api.receive(url, VisibilityTimeout=5)
    await api.clock.advance(5)
    expired = (
        "InvalidParameterValue",
        f"Value {first['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    )
    assert await api.refuses("DeleteMessage", QueueUrl=url, ReceiptHandle=first["ReceiptHandle"]) == expired
    (second,) = await api.receive(url)
    assert await api.refuses("DeleteMessage", QueueUrl=url, ReceiptHandle=first["ReceiptHandle"]) == expired
    await api.delete(url, second)
    await api.delete(url, second)
    assert await api.counts(url) == (0, 0, 0)


async def test_a_receive_is_asked_for_again(api: Api, url: str) -> None:
    await send(api, url, "a1", "a2", "b1")
    how = {"MaxNumberOfMessages": 2, "VisibilityTimeout": 30, "ReceiveRequestAttemptId": "attempt"}
    first = await api.receive(url, **how)
    await api.clock.advance(20)
    assert await api.receive(url, **how) == first
    await api.clock.advance(20)  # its visibility began anew
    assert await api.bodies(url) == ["b1"]
    await api.delete(url, first[0])
    assert await api.bodies(url, **how) == []
    assert await api.bodies(url, **how | {"ReceiveRequestAttemptId": "another"}) == []


async def test_the_delay_of_the_queue(api: Api) -> None:
    url = await api.queue("d.fifo", FifoQueue="true", DelaySeconds="10")
    await send(api, url, "a1")
    assert await api.counts(url) == (0, 0, 1)
    await api.call("SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "0"})
    await send(api, url, "a2")
    assert await api.bodies(url, WaitTimeSeconds=20) == ["a1", "a2"]
