"""The door of the worker manager."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
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


class Lease(AbstractContextManager[Environment], Protocol):
    """An environment that nobody else holds until it is given back, or given up. As a context manager: until the block is
    left, and given up if that is by an exception."""

    environment: Environment

    def give_back(self) -> None:
        """It waits for the next event, or has ended."""
        ...

    def give_up(self) -> None:
        """Its holder leaves in the middle of something (a cancellation, above all), so the runtime may still be at it: it
        is ended, and nobody else gets it."""
        ...


class WorkerManager(Protocol):
    def take(self, version: Version) -> Lease | None:
        """Of an environment of this build that is idle now, the most recently used one. None: `wait` for one."""
        ...

    async def wait(self, version: Version) -> Lease:
        """Of the environment of this build that comes free or is started first.

        Raises SandboxFailure, TooManyRequests or PlatformError when none can be had.
        """
        ...

    def introspect(self) -> Sequence[PoolReport]: ...

    def allocation(self, function: Function, qualifier: str) -> Allocation:
        """Of the provisioned concurrency that `qualifier` is configured with."""
        ...

    async def close(self) -> None:
        """End every environment, the busy ones after their present invocation or at the grace period's end."""
        ...
