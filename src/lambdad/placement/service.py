"""Placement among workers in this process."""

from collections.abc import Sequence

from lambdad.domain.functions import Version
from lambdad.placement.api import NoCapacity
from lambdad.placement.policy import choose
from lambdad.worker.api import Environment, Initialization, Worker


class LocalPlacement:
    """Implements `lambdad.placement.api.Placement`."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = tuple(workers)

    async def place(self, version: Version, initialization: Initialization) -> Environment:
        loads = [worker.load(version) for worker in self._workers]
        chosen = choose(loads, version.memory_size)
        if chosen is None:
            free = max((load.free_mb for load in loads), default=0)
            raise NoCapacity(
                f"No worker has {version.memory_size} MB of memory free for {version.qualified_arn} (at most {free:g} MB)."
            )
        return await self._workers[chosen].start(version, initialization)
