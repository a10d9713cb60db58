"""Counts of each function, by CloudWatch's names. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html

Counting happens after an answer has left, and costs a look into a dictionary and a few additions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Name: TypeAlias = tuple[str, str, str]
"""Account, region, name of the function."""


@dataclass(slots=True)
class Counts:
    """Of one function, all its versions together."""

    invocations: int = 0
    """That reached the function, whatever became of them: throttled requests are none."""
    errors: int = 0
    """Of these, the ones that ended in an error of the function, or of its runtime: timeouts and exits, too."""
    throttles: int = 0
    duration_ms: float = 0.0
    """Sum over the invocations."""
    recursions: int = 0
    """Invocations that were stopped because they were one round too many of a recursive loop."""


class Registry:
    """Use it in one event loop."""

    def __init__(self) -> None:
        self._counts: dict[Name, Counts] = {}

    def __repr__(self) -> str:
        return f"<Registry [{len(self._counts)} functions]>"

    def __iter__(self) -> Iterator[tuple[Name, Counts]]:
        return iter(sorted(self._counts.items()))

    def invoked(self, account: str, region: str, function: str, duration_ms: float, failed: bool) -> None:
        counts = self._of(account, region, function)
        counts.invocations += 1
        counts.duration_ms += duration_ms
        if failed:
            counts.errors += 1

    def throttled(self, account: str, region: str, function: str) -> None:
        self._of(account, region, function).throttles += 1

    def recursed(self, account: str, region: str, function: str) -> None:
        self._of(account, region, function).recursions += 1

    def forget(self, account: str, region: str, function: str) -> None:
        """It is deleted."""
        self._counts.pop((account, region, function), None)

    def _of(self, account: str, region: str, function: str) -> Counts:
        name = (account, region, function)
        counts = self._counts.get(name)
        if counts is None:
            counts = self._counts[name] = Counts()
        return counts
