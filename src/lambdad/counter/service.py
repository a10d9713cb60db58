"""The counter of one process: slots in memory, reservations from the records."""

from types import TracebackType

from lambdad.counter.policy import Concurrency, Use
from lambdad.domain.errors import TooManyRequests
from lambdad.domain.functions import Function
from lambdad.domain.limits import CONCURRENCY
from lambdad.records.api import Records

RETRY_AFTER = 1
"""Seconds in the `Retry-After` of a 429: the shortest there is, since a slot may come free at any moment."""


class LocalCounter:
    """Implements `lambdad.counter.api.Counter`. `limit` is the concurrency of every account and region."""

    def __init__(self, records: Records, limit: int = CONCURRENCY) -> None:
        self._limit = limit
        self._regions: dict[tuple[str, str], Concurrency] = {}
        self._stop_listening = records.listen(self._changed)
        for function in records.all_functions():
            self._changed(None, function)

    def slot(self, function: Function) -> "Slot":
        """See `Counter.slot`. The unit is taken on entering the block and given back on leaving it."""
        concurrency = self._region(function.account, function.region)
        return Slot(concurrency, concurrency.use(function.name), function.reserved_concurrency)

    def in_flight(self, account: str, region: str) -> int:
        return self._region(account, region).in_flight

    def function_in_flight(self, function: Function) -> int:
        """All versions together."""
        use = self._region(function.account, function.region).uses.get(function.name)
        return use.in_flight if use else 0

    def limit(self, account: str, region: str) -> int:
        return self._limit

    def close(self) -> None:
        """Stop following the records."""
        self._stop_listening()

    def _region(self, account: str, region: str) -> Concurrency:
        concurrency = self._regions.get((account, region))
        if concurrency is None:
            concurrency = self._regions[account, region] = Concurrency(self._limit)
        return concurrency

    def _changed(self, before: Function | None, after: Function | None) -> None:
        if after is not None:
            if before is None or before.reserved_concurrency != after.reserved_concurrency:
                self._region(after.account, after.region).reserve(after.name, after.reserved_concurrency)
        elif before is not None:
            self._region(before.account, before.region).forget(before.name)


class Slot:
    """A context manager written by hand, because it is entered on every invoke."""

    __slots__ = ("_concurrency", "_reserved", "_use")

    def __init__(self, concurrency: Concurrency, use: Use, reserved: int | None) -> None:
        self._concurrency = concurrency
        self._use = use
        self._reserved = reserved

    def __enter__(self) -> None:
        reason = self._concurrency.admit(self._use, self._reserved)
        if reason is not None:
            raise TooManyRequests(Reason=reason, retry_after=RETRY_AFTER)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._concurrency.release(self._use)
