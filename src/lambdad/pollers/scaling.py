"""How many batches of one mapping may run at once. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: five at first, up to 300 more in each minute while
messages wait, 1,250 at most; in provisioned mode ten for each poller, growing by 1,000 in a minute. Fewer where the function
fails or is throttled. By how much AWS backs off it does not say; here a failure takes a tenth, and a throttle shows how many
can run.
"""

from dataclasses import dataclass
from typing import Final

from lambdad.domain.backoff import doubled
from lambdad.domain.mappings import EventSourceMapping

FIRST: Final = 5
LEAST: Final = 2
MOST: Final = 1250
PER_SECOND: Final = 300 / 60

PER_POLLER: Final = 10
PROVISIONED_PER_SECOND: Final = 1000 / 60

AFTER_FAILURE: Final = 0.9
FIRST_BACKOFF: Final = 1.0
LONGEST_BACKOFF: Final = 60.0


@dataclass(frozen=True, slots=True)
class Bounds:
    first: int
    least: int
    """Failures take it no lower; throttles do, down to one."""
    most: int
    per_second: float


def bounds(mapping: EventSourceMapping) -> Bounds:
    pollers = mapping.provisioned
    if pollers is not None:
        least = PER_POLLER * pollers.minimum
        return Bounds(least, least, PER_POLLER * pollers.maximum, PROVISIONED_PER_SECOND)
    most = MOST if mapping.maximum_concurrency is None else mapping.maximum_concurrency
    return Bounds(min(FIRST, most), min(LEAST, most), most, PER_SECOND)


@dataclass(frozen=True, slots=True)
class Scale:
    """`allowed` batches, as of `at` (s). It grows while all of them are in use."""

    allowed: float
    at: float

    @property
    def whole(self) -> int:
        return int(self.allowed)


def looked(scale: Scale, limits: Bounds, now: float, *, saturated: bool) -> Scale:
    """`saturated`: since `scale.at` all that may run did, and none was throttled."""
    grown = scale.allowed + limits.per_second * (now - scale.at) if saturated else scale.allowed
    return Scale(max(1.0, min(grown, limits.most)), now)


def failed(scale: Scale, limits: Bounds) -> Scale:
    """A batch of it ended in an error of the function."""
    return Scale(max(min(scale.allowed, limits.least), scale.allowed * AFTER_FAILURE), scale.at)


def throttled(scale: Scale, others: int) -> Scale:
    """A batch was refused while `others` ran."""
    return Scale(min(scale.allowed, max(1.0, others)), scale.at)


def idle(scale: Scale, limits: Bounds) -> Scale:
    """Nothing came and nothing runs: as at the beginning."""
    return Scale(float(limits.first), scale.at)


def backoff(refusals: int) -> float:
    """Seconds before a batch that was refused so often is tried again."""
    return doubled(FIRST_BACKOFF, refusals - 1, LONGEST_BACKOFF)
