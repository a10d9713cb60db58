"""The fleet on SQS over the memory twin, on the virtual clock; a script stands for the frontend."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError
from lambdad.domain.mappings import EventSourceMapping
from lambdad.frontend.api import Answer
from lambdad.pollers.api import Source, SourceMessage
from lambdad.pollers.meters import Meter
from lambdad.pollers.service import Fleet
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.snapshots import ACCOUNT, REGION, SnapshotRecords, make_function
from lambdad.worker.api import Invocation
from tests.component.services_sqs.api import Api

OK = Answer(200, b"null", "$LATEST", None, None, "")
FAILED = Answer(200, b'{"errorMessage":"no"}', "$LATEST", "Unhandled", None, "")


class ScriptedSource:
    """A queue of the room's SQS, as assembly would make it; counts receives, and `error` is raised instead."""

    def __init__(self, room: "Room", arn: str) -> None:
        self._room = room
        self._arn = arn
        self.receivers = room.receivers

    async def receive(self, limit: int, wait: float) -> Sequence[SourceMessage]:
        self._room.receives += 1
        if self._room.error is not None:
            raise self._room.error
        return await self._room.api.service.receive(self._arn, limit, wait)

    async def delete(self, handles: Sequence[str]) -> int:
        if self._room.delete_error is not None:
            raise self._room.delete_error
        return await self._room.api.service.delete(self._arn, handles)

    async def change_visibility(self, handle: str, seconds: int) -> None:
        self._room.api.service.change_visibility(self._arn, handle, seconds)


@dataclass
class Run:
    at: float
    function: str
    bodies: list[str]
    invocation: Invocation


@dataclass
class Room:
    clock: VirtualClockLoop
    records: SnapshotRecords = field(default_factory=lambda: SnapshotRecords(make_function()))
    outcomes: list[Answer | LambdadError] = field(default_factory=list)
    """Of the next runs; after these, OK."""
    answer: Callable[[list[str]], Answer | LambdadError] | None = None
    """By the bodies of the batch, instead."""
    hold: Callable[[], Awaitable[None]] | None = None
    runs: list[Run] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    receives: int = 0
    receivers: int = 1
    error: LambdadError | None = None
    delete_error: LambdadError | None = None

    def __post_init__(self) -> None:
        self.start = self.clock.time()
        self.api = Api(self.clock)
        self.ids = 0
        self.fleet = self.another()

    def another(self) -> Fleet:
        """As at the start of a process."""
        return Fleet(self.records, self, self.run, new_id=self.new_id, new_trace=lambda: "Root=new")

    def new_id(self) -> str:
        self.ids += 1
        return f"batch-{self.ids}"

    @property
    def time(self) -> float:
        return round(self.clock.time() - self.start, 3)

    # `Sources`

    def open(self, arn: str, function: Callable[[], FunctionName]) -> Source:
        return ScriptedSource(self, arn)

    async def visibility(self, arn: str) -> int:
        return int(self.api.service.attributes(arn)["VisibilityTimeout"])

    # The frontend

    async def run(self, name: FunctionName, invocation: Invocation) -> Answer:
        records: list[dict[str, Any]] = json.loads(invocation.payload)["Records"]
        bodies = [each["body"] for each in records]
        self.runs.append(Run(self.time, name.arn, bodies, invocation))
        outcome = self.answer(bodies) if self.answer else self.outcomes.pop(0) if self.outcomes else OK
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.hold is not None:
                await self.hold()
        finally:
            self.running -= 1
        if isinstance(outcome, LambdadError):
            raise outcome
        return outcome

    # What tests do

    async def queue(self, name: str = "q", **attributes: str) -> str:
        return await self.api.queue(name, **attributes)

    async def send(self, url: str, *bodies: str, **params: Any) -> None:
        for body in bodies:
            await self.api.send(url, body, **params)

    def mapping(self, name: str = "q", **members: Any) -> EventSourceMapping:
        required = {
            "account": ACCOUNT,
            "region": REGION,
            "id": f"mapping of {name}",
            "source": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
            "function": "fn",
            "state": "Enabled",
        }
        return EventSourceMapping(last_modified_ms=0, **(required | members))

    async def poll(self, name: str = "q", **members: Any) -> EventSourceMapping:
        mapping = self.mapping(name, **members)
        await self.fleet.poll(mapping)
        return mapping

    async def change(self, mapping: EventSourceMapping, **members: Any) -> EventSourceMapping:
        changed = replace(mapping, **members)
        await self.fleet.poll(changed)
        return changed

    async def until(self, seconds: float) -> None:
        """Of the room's time."""
        await self.clock.advance(seconds - self.time)

    @property
    def batches(self) -> list[tuple[float, list[str]]]:
        return [(each.at, each.bodies) for each in self.runs]

    def meter(self) -> Meter:
        ((_, meter, _, _),) = self.fleet.report()
        return meter


@pytest.fixture
async def room(clock: VirtualClockLoop) -> AsyncIterator[Room]:
    room = Room(clock)
    await room.api.service.start()
    yield room
    await room.fleet.close(0.0)
    await room.api.service.close()
    room.api.substrate.close()
