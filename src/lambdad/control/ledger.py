"""The one way in which control changes records: read the snapshot, decide, commit, and decide anew if somebody was faster."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError, TooManyRequests
from lambdad.domain.functions import Function
from lambdad.records.api import Records
from lambdad.records.write import Record, Stale, Writer

LOG = logging.getLogger(__name__)

T = TypeVar("T")
Change = tuple[Record | None, Record | None]
Decision = Callable[[], tuple[Sequence[Change], T]]
"""Reads the snapshot and answers what to write, and what to tell the caller once it is written. May be called again."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds between attempts to record what has happened while the store refuses writes (a full disk)."""


class Ledger:
    """Records with their writer, and the sources of time and ids."""

    __slots__ = ("_now", "_writer", "new_id", "records")

    def __init__(self, records: Records, writer: Writer, *, now: Callable[[], float], new_id: Callable[[], str]) -> None:
        """`now` in epoch seconds; `new_id` answers a new uuid each time."""
        self.records = records
        self._writer = writer
        self._now = now
        self.new_id = new_id

    def now_ms(self) -> int:
        return round(self._now() * 1000)

    async def decide(self, decision: Decision[T]) -> T:
        """Raises what `decision` raises, StorageFull, and TooManyRequests where others were faster each time."""
        try:
            return await self._writer.decide(decision)
        except Stale:
            raise TooManyRequests(Reason="CallerRateLimitExceeded", retry_after=1) from None

    async def record(self, subject: str, decision: Decision[None]) -> None:
        """What a loop has done and nobody waits for: tried until the store takes it. `subject` is for the log."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self.decide(decision)
            except LambdadError as error:
                LOG.warning("the state of %s can't be recorded, trying again in %.1f s: %s", subject, pause, error.message)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def change(self, find: Callable[[], Function], change: Callable[[Function], Function]) -> Function:
        """Replace one function by what `change` makes of it; the same object back means that nothing changes."""

        def decision() -> tuple[Sequence[Change], Function]:
            before = find()
            after = change(before)
            return ([] if after is before else [(before, after)]), after

        return await self.decide(decision)

    def function(self, name: FunctionName) -> Function | None:
        return self.records.function(name.account, name.region, name.name)
