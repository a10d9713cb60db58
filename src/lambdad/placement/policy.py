"""Which worker gets a new environment. Pure.

The one with the most memory free, so that load spreads; among equals the one with the fewest environments, and then the first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker as the choice sees it; memory in MB."""

    capacity_mb: int | None
    """None: as much as is asked for."""
    promised_mb: int
    """Memory of every environment it has or is making, whether they use it or not."""
    environments: int

    @property
    def free_mb(self) -> float:
        return math.inf if self.capacity_mb is None else self.capacity_mb - self.promised_mb


def choose(candidates: Sequence[Candidate], need_mb: int) -> int | None:
    """The index of the best candidate for an environment of `need_mb`, or None if it fits nowhere."""
    fitting = [index for index, candidate in enumerate(candidates) if candidate.free_mb >= need_mb]
    if not fitting:
        return None
    return max(fitting, key=lambda index: (candidates[index].free_mb, -candidates[index].environments, -index))
