"""Where the pollers find queues: in this lambdad, or where the settings say that an account's queues are."""

from collections.abc import Callable, Sequence
from typing import Final

from lambdad.domain.access import Need, RequireOfRole
from lambdad.domain.arns import FunctionName, account_of
from lambdad.pollers.api import Source, SourceMessage
from lambdad.pollers.remote import RemoteQueues
from lambdad.records.api import Records
from lambdad.records.resolve import resolve
from lambdad.services.sqs.service import SqsService


class OwnQueue:
    """A `Source`. What becomes visible again early asks for no permission: on AWS nobody has to give pollers one for it."""

    receivers: Final = 1

    def __init__(self, sqs: SqsService, arn: str, require: Callable[[str], None]) -> None:
        self._sqs = sqs
        self._arn = arn
        self._require = require

    async def receive(self, limit: int, wait: float) -> Sequence[SourceMessage]:
        self._require("ReceiveMessage")
        return await self._sqs.receive(self._arn, limit, wait)

    async def delete(self, handles: Sequence[str]) -> int:
        self._require("DeleteMessage")
        return await self._sqs.delete(self._arn, handles)

    async def change_visibility(self, handle: str, seconds: int) -> None:
        self._sqs.change_visibility(self._arn, handle, seconds)


class Queues:
    """Implements `lambdad.pollers.api.Sources`."""

    def __init__(self, sqs: SqsService, remote: RemoteQueues, records: Records, require: RequireOfRole) -> None:
        self._sqs = sqs
        self._remote = remote
        self._records = records
        self._require = require

    def open(self, arn: str, function: Callable[[], FunctionName]) -> Source:
        """Of queues that are somewhere else, the credentials by which they are reached say what may be done."""
        account = account_of(arn)
        if self.is_remote(account):
            return self._remote.open(arn)

        def require(action: str) -> None:
            name = function()
            version = resolve(self._records.function(name.account, name.region, name.name), name, 1.0)
            self._require(version.role, name, Need(f"sqs:{action}", account, arn))

        return OwnQueue(self._sqs, arn, require)

    async def visibility(self, arn: str) -> int:
        if self.is_remote(account_of(arn)):
            return await self._remote.visibility(arn)
        return int(self._sqs.attributes(arn)["VisibilityTimeout"])

    def is_remote(self, account: str) -> bool:
        return account in self._remote
