"""AWS's ladder of retries for events."""

import pytest

from lambdad.domain.errors import (
    LambdadError,
    PlatformError,
    ResourceConflict,
    ResourceNotFound,
    SnapStartNotReady,
    TooManyRequests,
)
from lambdad.domain.functions import EventInvokeConfig
from lambdad.events.policy import LARGEST_WINDOW, Attempts, Delays, Done, GiveUp, Retry, after, before, window
from lambdad.frontend.api import Answer

OK = Answer(200, b"null", "$LATEST", None, None, "")
FAILED = Answer(200, b"{}", "$LATEST", "Unhandled", None, "")


def decide(
    result: Answer | LambdadError,
    attempts: Attempts = Attempts(),  # noqa: B008
    age: float = 0.0,
    config: EventInvokeConfig | None = None,
) -> Retry | GiveUp | Done:
    return after(result, attempts, age, config=config, delays=Delays())


def test_success_ends_it() -> None:
    assert decide(OK) == Done()


def test_function_errors_are_tried_again_after_one_and_two_minutes() -> None:
    assert decide(FAILED) == Retry(60.0, Attempts(1))
    assert decide(FAILED, Attempts(1)) == Retry(120.0, Attempts(2))
    assert decide(FAILED, Attempts(2)) == GiveUp("RetriesExhausted")


def test_the_configured_number_of_attempts_counts() -> None:
    assert decide(FAILED, config=EventInvokeConfig(last_modified_ms=0, maximum_retry_attempts=0)) == GiveUp("RetriesExhausted")
    config = EventInvokeConfig(last_modified_ms=0, maximum_event_age=60)
    assert decide(FAILED, config=config) == Retry(60.0, Attempts(1)), "no number of attempts means the default"


@pytest.mark.parametrize("error", [TooManyRequests(), PlatformError(), ResourceConflict(), SnapStartNotReady()])
def test_refusals_back_off_up_to_five_minutes_and_use_up_no_attempt(error: LambdadError) -> None:
    attempts, delays = Attempts(failed=2), []
    for _ in range(11):
        decision = decide(error, attempts)
        assert isinstance(decision, Retry)
        delays.append(decision.delay)
        attempts = decision.attempts
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]
    assert attempts.failed == 2


def test_the_back_off_does_not_overflow() -> None:
    assert decide(PlatformError(), Attempts(refused=10_000)) == Retry(300.0, Attempts(refused=10_001))


def test_a_retry_that_would_come_too_late_is_not_waited_for() -> None:
    assert decide(PlatformError(), age=21_600.0) == GiveUp("EventAgeExceeded")
    config = EventInvokeConfig(last_modified_ms=0, maximum_event_age=60)
    assert decide(FAILED, age=1.0, config=config) == GiveUp("EventAgeExceeded")


def test_a_function_that_is_gone_is_not_tried_again() -> None:
    assert decide(ResourceNotFound()) == GiveUp("RetriesExhausted")


def test_what_is_known_before_a_try() -> None:
    assert before(0.0, config=None, reserved=None) is None
    assert before(0.0, config=None, reserved=0) == GiveUp("ZeroReservedConcurrency")
    assert before(21_601.0, config=None, reserved=1) == GiveUp("EventAgeExceeded")
    assert before(61.0, config=EventInvokeConfig(last_modified_ms=0, maximum_event_age=60), reserved=None) == GiveUp(
        "EventAgeExceeded"
    )


def test_a_throttle_says_how_many_can_run() -> None:
    assert window(100.0, throttled=True, others=7) == 7.0
    assert window(100.0, throttled=True, others=0) == 1.0


def test_the_window_grows_by_one_with_each_round() -> None:
    size = 10.0
    for _ in range(10):
        size = window(size, throttled=False, others=3)
    assert 10.9 < size <= 11.0
    assert window(LARGEST_WINDOW, throttled=False, others=3) == LARGEST_WINDOW
