"""The door of the counter."""

from contextlib import AbstractContextManager
from typing import Protocol

from lambdad.domain.functions import Function, Version


class Counter(Protocol):
    def slot(self, function: Function, version: Version | None = None, *, paced: bool = True) -> AbstractContextManager[None]:
        """One unit of concurrency of the function's account, held until the block is left.

        `version` (`$LATEST` where none is given) uses its provisioned concurrency first. What is `paced` (a synchronous
        request, not an event) is limited per second too. Raises TooManyRequests with `Reason`
        ConcurrentInvocationLimitExceeded, FunctionInvocationRateLimitExceeded,
        ReservedFunctionConcurrentInvocationLimitExceeded or ReservedFunctionInvocationRateLimitExceeded, and `retry_after`.
        """
        ...

    def in_flight(self, account: str, region: str) -> int: ...

    def limit(self, account: str, region: str) -> int:
        """Concurrent executions of the account and region."""
        ...
