"""What becomes of an event whose invocation failed. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html: a function's own failures are tried again
after one and two minutes; throttles and failures of the service go back to the queue for up to six hours, with waits that
grow from one second to five minutes, and use up no attempt.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lambdad.domain.errors import LambdadError, PlatformError, ResourceConflict, TooManyRequests
from lambdad.domain.functions import EventInvokeConfig
from lambdad.worker.api import Outcome

MAXIMUM_RETRY_ATTEMPTS = 2
MAXIMUM_EVENT_AGE = 21_600
"""Seconds."""

Condition: TypeAlias = Literal["RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency", "NotInvocable"]
"""Why an event is given up; the first three are AWS's words in a destination record."""


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


def after(
    result: Outcome | LambdadError,
    attempts: Attempts,
    age: float,
    *,
    config: EventInvokeConfig | None,
    reserved: int | None,
    delays: Delays,
) -> Retry | GiveUp | Done:
    """`age` in seconds since the event was accepted; a retry that would come after the greatest age is not waited for."""
    match result:
        case Outcome(error=None):
            return Done()
        case Outcome():
            limit = config.maximum_retry_attempts if config is not None else None
            if attempts.failed >= (MAXIMUM_RETRY_ATTEMPTS if limit is None else limit):
                return GiveUp("RetriesExhausted")
            step = min(attempts.failed, len(delays.after_function_error) - 1)
            retry = Retry(delays.after_function_error[step], Attempts(attempts.failed + 1))
        case TooManyRequests() if reserved == 0:
            return GiveUp("ZeroReservedConcurrency")
        case TooManyRequests() | ResourceConflict() | PlatformError():
            delay = min(delays.first_backoff * 2.0 ** min(attempts.refused, 32), delays.longest_backoff)
            retry = Retry(delay, Attempts(attempts.failed, attempts.refused + 1))
        case _:
            return GiveUp("NotInvocable")
    greatest = config.maximum_event_age if config is not None else None
    if age + retry.delay > (MAXIMUM_EVENT_AGE if greatest is None else greatest):
        return GiveUp("EventAgeExceeded")
    return retry
