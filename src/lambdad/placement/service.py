"""Placement among workers in this process."""

from collections.abc import Sequence
from typing import Protocol

from lambdad.domain.functions import Version
from lambdad.placement.api import NoCapacity
from lambdad.placement.policy import Candidate, choose
from lambdad.worker.api import Environment, Initialization, Worker


class CountingWorker(Worker, Protocol):
    """A worker that knows what it has promised."""

    @property
    def capacity_mb(self) -> int | None:
        """Memory that environments may be promised, all together; None: any."""
        ...

    @property
    def promised_mb(self) -> int:
        """Memory of the environments it has and of those it is making: counted from the call of `start` until the end."""
        ...


class LocalPlacement:
    """Implements `lambdad.placement.api.Placement`."""

    def __init__(self, workers: Sequence[CountingWorker]) -> None:
        self._workers = tuple(workers)

    async def place(self, version: Version, initialization: Initialization) -> Environment:
        candidates = [Candidate(w.capacity_mb, w.promised_mb, len(w.environments())) for w in self._workers]
        chosen = choose(candidates, version.memory_size)
        if chosen is None:
            free = max((candidate.free_mb for candidate in candidates), default=0)
            raise NoCapacity(
                f"No worker has {version.memory_size} MB of memory free for {version.qualified_arn} (at most {free:g} MB)."
            )
        return await self._workers[chosen].start(version, initialization)
