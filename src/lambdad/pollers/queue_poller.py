"""One mapping's polling of a queue: from a message to a batch, to what becomes of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Final

from msgspec import Struct

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError, RecursiveInvocation
from lambdad.domain.mappings import EventSourceMapping
from lambdad.frontend.api import Answer, RunAccepted
from lambdad.pollers import scaling
from lambdad.pollers.api import SourceMessage, Sources
from lambdad.pollers.batches import Batch, Held, parted, trace_of
from lambdad.pollers.filters import Criteria, criteria
from lambdad.pollers.meters import Meter
from lambdad.pollers.responses import PARTIAL, failures
from lambdad.pollers.sqs_records import DATA, TRACE, encode, event, record
from lambdad.worker.api import Invocation

WAIT: Final = 20.0
"""Seconds of a long poll; SQS's most."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds without a receive after one that failed; twice as long with each that follows."""
RESTING: Final = 2
"""Receives at once while nothing comes."""
BYTES: Final = 128 * 1024 * 1024
"""Of events that run at once; another batch is gathered while they are fewer."""

log = logging.getLogger(__name__)


class Means(Struct, frozen=True):
    """What every poller works with."""

    run: RunAccepted
    obstacle: Callable[[FunctionName], str | None]
    """Why the function can't be run now, in one sentence."""
    visibility: Callable[[str], Awaitable[int]]
    """See `Sources.visibility`."""
    new_id: Callable[[], str]
    new_trace: Callable[[], str]


class QueuePoller:
    """To be made inside the running loop. It gathers batches in tasks, as many at once as the source's receives are worth, and
    runs each in a task of its own; `_poll` decides when another may be gathered."""

    def __init__(self, mapping: EventSourceMapping, sources: Sources, means: Means) -> None:
        self._source = sources.open(mapping.source, lambda: self.mapping.function_name)
        self._means = means
        self._loop = asyncio.get_running_loop()
        self._scale = scaling.Scale(0.0, self._loop.time())
        self._take_on(mapping)
        self._scale = scaling.idle(self._scale, self._bounds)
        self.meter = Meter()
        self._gathering: set[asyncio.Task[None]] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._refused = 0
        """Of these, how many wait for another try."""
        self._bytes = 0
        self._carried: list[Held] = []
        """Received for a batch that had no more room: they begin the next."""
        self._saturated = False
        self._resting = False
        self._failure: str | None = None
        self._pause = FIRST_PAUSE
        self._paused_until = 0.0
        self._news = asyncio.Event()
        self._polling = self._loop.create_task(self._poll())
        self._polling.add_done_callback(self._polled)

    def __repr__(self) -> str:
        return f"<QueuePoller of {self.mapping.source} [{len(self._running)} running of {self._scale.whole}]>"

    def _take_on(self, mapping: EventSourceMapping) -> None:
        self.mapping = mapping
        self._bounds = scaling.bounds(mapping)
        self._criteria: Criteria | None = criteria(mapping.filters, DATA)

    # What the fleet says

    async def become(self, mapping: EventSourceMapping) -> None:
        """What was gathered by the old configuration goes back to the queue; what runs goes on."""
        self._take_on(mapping)
        self._failure, self._pause, self._paused_until = None, FIRST_PAUSE, 0.0
        await self._give_back()
        self._news.set()

    def look(self) -> None:
        """The function has changed."""
        self._news.set()

    async def stop(self) -> None:
        """Receive and begin nothing any more; what runs goes on."""
        self._polling.cancel()
        await asyncio.wait([self._polling])
        await self._give_back()

    @property
    def running(self) -> Sequence["asyncio.Task[None]"]:
        return tuple(self._running)

    @property
    def allowed(self) -> int:
        return self._scale.whole

    @property
    def problem(self) -> str | None:
        return (self._means.obstacle(self.mapping.function_name) or self._failure) if self.mapping.polled else None

    # When to gather

    async def _poll(self) -> None:
        while True:
            self._news.clear()
            self._look()
            now = self._loop.time()
            if not self.mapping.polled or self._means.obstacle(self.mapping.function_name) is not None:
                await self._give_back()
                await self._news.wait()
                continue
            paused = self._paused_until - now
            if paused <= 0:
                self._gather_more()
            try:
                async with asyncio.timeout(paused if paused > 0 else 1 / self._bounds.per_second if self._saturated else None):
                    await self._news.wait()
            except TimeoutError:
                pass

    def _polled(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            log.critical("%s is polled no more", self.mapping.arn, exc_info=task.exception())

    def _look(self) -> None:
        self._scale = scaling.looked(self._scale, self._bounds, self._loop.time(), saturated=self._saturated)
        self._saturated = len(self._running) >= self._scale.whole and not self._refused

    def _gather_more(self) -> None:
        wanted = min(RESTING, self._source.receivers) if self._resting else self._source.receivers
        room = self._scale.whole - len(self._running) if self._bytes < BYTES else 0
        while len(self._gathering) < min(wanted, room):
            self._spawn(self._gather(), self._gathering)

    def _spawn(self, work: Coroutine[None, None, None], among: "set[asyncio.Task[None]]") -> None:
        task = self._loop.create_task(work)
        among.add(task)

        def ended(task: "asyncio.Task[None]") -> None:
            among.discard(task)
            self._news.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                # What it had leased becomes visible again by itself.
                log.error("%s lost a batch by an internal error", self.mapping.arn, exc_info=error)
                self._hold_back()

        task.add_done_callback(ended)

    async def _give_back(self) -> None:
        """Nothing is gathered any more, and nothing held that does not run."""
        gathering = tuple(self._gathering)
        for task in gathering:
            task.cancel()
        if gathering:
            await asyncio.wait(gathering)
        carried, self._carried = self._carried, []
        await self._release(carried)

    async def _release(self, records: Iterable[Held]) -> None:
        for each in records:
            try:
                await self._source.change_visibility(each.handle, 0)
            except LambdadError as error:
                log.info("message %s of %s stays invisible for a while: %s", each.id, self.mapping.source, error)

    # One batch: gathered

    async def _gather(self) -> None:
        batch = Batch(self.mapping.batch_size)
        try:
            await self._fill(batch)
        except LambdadError as error:
            self._failed_to_receive(error)
        except BaseException:
            await self._release(batch.records)
            raise
        records = batch.records
        if records:
            for part in parted(records, self.mapping.function_name.unqualified_arn):
                self._spawn(self._run(part), self._running)
        elif not self._running and self._failure is None:
            self._resting, self._scale = True, scaling.idle(self._scale, self._bounds)

    async def _fill(self, batch: Batch) -> None:
        window = self.mapping.window
        if not self._add(self._take_carried(), batch):
            return
        while batch.room > 0:
            wait = WAIT if batch.began is None else min(WAIT, batch.began + window - self._loop.time())
            if wait <= 0:
                return
            messages = await self._source.receive(batch.room, wait)
            self._failure, self._pause = None, FIRST_PAUSE
            if messages:
                self._resting = False
            elif batch.began is None:
                return
            passing, filtered = self._sifted(messages)
            fits = self._add(passing, batch)
            await self._delete(filtered)
            if not fits:
                return

    def _take_carried(self) -> list[Held]:
        carried, self._carried = self._carried, []
        return carried

    def _add(self, records: Sequence[Held], batch: Batch) -> bool:
        """False where one did not fit: those wait for the next batch."""
        for at, each in enumerate(records):
            if not batch.add(each):
                self._carried.extend(records[at:])
                return False
        return True

    def _sifted(self, messages: Sequence[SourceMessage]) -> tuple[list[Held], list[str]]:
        """Those that a filter lets pass, and the handles of the others."""
        passing, filtered = [], []
        source, passes, now = self.mapping.source, self._criteria, self._loop.time()
        for message in messages:
            shown = record(message, source)
            if passes is not None and not passes(shown):
                filtered.append(message["ReceiptHandle"])
                continue
            attributes = shown["attributes"]
            group = attributes.get("MessageGroupId") if source.endswith(".fifo") else None
            passing.append(
                Held(message["MessageId"], message["ReceiptHandle"], encode(shown), now, attributes.get(TRACE), group)
            )
        self.meter.polled += len(messages)
        self.meter.filtered += len(filtered)
        return passing, filtered

    def _failed_to_receive(self, error: LambdadError) -> None:
        text = f"{self.mapping.source} could not be polled: {error.code}: {error.message}"
        if text != self._failure:
            log.warning("%s: %s", self.mapping.arn, text)
        self._failure = text
        self._hold_back()

    def _hold_back(self) -> None:
        self._paused_until = self._loop.time() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    # One batch: run

    async def _run(self, records: Sequence[Held]) -> None:
        self.meter.invoked += len(records)
        size = sum(len(each.encoded) for each in records)
        self._bytes += size
        try:
            answer = await self._answer(records)
        finally:
            self._bytes -= size
        failed = self._failures(records, answer)
        self.meter.failed += len(failed)
        await self._delete([each.handle for each in records if each.id not in failed])

    async def _answer(self, records: Sequence[Held]) -> Answer | None:
        """None where the function could not be run in the time that the messages are ours."""
        payload, trace, request_id = event([each.encoded for each in records]), None, self._means.new_id()
        refusals, until = 0, None
        while True:
            name = self.mapping.function_name
            trace = trace or trace_of(records, name.unqualified_arn) or self._means.new_trace()
            try:
                return await self._means.run(name, Invocation(request_id, name.arn, payload, trace))
            except RecursiveInvocation as error:
                log.error("%s gave up a batch: %s", self.mapping.arn, error.message)
                return None
            except LambdadError as error:
                refusals += 1
                refusal = error
            self._scale = scaling.throttled(self._scale, len(self._running) - 1)
            until = until or await self._visible_again(records)
            pause = scaling.backoff(refusals)
            if self._loop.time() + pause >= until:
                log.warning("%s left a batch to its queue: %s: %s", self.mapping.arn, refusal.code, refusal.message)
                return None
            await self._wait_refused(pause)
            if not self.mapping.polled:
                return None

    async def _visible_again(self, records: Sequence[Held]) -> float:
        try:
            return min(each.received for each in records) + await self._means.visibility(self.mapping.source)
        except LambdadError:
            return 0.0

    async def _wait_refused(self, seconds: float) -> None:
        self._refused += 1
        self._look()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._refused -= 1
            self._news.set()

    def _failures(self, records: Sequence[Held], answer: Answer | None) -> frozenset[str]:
        everything = frozenset(each.id for each in records)
        if answer is None:
            return everything
        if answer.function_error is not None:
            self._scale = scaling.failed(self._scale, self._bounds)
            return everything
        if PARTIAL in self.mapping.response_types:
            return frozenset(failures(answer.payload, everything))
        return frozenset()

    async def _delete(self, handles: Sequence[str]) -> None:
        if not handles:
            return
        try:
            left = await self._source.delete(handles)
        except LambdadError as error:
            log.warning("%s could not delete %d messages: %s", self.mapping.arn, len(handles), error)
            return
        self.meter.deleted += len(handles) - left
        if left:
            log.warning("%s: %d messages outlived their visibility timeout and will come again", self.mapping.arn, left)
