"""What control needs of others and states itself: where packages lie in S3, links to packages, the account's limits,
who polls."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lambdad.domain import limits
from lambdad.domain.access import Need
from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.domain.functions import Code, Function, Optimization, SnapshotFailure, Version
from lambdad.domain.mappings import EventSourceMapping

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


Visibility = Callable[[str], Awaitable[int]]
"""`VisibilityTimeout` of the queue with that ARN, in seconds. Raises SQS's own CallerError, e.g. QueueDoesNotExist."""


Remote = Callable[[str], bool]
"""Whether the queues of an account are somewhere else, where its own policies say who may receive from them."""


def all_here(account: str) -> bool:
    """Where nothing is forwarded."""
    return False


class Roles(Protocol):
    """Execution roles. `role`: an ARN."""

    def assumable(self, role: str, function: FunctionName) -> bool:
        """Whether it is there, and Lambda may assume it for this function."""
        ...

    def allows(self, role: str, function: FunctionName, need: Need) -> bool: ...


class Polling(Protocol):
    """What runs event source mappings."""

    async def poll(self, mapping: EventSourceMapping) -> None:
        """From now on its source is polled as it says; not at all where it is not `polled`. When this returns, no batch begins
        any more by what it said before. Does not raise."""
        ...

    def problem(self, mapping: EventSourceMapping) -> str | None:
        """Why its source can't be polled now, or its function not be run, in one sentence."""
        ...


class NoPolling:
    """Where nothing polls."""

    async def poll(self, mapping: EventSourceMapping) -> None:
        pass

    def problem(self, mapping: EventSourceMapping) -> str | None:
        return None


NO_POLLING = NoPolling()


async def no_queues(arn: str) -> int:
    """Where there are no queues at all."""
    raise CallerError.named("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
