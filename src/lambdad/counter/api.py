"""The door of the counter."""

from contextlib import AbstractContextManager
from typing import Protocol

from lambdad.domain.functions import Function


class Counter(Protocol):
    def slot(self, function: Function) -> AbstractContextManager[None]:
        """One unit of concurrency of the function's account, held until the block is left.

        Raises TooManyRequests with `Reason` ConcurrentInvocationLimitExceeded or
        ReservedFunctionConcurrentInvocationLimitExceeded, and `retry_after`.
        """
        ...

    def in_flight(self, account: str, region: str) -> int: ...

    def limit(self, account: str, region: str) -> int:
        """Concurrent executions of the account and region."""
        ...
