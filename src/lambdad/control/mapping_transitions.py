"""The shell of the mappings' lifecycle: has each source polled as its mapping says, and records that it is."""

import asyncio

from lambdad.control.api import Polling
from lambdad.control.ledger import Change, Ledger
from lambdad.control.mapping_lifecycle import finished, settled
from lambdad.domain.mappings import EventSourceMapping


class MappingTransitions:
    """Takes up every mapping at its start, also those that are settled: nothing polls before. Then whatever the records' news
    brings. Mappings don't wait for each other; what is to be done for one is done in order."""

    def __init__(self, ledger: Ledger, polling: Polling) -> None:
        self._ledger = ledger
        self._polling = polling
        self._queue: asyncio.Queue[EventSourceMapping] = asyncio.Queue()
        self._last: dict[str, asyncio.Task[None]] = {}
        """Of what is under way, by ARN: the task that ends last."""

    def __repr__(self) -> str:
        return f"<MappingTransitions [{len(self._last)} under way]>"

    async def run(self) -> None:
        """Until cancelled."""
        end = self._ledger.records.listen_mappings(self._changed)
        try:
            for mapping in self._ledger.records.all_mappings():
                self._queue.put_nowait(mapping)
            async with asyncio.TaskGroup() as group:
                while True:
                    self._take_up(group, await self._queue.get())
        finally:
            end()

    def _changed(self, before: EventSourceMapping | None, after: EventSourceMapping | None) -> None:
        """A change within a state is one of tags: nobody polls differently for them."""
        if after is None or settled(after) or (before is not None and before.state == after.state):
            return
        self._queue.put_nowait(after)

    def _take_up(self, group: asyncio.TaskGroup, mapping: EventSourceMapping) -> None:
        arn = mapping.arn
        task = self._last[arn] = group.create_task(self._work(mapping, self._last.get(arn)), name=f"polling {arn}")

        def ended(_: asyncio.Task[None]) -> None:
            if self._last.get(arn) is task:
                del self._last[arn]

        task.add_done_callback(ended)

    async def _work(self, mapping: EventSourceMapping, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        await self._polling.poll(mapping)
        if not settled(mapping):
            await self._ledger.record(mapping.arn, lambda: self._decide(mapping))

    def _decide(self, mapping: EventSourceMapping) -> tuple[list[Change], None]:
        """On the record as it is now, since its tags may have changed."""
        before = self._ledger.records.mapping(mapping.account, mapping.region, mapping.id)
        if before is None or before.state != mapping.state:
            return [], None
        return [(before, finished(before, self._ledger.now_ms()))], None
