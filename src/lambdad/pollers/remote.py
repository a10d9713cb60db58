"""Queues of an SQS endpoint elsewhere, AWS's own or another server, through botocore.

A profile of AWS's own configuration files says where it is (`endpoint_url`) and with whose credentials:
https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html. Calls block, so each has a thread; a daemon's, since
nobody waits for a long poll at the end of lambdad.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from lambdad.domain.errors import CallerError, PlatformError
from lambdad.pollers.api import SourceMessage

T = TypeVar("T")

RECEIVERS: Final = 10
"""Long polls of one mapping at once."""
BATCH: Final = 10
"""Messages of one DeleteMessageBatch."""
CONNECT: Final = 5.0
"""Seconds."""
ANSWER: Final = 10.0
"""Seconds that the server may take beyond what it was asked to wait."""
POOL: Final = 256
"""Connections of one profile."""

log = logging.getLogger(__name__)


class RemoteQueues:
    """`profiles`: for each account whose queues are elsewhere, the profile by which they are reached."""

    def __init__(self, profiles: Mapping[str, str]) -> None:
        self._profiles = profiles
        self._clients: dict[tuple[str, str], Any] = {}
        self._turn = threading.Lock()

    def __contains__(self, account: object) -> bool:
        return account in self._profiles

    def open(self, arn: str) -> "RemoteQueue":
        return RemoteQueue(arn, self._client)

    async def visibility(self, arn: str) -> int:
        return await self.open(arn).visibility()

    def _client(self, account: str, region: str) -> Any:
        """Blocks: credentials may have to be fetched."""
        from botocore.config import Config
        from botocore.session import Session

        profile = self._profiles[account]
        with self._turn:
            client = self._clients.get((profile, region))
            if client is None:
                config = Config(
                    max_pool_connections=POOL, connect_timeout=CONNECT, read_timeout=20 + ANSWER, retries={"mode": "standard"}
                )
                client = Session(profile=profile).create_client("sqs", region_name=region, config=config)
                self._clients[profile, region] = client
        return client


class RemoteQueue:
    """A `Source`."""

    receivers = RECEIVERS

    def __init__(self, arn: str, client: Callable[[str, str], Any]) -> None:
        _, _, _, self._region, self._account, self._name = arn.split(":", 5)
        self._connect = client
        self._url: str | None = None

    def __repr__(self) -> str:
        return f"<RemoteQueue {self._account}/{self._name}>"

    async def receive(self, limit: int, wait: float) -> Sequence[SourceMessage]:
        receiving = _in_thread(lambda: self._receive(limit, int(wait)))
        try:
            return await asyncio.wrap_future(receiving)
        except asyncio.CancelledError:
            # The server does not know that nobody waits any more.
            receiving.add_done_callback(lambda received: _in_thread(lambda: self._give_back(received)))
            raise

    async def delete(self, handles: Sequence[str]) -> int:
        return await asyncio.wrap_future(_in_thread(lambda: self._delete(handles)))

    async def change_visibility(self, handle: str, seconds: int) -> None:
        await asyncio.wrap_future(_in_thread(lambda: self._change(handle, seconds)))

    async def visibility(self) -> int:
        def ask() -> int:
            names = ["VisibilityTimeout"]
            answer = self._call("get_queue_attributes", AttributeNames=names)
            return int(answer["Attributes"]["VisibilityTimeout"])

        return await asyncio.wrap_future(_in_thread(ask))

    # In a thread

    def _call(self, operation: str, **params: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._connect(self._account, self._region)
            if self._url is None:
                self._url = client.get_queue_url(QueueName=self._name, QueueOwnerAWSAccountId=self._account)["QueueUrl"]
            return getattr(client, operation)(QueueUrl=self._url, **params)
        except ClientError as error:
            details = error.response["Error"]
            raise CallerError.named(details["Code"], details.get("Message", str(error))) from error
        except BotoCoreError as error:
            raise PlatformError(f"The SQS endpoint of account {self._account} does not answer: {error}") from error

    def _receive(self, limit: int, wait: int) -> Sequence[SourceMessage]:
        # Servers that know only the older of the two names of this parameter take it too.
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=limit,
            WaitTimeSeconds=wait,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: Sequence[SourceMessage] = answer.get("Messages", [])
        return messages

    def _delete(self, handles: Sequence[str]) -> int:
        failed = 0
        for start in range(0, len(handles), BATCH):
            entries = [{"Id": str(at), "ReceiptHandle": each} for at, each in enumerate(handles[start : start + BATCH])]
            failed += len(self._call("delete_message_batch", Entries=entries).get("Failed", []))
        return failed

    def _change(self, handle: str, seconds: int) -> None:
        self._call("change_message_visibility", ReceiptHandle=handle, VisibilityTimeout=seconds)

    def _give_back(self, received: "Future[Sequence[SourceMessage]]") -> None:
        if received.exception() is not None:
            return
        for message in received.result():
            try:
                self._change(message["ReceiptHandle"], 0)
            except (CallerError, PlatformError) as error:
                log.info("message %s of %r stays invisible for a while: %s", message["MessageId"], self, error)


def _in_thread(call: Callable[[], T]) -> "Future[T]":
    """Who awaits the future may be cancelled: the call goes on, and its result is there."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, daemon=True, name="remote queue").start()
    return future
