"""The door of the placement."""

from typing import Protocol

from lambdad.domain.errors import PlatformError
from lambdad.domain.functions import Version
from lambdad.worker.api import Environment, Initialization


class NoCapacity(PlatformError):
    """No worker has the memory for another environment now; it may have once others have ended."""


class Placement(Protocol):
    async def place(self, version: Version, initialization: Initialization) -> Environment:
        """A new environment on the best worker, its INIT begun. Raises SandboxFailure or NoCapacity."""
        ...
