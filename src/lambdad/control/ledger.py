"""The one way in which control changes records: read the snapshot, decide, commit, and decide anew if somebody was faster."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import TooManyRequests
from lambdad.domain.functions import Function
from lambdad.records.api import Records
from lambdad.records.write import Record, RecordWriter, Stale

T = TypeVar("T")
Change = tuple[Record | None, Record | None]
Decision = Callable[[], tuple[Sequence[Change], T]]
"""Reads the snapshot and answers what to write, and what to tell the caller once it is written. May be called again."""

ATTEMPTS = 256
"""Writers of one record that arrive together get it one by one, so this is how many of them are all served."""


class Ledger:
    """Records with their writer, and the sources of time and ids."""

    __slots__ = ("_now", "_writer", "new_id", "records")

    def __init__(self, records: Records, writer: RecordWriter, *, now: Callable[[], float], new_id: Callable[[], str]) -> None:
        """`now` in epoch seconds; `new_id` answers a new uuid each time."""
        self.records = records
        self._writer = writer
        self._now = now
        self.new_id = new_id

    def now_ms(self) -> int:
        return round(self._now() * 1000)

    async def decide(self, decision: Decision[T]) -> T:
        """Raises what `decision` raises, StorageFull, and TooManyRequests where others were faster each time."""
        for _ in range(ATTEMPTS):
            changes, answer = decision()
            if not changes:
                return answer
            try:
                await self._writer.commit(*changes)
            except Stale:
                continue
            return answer
        raise TooManyRequests(Reason="CallerRateLimitExceeded", retry_after=1)

    async def change(self, find: Callable[[], Function], change: Callable[[Function], Function]) -> Function:
        """Replace one function by what `change` makes of it; the same object back means that nothing changes."""

        def decision() -> tuple[Sequence[Change], Function]:
            before = find()
            after = change(before)
            return ([] if after is before else [(before, after)]), after

        return await self.decide(decision)

    def function(self, name: FunctionName) -> Function | None:
        return self.records.function(name.account, name.region, name.name)
