"""The whole invoke path with the real worker: from the request to frames on a socket and back."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from lambdad.counter.service import LocalCounter
from lambdad.domain.limits import SYNC_PAYLOAD
from lambdad.frontend.api import Answer, StreamedAnswer
from lambdad.frontend.service import LocalFrontend
from lambdad.placement.service import LocalPlacement
from lambdad.runtime_api import frames
from lambdad.sandbox.api import Exit
from lambdad.testing.access import allow
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.events import AcceptedEvents
from lambdad.testing.sandbox import ScriptedRuntime, request_id
from lambdad.testing.snapshots import ACCOUNT, REGION, SnapshotRecords, make_function, make_version
from lambdad.worker_manager.service import LocalWorkerManager
from tests.component.worker.bench import Bench

from .conftest import invoke, request

MEMBERS = {"runtime": "python3.12", "handler": "app.handler", "timeout": 3}
VERSION = make_version(**MEMBERS)


async def runtime(inside: ScriptedRuntime) -> None:
    """Does what the event says."""
    await inside.start()
    event = await inside.next()
    while True:
        wanted = json.loads(event.body)
        match wanted:
            case {"sleep": seconds}:
                await asyncio.sleep(seconds)
            case {"exit": status}:
                inside.exit(status)
            case {"lose": _}:
                inside.exit(signal=9, lost=True)
            case {"chunks": count}:
                inside.send(frames.STREAM, {"id": request_id(event), "content_type": "text/plain"})
                for number in range(count):
                    await asyncio.sleep(0.5)
                    inside.send(frames.CHUNK, {"id": request_id(event)}, b"%d" % number)
                inside.send(frames.END, {"id": request_id(event)})
                event = await inside.next()
                continue
        await inside.send_all(frames.RESPONSE, {"id": request_id(event)}, event.body)
        event = await inside.next()


class Rooms:
    """Frontend to sandbox."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.records = SnapshotRecords(make_function(latest=VERSION))
        self.counter = LocalCounter(self.records)
        self.manager = LocalWorkerManager(LocalPlacement([bench.worker]), self.records)
        self.frontend = LocalFrontend(self.records, self.counter, self.manager, AcceptedEvents(), allow)

    async def invoke(self, event: object) -> Answer:
        return await invoke(self.frontend, request(payload=json.dumps(event).encode()))


@pytest.fixture
async def rooms() -> AsyncIterator[Rooms]:
    async with Bench(runtime) as bench:
        rooms = Rooms(bench)
        yield rooms
        await rooms.frontend.close()
        await rooms.manager.close()
        assert rooms.counter.in_flight(ACCOUNT, REGION) == 0
        assert bench.worker.count == bench.worker.promised_mb == 0


async def test_cold_then_warm(rooms: Rooms) -> None:
    for number in range(5):
        assert (await rooms.invoke({"n": number})).payload == b'{"n": %d}' % number
    assert rooms.bench.worker.count == 1


async def test_parallel_requests_take_one_environment_each_and_keep_them(rooms: Rooms, clock: VirtualClockLoop) -> None:
    before = clock.time()
    answers = await asyncio.gather(*(rooms.invoke({"sleep": 1, "n": number}) for number in range(8)))
    assert [json.loads(answer.payload)["n"] for answer in answers] == list(range(8))
    assert clock.time() == pytest.approx(before + 1.0)
    await asyncio.gather(*(rooms.invoke({"sleep": 1}) for _ in range(8)))
    assert rooms.bench.worker.count == 8


async def test_a_timeout_is_answered_and_the_environment_used_again(rooms: Rooms) -> None:
    answer = await rooms.invoke({"sleep": 10})
    assert (answer.status, answer.function_error) == (200, "Unhandled")
    assert json.loads(answer.payload)["errorMessage"].endswith("Error: Task timed out after 3.00 seconds")
    assert (await rooms.invoke({"n": 1})).function_error is None
    assert len(rooms.bench.sandboxes.taken) == 1


async def test_an_exit_is_answered_and_the_environment_used_again(rooms: Rooms) -> None:
    answer = await rooms.invoke({"exit": 1})
    assert json.loads(answer.payload)["errorType"] == "Runtime.ExitError"
    assert (await rooms.invoke({"n": 1})).function_error is None
    assert len(rooms.bench.sandboxes.taken) == 1


async def test_a_sandbox_lost_while_idle_is_replaced(rooms: Rooms, clock: VirtualClockLoop) -> None:
    await rooms.invoke({"n": 1})
    rooms.bench.sandbox.process.exited.set_result(Exit(None, 9, lost=True))
    await clock.advance(0.1)
    assert (await rooms.invoke({"n": 2})).payload == b'{"n": 2}'
    assert len(rooms.bench.sandboxes.taken) == 2


async def test_a_stream_and_a_reader_that_goes_away(rooms: Rooms, clock: VirtualClockLoop) -> None:
    async def stream() -> StreamedAnswer:
        answer = await rooms.frontend.invoke_stream(request(payload=b'{"chunks": 4}'))
        assert isinstance(answer, StreamedAnswer)
        return answer

    answer = await stream()
    assert answer.content_type == "text/plain"
    assert [chunk async for chunk in answer.chunks] == [b"0", b"1", b"2", b"3"]
    assert answer.completion.outcome is not None and answer.completion.outcome.error is None
    answer = await stream()
    assert await anext(answer.chunks) == b"0"
    del answer
    assert rooms.counter.in_flight(ACCOUNT, REGION) == 1
    await clock.advance(5.0)
    assert rooms.counter.in_flight(ACCOUNT, REGION) == 0
    assert (await rooms.invoke({"n": 1})).status == 200
    assert rooms.bench.worker.count == 1


async def test_an_update_ends_the_old_sandbox(rooms: Rooms, clock: VirtualClockLoop) -> None:
    await rooms.invoke({"n": 1})
    old = rooms.bench.sandbox
    rooms.records.put(make_function(latest=make_version(build="new", **MEMBERS)))
    await clock.advance(5.0)
    assert old.destroyed
    assert (await rooms.invoke({"n": 1})).status == 200


async def test_an_invoke_whose_environment_is_ended_is_answered_and_frees_everything(
    rooms: Rooms, clock: VirtualClockLoop
) -> None:
    hanging = asyncio.create_task(rooms.invoke({"sleep": 2}))
    await clock.advance(1.0)
    await rooms.bench.worker.environments()[0].end("FAILURE")
    answer = await hanging
    assert (answer.function_error, json.loads(answer.payload)["errorType"]) == ("Unhandled", "Sandbox.Failure")
    assert rooms.counter.in_flight(ACCOUNT, REGION) == 0
    assert rooms.bench.worker.count == 0
    assert (await rooms.invoke({"n": 1})).status == 200


async def test_the_largest_request_arrives_whole(rooms: Rooms) -> None:
    payload = b'{"n": 1}'.ljust(SYNC_PAYLOAD)
    answer = await invoke(rooms.frontend, request(payload=payload))
    assert answer.payload == payload
