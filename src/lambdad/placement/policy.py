"""Which worker gets a new environment. Pure; docs/design/placement.md says why it is like this.

Fits nowhere: None. Otherwise, among the workers that have the memory to promise and memory left in fact:

1. those whose processors are not all spoken for by what runs, before those whose are;
2. those that have the code at hand, before those that would have to unpack it, unless they are much fuller;
3. of these the fullest in promised memory that stays below its *comfort*, so that whole workers stay empty for large
   functions, and can be given back; above the comfort of all, the emptiest, so that load spreads where it hurts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

COMFORT: Final = 0.8
"""The share of a worker's memory up to which environments are packed. The rest absorbs what runs at the same time."""

NEAR: Final = 0.1
"""How much fuller a worker that has the code may be than the best one, as a share of its memory."""

USED: Final = 0.95
"""No worker gets more whose memory is used, not only promised, beyond this share."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker as the choice sees it; memory in MB."""

    capacity_mb: int | None
    """None: as much as is asked for."""
    promised_mb: int
    """Memory of every environment it has or is making, whether they use it or not."""
    environments: int
    used_mb: int = 0
    """What its environments really use, as measured last; less than is promised, as a rule."""
    cores: float = math.inf
    busy_cores: float = 0.0
    """What the environments that run now were promised of the processors."""
    has_code: bool = False

    @property
    def free_mb(self) -> float:
        return math.inf if self.capacity_mb is None else self.capacity_mb - self.promised_mb

    def fits(self, need_mb: int) -> bool:
        """Whether it has the memory for another `need_mb`: to promise, and in fact."""
        if self.capacity_mb is None:
            return True
        return self.free_mb >= need_mb and self.used_mb <= USED * self.capacity_mb

    def fullness(self, need_mb: int) -> float:
        """Share of the memory that is promised once `need_mb` more is."""
        return 0.0 if not self.capacity_mb else (self.promised_mb + need_mb) / self.capacity_mb

    @property
    def pressed(self) -> bool:
        """Its processors are spoken for."""
        return self.busy_cores >= self.cores


def choose(candidates: Sequence[Candidate], need_mb: int) -> int | None:
    """The index of the best candidate for an environment of `need_mb`, or None if it fits nowhere."""
    best: int | None = None
    best_rank: tuple[bool, bool, float, int, int] | None = None
    for index, candidate in enumerate(candidates):
        if not candidate.fits(need_mb):
            continue
        rank = _rank(candidate, need_mb, index)
        if best_rank is None or rank < best_rank:
            best, best_rank = index, rank
    return best


def _rank(candidate: Candidate, need_mb: int, index: int) -> tuple[bool, bool, float, int, int]:
    """The least is the best."""
    fullness = candidate.fullness(need_mb)
    comfortable = fullness <= COMFORT
    # Having the code is worth as much as being NEAR fuller (or emptier, where that is what counts).
    order = (-fullness if comfortable else fullness) - (NEAR if candidate.has_code else 0.0)
    return candidate.pressed, not comfortable, order, candidate.environments, index
