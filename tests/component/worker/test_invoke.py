"""Invocations through a whole worker, with scripted runtimes, on the virtual clock."""

import asyncio
import json

import msgspec
import pytest

from lambdad.sandbox.api import SandboxFailure
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.sandbox import ScriptedRuntime
from tests.component.worker.bench import Bench, invocation, invoke, version


async def echo(inside: ScriptedRuntime) -> None:
    await inside.start()
    while True:
        event = await inside.next()
        inside.respond(event, event.body)


async def test_a_warm_environment_answers_and_logs(clock: VirtualClockLoop) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await asyncio.sleep(0.25)
        while True:
            event = await inside.next()
            inside.print("hello\n")
            await asyncio.sleep(0.010)
            inside.respond(event, event.body)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        assert await environment.ready() is True
        first = await invoke(environment, invocation("r1", b'{"a":1}'))
        second = await invoke(environment, invocation("r2", b"2"))
        await clock.advance(0.001)
        assert (first.payload, first.error, first.error_type, first.log_tail) == (b'{"a":1}', None, None, b"")
        assert second.payload == b"2"
        assert bench.lines() == [
            "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:runtime",
            "START RequestId: r1 Version: $LATEST",
            "hello",
            "END RequestId: r1",
            "REPORT RequestId: r1\tDuration: 10.00 ms\tBilled Duration: 260 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 36 MB\tInit Duration: 250.00 ms\t",
            "START RequestId: r2 Version: $LATEST",
            "hello",
            "END RequestId: r2",
            "REPORT RequestId: r2\tDuration: 10.00 ms\tBilled Duration: 10 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t",
        ]
        assert bench.sandbox.bursts == [False], "INIT is not throttled, invocations are"


async def test_the_tail_holds_the_invocation_whole() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        inside.print("from INIT\n")
        while True:
            event = await inside.next()
            inside.print("line\nno end")
            inside.log("two\nlines")
            inside.respond(event, b"1")

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        outcome = await invoke(environment, invocation("r1", want_log=True))
        lines = outcome.log_tail.decode().split("\n")
        assert lines[0] == "START RequestId: r1 Version: $LATEST"
        assert sorted(lines[1:5]) == sorted(["two", "lines", "line", "no end"])
        assert lines[5] == "END RequestId: r1"
        assert lines[6].startswith("REPORT RequestId: r1\tDuration: ")
        assert "from INIT" not in outcome.log_tail.decode()


async def test_a_tail_is_the_last_4096_bytes() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        while True:
            event = await inside.next()
            inside.print("x" * 10_000 + "\n")
            inside.respond(event, b"1")

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        outcome = await invoke(environment, invocation("r1", want_log=True))
        assert len(outcome.log_tail) == 4096
        assert outcome.log_tail.startswith(b"xxx") and b"REPORT RequestId: r1" in outcome.log_tail


async def test_a_handlers_error_keeps_the_environment() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        event = await inside.next()
        inside.fail(event, b'{"errorType":"ValueError"}', "Function.ValueError")
        event = await inside.next()
        inside.respond(event, b"2")
        await inside.forever()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        failed = await invoke(environment, invocation("r1"))
        assert (failed.payload, failed.error, failed.error_type) == (
            b'{"errorType":"ValueError"}',
            "Unhandled",
            "Function.ValueError",
        )
        assert (await invoke(environment, invocation("r2"))).payload == b"2"
        assert bench.sandbox.restarts == 0


async def test_a_timeout_resets_the_environment_and_keeps_tmp(clock: VirtualClockLoop) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await asyncio.sleep(0.1)
        event = await inside.next()
        if inside.generation == 0:
            inside.sandbox.files["kept"] = b"yes"
            inside.print("working\n")
            await inside.forever()
        inside.respond(event, inside.sandbox.files["kept"])
        await inside.next()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(timeout=3), "on-demand")
        await environment.ready()
        before = clock.time()
        outcome = await invoke(environment, invocation("r1", want_log=True))
        assert clock.time() - before == pytest.approx(3.0)
        assert json.loads(outcome.payload) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r1 Error: Task timed out after 3.00 seconds",
        }
        assert (outcome.error, outcome.error_type) == ("Unhandled", "Sandbox.Timedout")
        tail = outcome.log_tail.decode()
        assert "\nworking\n2026-01-01T00:00:03.100Z r1 Task timed out after 3.00 seconds\n\nEND RequestId: r1\n" in tail
        assert "Duration: 3000.00 ms\tBilled Duration: 3100 ms" in tail and tail.endswith("\tStatus: timeout\n")
        assert environment.alive and bench.sandbox.kills == 1
        again = await invoke(environment, invocation("r2", want_log=True))
        assert again.payload == b"yes"
        assert "Duration: 100.00 ms\tBilled Duration: 100 ms" in again.log_tail.decode(), "the suppressed init is in Duration"
        assert "Init Duration" not in again.log_tail.decode()
        assert bench.sandbox.bursts == [False, True, False]


@pytest.mark.parametrize(
    ("how", "text", "reported"),
    [
        ({"status": 0}, "Runtime exited without providing a reason", "Runtime.ExitError"),
        ({"status": 3}, "Runtime exited with error: exit status 3", "Runtime.ExitError"),
        ({"signal": 11}, "Runtime exited with error: signal: segmentation fault", "Runtime.ExitError"),
        ({"signal": 9, "out_of_memory": True}, "Runtime exited with error: signal: killed", "Runtime.OutOfMemory"),
    ],
)
async def test_exits_are_told_in_lambdas_words(how: dict[str, int], text: str, reported: str) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.next()
        inside.print("last words")
        inside.exit(**how)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        for id in ("r1", "r2"):
            outcome = await invoke(environment, invocation(id, want_log=True))
            assert json.loads(outcome.payload) == {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {id} Error: {text}",
            }
            tail = outcome.log_tail.decode()
            assert f"last words\nRequestId: {id} Error: {text}\nRuntime.ExitError\nEND RequestId: {id}\n" in tail
            assert f"\tStatus: error\tError Type: {reported}\n" in tail
        assert bench.sandbox.restarts == 1


async def test_an_answer_written_before_the_exit_counts() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        event = await inside.next()
        inside.respond(event, b"done")
        inside.exit(0)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        assert (await invoke(environment, invocation("r1"))).payload == b"done"
        assert (await invoke(environment, invocation("r2"))).payload == b"done"


async def test_an_init_that_fails_runs_twice_before_its_error_is_seen() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await asyncio.sleep(0.5)
        inside.fail_init(b'{"errorType":"Runtime.ImportModuleError","requestId":""}', "Runtime.ImportModuleError")
        inside.exit(1)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        assert await environment.ready() is False
        outcome = await invoke(environment, invocation("r1", want_log=True))
        assert outcome.payload == b'{"errorType":"Runtime.ImportModuleError","requestId":""}'
        assert (outcome.error, outcome.error_type) == ("Unhandled", "Runtime.ImportModuleError")
        assert bench.sandbox.restarts == 1
        assert bench.lines()[1] == (
            "INIT_REPORT Init Duration: 500.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError"
        )
        assert "\tDuration: 500.00 ms" in bench.lines()[-1]


async def test_a_missing_bootstrap_names_the_request() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        head = await inside.start()
        assert head["bootstraps"] == ["/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"]
        message = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
        body = json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}).encode()
        inside.fail_init(body, "Runtime.InvalidEntrypoint")
        inside.exit(1)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(runtime="provided.al2023"), "on-demand")
        outcome = await invoke(environment, invocation("r1"))
        assert json.loads(outcome.payload) == {
            "errorType": "Runtime.InvalidEntrypoint",
            "errorMessage": "RequestId: r1 Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        }


async def test_an_init_beyond_ten_seconds_runs_again_inside_the_invoke(clock: VirtualClockLoop) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await asyncio.sleep(12)
        while True:
            event = await inside.next()
            inside.respond(event, b"late but fine")

    async with Bench(script) as bench:
        before = clock.time()
        environment = await bench.worker.start(version(timeout=20), "on-demand")
        assert await environment.ready() is False
        assert clock.time() - before == pytest.approx(10.0)
        outcome = await invoke(environment, invocation("r1"))
        assert outcome.payload == b"late but fine"
        assert clock.time() - before == pytest.approx(22.0)
        assert bench.lines()[1] == "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout"


async def test_an_answer_that_is_too_large() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        while True:
            event = await inside.next()
            size = int(event.body)
            await inside.send_all(17, {"id": json.loads(event.head)["id"]}, b"x" * size)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        fits = await invoke(environment, invocation("r1", b"6291556"))
        assert len(fits.payload) == 6291556 and fits.error is None
        outcome = await invoke(environment, invocation("r2", b"6291557"))
        assert json.loads(outcome.payload) == {
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
        assert outcome.error == "Unhandled" and bench.sandbox.restarts == 0


async def test_nonsense_on_the_channel_ends_the_runtime() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.next()
        inside.send_raw(b"\xff" * 64)
        await inside.forever()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        outcome = await invoke(environment, invocation("r1"))
        assert json.loads(outcome.payload)["errorType"] == "Runtime.Unknown"
        assert bench.sandbox.kills == 1 and environment.alive


async def test_an_answer_to_another_invocation_ends_the_runtime() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.next()
        inside.send(17, {"id": "somebody-else"}, b"stolen")
        await inside.forever()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        outcome = await invoke(environment, invocation("r1"))
        assert outcome.error == "Unhandled" and b"Invalid request ID" in outcome.payload


async def test_a_lost_sandbox_fails_before_the_event_and_answers_after_it() -> None:
    reached = asyncio.Event()

    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.next()
        reached.set()
        await inside.forever()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        call = asyncio.ensure_future(invoke(environment, invocation("r1")))
        await reached.wait()
        bench.sandbox.lose()
        outcome = await call
        assert outcome.error_type == "Sandbox.Failure" and not environment.alive
        with pytest.raises(SandboxFailure):
            await invoke(environment, invocation("r2"))
        with pytest.raises(SandboxFailure):
            await environment.ready()
        assert bench.worker.environments() == [] and bench.worker.promised_mb == 0


async def test_a_sandbox_that_can_not_be_restarted_fails_the_invocation() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        inside.exit(1)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        bench.sandboxes.restart_failures.append(SandboxFailure("no more"))
        with pytest.raises(SandboxFailure, match="no more"):
            await invoke(environment, invocation("r1"))
        assert not environment.alive


async def test_a_caller_who_gives_up_does_not_stop_the_function(clock: VirtualClockLoop) -> None:
    finished: list[bytes] = []

    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        while True:
            event = await inside.next()
            await asyncio.sleep(1)
            finished.append(event.body)
            inside.respond(event, event.body)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        call = asyncio.ensure_future(invoke(environment, invocation("r1", b"1")))
        await clock.advance(0.5)
        call.cancel()
        await asyncio.wait([call])
        await clock.advance(1)
        assert finished == [b"1"]
        assert (await invoke(environment, invocation("r2", b"2"))).payload == b"2"


async def test_ending_takes_the_sandbox_away() -> None:
    async with Bench(echo) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await invoke(environment, invocation("r1"))
        assert (bench.worker.count, bench.worker.promised_mb) == (1, 128)
        await environment.end("SPINDOWN")
        await environment.end("SPINDOWN")
        assert not environment.alive and bench.sandbox.destroyed
        assert (bench.worker.count, bench.worker.promised_mb) == (0, 0)


async def test_ending_in_the_middle_answers_the_caller() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.next()
        await inside.forever()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        call = asyncio.ensure_future(invoke(environment, invocation("r1")))
        await asyncio.sleep(0.1)
        await environment.end("FAILURE")
        assert (await call).error_type == "Sandbox.Failure"


async def test_json_logs() -> None:
    async with Bench(echo) as bench:
        environment = await bench.worker.start(version(format="JSON"), "on-demand")
        await invoke(environment, invocation("r1", want_log=True))
        kinds = [json.loads(line)["type"] for line in bench.lines()]
        assert kinds == ["platform.initStart", "platform.start", "platform.report"]


async def test_a_restart_that_takes_for_ever_fails_the_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        inside.exit(1)

    async def slow() -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(5)

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        monkeypatch.setattr(bench.sandbox, "restart", slow)
        with pytest.raises(SandboxFailure, match="could not be restarted"):
            await invoke(environment, invocation("r1"))
        assert not environment.alive


async def test_a_timeout_while_the_runtime_restarts_leaves_nothing_behind(
    clock: VirtualClockLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Bench(echo) as bench:
        environment = await bench.worker.start(version(timeout=3), "on-demand")
        await environment.ready()
        sandbox = bench.sandbox
        restart = type(sandbox).restart

        async def slow() -> object:
            await asyncio.sleep(4)
            return await restart(sandbox)

        monkeypatch.setattr(sandbox, "restart", slow)
        sandbox.kill()
        await clock.advance(0.1)
        assert (await invoke(environment, invocation("r1"))).error_type == "Sandbox.Timedout"
        assert (await invoke(environment, invocation("r2"))).error_type == "Sandbox.Timedout", "two restarts in a row"
        monkeypatch.undo()
        assert (await invoke(environment, invocation("r3", b"3"))).payload == b"3"


async def test_an_effect_that_fails_does_not_lose_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await inside.next()
        await inside.forever()

    def broken() -> None:
        raise OSError("no such cgroup")

    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        monkeypatch.setattr(bench.sandbox, "kill", broken)
        monkeypatch.setattr(bench.sandbox, "max_memory_used", broken)
        outcome = await invoke(environment, invocation("r1"))
        assert outcome.error_type == "Sandbox.Timedout"
        assert [str(error) for error in reported] == ["no such cgroup"]
        monkeypatch.undo()


async def test_a_giant_trace_header_is_left_out() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        while True:
            event = await inside.next()
            inside.respond(event, json.dumps(json.loads(event.head)["trace"]).encode())

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        giant = msgspec.structs.replace(invocation("r1"), trace_id="x" * 100_000)
        assert (await invoke(environment, giant)).payload == b'""'


async def test_a_worker_that_can_not_get_a_sandbox_promises_nothing() -> None:
    async with Bench(echo) as bench:
        bench.sandboxes.take_failures.append(SandboxFailure("full"))
        with pytest.raises(SandboxFailure, match="full"):
            await bench.worker.start(version(), "on-demand")
        assert bench.worker.promised_mb == 0
        await bench.worker.start(version(memory_size=512), "on-demand")
        assert bench.worker.promised_mb == 512
        limits = bench.sandbox.limits
        assert limits is not None and (limits.memory_mb, limits.ephemeral_mb) == (512, 512)
        assert limits.cores == pytest.approx(512 / 1769)
        await bench.worker.close()
        with pytest.raises(SandboxFailure):
            await bench.worker.start(version(), "on-demand")


async def test_provisioned_environments_have_more_time_for_init(clock: VirtualClockLoop) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        await asyncio.sleep(60)
        await inside.next()

    async with Bench(script) as bench:
        environment = await bench.worker.start(version(), "provisioned-concurrency")
        assert await environment.ready() is True
        assert "INIT_REPORT Init Duration: 60000.00 ms" in bench.lines()


async def test_the_load_is_what_is_promised_used_and_running(clock: VirtualClockLoop) -> None:
    async def slow(inside: ScriptedRuntime) -> None:
        await inside.start()
        event = await inside.next()
        await asyncio.sleep(1.0)
        inside.respond(event, b"1")
        await inside.next()
        await inside.forever()

    async with Bench(slow) as bench:
        wanted = version(memory_size=1769)
        environment = await bench.worker.start(wanted, "on-demand")
        assert await environment.ready()
        running = asyncio.create_task(invoke(environment, invocation("r1")))
        await clock.advance(0.5)
        load = bench.worker.load(wanted)
        assert (load.promised_mb, load.environments, load.busy_cores, load.has_code) == (1769, 1, 1.0, True)
        await running
        await clock.advance(0.5)
        load = bench.worker.load(wanted)
        assert (load.used_mb, load.busy_cores) == (36, 0.0)
