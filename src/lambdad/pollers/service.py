"""The fleet as control and assembly see it."""

import asyncio
from collections.abc import Callable, Iterator

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError
from lambdad.domain.functions import Function
from lambdad.domain.mappings import EventSourceMapping
from lambdad.frontend.api import RunAccepted
from lambdad.frontend.checks import invocable
from lambdad.frontend.grace import finish
from lambdad.pollers.api import Sources
from lambdad.pollers.meters import Meter
from lambdad.pollers.queue_poller import Means, QueuePoller
from lambdad.records.api import Records
from lambdad.records.resolve import resolve


class Fleet:
    """Implements `lambdad.control.api.Polling`. To be made inside the running loop; `close` after its use.

    `new_id`: uuids; `new_trace`: trace headers.
    """

    def __init__(
        self,
        records: Records,
        sources: Sources,
        run: RunAccepted,
        *,
        new_id: Callable[[], str],
        new_trace: Callable[[], str],
    ) -> None:
        self._records = records
        self._sources = sources
        self._means = Means(run, self._obstacle, sources.visibility, new_id, new_trace)
        self._pollers: dict[str, QueuePoller] = {}
        self._leaving: set[QueuePoller] = set()
        self._stopped = False
        self._forget = records.listen(self._function_changed)

    def __repr__(self) -> str:
        return f"<Fleet [{len(self._pollers)} mappings]>"

    async def poll(self, mapping: EventSourceMapping) -> None:
        """See `Polling.poll`."""
        poller = self._pollers.get(mapping.id)
        if self._stopped:
            return
        if mapping.state == "Deleting":
            if poller is not None:
                del self._pollers[mapping.id]
                await self._leave(poller, mapping)
        elif poller is not None:
            await poller.become(mapping)
        else:
            self._pollers[mapping.id] = QueuePoller(mapping, self._sources, self._means)

    def problem(self, mapping: EventSourceMapping) -> str | None:
        """See `Polling.problem`."""
        poller = self._pollers.get(mapping.id)
        return None if poller is None else poller.problem

    def report(self) -> Iterator[tuple[EventSourceMapping, Meter, int, int]]:
        """Every mapping, what happened to its events since the start, how many of its batches run and how many may."""
        for poller in self._pollers.values():
            mapping = poller.mapping
            recorded = self._records.mapping(mapping.account, mapping.region, mapping.id)
            yield recorded or mapping, poller.meter, len(poller.running), poller.allowed

    async def stop(self) -> None:
        """Receive and begin nothing any more."""
        if self._stopped:
            return
        self._stopped = True
        self._forget()
        await asyncio.gather(*[each.stop() for each in self._pollers.values()])

    async def close(self, grace: float) -> None:
        """Stop; what runs gets `grace` seconds. What is left becomes visible in its queue again."""
        await self.stop()
        await finish([task for each in (*self._pollers.values(), *self._leaving) for task in each.running], grace)

    async def _leave(self, poller: QueuePoller, mapping: EventSourceMapping) -> None:
        await poller.become(mapping)
        await poller.stop()
        self._leaving = {each for each in (*self._leaving, poller) if each.running}

    def _obstacle(self, name: FunctionName) -> str | None:
        function = self._records.function(name.account, name.region, name.name)
        if function is not None and function.reserved_concurrency == 0:
            return f"The function {name.arn} is switched off: its reserved concurrency is 0."
        try:
            invocable(resolve(function, name, 1.0))
        except LambdadError as error:
            return error.message
        return None

    def _function_changed(self, before: Function | None, after: Function | None) -> None:
        function = after or before
        assert function is not None, "a change has a before or an after"
        for poller in self._pollers.values():
            name = poller.mapping.function_name
            if (name.account, name.region, name.name) == (function.account, function.region, function.name):
                poller.look()
