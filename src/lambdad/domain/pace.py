"""A budget that is refilled continuously: so many per second, and no more saved up than the budget holds. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """The generic cell rate algorithm (ITU-T I.371, annex A), which is a token bucket told by one number: the time at which
    everything taken so far will have been earned. `interval`: seconds that one takes to be refilled; `saved`: seconds of
    refilling that the full budget is worth."""

    interval: float
    saved: float
    spent_until: float = 0.0

    def take(self, now: float) -> bool:
        """One of the budget; False if it is used up."""
        spent = max(self.spent_until, now) + self.interval
        # A thousandth of an interval, so that sums of floats do not lose the last one of a full budget.
        if spent > now + self.saved + self.interval / 1000:
            return False
        self.spent_until = spent
        return True

    def full(self, now: float) -> bool:
        """Whether nothing of it is spent."""
        return self.spent_until <= now


def per_second(rate: float) -> Pace:
    """`rate` in a second, all at once or spread."""
    return Pace(1 / rate, 1.0)
