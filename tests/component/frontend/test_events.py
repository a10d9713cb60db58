"""Event mode: accepted, run later, tried again."""

import asyncio

import pytest

from lambdad.domain.errors import CallerError, PlatformError, RequestTooLarge, TooManyRequests
from lambdad.domain.functions import EventInvokeConfig
from lambdad.frontend.api import Answer
from lambdad.frontend.checks import Target, target
from lambdad.frontend.events import Events
from lambdad.frontend.retries import Delays
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.snapshots import make_function, make_version
from lambdad.worker.api import Invocation, Outcome

from .conftest import CALLER, House
from .test_invoke import ARN, TRACE


class Script:
    """A handler that fails as often as it is told, and notes when it ran."""

    def __init__(self, clock: VirtualClockLoop, failures: int) -> None:
        self.clock = clock
        self.start = clock.time()
        self.failures = failures
        self.runs: list[tuple[float, str]] = []

    async def __call__(self, invocation: Invocation) -> Outcome:
        self.runs.append((round(self.clock.time() - self.start, 3), invocation.request_id))
        failed = len(self.runs) <= self.failures
        return Outcome(b"{}", error="Unhandled", error_type="Runtime.ExitError") if failed else Outcome(b"null")


async def test_an_event_is_accepted_at_once_and_run_once(house: House, clock: VirtualClockLoop) -> None:
    script = house.worker.handler = Script(clock, failures=0)
    answer = await house.invoke(invocation_type="Event", log_type="Tail", client_context="e30=")
    assert answer == Answer(202, b"", None, None, None, TRACE)
    assert script.runs == []
    await clock.advance(1000.0)
    assert script.runs == [(0.0, "request-1")]
    (invocation,) = house.worker.started[0].served
    assert (invocation.client_context, invocation.want_log) == (None, False)


async def test_a_failing_event_is_tried_three_times_with_the_same_id(
    house: House, clock: VirtualClockLoop, caplog: pytest.LogCaptureFixture
) -> None:
    script = house.worker.handler = Script(clock, failures=9)
    await house.invoke(invocation_type="Event")
    await clock.advance(1000.0)
    assert script.runs == [(0.0, "request-1"), (60.0, "request-1"), (180.0, "request-1")]
    assert f"event request-1 for {ARN} is given up: RetriesExhausted (Runtime.ExitError)" in caplog.text


async def test_a_retry_runs_the_code_that_is_current_then(house: House, clock: VirtualClockLoop) -> None:
    house.worker.handler = Script(clock, failures=1)
    await house.invoke(invocation_type="Event")
    await clock.advance(30.0)
    house.records.put(make_function(latest=make_version(build="new")))
    await clock.advance(60.0)
    assert [environment.version.build for environment in house.worker.started] == ["build-1", "new"]


async def test_the_configuration_of_the_qualifier_counts(house: House, clock: VirtualClockLoop) -> None:
    config = EventInvokeConfig(last_modified_ms=0, maximum_retry_attempts=1)
    house.records.put(make_function(event_invoke={"$LATEST": config}))
    script = house.worker.handler = Script(clock, failures=9)
    await house.invoke(invocation_type="Event")
    await clock.advance(1000.0)
    assert [when for when, _ in script.runs] == [0.0, 60.0]


async def test_throttled_events_wait_for_their_turn(house: House, clock: VirtualClockLoop) -> None:
    house.records.put(make_function(reserved_concurrency=1))
    served: list[float] = []

    async def slow(invocation: Invocation) -> Outcome:
        await asyncio.sleep(2.0)
        served.append(clock.time())
        return Outcome(b"null")

    house.worker.handler = slow
    for _ in range(5):
        assert (await house.invoke(invocation_type="Event")).status == 202
    await clock.advance(600.0)
    assert len(served) == 5
    assert len(house.worker.started) == 1


async def test_events_of_a_function_that_is_gone_are_given_up(
    house: House, clock: VirtualClockLoop, caplog: pytest.LogCaptureFixture
) -> None:
    script = house.worker.handler = Script(clock, failures=9)
    await house.invoke(invocation_type="Event")
    await clock.advance(30.0)
    house.records.delete(house.records.all_functions()[0])
    await clock.advance(1000.0)
    assert len(script.runs) == 1
    assert "is given up: NotInvocable (ResourceNotFoundException: Function not found:" in caplog.text


async def test_events_of_a_function_that_is_switched_off_are_given_up(
    house: House, clock: VirtualClockLoop, caplog: pytest.LogCaptureFixture
) -> None:
    house.records.put(make_function(reserved_concurrency=0))
    assert (await house.invoke(invocation_type="Event")).status == 202
    await clock.advance(1.0)
    assert "is given up: ZeroReservedConcurrency" in caplog.text


async def test_events_are_smaller_than_synchronous_requests(house: House) -> None:
    payload = b'"' + b"x" * 1_048_575 + b'"'
    assert (await house.invoke(payload=payload)).status == 200
    with pytest.raises(RequestTooLarge):
        await house.invoke(payload=payload, invocation_type="Event")


async def test_close_lets_running_events_end_and_names_those_it_loses(
    house: House, clock: VirtualClockLoop, caplog: pytest.LogCaptureFixture
) -> None:
    finished: list[str] = []

    async def handler(invocation: Invocation) -> Outcome:
        if invocation.payload == b'"fails"':
            return Outcome(b"{}", error="Unhandled")
        await asyncio.sleep(10.0 if invocation.payload == b'"slow"' else 100.0)
        finished.append(invocation.payload.decode())
        return Outcome(b"null")

    house.worker.handler = handler
    for payload in (b'"fails"', b'"slow"', b'"endless"'):
        await house.invoke(payload=payload, invocation_type="Event")
    await clock.advance(1.0)
    before = clock.time()
    await house.frontend.close()
    assert clock.time() == pytest.approx(before + 30.0)
    assert finished == ['"slow"']
    assert caplog.text.count("is lost: lambdad is shutting down") == 2
    with pytest.raises(PlatformError, match="shutting down"):
        await house.invoke(invocation_type="Event")


async def test_memory_is_bounded() -> None:
    async def attempt(target: Target, invocation: Invocation) -> Outcome:
        return Outcome(b"null")

    fn = target("fn", None, CALLER)
    events = Events(attempt, lambda target: None, delays=Delays(), max_events=2, max_bytes=100)
    events.accept(fn, Invocation("1", ARN, b"x" * 60, TRACE))
    with pytest.raises(CallerError) as raised:
        events.accept(fn, Invocation("2", ARN, b"x" * 60, TRACE))
    assert isinstance(raised.value, TooManyRequests) and raised.value.members["Reason"] == "CallerRateLimitExceeded"
    events.accept(fn, Invocation("3", ARN, b"", TRACE))
    with pytest.raises(TooManyRequests):
        events.accept(fn, Invocation("4", ARN, b"", TRACE))
    assert repr(events) == "<Events [2 accepted, 60 bytes]>"
    await asyncio.sleep(1.0)
    assert repr(events) == "<Events [0 accepted, 0 bytes]>"
    await events.close(1.0)


async def test_a_bug_in_an_attempt_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def attempt(target: Target, invocation: Invocation) -> Outcome:
        raise ZeroDivisionError("a bug")

    events = Events(attempt, lambda target: None, delays=Delays())
    events.accept(target("fn", None, CALLER), Invocation("1", ARN, b"", TRACE))
    await asyncio.sleep(1.0)
    assert "an event was lost to an internal error" in caplog.text and "ZeroDivisionError" in caplog.text
