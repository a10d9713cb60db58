"""SnapStart in the worker: when a template is made, kept, made again and ended; what the log tells of it."""

import asyncio
from typing import Any

import pytest

from lambdad.domain.errors import SnapStartFailure, SnapStartTimeout
from lambdad.domain.functions import SnapshotFailure, Version
from lambdad.runtime_api import frames
from lambdad.sandbox.api import SandboxFailure
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.sandbox import ScriptedRuntime
from lambdad.worker.templates import TEMPLATE_IDLE
from tests.component.worker.bench import Bench, invocation, invoke, version


async def template(inside: ScriptedRuntime) -> None:
    head = await inside.start()
    if head.get("snapshot"):
        inside.print("init\n")
        await asyncio.sleep(0.5)
        inside.send(frames.SNAPSHOT)
        await inside.forever()
    while True:
        event = await inside.next()
        inside.respond(event, event.body)


def published(**members: Any) -> Version:
    return version(snap_start="PublishedVersions", optimization="On", **members)


async def test_environments_are_restored_from_one_init(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        assert await bench.worker.snapshot(published()) == "On"
        one, two = [await bench.worker.start(published(), "on-demand") for _ in range(2)]
        assert await one.ready() and await two.ready()
        assert (await invoke(one, invocation("r1", b"1"))).payload == b"1"
        assert len(bench.sandboxes.templates) == 1
        assert len(bench.sandboxes.templates[0].restored) == 3, "one was tried out when the snapshot was taken"
        restored = [each.message for stream, each in bench.written.events if stream.stream.endswith(one.id)]
        assert [line.split()[0] for line in restored[:3]] == ["RESTORE_START", "RESTORE_REPORT", "START"]
        init = [each.message for stream, each in bench.written.events if not stream.stream.endswith((one.id, two.id))]
        assert [line.split()[0] for line in init] == ["INIT_START", "init", "INIT_REPORT"]
        assert init[-1] == "INIT_REPORT Init Duration: 500.00 ms"


async def test_what_a_restored_environment_is_told(clock: VirtualClockLoop) -> None:
    seen = []

    async def runtime(inside: ScriptedRuntime) -> None:
        head = await inside.start()
        seen.append((head.get("snapshot", False), inside.environment))
        inside.send(frames.SNAPSHOT if head.get("snapshot") else frames.NEXT)
        await inside.forever()

    async with Bench(runtime, makes_templates=True) as bench:
        await (await bench.worker.start(published(), "on-demand")).ready()
        (first, of_template), (second, of_copy) = seen
        assert (first, second) == (True, False)
        assert of_copy["AWS_LAMBDA_INITIALIZATION_TYPE"] == of_template["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
        assert "AWS_LAMBDA_LOG_STREAM_NAME" not in of_copy


async def test_the_report_bills_the_runtimes_own_part_of_restore(clock: VirtualClockLoop) -> None:
    async def runtime(inside: ScriptedRuntime) -> None:
        head = await inside.start()
        if head.get("snapshot"):
            inside.send(frames.SNAPSHOT)
            await inside.forever()
        await asyncio.sleep(0.25)
        event = await inside.next()
        inside.respond(event, b"1")
        await inside.next()

    async with Bench(runtime, makes_templates=True) as bench:
        environment = await bench.worker.start(published(), "on-demand")
        await environment.ready()
        outcome = await invoke(environment, invocation("r1", want_log=True))
        report = outcome.log_tail.decode().splitlines()[-1]
        assert "Billed Duration: 250 ms" in report
        assert "\tRestore Duration: 250.00 ms\tBilled Restore Duration: 250 ms\t" in report


@pytest.mark.parametrize(
    ("kind", "head", "body", "failure"),
    [
        (
            frames.INIT_ERROR,
            {"type": "Runtime.ImportModuleError"},
            b'{"errorMessage":"No module named x"}',
            SnapshotFailure("Runtime.ImportModuleError: No module named x", "FunctionError.RuntimeInitError"),
        ),
        (
            frames.INIT_ERROR,
            {"type": "Runtime.InvalidWorkingDir"},
            b"nonsense",
            SnapshotFailure(
                "Runtime.InvalidWorkingDir: The function failed to initialize.", "FunctionError.InvalidWorkingDirectory"
            ),
        ),
        (
            frames.NEXT,
            {},
            b"",
            SnapshotFailure("Runtime.Unknown: Next is not possible before a snapshot", "FunctionError.RuntimeInitError"),
        ),
    ],
)
async def test_a_failed_init(
    clock: VirtualClockLoop, kind: int, head: dict[str, str], body: bytes, failure: SnapshotFailure
) -> None:
    async def runtime(inside: ScriptedRuntime) -> None:
        await inside.start()
        inside.send(kind, head, body)
        await inside.forever()

    async with Bench(runtime, makes_templates=True) as bench:
        assert await bench.worker.snapshot(published()) == failure
        assert bench.sandbox.destroyed
        assert "\tPhase: init\tStatus: error\tError Type: Runtime." in bench.lines()[-1]


async def test_an_init_that_exits_or_takes_too_long(clock: VirtualClockLoop) -> None:
    async def exits(inside: ScriptedRuntime) -> None:
        await inside.start()
        inside.exit(signal=9, out_of_memory=True)

    async def hangs(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.forever()

    async with Bench(exits, makes_templates=True) as bench:
        how = await bench.worker.snapshot(published())
        assert isinstance(how, SnapshotFailure) and how.code == "FunctionError.InitResourceExhausted"
    async with Bench(hangs, makes_templates=True) as bench:
        started = clock.time()
        how = await bench.worker.snapshot(published(timeout=200))
        assert isinstance(how, SnapshotFailure) and how.code == "FunctionError.InitTimeout"
        assert clock.time() - started == pytest.approx(200)


async def test_an_obstacle_turns_it_off_and_is_logged(clock: VirtualClockLoop) -> None:
    async def runtime(inside: ScriptedRuntime) -> None:
        head = await inside.start()
        inside.send(frames.SNAPSHOT if head.get("snapshot") else frames.NEXT, {"obstacle": "threads"})
        await inside.forever()

    async with Bench(runtime, makes_templates=True) as bench:
        assert await bench.worker.snapshot(published()) == "Off"
        assert bench.lines()[-1] == "SNAPSHOT_SKIPPED Reason: threads"
        assert bench.sandbox.destroyed


async def test_where_there_are_no_templates_it_is_off(clock: VirtualClockLoop) -> None:
    async with Bench(template) as bench:
        assert await bench.worker.snapshot(published()) == "Off"
    async with Bench(template, makes_templates=True) as bench:
        assert await bench.worker.snapshot(published(runtime="provided.al2023")) == "Off"
        assert bench.sandboxes.taken == []


async def test_a_failed_restore_is_told_to_whoever_waits(clock: VirtualClockLoop) -> None:
    async def fails(inside: ScriptedRuntime) -> None:
        head = await inside.start()
        if head.get("snapshot"):
            inside.send(frames.SNAPSHOT)
            await inside.forever()
        inside.fail_init(b"{}", "Runtime.AfterRestoreError")

    async def hangs(inside: ScriptedRuntime) -> None:
        head = await inside.start()
        if head.get("snapshot"):
            inside.send(frames.SNAPSHOT)
        await inside.forever()

    async with Bench(fails, makes_templates=True) as bench:
        environment = await bench.worker.start(published(), "on-demand")
        with pytest.raises(SnapStartFailure):
            await environment.ready()
        assert bench.lines()[-1].endswith("\tStatus: error\tError Type: Runtime.AfterRestoreError")
    async with Bench(hangs, makes_templates=True) as bench:
        environment = await bench.worker.start(published(), "on-demand")
        started = clock.time()
        with pytest.raises(SnapStartTimeout):
            await environment.ready()
        assert clock.time() - started == pytest.approx(10)
        assert bench.lines()[-1].endswith("\tStatus: timeout")


async def test_a_template_that_died_is_made_again(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        await bench.worker.snapshot(published())
        await bench.sandboxes.templates[0].destroy()
        environment = await bench.worker.start(published(), "on-demand")
        assert await environment.ready()
        assert len(bench.sandboxes.templates) == 2


async def test_without_a_template_init_runs_in_the_environment(clock: VirtualClockLoop) -> None:
    """A version whose INIT fails now, although it once did not, is served as any other."""

    async def runtime(inside: ScriptedRuntime) -> None:
        head = await inside.start()
        if head.get("snapshot"):
            inside.exit(1)
        await inside.next()

    async with Bench(runtime, makes_templates=True) as bench:
        environment = await bench.worker.start(published(), "on-demand")
        assert await environment.ready()
        before = len(bench.sandboxes.taken)
        await (await bench.worker.start(published(), "on-demand")).ready()
        assert len(bench.sandboxes.taken) == before + 1, "not tried again at once"
        await clock.advance(61)
        await (await bench.worker.start(published(), "on-demand")).ready()
        assert len(bench.sandboxes.taken) == before + 3


async def test_a_template_that_cannot_be_restored_from(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        bench.sandboxes.template_failures.append(SandboxFailure("no room"))
        assert await bench.worker.snapshot(published()) == "Off"
        assert bench.worker.templates() == {}
        await bench.worker.snapshot(published())
        bench.sandboxes.template_failures.append(SandboxFailure("no room"))
        environment = await bench.worker.start(published(), "on-demand")
        assert await environment.ready(), "INIT runs in it"


async def test_starts_at_the_same_time_share_one_init(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        await asyncio.gather(*(bench.worker.start(published(), "on-demand") for _ in range(5)))
        assert len(bench.sandboxes.templates) == 1


async def test_a_template_ends_when_it_is_not_used(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        environment = await bench.worker.start(published(), "on-demand")
        await environment.ready()
        await clock.advance(2 * TEMPLATE_IDLE)
        assert len(bench.worker.templates()) == 1, "an environment of it is left"
        await environment.end("SPINDOWN")
        await clock.advance(TEMPLATE_IDLE - 5)
        assert len(bench.worker.templates()) == 1
        await clock.advance(10)
        assert bench.worker.templates() == {}
        assert bench.sandboxes.templates[0].sandbox.destroyed


async def test_a_template_ends_when_memory_is_short(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        environment = await bench.worker.start(published(), "on-demand")
        await environment.ready()
        bench.memory_short = True
        await clock.advance(5)
        assert len(bench.worker.templates()) == 1, "an environment of it is left"
        await environment.end("SPINDOWN")
        await clock.advance(5)
        assert bench.worker.templates() == {}


async def test_a_template_goes_with_its_version(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        environment = await bench.worker.start(published(), "on-demand")
        await environment.ready()
        bench.worker.forget(["another", "b1"])
        await clock.advance(5)
        assert (await invoke(environment, invocation("r1", b"1"))).payload == b"1", "what runs is not cut off"
        await environment.end("SPINDOWN")
        await clock.advance(2)
        assert bench.sandboxes.templates[0].sandbox.destroyed


async def test_a_snapshot_of_a_version_that_goes_meanwhile(clock: VirtualClockLoop) -> None:
    async def slow(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.forever()

    async with Bench(slow, makes_templates=True) as bench:
        taking = asyncio.ensure_future(bench.worker.snapshot(published()))
        await clock.advance(1.5)
        bench.worker.forget(["b1"])
        with pytest.raises(SandboxFailure, match="not needed"):
            await taking
        assert bench.sandbox.destroyed


async def test_close_ends_an_init_that_runs(clock: VirtualClockLoop) -> None:
    async with Bench(template, makes_templates=True) as bench:
        taking = asyncio.ensure_future(bench.worker.snapshot(published()))
        await clock.advance(0.1)
        await bench.worker.close()
        assert bench.sandbox.destroyed
        with pytest.raises(SandboxFailure):
            await taking
