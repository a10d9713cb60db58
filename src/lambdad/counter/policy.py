"""When one more invocation may start. Pure: plain counting, no clock, no waiting.

A region of an account has `limit` units of concurrency. What functions reserve is taken out of it, whether they use it or not;
the rest is one pool for all functions without a reservation. A reservation is floor and ceiling at once, for all versions
of the function together, and 0 switches the function off.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html

The limits per second (10 requests per second and unit of concurrency, 1,000 more environments every 10 seconds and
function) belong in `Concurrency.admit`, beside the limits on what runs at once; they need the time as an argument.
"""

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal["ConcurrentInvocationLimitExceeded", "ReservedFunctionConcurrentInvocationLimitExceeded"]
"""`Reason` of a 429; https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""


@dataclass(slots=True)
class Use:
    """What one function uses."""

    in_flight: int = 0
    reserved: int | None = None


@dataclass(slots=True)
class Concurrency:
    """One region of one account. `unreserved` is what functions without a reservation use of `in_flight`."""

    limit: int
    in_flight: int = 0
    unreserved: int = 0
    reserved_total: int = 0
    uses: dict[str, Use] = field(default_factory=dict)

    def __repr__(self) -> str:
        pool = max(0, self.limit - self.reserved_total)
        return f"<Concurrency [{self.in_flight} of {self.limit} in flight, {self.unreserved} of {pool} unreserved]>"

    def use(self, name: str) -> Use:
        use = self.uses.get(name)
        if use is None:
            use = self.uses[name] = Use()
        return use

    def reserve(self, name: str, amount: int | None) -> None:
        """The function's reservation is now `amount`; what it has in flight moves to the pool it now belongs to."""
        use = self.use(name)
        if (use.reserved is None) != (amount is None):
            self.unreserved += use.in_flight if amount is None else -use.in_flight
        self.reserved_total += (amount or 0) - (use.reserved or 0)
        use.reserved = amount

    def forget(self, name: str) -> None:
        """The function is deleted. What it still has in flight stays counted until it is released."""
        self.reserve(name, None)
        del self.uses[name]

    def admit(self, use: Use, reserved: int | None) -> Reason | None:
        """Take one unit, or say why not. `reserved` is what the function's record says now."""
        if reserved is not None:
            if use.in_flight >= reserved:
                return "ReservedFunctionConcurrentInvocationLimitExceeded"
        elif self.unreserved >= self.limit - self.reserved_total:
            return "ConcurrentInvocationLimitExceeded"
        use.in_flight += 1
        self.in_flight += 1
        if use.reserved is None:
            self.unreserved += 1
        return None

    def release(self, use: Use) -> None:
        """Give back one unit that `admit` took."""
        use.in_flight -= 1
        self.in_flight -= 1
        if use.reserved is None:
            self.unreserved -= 1
