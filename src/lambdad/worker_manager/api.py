"""The door of the worker manager."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from lambdad.domain.functions import Function, Version
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
    provisioned: int = 0
    """Of those that are busy or idle, the ones for provisioned concurrency."""


@dataclass(frozen=True, slots=True)
class ProvisionReport:
    """What a version's provisioned concurrency does at one moment, and has done since it was configured."""

    function: tuple[str, str, str, str]
    """Account, region, name, version."""
    available: int
    busy: int
    invocations: int
    spillovers: int
    """Invocations that were served on demand, since all of it was in use."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """What there is of one configuration of provisioned concurrency."""

    available: int
    """Environments that are initialised."""
    failure: str | None
    """Why more could not be had, where the latest try failed."""


class WorkerManager(Protocol):
    def lease(self, version: Version) -> AbstractAsyncContextManager[Environment]:
        """An environment of this build, held by nobody else until the block is left, whatever happens in it.

        Raises SandboxFailure or PlatformError when none can be had.
        """
        ...

    def introspect(self) -> Sequence[PoolReport]: ...

    def allocation(self, function: Function, qualifier: str) -> Allocation:
        """Of the provisioned concurrency that `qualifier` is configured with."""
        ...

    async def close(self) -> None:
        """End every environment, the busy ones after their present invocation or at the grace period's end."""
        ...
