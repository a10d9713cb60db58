"""Which worker gets a new environment. Pure; docs/design/placement.md says why it is like this.

Fits nowhere: None. Otherwise, among the workers that have the memory to promise and memory left in fact:

1. those whose processors are not all spoken for by what runs, before those whose are;
2. those that have the code at hand, before those that would have to unpack it, unless they are much fuller;
3. of these the fullest in promised memory that stays below its *comfort*, so that whole workers stay empty for large
   functions, and can be given back; above the comfort of all, the emptiest, so that load spreads where it hurts.
"""

from collections.abc import Sequence
from typing import Final

from lambdad.worker.api import Load

COMFORT: Final = 0.8
"""The share of a worker's memory up to which environments are packed. The rest absorbs what runs at the same time."""

NEAR: Final = 0.1
"""How much fuller a worker that has the code may be than the best one, as a share of its memory."""

USED: Final = 0.95
"""No worker gets more whose memory is used, not only promised, beyond this share."""


def fits(load: Load, need_mb: int) -> bool:
    """Whether the worker has the memory for another `need_mb`: to promise, and in fact."""
    if load.capacity_mb is None:
        return True
    return load.free_mb >= need_mb and load.used_mb <= USED * load.capacity_mb


def choose(workers: Sequence[Load], need_mb: int) -> int | None:
    """The index of the best worker for an environment of `need_mb`, or None if it fits nowhere."""
    best: int | None = None
    best_rank: tuple[bool, bool, float, int, int] | None = None
    for index, load in enumerate(workers):
        if not fits(load, need_mb):
            continue
        rank = _rank(load, need_mb, index)
        if best_rank is None or rank < best_rank:
            best, best_rank = index, rank
    return best


def _rank(load: Load, need_mb: int, index: int) -> tuple[bool, bool, float, int, int]:
    """The least is the best."""
    fullness = 0.0 if not load.capacity_mb else (load.promised_mb + need_mb) / load.capacity_mb
    comfortable = fullness <= COMFORT
    # Having the code is worth as much as being NEAR fuller (or emptier, where that is what counts).
    order = (-fullness if comfortable else fullness) - (NEAR if load.has_code else 0.0)
    return load.busy_cores >= load.cores, not comfortable, order, load.environments, index
