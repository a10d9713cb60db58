"""The door of the worker manager."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from lambdad.domain.functions import Version
from lambdad.worker.api import Environment


@dataclass(frozen=True, slots=True)
class PoolReport:
    """The environments of one build at one moment, for `/_lambdad/`."""

    function_arn: str
    """Qualified with the version."""
    build: str
    busy: int
    idle: int
    starting: int
    waiting: int
    """Requests that wait for an environment."""
    retired: bool
    """The build is no longer current; its environments end when they come back."""


class WorkerManager(Protocol):
    def lease(self, version: Version) -> AbstractAsyncContextManager[Environment]:
        """An environment of this build, held by nobody else until the block is left, whatever happens in it.

        Raises SandboxFailure or PlatformError when none can be had.
        """
        ...

    def introspect(self) -> Sequence[PoolReport]: ...

    async def close(self) -> None:
        """End every environment, the busy ones after their present invocation or at the grace period's end."""
        ...
