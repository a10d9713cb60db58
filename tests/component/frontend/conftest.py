"""The whole invoke path above the worker, on the virtual clock."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from lambdad.counter.service import LocalCounter
from lambdad.domain.caller import Caller
from lambdad.frontend.api import Answer, Invoke
from lambdad.frontend.service import LocalFrontend
from lambdad.placement.service import LocalPlacement
from lambdad.testing.access import allow
from lambdad.testing.environments import ScriptedWorker
from lambdad.testing.events import AcceptedEvents
from lambdad.testing.snapshots import ACCOUNT, REGION, SnapshotRecords, make_function
from lambdad.worker_manager.service import LocalWorkerManager
from tests.component.callbacks import told

CALLER = Caller(ACCOUNT, REGION, "request-1", "AKID", f"arn:aws:iam::{ACCOUNT}:root")


@dataclass
class House:
    """The rooms, and a draw that tests decide."""

    records: SnapshotRecords
    worker: ScriptedWorker
    counter: LocalCounter
    manager: LocalWorkerManager
    events: AcceptedEvents
    frontend: LocalFrontend
    draw: float = 0.5

    async def invoke(self, function: str = "fn", payload: bytes = b'{"n":1}', **members: object) -> Answer:
        return await invoke(self.frontend, request(function, payload, **members))

    def quiet(self) -> bool:
        """Nothing runs, and nothing is held."""
        busy = sum(report.busy + report.waiting for report in self.manager.introspect())
        return self.counter.in_flight(ACCOUNT, REGION) == busy == 0


async def invoke(frontend: LocalFrontend, request: Invoke) -> Answer:
    """The answer, or the error raised."""
    answer: Answer = await told(frontend.invoke, request)
    return answer


def request(function: str = "fn", payload: bytes = b'{"n":1}', **members: object) -> Invoke:
    fields: dict[str, object] = {"caller": CALLER, "qualifier": None} | members
    return Invoke(function=function, payload=payload, **fields)  # type: ignore[arg-type]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    records = SnapshotRecords(make_function())
    worker = ScriptedWorker()
    counter = LocalCounter(records, limit=10)
    manager = LocalWorkerManager(LocalPlacement([worker]), records, grace=30.0)
    events = AcceptedEvents()
    frontend = LocalFrontend(
        records,
        counter,
        manager,
        events,
        allow,
        now=lambda: 1_700_000_000.0,
        draw=lambda: rooms.draw,
        random_bits=lambda bits: 7,
        grace=30.0,
    )
    rooms = House(records, worker, counter, manager, events, frontend)
    yield rooms
    await frontend.close()
    await manager.close()
    assert rooms.quiet()
    assert worker.environments() == []
