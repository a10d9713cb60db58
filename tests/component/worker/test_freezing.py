"""Idle environments are frozen after a while, and go on before the next event."""

import asyncio

from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.sandbox import ScriptedRuntime
from tests.component.worker.bench import Bench, invocation, invoke, version


async def echo(inside: ScriptedRuntime) -> None:
    await inside.start()
    while True:
        event = await inside.next()
        await asyncio.sleep(2.0 if event.body == b"slow" else 0)
        inside.respond(event, event.body)


async def test_an_idle_environment_is_frozen_until_the_next_invocation(clock: VirtualClockLoop) -> None:
    async with Bench(echo) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        await invoke(environment, invocation("r1", b"1"))
        await clock.advance(2.0)
        assert bench.sandbox.frozen == [True]
        assert (await invoke(environment, invocation("r2", b"2"))).payload == b"2"
        assert bench.sandbox.frozen == [True, False]
        await clock.advance(2.0)
        assert bench.sandbox.frozen == [True, False, True]


async def test_an_environment_in_steady_use_is_never_frozen(clock: VirtualClockLoop) -> None:
    async with Bench(echo) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        for number in range(20):
            await invoke(environment, invocation(f"r{number}", b"1"))
            await clock.advance(0.3)
        assert bench.sandbox.frozen == []


async def test_nothing_is_frozen_while_an_invocation_runs(clock: VirtualClockLoop) -> None:
    async with Bench(echo) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        running = asyncio.ensure_future(invoke(environment, invocation("r1", b"slow")))
        await clock.advance(1.7)
        assert bench.sandbox.frozen == []
        await clock.advance(0.5)
        await running


async def test_an_ended_environment_is_left_alone(clock: VirtualClockLoop) -> None:
    async with Bench(echo) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        await environment.end("SPINDOWN")
        await clock.advance(0.5)
        assert bench.sandbox.frozen == []
