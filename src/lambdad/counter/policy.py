"""When one more invocation may start. Pure: plain counting, time comes in, no waiting.

A region of an account has `limit` units of concurrency. What functions reserve is taken out of it, whether they use it or not;
so is provisioned concurrency of functions without a reservation; the rest is one pool for everything else. A reservation is
floor and ceiling at once, for all versions of the function together, and 0 switches the function off. Provisioned
concurrency of a version is used first; what goes beyond spills over to the rest of the reservation, or to the pool: a function
that has provisioned all it has reserved has no rest, neither for spill-over nor for `$LATEST`.

Beside what runs at once, a second's synchronous requests on demand are limited to ten for each unit: of the reservation, or
of the account for all functions without one together.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lambdad.domain.pace import Pace, per_second

Reason = Literal[
    "ConcurrentInvocationLimitExceeded",
    "FunctionInvocationRateLimitExceeded",
    "ReservedFunctionConcurrentInvocationLimitExceeded",
    "ReservedFunctionInvocationRateLimitExceeded",
]
"""`Reason` of a 429; https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""


@dataclass(slots=True, eq=False)
class Share:
    """The on-demand part of what a function uses, or the provisioned concurrency of one of its versions."""

    limit: int = 0
    """Of provisioned concurrency only."""
    in_flight: int = 0


@dataclass(slots=True, eq=False)
class Use:
    """What one function uses."""

    in_flight: int = 0
    on_demand: Share = field(default_factory=Share)
    provisioned: dict[str, Share] = field(default_factory=dict)
    """By version."""
    provisioned_total: int = 0
    reserved: int | None = None
    pace: Pace | None = None
    """Of the reservation."""

    @property
    def promised(self) -> int:
        """What is taken out of the account's concurrency, used or not."""
        return self.provisioned_total if self.reserved is None else self.reserved


@dataclass(slots=True, eq=False)
class Concurrency:
    """One region of one account. `per_unit`: requests per second for each unit of concurrency, 0 for any number."""

    limit: int
    per_unit: int = 0
    in_flight: int = 0
    unreserved: int = 0
    """What functions without a reservation use of `in_flight` on demand."""
    promised: int = 0
    uses: dict[str, Use] = field(default_factory=dict)
    pace: Pace | None = field(init=False)

    def __post_init__(self) -> None:
        self.pace = self._pace(self.limit)

    def __repr__(self) -> str:
        return f"<Concurrency [{self.in_flight} of {self.limit} in flight, {self.unreserved} of {self.pool} unreserved]>"

    @property
    def pool(self) -> int:
        """What is promised to nobody."""
        return max(0, self.limit - self.promised)

    def use(self, name: str) -> Use:
        use = self.uses.get(name)
        if use is None:
            use = self.uses[name] = Use()
        return use

    def promise(self, name: str, reserved: int | None, provisioned: Mapping[str, int]) -> None:
        """The function's reservation, and its provisioned concurrency by version, are now these. What it has in flight on
        demand moves to the pool it now belongs to; what it has in flight on provisioned concurrency stays with that."""
        use = self.use(name)
        if (use.reserved is None) != (reserved is None):
            self.unreserved += use.on_demand.in_flight if reserved is None else -use.on_demand.in_flight
        self.promised -= use.promised
        if reserved != use.reserved:
            use.pace = None if reserved is None else self._pace(reserved)
        use.reserved = reserved
        use.provisioned = {version: use.provisioned.get(version) or Share() for version in provisioned}
        for version, amount in provisioned.items():
            use.provisioned[version].limit = amount
        use.provisioned_total = sum(provisioned.values())
        self.promised += use.promised

    def forget(self, name: str) -> None:
        """The function is deleted. What it still has in flight stays counted until it is released."""
        self.promise(name, None, {})
        del self.uses[name]

    def admit(self, use: Use, version: str, now: float | None) -> Share | Reason:
        """Take one unit, or say why not. `now` in seconds; None for what is not limited per second (events)."""
        if use.provisioned:
            share = use.provisioned.get(version)
            if share is not None and share.in_flight < share.limit:
                return self._taken(use, share)
        share = use.on_demand
        if use.reserved is not None:
            if share.in_flight >= use.reserved - use.provisioned_total:
                return "ReservedFunctionConcurrentInvocationLimitExceeded"
            if now is not None and use.pace is not None and not use.pace.take(now):
                return "ReservedFunctionInvocationRateLimitExceeded"
        else:
            if self.unreserved >= self.limit - self.promised:
                return "ConcurrentInvocationLimitExceeded"
            if now is not None and self.pace is not None and not self.pace.take(now):
                return "FunctionInvocationRateLimitExceeded"
            self.unreserved += 1
        return self._taken(use, share)

    def release(self, use: Use, share: Share) -> None:
        """Give back one unit that `admit` took."""
        share.in_flight -= 1
        use.in_flight -= 1
        self.in_flight -= 1
        if use.reserved is None and share is use.on_demand:
            self.unreserved -= 1

    def _taken(self, use: Use, share: Share) -> Share:
        share.in_flight += 1
        use.in_flight += 1
        self.in_flight += 1
        return share

    def _pace(self, units: int) -> Pace | None:
        return per_second(self.per_unit * units) if self.per_unit * units > 0 else None
