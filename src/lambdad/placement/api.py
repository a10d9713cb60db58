"""The door of the placement."""

from typing import Protocol

from lambdad.domain.functions import Version
from lambdad.worker.api import Environment, Initialization


class Placement(Protocol):
    async def place(self, version: Version, initialization: Initialization) -> Environment:
        """A new environment on the best worker, its INIT begun. Raises SandboxFailure or PlatformError (no capacity)."""
        ...
