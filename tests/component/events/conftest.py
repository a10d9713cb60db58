"""Events on the memory twin, on the virtual clock; a script stands for the frontend."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError
from lambdad.events.api import Message
from lambdad.events.policy import Delays
from lambdad.events.service import Events
from lambdad.frontend.api import Answer
from lambdad.testing.access import EasyRoles
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.queues import MemoryQueues
from lambdad.testing.snapshots import ACCOUNT, REGION, SnapshotRecords, make_function
from lambdad.worker.api import Invocation

NAME = FunctionName(ACCOUNT, REGION, "fn")
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"
OK = Answer(200, b'{"fine":1}', "$LATEST", None, None, "")
FAILED = Answer(200, b'{"errorMessage":"no","errorType":"E"}', "$LATEST", "Unhandled", None, "")


@dataclass
class Room:
    clock: VirtualClockLoop
    records: SnapshotRecords = field(default_factory=lambda: SnapshotRecords(make_function()))
    outcomes: list[Answer | LambdadError] = field(default_factory=list)
    """Of the next runs; after these, OK."""
    hold: Callable[[Invocation], Awaitable[None]] | None = None
    runs: list[tuple[float, str, str]] = field(default_factory=list)
    """When, request id, ARN."""
    told: list[tuple[float, str, Message]] = field(default_factory=list)
    refusals: list[LambdadError] = field(default_factory=list)
    """Of the next deliveries to queues."""
    events: Events = field(init=False)
    queues: MemoryQueues = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.clock.time()
        self.queues = MemoryQueues(self.clock.time)
        self.roles = EasyRoles()
        self.make()

    def make(self) -> None:
        """As at the start of a process."""
        ways = {"sqs": self.deliver}
        self.events = Events(
            self.queues, self.records, ways, self.roles.require, now=self.clock.time, new_id=lambda: "new-id", delays=Delays()
        )  # fmt: skip
        self.events.start(self.run)

    @property
    def time(self) -> float:
        return round(self.clock.time() - self.start, 3)

    async def run(self, name: FunctionName, invocation: Invocation) -> Answer:
        self.runs.append((self.time, invocation.request_id, name.arn))
        outcome = self.outcomes.pop(0) if self.outcomes else OK
        if self.hold is not None:
            await self.hold(invocation)
        if isinstance(outcome, LambdadError):
            raise outcome
        return outcome

    async def deliver(self, arn: str, message: Message) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.told.append((self.time, arn, message))

    async def accept(self, request_id: str = "id-1", payload: bytes = b'{"n":1}', qualifier: str | None = None) -> None:
        name = NAME.qualified(qualifier)
        await self.events.accept(name, Invocation(request_id, name.arn, payload, "Root=1"))


@pytest.fixture
async def room(clock: VirtualClockLoop) -> AsyncIterator[Room]:
    room = Room(clock)
    yield room
    await room.events.close(0.0)
