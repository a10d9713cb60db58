"""The door of the counter."""

from contextlib import AbstractContextManager
from typing import Protocol

from lambdad.domain.functions import Function, Version


class Slot(AbstractContextManager[None], Protocol):
    """Released by `release`, once; as a context manager, when the block is left."""

    def release(self) -> None: ...


class Counter(Protocol):
    def take(self, function: Function, version: Version, *, paced: bool = True) -> Slot:
        """One unit of concurrency of the function's account, held until it is released.

        `version` uses its provisioned concurrency first. What is `paced` (a synchronous request, not an event) is limited per
        second too. Raises TooManyRequests with `Reason`
        ConcurrentInvocationLimitExceeded, FunctionInvocationRateLimitExceeded,
        ReservedFunctionConcurrentInvocationLimitExceeded or ReservedFunctionInvocationRateLimitExceeded, and `retry_after`.
        """
        ...

    def in_flight(self, account: str, region: str) -> int: ...

    def limit(self, account: str, region: str) -> int:
        """Concurrent executions of the account and region."""
        ...
