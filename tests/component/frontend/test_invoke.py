"""Synchronous invokes and dry runs."""

import asyncio
import base64

import pytest

from lambdad.domain.errors import (
    InvalidRequestContent,
    PlatformError,
    RecursiveInvocation,
    ResourceConflict,
    ResourceNotFound,
    TooManyRequests,
)
from lambdad.domain.functions import Alias
from lambdad.frontend.api import Answer
from lambdad.frontend.traces import onward
from lambdad.sandbox.api import SandboxFailure
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.environments import ScriptedEnvironment
from lambdad.testing.snapshots import ACCOUNT, REGION, make_function, make_version
from lambdad.worker.api import Invocation, Outcome

from .conftest import House

TRACE = "Root=1-6553f100-000000000000000000000000;Parent=0000000000000007;Sampled=0"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fn"


async def test_the_answer_is_the_functions(house: House) -> None:
    assert await house.invoke(payload=b'{"a":1}') == Answer(200, b'{"a":1}', "$LATEST", None, None, TRACE)
    (environment,) = house.worker.started
    (invocation,) = environment.served
    assert invocation == Invocation("request-1", ARN, b'{"a":1}', TRACE)


async def test_what_the_caller_says_reaches_the_environment(house: House) -> None:
    context = base64.b64encode(b'{"client":{}}').decode()
    given = onward("Root=1-a-b", ARN)
    answer = await house.invoke("fn:$LATEST", b"", client_context=context, trace_id="Root=1-a-b", log_type="Tail")
    assert (answer.payload, answer.trace_id, answer.log_tail) == (b"{}", given, b"END")
    (invocation,) = house.worker.started[0].served
    assert invocation.invoked_arn == f"{ARN}:$LATEST"
    assert (invocation.client_context, invocation.trace_id, invocation.want_log) == ('{"client":{}}', given, True)


async def test_a_function_error_is_an_answer(house: House) -> None:
    async def fail(invocation: Invocation) -> Outcome:
        return Outcome(b'{"errorType":"E"}', error="Unhandled", error_type="E")

    house.worker.handler = fail
    answer = await house.invoke()
    assert (answer.status, answer.function_error, answer.payload) == (200, "Unhandled", b'{"errorType":"E"}')


async def test_an_alias_is_resolved_by_the_draw(house: House) -> None:
    versions = {number: make_version(version=number, build=f"b{number}") for number in ("1", "2")}
    alias = Alias(name="live", version="1", revision_id="r", weights={"2": 0.1})
    house.records.put(make_function(versions=versions, aliases={"live": alias}))
    house.draw = 0.5
    assert (await house.invoke(qualifier="live")).executed_version == "1"
    house.draw = 0.05
    assert (await house.invoke("fn:live")).executed_version == "2"
    assert [it.served[0].invoked_arn for it in house.worker.started] == [f"{ARN}:live"] * 2


async def test_a_dry_run_runs_nothing_but_checks_everything(house: House) -> None:
    assert await house.invoke(invocation_type="DryRun") == Answer(204, b"", None, None, None, TRACE)
    assert house.worker.started == []
    with pytest.raises(ResourceNotFound, match=f"Function not found: {ARN[:-2]}nope"):
        await house.invoke("nope", invocation_type="DryRun")
    with pytest.raises(InvalidRequestContent):
        await house.invoke(payload=b"{", invocation_type="DryRun")
    house.records.put(make_function(latest=make_version(state="Pending")))
    with pytest.raises(ResourceConflict, match="in the following state: Pending"):
        await house.invoke(invocation_type="DryRun")


async def test_parallel_invokes_run_in_parallel_and_the_next_is_throttled(house: House, clock: VirtualClockLoop) -> None:
    async def slow(invocation: Invocation) -> Outcome:
        await asyncio.sleep(5.0)
        return Outcome(b"null")

    house.worker.handler = slow
    before = clock.time()
    running = [asyncio.create_task(house.invoke()) for _ in range(10)]
    await clock.advance(1.0)
    with pytest.raises(TooManyRequests) as raised:
        await house.invoke()
    assert raised.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
    await asyncio.gather(*running)
    assert clock.time() == pytest.approx(before + 5.0)
    assert len(house.worker.started) == 10
    assert (await house.invoke()).status == 200


async def test_a_function_that_is_switched_off_is_throttled(house: House) -> None:
    house.records.put(make_function(reserved_concurrency=0))
    with pytest.raises(TooManyRequests) as raised:
        await house.invoke()
    assert raised.value.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


async def test_an_update_serves_the_old_build_until_the_new_one_is_ready(house: House) -> None:
    old, new = make_version(build="old"), make_version(build="new", state="Active")
    house.records.put(make_function(latest=new, serving=old))
    await house.invoke()
    house.records.put(make_function(latest=new))
    await house.invoke()
    assert [environment.version.build for environment in house.worker.started] == ["old", "new"]


async def test_an_event_that_never_reached_the_runtime_is_given_to_another_environment(house: House) -> None:
    async def lost_once(invocation: Invocation) -> Outcome:
        if len(house.worker.started) == 1:
            house.worker.started[0].lose()
            raise SandboxFailure("the channel broke")
        return Outcome(b'"second"')

    house.worker.handler = lost_once
    assert (await house.invoke()).payload == b'"second"'
    assert house.worker.started[0].ended == "FAILURE"


async def test_four_losses_are_the_platforms_fault(house: House) -> None:
    async def lost(invocation: Invocation) -> Outcome:
        house.worker.started[-1].lose()
        raise SandboxFailure("the channel broke")

    house.worker.handler = lost
    with pytest.raises(PlatformError):
        await house.invoke()
    assert len(house.worker.started) == 4
    assert house.quiet()


async def test_a_recursive_loop_is_stopped(house: House) -> None:
    trace_id: str | None = None
    for _ in range(16):
        trace_id = (await house.invoke(trace_id=trace_id)).trace_id
    with pytest.raises(RecursiveInvocation):
        await house.invoke(trace_id=trace_id)
    assert (await house.invoke(trace_id=trace_id, invocation_type="Event")).status == 202
    ((name, invocation),) = house.events.accepted
    with pytest.raises(RecursiveInvocation):
        await house.frontend.run_accepted(name, invocation)
    house.records.put(make_function(recursion="Allow"))
    assert (await house.invoke(trace_id=trace_id)).status == 200


async def test_an_invocation_that_can_not_be_begun_leaves_nothing_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(environment: ScriptedEnvironment, invocation: Invocation, done: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(ScriptedEnvironment, "invoke", broken)
    with pytest.raises(PlatformError):
        await house.invoke()
    await asyncio.sleep(0)
    assert house.quiet()
    assert house.worker.started[0].ended == "FAILURE"
