"""What control needs of others and states itself: where packages lie in S3, links to packages, the account's limits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lambdad.domain import limits
from lambdad.domain.caller import Caller
from lambdad.domain.functions import Code, Function, Optimization, SnapshotFailure, Version

Location = Callable[[Caller, Code], str]
"""A URL where the caller can fetch the package for ten minutes, as `GetFunction` answers it."""


class ObjectStore(Protocol):
    """Packages that a request names by `S3Bucket` and `S3Key`."""

    async def get_object(self, caller: Caller, bucket: str, key: str, version: str | None) -> bytes:
        """Raises CallerError with S3's own code and message, e.g. `NoSuchKey`, `The specified key does not exist.`"""
        ...


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Of one account and region."""

    concurrency: int = limits.CONCURRENCY
    """Concurrent executions."""
    unreserved: int = limits.UNRESERVED_CONCURRENCY
    """How many of them no function may reserve."""
    code_storage: int = limits.CODE_STORAGE
    """Bytes of all packages of functions, versions and layers."""


Allocated = Callable[[Function, str], tuple[int, str | None]]
"""Of the provisioned concurrency that a qualifier of a function is configured with: how many environments are initialised, and
why more could not be had, where that has failed."""


TakeSnapshot = Callable[[Version], Awaitable[Optimization | SnapshotFailure]]
"""Run a version's INIT for SnapStart: On where its environments are restored from it from now on. The failure is the
function's own; what is lambdad's or its host's is raised."""


async def no_snapshots(version: Version) -> Optimization | SnapshotFailure:
    """Where there are no environments at all."""
    return "Off"


def nothing_allocated(function: Function, qualifier: str) -> tuple[int, str | None]:
    """Where there are no environments at all."""
    return 0, None
