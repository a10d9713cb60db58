"""Streamed answers: heads, pieces, breaks, slow and absent readers."""

import asyncio
import json

from lambdad.runtime_api import frames
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.sandbox import ScriptedRuntime, request_id
from lambdad.worker.api import Environment, Outcome, Stream
from lambdad.worker.stream import HIGH_WATER
from tests.component.worker.bench import Bench, invocation, invoke, version

HTML = "text/html"


async def in_pieces(inside: ScriptedRuntime) -> None:
    await inside.start()
    while True:
        event = await inside.next()
        id = request_id(event)
        inside.send(frames.STREAM, {"id": id, "content_type": HTML})
        for piece in (b"a", b"b", b"c"):
            inside.send(frames.CHUNK, {"id": id}, piece)
            await asyncio.sleep(0.1)
        inside.send(frames.END, {"id": id})


async def opened(environment: Environment, id: str = "r1", **members: bool) -> Stream:
    stream = await environment.invoke_stream(invocation(id, streaming=True, **members))
    assert isinstance(stream, Stream)
    return stream


async def test_pieces_come_one_by_one_and_the_outcome_after_them() -> None:
    async with Bench(in_pieces) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        stream = await opened(environment, want_log=True)
        assert stream.content_type == HTML and stream.completion.outcome is None
        assert [piece async for piece in stream.chunks] == [b"a", b"b", b"c"]
        outcome = stream.completion.outcome
        assert outcome is not None and outcome.error is None
        assert b"START RequestId: r1" in outcome.log_tail and b"REPORT RequestId: r1\tDuration: 300.00 ms" in outcome.log_tail


async def test_a_caller_who_wants_it_whole_gets_it_whole() -> None:
    async with Bench(in_pieces) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        assert (await invoke(environment, invocation("r1"))).payload == b"abc"
        assert (await invoke(environment, invocation("r2", want_log=True))).payload == b"abc"


async def test_a_buffered_answer_to_a_streaming_caller_is_an_outcome() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        while True:
            event = await inside.next()
            inside.respond(event, b"whole")

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        outcome = await environment.invoke_stream(invocation("r1", streaming=True))
        assert isinstance(outcome, Outcome) and outcome.payload == b"whole"


async def test_an_error_in_the_middle_is_in_the_completion() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        while True:
            id = request_id(await inside.next())
            inside.send(frames.STREAM, {"id": id})
            inside.send(frames.CHUNK, {"id": id}, b"half")
            inside.send(frames.END, {"id": id, "error_type": "Function.Broken"}, b'{"errorType":"Broken"}')

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        stream = await opened(environment)
        assert [piece async for piece in stream.chunks] == [b"half"]
        outcome = stream.completion.outcome
        assert outcome is not None
        assert (outcome.error, outcome.error_type, outcome.payload) == (
            "Unhandled",
            "Function.Broken",
            b'{"errorType":"Broken"}',
        )
        assert stream.content_type == "application/octet-stream"
        assert (await invoke(environment, invocation("r2"))).error == "Unhandled"


async def test_a_timeout_ends_the_stream(clock: VirtualClockLoop) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        id = request_id(await inside.next())
        inside.send(frames.STREAM, {"id": id})
        inside.send(frames.CHUNK, {"id": id}, b"half")
        await inside.forever()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        stream = await opened(environment)
        assert [piece async for piece in stream.chunks] == [b"half"]
        outcome = stream.completion.outcome
        assert outcome is not None and outcome.error_type == "Sandbox.Timedout"
        assert json.loads(outcome.payload)["errorMessage"] == "RequestId: r1 Error: Task timed out after 3.00 seconds"


async def flood(inside: ScriptedRuntime) -> None:
    await inside.start()
    while True:
        id = request_id(await inside.next())
        inside.send(frames.STREAM, {"id": id})
        for number in range(200):
            await inside.send_all(frames.CHUNK, {"id": id}, b"x" * 100_000)
            inside.sandbox.files["sent"] = str(number + 1).encode()
        inside.send(frames.END, {"id": id})


async def test_a_slow_reader_slows_the_runtime_down(clock: VirtualClockLoop) -> None:
    async with Bench(flood) as bench:
        environment = await bench.worker.start(version(timeout=60), "on-demand")
        stream = await opened(environment)
        await clock.advance(1)
        held = int(bench.sandbox.files["sent"]) * 100_000
        assert HIGH_WATER < held < 2 * HIGH_WATER, "one high-water mark here, and what the socket holds"
        size = 0
        async for piece in stream.chunks:
            size += len(piece)
        assert size == 20_000_000
        assert (await invoke(environment, invocation("r2"))).error == "Unhandled", "20 MB are too large for a buffered answer"


async def test_a_reader_who_hangs_up_does_not_stop_the_function(clock: VirtualClockLoop) -> None:
    async with Bench(flood) as bench:
        environment = await bench.worker.start(version(timeout=60), "on-demand")
        stream = await opened(environment)
        assert await anext(stream.chunks)
        await stream.chunks.aclose()  # type: ignore[attr-defined]
        await clock.advance(1)
        assert bench.sandbox.files["sent"] == b"200"
        assert stream.completion.outcome is not None and stream.completion.outcome.error is None


async def test_a_buffered_answer_in_pieces_has_the_buffered_limit() -> None:
    async with Bench(flood) as bench:
        environment = await bench.worker.start(version(timeout=60), "on-demand")
        outcome = await invoke(environment, invocation("r1"))
        assert outcome.error_type == "Function.ResponseSizeTooLarge" and b"(6291556 bytes)" in outcome.payload
        assert bench.sandbox.restarts == 0
