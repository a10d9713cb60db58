"""The counter of one process: slots in memory, promises from the records."""

import time
from collections.abc import Callable
from types import TracebackType

from lambdad.counter.policy import Concurrency, Share, Use
from lambdad.domain.errors import TooManyRequests
from lambdad.domain.functions import Function, Version
from lambdad.domain.limits import CONCURRENCY, REQUESTS_PER_CONCURRENCY
from lambdad.records.api import Records
from lambdad.records.provisioned import shares

RETRY_AFTER = 1
"""Seconds in the `Retry-After` of a 429: the shortest there is, since a slot may come free at any moment, and a second's
requests are granted anew within a second."""


class LocalCounter:
    """Implements `lambdad.counter.api.Counter`. `limit` is the concurrency of every account and region, `per_unit` the
    requests per second for each unit of it (0: any number), `now` a clock in seconds that never jumps."""

    def __init__(
        self,
        records: Records,
        limit: int = CONCURRENCY,
        *,
        per_unit: int = REQUESTS_PER_CONCURRENCY,
        now: Callable[[], float] = time.monotonic,
        throttled: Callable[[str, str, str], None] = lambda *_: None,
    ) -> None:
        """`throttled` is told account, region and function of every refusal."""
        self._limit = limit
        self._per_unit = per_unit
        self._now = now
        self._throttled = throttled
        self._regions: dict[tuple[str, str], Concurrency] = {}
        self._stop_listening = records.listen(self._changed)
        for function in records.all_functions():
            self._changed(None, function)

    def take(self, function: Function, version: Version, *, paced: bool = True) -> "Slot":
        """See `Counter.take`."""
        region = self._regions.get((function.account, function.region)) or self.region(function.account, function.region)
        use = region.uses.get(function.name) or region.use(function.name)
        granted = region.admit(use, version.version, self._now() if paced else None)
        if isinstance(granted, str):
            raise self._refuse(function, granted)
        return Slot(region, use, granted)

    def in_flight(self, account: str, region: str) -> int:
        return self.region(account, region).in_flight

    def total_in_flight(self) -> int:
        """Of all accounts and regions, for `/_lambdad/state`."""
        return sum(region.in_flight for region in self._regions.values())

    def regions(self) -> list[tuple[str, str, Concurrency]]:
        """Account, region and what is counted there, for metrics."""
        return [(account, region, counted) for (account, region), counted in self._regions.items()]

    def function_in_flight(self, function: Function) -> int:
        """All versions together."""
        use = self.region(function.account, function.region).uses.get(function.name)
        return use.in_flight if use else 0

    def limit(self, account: str, region: str) -> int:
        return self._limit

    def close(self) -> None:
        """Stop following the records."""
        self._stop_listening()

    def region(self, account: str, region: str) -> Concurrency:
        concurrency = self._regions.get((account, region))
        if concurrency is None:
            concurrency = self._regions[account, region] = Concurrency(self._limit, self._per_unit)
        return concurrency

    def _refuse(self, function: Function, reason: str) -> TooManyRequests:
        self._throttled(function.account, function.region, function.name)
        return TooManyRequests(Reason=reason, retry_after=RETRY_AFTER)

    def _changed(self, before: Function | None, after: Function | None) -> None:
        if after is not None:
            if before is None or _promises(before) != _promises(after):
                self.region(after.account, after.region).promise(after.name, *_promises(after))
        elif before is not None:
            self.region(before.account, before.region).forget(before.name)


def _promises(function: Function) -> tuple[int | None, dict[str, int]]:
    return function.reserved_concurrency, shares(function) if function.provisioned else {}


class Slot:
    """Implements `lambdad.counter.api.Slot`."""

    __slots__ = ("_concurrency", "_share", "_use")

    def __init__(self, concurrency: Concurrency, use: Use, share: Share) -> None:
        self._concurrency = concurrency
        self._use = use
        self._share = share

    def release(self) -> None:
        self._concurrency.release(self._use, self._share)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
