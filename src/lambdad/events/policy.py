"""What becomes of an event whose invocation failed, and how many run at once. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html: a function's own failures are tried again
after one and two minutes; throttles and failures of the service go back to the queue for up to six hours, with waits that
grow from one second to five minutes, and use up no attempt.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lambdad.domain.backoff import doubled
from lambdad.domain.errors import LambdadError, RecursiveInvocation, ResourceNotFound
from lambdad.domain.functions import EventInvokeConfig
from lambdad.frontend.api import Answer

MAXIMUM_RETRY_ATTEMPTS: Final = 2
MAXIMUM_EVENT_AGE: Final = 21_600
"""Seconds."""

FIRST_WINDOW: Final = 100.0
LARGEST_WINDOW: Final = 1000.0

Condition: TypeAlias = Literal["RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency"]
"""Why an event is given up: AWS's words in a destination's record."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds."""

    after_function_error: tuple[float, ...] = (60.0, 120.0)
    first_backoff: float = 1.0
    longest_backoff: float = 300.0


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was tried so far."""

    failed: int = 0
    """Attempts that reached the function."""
    refused: int = 0
    """Attempts that did not, since the last one that did."""


@dataclass(frozen=True, slots=True)
class Retry:
    delay: float
    attempts: Attempts


@dataclass(frozen=True, slots=True)
class GiveUp:
    condition: Condition


@dataclass(frozen=True, slots=True)
class Done:
    pass


def before(age: float, *, config: EventInvokeConfig | None, reserved: int | None) -> GiveUp | None:
    """What is known before a try. `age`: seconds since the event was accepted."""
    if reserved == 0:
        return GiveUp("ZeroReservedConcurrency")
    return GiveUp("EventAgeExceeded") if age > _greatest_age(config) else None


def after(
    result: Answer | LambdadError, attempts: Attempts, age: float, *, config: EventInvokeConfig | None, delays: Delays
) -> Retry | GiveUp | Done:
    """A retry that would come after the greatest age is not waited for."""
    match result:
        case Answer(function_error=None):
            return Done()
        case Answer():
            limit = config.maximum_retry_attempts if config is not None else None
            if attempts.failed >= (MAXIMUM_RETRY_ATTEMPTS if limit is None else limit):
                return GiveUp("RetriesExhausted")
            step = min(attempts.failed, len(delays.after_function_error) - 1)
            retry = Retry(delays.after_function_error[step], Attempts(attempts.failed + 1))
        case ResourceNotFound() | RecursiveInvocation():  # nothing that a retry could mend: function, version or alias is gone
            return GiveUp("RetriesExhausted")
        case _:
            delay = doubled(delays.first_backoff, attempts.refused, delays.longest_backoff)
            retry = Retry(delay, Attempts(attempts.failed, attempts.refused + 1))
    return GiveUp("EventAgeExceeded") if age + retry.delay > _greatest_age(config) else retry


def _greatest_age(config: EventInvokeConfig | None) -> int:
    age = config.maximum_event_age if config is not None else None
    return MAXIMUM_EVENT_AGE if age is None else age


def window(before: float, throttled: bool, others: int) -> float:
    """How many events of a function may run at once, now that one of them ended while `others` run.

    A throttle says how many can; from there it grows by one for each round of that many.
    """
    return float(max(1, others)) if throttled else min(before + 1 / before, LARGEST_WINDOW)
