"""Where the pollers find queues: in this lambdad, or where the settings say that an account's queues are."""

from collections.abc import Sequence
from typing import Final

from lambdad.pollers.api import Source, SourceMessage
from lambdad.pollers.remote import RemoteQueues
from lambdad.services.sqs.service import SqsService


class OwnQueue:
    """A `Source`."""

    receivers: Final = 1

    def __init__(self, sqs: SqsService, arn: str) -> None:
        self._sqs = sqs
        self._arn = arn

    async def receive(self, limit: int, wait: float) -> Sequence[SourceMessage]:
        return await self._sqs.receive(self._arn, limit, wait)

    async def delete(self, handles: Sequence[str]) -> int:
        return await self._sqs.delete(self._arn, handles)

    async def change_visibility(self, handle: str, seconds: int) -> None:
        self._sqs.change_visibility(self._arn, handle, seconds)


class Queues:
    """Implements `lambdad.pollers.api.Sources`."""

    def __init__(self, sqs: SqsService, remote: RemoteQueues) -> None:
        self._sqs = sqs
        self._remote = remote

    def open(self, arn: str) -> Source:
        return self._remote.open(arn) if self.is_remote(arn.split(":")[4]) else OwnQueue(self._sqs, arn)

    async def visibility(self, arn: str) -> int:
        if self.is_remote(arn.split(":")[4]):
            return await self._remote.visibility(arn)
        return int(self._sqs.attributes(arn)["VisibilityTimeout"])

    def is_remote(self, account: str) -> bool:
        return account in self._remote
