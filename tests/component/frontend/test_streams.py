"""Streamed answers hold their lease until the function is done."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lambdad.domain.errors import PlatformError, TooManyRequests, ValidationError
from lambdad.frontend.api import Answer, StreamedAnswer
from lambdad.frontend.streams import BUFFER, Pipe
from lambdad.sandbox.api import SandboxFailure
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.snapshots import ACCOUNT, REGION, make_function
from lambdad.worker.api import Invocation, Outcome

from .conftest import House, request


async def stream(house: House, **members: object) -> StreamedAnswer:
    answer = await house.frontend.invoke_stream(request(**members))  # type: ignore[arg-type]
    assert isinstance(answer, StreamedAnswer)
    return answer


async def every_second(invocation: Invocation) -> AsyncIterator[bytes]:
    for chunk in (b"one", b"two", b"three"):
        await asyncio.sleep(1.0)
        yield chunk


async def test_chunks_come_as_they_are_made(house: House, clock: VirtualClockLoop) -> None:
    house.worker.stream = every_second
    before = clock.time()
    answer = await stream(house, log_type="Tail")
    assert (answer.executed_version, answer.content_type, answer.want_log) == ("$LATEST", "application/octet-stream", True)
    arrived = [(round(clock.time() - before), chunk) async for chunk in answer.chunks]
    assert arrived == [(1, b"one"), (2, b"two"), (3, b"three")]
    assert answer.completion.outcome == Outcome(b"", log_tail=b"11 bytes")
    assert house.worker.started[0].served[0].streaming
    await clock.advance(0.1)
    assert house.quiet()


async def test_slot_and_lease_are_held_until_the_end(house: House, clock: VirtualClockLoop) -> None:
    house.worker.stream = every_second
    house.records.put(make_function(reserved_concurrency=1))
    answer = await stream(house)
    assert house.counter.in_flight(ACCOUNT, REGION) == 1
    with pytest.raises(TooManyRequests):
        await house.invoke()
    assert [chunk async for chunk in answer.chunks] == [b"one", b"two", b"three"]
    await clock.advance(0.1)
    house.worker.stream = None
    assert (await house.invoke()).status == 200
    assert len(house.worker.started) == 1


async def test_an_answer_that_is_not_streamed_is_one_chunk(house: House) -> None:
    async def fail(invocation: Invocation) -> Outcome:
        return Outcome(b'{"errorType":"E"}', error="Unhandled", error_type="E")

    house.worker.handler = fail
    answer = await stream(house)
    assert answer.content_type == "application/json"
    assert [chunk async for chunk in answer.chunks] == [b'{"errorType":"E"}']
    assert answer.completion.outcome is not None and answer.completion.outcome.error == "Unhandled"


async def test_the_function_goes_on_when_the_reader_goes_away(house: House, clock: VirtualClockLoop) -> None:
    house.worker.stream = every_second
    answer = await stream(house)
    assert await anext(answer.chunks) == b"one"
    await answer.chunks.aclose()  # type: ignore[attr-defined]
    assert house.counter.in_flight(ACCOUNT, REGION) == 1, "the environment is still at it"
    await clock.advance(10.0)
    assert answer.completion.outcome is not None
    assert house.quiet() and house.worker.started[0].alive


async def test_dropping_the_answer_is_going_away(house: House, clock: VirtualClockLoop) -> None:
    async def much(invocation: Invocation) -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * BUFFER

    house.worker.stream = much
    answer = await stream(house)
    await clock.advance(10.0)
    assert not house.quiet(), "a reader that does not read holds the function back"
    del answer
    await clock.advance(10.0)
    assert house.quiet()


async def test_a_request_that_is_cancelled_before_the_head_goes_on_unheard(house: House, clock: VirtualClockLoop) -> None:
    house.worker.stream = every_second
    house.worker.init_seconds = 5.0
    asking = asyncio.create_task(stream(house))
    await clock.advance(1.0)
    asking.cancel()
    await clock.advance(20.0)
    assert asking.cancelled()
    assert len(house.worker.started[0].served) == 1
    assert house.quiet()


async def test_a_loss_before_the_head_is_made_good(house: House) -> None:
    async def handler(invocation: Invocation) -> Outcome:
        if len(house.worker.started) == 1:
            house.worker.started[0].lose()
            raise SandboxFailure("the channel broke")
        return Outcome(b'"second"')

    house.worker.handler = handler
    answer = await stream(house)
    assert [chunk async for chunk in answer.chunks] == [b'"second"']


async def test_two_losses_before_the_head_are_the_platforms_fault(house: House, clock: VirtualClockLoop) -> None:
    async def handler(invocation: Invocation) -> Outcome:
        raise SandboxFailure("the channel broke")

    house.worker.handler = handler
    with pytest.raises(PlatformError):
        await stream(house)
    await clock.advance(0.1)
    assert house.quiet()


async def test_a_stream_that_breaks_raises_after_its_last_chunk(house: House, clock: VirtualClockLoop) -> None:
    async def broken(invocation: Invocation) -> AsyncIterator[bytes]:
        yield b"one"
        raise SandboxFailure("the sandbox is gone")

    house.worker.stream = broken
    answer = await stream(house)
    assert await anext(answer.chunks) == b"one"
    with pytest.raises(SandboxFailure):
        await anext(answer.chunks)
    await clock.advance(0.1)
    assert house.worker.started[0].ended == "FAILURE"


async def test_dry_runs_and_wrong_types(house: House) -> None:
    answer = await house.frontend.invoke_stream(request(invocation_type="DryRun"))
    assert isinstance(answer, Answer) and answer.status == 204
    with pytest.raises(ValidationError):
        await house.frontend.invoke_stream(request(invocation_type="Event"))


async def test_close_ends_streams_after_the_grace_period(house: House, clock: VirtualClockLoop) -> None:
    async def endless(invocation: Invocation) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(1.0)
            yield b"."

    house.worker.stream = endless
    answer = await stream(house)
    before = clock.time()
    await house.frontend.close()
    assert clock.time() == pytest.approx(before + 30.0)
    with pytest.raises(PlatformError, match="shutting down"):
        async for _ in answer.chunks:
            pass


async def test_the_writer_waits_for_a_slow_reader() -> None:
    pipe = Pipe()
    await pipe.put(b"small")
    writing = asyncio.create_task(pipe.put(b"x" * BUFFER))
    await asyncio.sleep(1.0)
    assert not writing.done()
    assert await pipe.take() == b"small"
    await writing
    pipe.end()
    assert await pipe.take() == b"x" * BUFFER
    assert await pipe.take() is None
    assert repr(pipe) == "<Pipe ended, 0 bytes waiting>"
