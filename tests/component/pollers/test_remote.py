"""Queues elsewhere, through a scripted client of botocore's kind."""

import asyncio
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdad.domain.errors import CallerError, PlatformError
from lambdad.pollers.remote import RemoteQueue, RemoteQueues
from lambdad.testing.clock import VirtualClockLoop

ARN = "arn:aws:sqs:eu-central-1:123456789012:orders"
MESSAGE = {"MessageId": "m", "ReceiptHandle": "handle of m", "Body": "b", "MD5OfBody": "5"}


class Client:
    """Knows one queue; what it is asked is kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error: Exception | None = None
        self.receiving = threading.Event()
        self.arrives = threading.Event()
        self.arrives.set()

    def get_queue_url(self, **params: Any) -> dict[str, Any]:
        assert params == {"QueueName": "orders", "QueueOwnerAWSAccountId": "123456789012"}
        return {"QueueUrl": "url"}

    def _keep(self, operation: str, params: dict[str, Any]) -> None:
        assert params.pop("QueueUrl") == "url"
        self.asked.append((operation, params))
        if self.error is not None:
            raise self.error

    def receive_message(self, **params: Any) -> dict[str, Any]:
        self._keep("receive", params)
        self.receiving.set()
        assert self.arrives.wait(20)
        return {"Messages": [MESSAGE]}

    def delete_message_batch(self, **params: Any) -> dict[str, Any]:
        self._keep("delete", params)
        return {"Failed": [each for each in params["Entries"] if each["ReceiptHandle"] == "expired"]}

    def change_message_visibility(self, **params: Any) -> dict[str, Any]:
        self._keep("change", params)
        self.receiving.set()
        return {}

    def get_queue_attributes(self, **params: Any) -> dict[str, Any]:
        self._keep("attributes", params)
        return {"Attributes": {"VisibilityTimeout": "77"}}


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def queue(client: Client) -> RemoteQueue:
    def connect(account: str, region: str) -> Client:
        assert (account, region) == ("123456789012", "eu-central-1")
        return client

    return RemoteQueue(ARN, connect)


async def test_the_verbs(clock: VirtualClockLoop, queue: RemoteQueue, client: Client) -> None:
    with clock.real_time():
        assert await queue.receive(3, 7.9) == [MESSAGE]
        assert await queue.visibility() == 77
        await queue.change_visibility("handle", 5)
        handles = [*map(str, range(11)), "expired"]
        assert await queue.delete(handles) == 1
    wanted = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    (receive, attributes, change, first, second) = client.asked
    assert receive == ("receive", {"MaxNumberOfMessages": 3, "WaitTimeSeconds": 7} | wanted)
    assert attributes == ("attributes", {"AttributeNames": ["VisibilityTimeout"]})
    assert change == ("change", {"ReceiptHandle": "handle", "VisibilityTimeout": 5})
    assert [len(each[1]["Entries"]) for each in (first, second)] == [10, 2]


async def test_errors_of_the_server_keep_their_code(clock: VirtualClockLoop, queue: RemoteQueue, client: Client) -> None:
    client.error = ClientError({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue", "Message": "gone"}}, "x")
    with clock.real_time(), pytest.raises(CallerError, match="gone") as caught:
        await queue.receive(10, 20.0)
    assert caught.value.code == "AWS.SimpleQueueService.NonExistentQueue"
    client.error = EndpointConnectionError(endpoint_url="http://nowhere")
    with clock.real_time(), pytest.raises(PlatformError, match="does not answer"):
        await queue.receive(10, 20.0)


async def test_what_arrives_when_nobody_waits_any_more_is_given_back(
    clock: VirtualClockLoop, queue: RemoteQueue, client: Client
) -> None:
    client.arrives.clear()
    with clock.real_time():
        receiving = asyncio.create_task(queue.receive(10, 20.0))
        assert await asyncio.to_thread(client.receiving.wait, 20)
        client.receiving.clear()
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        client.arrives.set()
        assert await asyncio.to_thread(client.receiving.wait, 20)
    assert client.asked[-1] == ("change", {"ReceiptHandle": "handle of m", "VisibilityTimeout": 0})


async def test_a_profile_that_is_not_there_is_an_answer(clock: VirtualClockLoop) -> None:
    queues = RemoteQueues({"123456789012": "no-such-profile"})
    assert "123456789012" in queues
    assert "000000000000" not in queues
    with clock.real_time(), pytest.raises(PlatformError, match="no-such-profile"):
        await queues.visibility(ARN)
