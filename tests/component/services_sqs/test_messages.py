import asyncio
from typing import Any

import pytest

from lambdad.substrate.api import StorageFull

from .api import Api


async def test_what_a_receiver_sees(api: Api) -> None:
    url = await api.queue()
    sent = await api.send(
        url,
        "body",
        MessageAttributes={
            "a": {"DataType": "String", "StringValue": "x"},
            "b.c": {"DataType": "Binary", "BinaryValue": b"\0"},
        },
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    )
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32
    await api.clock.advance(3)
    (message,) = await api.receive(url)
    assert message.pop("ReceiptHandle")
    assert message == {
        "MessageId": sent["MessageId"],
        "MD5OfBody": "841a2d689ad86bd1611447453c22c6fc",
        "Body": "body",
        "Attributes": {
            "SenderId": "000000000000",
            "SentTimestamp": "1000000",
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": "1003000",
            "AWSTraceHeader": "Root=1",
        },
        "MessageAttributes": {
            "a": {"DataType": "String", "StringValue": "x"},
            "b.c": {"DataType": "Binary", "BinaryValue": b"\0"},
        },
        "MD5OfMessageAttributes": sent["MD5OfMessageAttributes"],
    }


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        ([], set()),
        (["All"], {"General", "Hello", "Help.Me"}),
        ([".*"], {"General", "Hello", "Help.Me"}),
        (["Foo"], set()),
        (["Hello", "Foo"], {"Hello"}),
        (["Hel.*"], {"Hello", "Help.Me"}),
        (["AWS."], set()),
    ],
)
async def test_attributes_are_shown_by_name(api: Api, names: list[str], seen: set[str]) -> None:
    url = await api.queue()
    given = {name: {"DataType": "String", "StringValue": "x"} for name in ("General", "Hello", "Help.Me")}
    await api.send(url, "msg", MessageAttributes=given)
    (message,) = await api.receive(url, MessageAttributeNames=names, MessageSystemAttributeNames=["SenderId"])
    assert set(message.get("MessageAttributes", {})) == seen
    assert ("MD5OfMessageAttributes" in message) == bool(seen)
    assert message["Attributes"] == {"SenderId": "000000000000"}


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"MessageBody": ""}, "MissingParameter", "The request must contain the parameter MessageBody."),
        ({"MessageBody": "\x01"}, "InvalidMessageContents", "Invalid characters found."),
        ({"MessageBody": "x" * 1025}, "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be"),
        ({"DelaySeconds": 901}, "InvalidParameterValue", "Value 901 for parameter DelaySeconds is invalid."),
        ({"MessageDeduplicationId": "d"}, "InvalidParameterValue", "Value d for parameter MessageDeduplicationId is invalid."),
        (
            {"MessageAttributes": {"e": {"DataType": "String", "StringValue": ""}}},
            "InvalidParameterValue",
            "Message (user) attribute 'e' must contain a non-empty value of type 'String'.",
        ),
        (
            {"MessageAttributes": {"e": {"DataType": "Word", "StringValue": "x"}}},
            "InvalidParameterValue",
            "The type of message",
        ),
        ({"MessageAttributes": {"e": {"DataType": "Number", "StringValue": "x"}}}, "InvalidParameterValue", "Can't cast"),
        ({"MessageAttributes": {"e.": {"DataType": "String", "StringValue": "x"}}}, "InvalidParameterValue", "Invalid non-"),
        (
            {"MessageAttributes": {"AWS.e": {"DataType": "String", "StringValue": "x"}}},
            "InvalidParameterValue",
            "You can't use",
        ),
        (
            {"MessageAttributes": {str(n): {"DataType": "String", "StringValue": "x"} for n in range(11)}},
            "InvalidParameterValue",
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
    ],
)
async def test_what_can_not_be_sent(api: Api, params: dict[str, Any], code: str, message: str) -> None:
    url = await api.queue(MaximumMessageSize="1024")
    found = await api.refuses("SendMessage", **{"QueueUrl": url, "MessageBody": "x"} | params)
    assert found[0] == code
    assert found[1].startswith(message)
    assert await api.counts(url) == (0, 0, 0)


async def test_visibility(api: Api) -> None:
    url = await api.queue(VisibilityTimeout="10")
    await api.send(url, "x")
    (first,) = await api.receive(url)
    assert await api.counts(url) == (0, 1, 0)
    await api.clock.advance(9)
    await api.call("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=10)
    await api.clock.advance(9)
    assert await api.bodies(url) == []
    await api.clock.advance(1)
    assert await api.counts(url) == (1, 0, 0)
    # After its end a change does nothing, and is no error.
    await api.call("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=10)
    (second,) = await api.receive(url, VisibilityTimeout=0)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == first["Attributes"]["ApproximateFirstReceiveTimestamp"]
    (third,) = await api.receive(url)
    change = {"QueueUrl": url, "ReceiptHandle": third["ReceiptHandle"]}
    assert await api.refuses("ChangeMessageVisibility", **change, VisibilityTimeout=43_201) == (
        "InvalidParameterValue",
        "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.",
    )
    await api.clock.advance(1)
    refusal = await api.refuses("ChangeMessageVisibility", **change, VisibilityTimeout=43_200)
    assert refusal[1].endswith("Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
    await api.delete(url, first)  # an old handle is good enough
    assert await api.counts(url) == (0, 0, 0)
    assert (await api.refuses("ChangeMessageVisibility", **change, VisibilityTimeout=1))[1].endswith(
        "Reason: Message does not exist or is not available for visibility timeout change."
    )
    await api.delete(url, third)


async def test_handles(api: Api) -> None:
    url, other = await api.queue(), await api.queue("other")
    await api.send(url, "x")
    (message,) = await api.receive(url)
    assert await api.refuses("DeleteMessage", QueueUrl=url, ReceiptHandle="nonsense") == (
        "ReceiptHandleIsInvalid",
        'The input receipt handle "nonsense" is not a valid receipt handle.',
    )
    assert (await api.refuses("DeleteMessage", QueueUrl=other, ReceiptHandle=message["ReceiptHandle"]))[0] == (
        "ReceiptHandleIsInvalid"
    )
    await api.restart()
    await api.delete(url, message)
    assert await api.counts(url) == (0, 0, 0)


async def test_delays(api: Api) -> None:
    url = await api.queue(DelaySeconds="5")
    await api.send(url, "queue's")
    await api.send(url, "own", DelaySeconds=9)
    await api.send(url, "none", DelaySeconds=0)
    assert await api.counts(url) == (1, 0, 2)
    assert await api.bodies(url) == ["none"]
    assert await api.bodies(url, WaitTimeSeconds=20) == ["queue's"]
    assert api.clock.time() == pytest.approx(1005)
    assert await api.bodies(url, WaitTimeSeconds=20) == ["own"]
    assert api.clock.time() == pytest.approx(1009)


async def test_a_long_poll(api: Api) -> None:
    url = await api.queue(ReceiveMessageWaitTimeSeconds="7")
    assert await api.bodies(url) == []
    assert api.clock.time() == pytest.approx(1007)
    waiting = asyncio.create_task(api.bodies(url, WaitTimeSeconds=20))
    await api.clock.advance(3)
    await api.send(url, "x")
    assert await waiting == ["x"]
    assert api.clock.time() == pytest.approx(1010)
    waiting = asyncio.create_task(api.bodies(url, WaitTimeSeconds=20))
    await api.clock.advance(1)
    api.service.stop()
    assert await waiting == []
    assert api.clock.time() == pytest.approx(1011)


async def test_messages_grow_too_old(api: Api) -> None:
    url = await api.queue(MessageRetentionPeriod="60")
    await api.send(url, "old")
    await api.clock.advance(30)
    await api.send(url, "young")
    await api.clock.advance(30.001)
    assert await api.bodies(url) == ["young"]
    await api.clock.advance(90)
    assert await api.counts(url) == (0, 0, 0)


async def test_batches_fail_one_by_one_or_all_together(api: Api) -> None:
    url = await api.queue()
    good = [{"Id": f"{number}", "MessageBody": f"{number}"} for number in range(3)]
    answer = await api.call(
        "SendMessageBatch", QueueUrl=url, Entries=[*good, {"Id": "x", "MessageBody": "-", "DelaySeconds": 901}]
    )
    assert [each["Id"] for each in answer["Successful"]] == ["0", "1", "2"]
    assert [(each["Id"], each["Code"], each["SenderFault"]) for each in answer["Failed"]] == [
        ("x", "InvalidParameterValue", True)
    ]
    for entries, code, message in (
        ([], "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."),
        ([good[0], good[0]], "BatchEntryIdsNotDistinct", "Id 0 repeated."),
        ([{"Id": "a:b", "MessageBody": "x"}], "InvalidBatchEntryId", "A batch entry id can only contain alphanumeric"),
        (
            [{"Id": f"{number}", "MessageBody": "x"} for number in range(11)],
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 11.",
        ),
        (
            [{"Id": f"{number}", "MessageBody": "x" * 600_000} for number in range(2)],
            "BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1200000 bytes.",
        ),
    ):
        found = await api.refuses("SendMessageBatch", QueueUrl=url, Entries=entries)
        assert found[0] == code
        assert found[1].startswith(message)
    messages = await api.receive(url)
    assert [message["Body"] for message in messages] == ["0", "1", "2"]
    handles = [{"Id": message["Body"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
    shorter = [each | {"VisibilityTimeout": 0} for each in handles[:2]] + [
        {"Id": "x", "ReceiptHandle": "?", "VisibilityTimeout": 1}
    ]
    answer = await api.call("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=shorter)
    assert ([each["Id"] for each in answer["Successful"]], answer["Failed"][0]["Code"]) == (
        ["0", "1"],
        "ReceiptHandleIsInvalid",
    )
    assert await api.bodies(url) == ["0", "1"]
    answer = await api.call("DeleteMessageBatch", QueueUrl=url, Entries=handles)
    assert len(answer["Successful"]) == 3
    assert await api.counts(url) == (0, 0, 0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"MaxNumberOfMessages": 11},
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            {"WaitTimeSeconds": 21},
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            {"VisibilityTimeout": -1},
            "Value -1 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.",
        ),
    ],
)
async def test_what_can_not_be_asked_for(api: Api, params: dict[str, int], message: str) -> None:
    assert await api.refuses("ReceiveMessage", QueueUrl=await api.queue(), **params) == ("InvalidParameterValue", message)


async def test_the_limit_of_messages_in_flight(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdad.services.sqs.machine.IN_FLIGHT", 3)
    url = await api.queue()
    for number in range(5):
        await api.send(url, str(number))
    assert len(await api.bodies(url)) == 3
    assert (await api.refuses("ReceiveMessage", QueueUrl=url))[0] == "OverLimit"
    assert await api.bodies(url, WaitTimeSeconds=3) == []


async def test_rooms_use_queues_by_arn(api: Api) -> None:
    url = await api.queue(VisibilityTimeout="100")
    service, arn = api.service, await api.arn(url)
    identifier = await service.send(arn, "event", {"ErrorCode": ("Number", "200")}, "lambda")
    (message,) = await service.receive(arn, 10, 0)
    assert (message["MessageId"], message["Body"]) == (identifier, "event")
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "200"
    service.change_visibility(arn, message["ReceiptHandle"], 0)
    (again,) = await service.receive(arn, 10, 0)
    assert service.attributes(arn)["ApproximateNumberOfMessagesNotVisible"] == "1"
    await service.delete(arn, [again["ReceiptHandle"]])
    assert service.attributes(arn)["ApproximateNumberOfMessagesNotVisible"] == "0"
    ((queue, meter, counts),) = service.report()
    assert (queue.name, meter.sent, meter.received, meter.deleted, counts.oldest_ms) == ("q", 1, 2, 1, None)


async def test_a_full_disk_is_an_error_and_passes(api: Api) -> None:
    url = await api.queue()
    api.substrate.queues.full = True
    with pytest.raises(StorageFull):
        await api.send(url, "x")
    api.substrate.queues.full = False
    await api.send(url, "y")
    assert await api.bodies(url) == ["y"]
