"""The door of the worker manager."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lambdad.domain.functions import Version
from lambdad.worker.api import Environment


class WorkerManager(Protocol):
    def lease(self, version: Version) -> AbstractAsyncContextManager[Environment]:
        """An environment of this build, held by nobody else until the block is left, whatever happens in it.

        Raises SandboxFailure or PlatformError when none can be had.
        """
        ...

    async def close(self) -> None:
        """End every environment, the busy ones after their present invocation or at the grace period's end."""
        ...
