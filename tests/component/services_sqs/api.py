"""The service as a client has it: parameters checked by botocore's model, answers held against it."""

from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.model import Shape
from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.services.sqs.service import SqsService
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.substrate import MemorySubstrate
from tests.component.answers import answer_of

ACCOUNT, REGION = "000000000000", "us-east-1"
MODEL = botocore.session.get_session().get_service_model("sqs")


class Api:
    def __init__(self, clock: VirtualClockLoop) -> None:
        self.clock = clock
        self.trace_id: str | None = None
        """What the requests' `X-Amzn-Trace-Id` says."""
        self.substrate = MemorySubstrate(clock.time)
        self.ids = 0
        self.caller = Caller(ACCOUNT, REGION, "request-1", "test", f"arn:aws:iam::{ACCOUNT}:root", "localhost:4566")
        self.runs = 0
        self.service = self.another()

    def another(self) -> SqsService:
        """As after a restart."""
        self.runs += 1
        return SqsService(
            self.substrate.key_values,
            self.substrate.queues,
            now=self.clock.time,
            new_id=self.new_id,
            url=lambda: "http://127.0.0.1:4566",
            run=self.runs,
        )

    async def restart(self) -> None:
        await self.service.close()
        self.service = self.another()
        await self.service.start()

    def new_id(self) -> str:
        self.ids += 1
        return f"id-{self.ids}"

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        caller = replace(self.caller, trace_id=self.trace_id)
        return await answer_of(self.service, MODEL, check, caller, operation, params)

    async def refuses(self, operation: str, **params: Any) -> tuple[str, str]:
        """The code, as boto3 shows it, and message of the error."""
        try:
            await self.service.operations[operation](self.caller, params)
        except CallerError as error:
            return error.members["query_error"].removeprefix("AWS.SimpleQueueService."), error.message
        raise AssertionError(f"{operation} was not refused")

    async def queue(self, name: str = "q", **attributes: str) -> str:
        url: str = (await self.call("CreateQueue", QueueName=name, Attributes=attributes))["QueueUrl"]
        return url

    async def send(self, url: str, body: str, **params: Any) -> dict[str, Any]:
        return await self.call("SendMessage", QueueUrl=url, MessageBody=body, **params)

    async def receive(self, url: str, **params: Any) -> list[dict[str, Any]]:
        params = {"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]} | params
        found: list[dict[str, Any]] = (await self.call("ReceiveMessage", QueueUrl=url, **params)).get("Messages", [])
        return found

    async def bodies(self, url: str, **params: Any) -> list[str]:
        return [message["Body"] for message in await self.receive(url, **params)]

    async def delete(self, url: str, message: Mapping[str, Any]) -> None:
        await self.call("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    async def attributes(self, url: str) -> dict[str, str]:
        found: dict[str, str] = (await self.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]))["Attributes"]
        return found

    async def arn(self, url: str) -> str:
        return (await self.attributes(url))["QueueArn"]

    async def counts(self, url: str) -> tuple[int, int, int]:
        shown = await self.attributes(url)
        visible, hidden, delayed = (int(shown[f"ApproximateNumberOfMessages{each}"]) for each in ("", "NotVisible", "Delayed"))
        return visible, hidden, delayed


def check(value: Any, shape: Shape) -> None:
    """Every member is one of the model, and of its kind; None is as good as absent."""
    if shape.type_name == "structure":
        assert isinstance(value, Mapping)
        assert set(value) <= set(shape.members), set(value) - set(shape.members)
        for name, member in value.items():
            if member is not None:
                check(member, shape.members[name])
    elif shape.type_name == "list":
        for member in value:
            check(member, shape.member)
    elif shape.type_name == "map":
        for member in value.values():
            check(member, shape.value)
    else:
        kinds = {"string": str, "long": int, "integer": int, "boolean": bool, "blob": bytes}
        assert isinstance(value, kinds[shape.type_name])
