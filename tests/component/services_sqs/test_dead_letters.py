import json

import pytest

from .api import Api


async def pair(api: Api, most: int = 1, suffix: str = "", **attributes: str) -> tuple[str, str]:
    """A queue, and its dead-letter queue."""
    dead = await api.queue(f"dead{suffix}", **attributes)
    policy = json.dumps({"deadLetterTargetArn": await api.arn(dead), "maxReceiveCount": most})
    source = await api.queue(f"source{suffix}", RedrivePolicy=policy, VisibilityTimeout="5", **attributes)
    return source, dead


async def test_a_message_that_is_received_too_often(api: Api) -> None:
    source, dead = await pair(api, most=2)
    sent = await api.send(source, "poison")
    for _ in range(2):
        assert await api.bodies(source) == ["poison"]
        await api.clock.advance(5)
    await api.send(source, "good")
    assert await api.bodies(source) == ["good"]
    (message,) = await api.receive(dead)
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "poison")
    assert message["Attributes"]["SentTimestamp"] == "1000000"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == await api.arn(source)


async def test_a_long_poll_passes_over_what_is_dead(api: Api) -> None:
    source, dead = await pair(api)
    await api.send(source, "poison")
    await api.bodies(source)
    assert await api.bodies(source, WaitTimeSeconds=10) == []
    assert api.clock.time() == pytest.approx(1010)
    assert await api.bodies(dead) == ["poison"]


async def test_without_its_dead_letter_queue_it_is_delivered(api: Api) -> None:
    source, dead = await pair(api)
    await api.send(source, "poison")
    await api.call("DeleteQueue", QueueUrl=dead)
    for _ in range(3):
        assert await api.bodies(source) == ["poison"]
        await api.clock.advance(5)


async def test_fifo_queues_go_on_behind_it(api: Api) -> None:
    source, dead = await pair(api, suffix=".fifo", FifoQueue="true")
    for body in ("bad", "next"):
        await api.send(source, body, MessageGroupId="g", MessageDeduplicationId=body)
    assert await api.bodies(source, MaxNumberOfMessages=1) == ["bad"]
    await api.clock.advance(5)
    assert await api.bodies(source) == ["next"]
    (message,) = await api.receive(dead)
    assert message["Attributes"]["MessageDeduplicationId"] == message["MessageId"]
    assert message["Attributes"]["MessageGroupId"] == "g"
    assert message["Attributes"]["SentTimestamp"] == "1005000"


async def bury(api: Api, source: str, count: int) -> None:
    for number in range(count):
        await api.send(source, str(number))
    while await api.bodies(source, MaxNumberOfMessages=10):
        pass
    await api.clock.advance(5)
    assert await api.bodies(source) == []


async def tasks(api: Api, dead: str, most: int = 10) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await api.call("ListMessageMoveTasks", SourceArn=await api.arn(dead), MaxResults=most))[
        "Results"
    ]
    return found


async def test_a_redrive_to_the_source(api: Api) -> None:
    source, dead = await pair(api)
    await bury(api, source, 25)
    handle = (await api.call("StartMessageMoveTask", SourceArn=await api.arn(dead)))["TaskHandle"]
    await api.clock.advance(1)
    (task,) = await tasks(api, dead)
    assert {name: value for name, value in task.items() if value is not None} == {
        "Status": "COMPLETED",
        "SourceArn": await api.arn(dead),
        "ApproximateNumberOfMessagesMoved": 25,
        "ApproximateNumberOfMessagesToMove": 25,
        "StartedTimestamp": 1005000,
    }
    assert await api.counts(dead) == (0, 0, 0)
    assert await api.counts(source) == (25, 0, 0)
    (message,) = await api.receive(source, MaxNumberOfMessages=1)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "DeadLetterQueueSourceArn" not in message["Attributes"]
    assert await api.refuses("CancelMessageMoveTask", TaskHandle=handle) == (
        "UnsupportedOperation",
        "Only active tasks can be cancelled.",
    )


async def test_a_slow_redrive_is_cancelled(api: Api) -> None:
    source, dead = await pair(api)
    other = await api.queue("other")
    await bury(api, source, 10)
    start = {"SourceArn": await api.arn(dead), "DestinationArn": await api.arn(other), "MaxNumberOfMessagesPerSecond": 1}
    handle = (await api.call("StartMessageMoveTask", **start))["TaskHandle"]
    assert (await api.refuses("StartMessageMoveTask", **start))[1].startswith("There is already a task running.")
    await api.clock.advance(2.5)
    (task,) = await tasks(api, dead)
    assert (task["Status"], task["TaskHandle"], task["ApproximateNumberOfMessagesMoved"]) == ("RUNNING", handle, 3)
    assert await api.call("CancelMessageMoveTask", TaskHandle=handle) == {"ApproximateNumberOfMessagesMoved": 3}
    await api.clock.advance(5)
    (task,) = await tasks(api, dead)
    assert (task["Status"], task["TaskHandle"]) == ("CANCELLED", None)
    assert (await api.counts(other))[0] == 3


async def test_a_redrive_goes_on_after_a_restart(api: Api) -> None:
    source, dead = await pair(api)
    await bury(api, source, 5)
    await api.call("StartMessageMoveTask", SourceArn=await api.arn(dead), MaxNumberOfMessagesPerSecond=1)
    await api.clock.advance(1.5)
    await api.restart()
    await api.clock.advance(60)
    assert (await tasks(api, dead))[0]["Status"] == "COMPLETED"
    assert (await api.counts(source))[0] == 5


async def test_a_redrive_whose_destination_goes(api: Api) -> None:
    source, dead = await pair(api)
    other = await api.queue("other")
    await bury(api, source, 10)
    await api.call(
        "StartMessageMoveTask",
        SourceArn=await api.arn(dead),
        DestinationArn=await api.arn(other),
        MaxNumberOfMessagesPerSecond=1,
    )
    await api.clock.advance(2.5)
    await api.call("DeleteQueue", QueueUrl=other)
    await api.clock.advance(1)
    (task,) = await tasks(api, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert (await api.counts(dead))[0] == 7


async def test_what_is_no_dead_letter_queue_has_no_redrive(api: Api) -> None:
    source, dead = await pair(api)
    plain, arn = await api.queue(), await api.arn(dead)
    assert await api.refuses("StartMessageMoveTask", SourceArn=await api.arn(plain)) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )
    nowhere = arn + "-nowhere"
    assert await api.refuses("StartMessageMoveTask", SourceArn=nowhere) == (
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    )
    assert await api.refuses("StartMessageMoveTask", SourceArn=arn, DestinationArn=nowhere) == (
        "ResourceNotFoundException",
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
    )
    assert await api.refuses("CancelMessageMoveTask", TaskHandle="nonsense") == (
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    )
    # What was sent to it by a client has no queue to go back to.
    await api.send(dead, "direct")
    await api.call("StartMessageMoveTask", SourceArn=arn)
    await api.clock.advance(1)
    (task,) = await tasks(api, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert await api.bodies(dead) == ["direct"]
    assert source
