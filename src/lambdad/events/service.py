"""Event mode as the frontend and assembly see it."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from msgspec.structs import replace

from lambdad.domain import limits
from lambdad.domain.access import Need, RequireOfRole
from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.errors import LambdadError, PlatformError, RequestTooLarge, ResourceNotFound, TooManyRequests
from lambdad.domain.functions import EventInvokeConfig, Function
from lambdad.events import messages
from lambdad.events.api import Deliver, Message
from lambdad.events.consumer import Consumer
from lambdad.events.delivery import Delivery as Telling
from lambdad.events.messages import PREFIX, Header, function_of, queue_of
from lambdad.events.meters import Meter, Meters
from lambdad.events.policy import Attempts, Delays, Done, GiveUp, Retry, after, before
from lambdad.frontend.api import Answer, RunAccepted
from lambdad.frontend.grace import finish
from lambdad.frontend.traces import onward
from lambdad.records.api import Records
from lambdad.records.resolve import resolve
from lambdad.substrate.api import Counts, Delivery, NewMessage, Queues
from lambdad.worker.api import Invocation

EXTEND: Final = 20.0
"""Seconds between two extensions of the leases of what runs; a third of a lease."""

log = logging.getLogger(__name__)


class Events:
    """Implements `lambdad.frontend.api.Accept`. `start` before, `close` after its use; to be made inside the running loop.

    `now`: epoch seconds; `new_id`: uuids; `ways`: how destinations are reached, beside other functions.
    """

    def __init__(
        self,
        queues: Queues,
        records: Records,
        ways: Mapping[str, Deliver],
        require: RequireOfRole,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        delays: Delays,
    ) -> None:
        self._queues = queues
        self._records = records
        self._require = require
        self._telling = Telling({**ways, "lambda": self._invoke})
        self._now = now
        self._new_id = new_id
        self._delays = delays
        self._meters = Meters()
        self._consumers: dict[str, Consumer] = {}
        self._run_accepted: RunAccepted | None = None
        self._extending: asyncio.Task[None] | None = None
        self._closing = False

    def __repr__(self) -> str:
        return f"<Events [{len(self._consumers)} functions]>"

    def start(self, run_accepted: RunAccepted) -> None:
        """Go on with what was accepted before."""
        self._run_accepted = run_accepted
        self._extending = asyncio.get_running_loop().create_task(self._extend())
        for queue in self._queues.names(PREFIX):
            self._consume(queue)

    async def close(self, grace: float) -> None:
        """Fetch no more; what runs gets `grace` seconds. What is left runs after the next start."""
        self._closing = True
        consumers = list(self._consumers.values())
        if stopped := [each.stop() for each in consumers]:
            await asyncio.wait(stopped)
        await finish([task for each in consumers for task in each.running()], grace)
        if self._extending is not None:
            self._extending.cancel()
            await asyncio.wait([self._extending])

    async def accept(self, name: FunctionName, invocation: Invocation) -> None:
        """See `Accept`."""
        header = Header(invocation.request_id, name.qualifier, invocation.trace_id)
        now = self._ms()
        queue = queue_of(name)
        await self._queues.append(queue, [NewMessage(invocation.payload, now, now, header=messages.encode(header))])
        self._meters.of(name.qualified(None)).received += 1
        self._consume(queue)

    def report(self) -> Iterator[tuple[FunctionName, Meter, Counts]]:
        """Every function that got events since the start, or has some waiting."""
        for name, meter in self._meters:
            yield name, meter, self._queues.counts(queue_of(name))

    def forget(self, function: Function) -> None:
        """It is deleted. Its events are given up when their time comes."""
        self._meters.forget(FunctionName(function.account, function.region, function.name))

    def _ms(self) -> int:
        return round(self._now() * 1000)

    def _consume(self, queue: str) -> None:
        if self._closing or self._run_accepted is None or queue in self._consumers:
            return
        name = function_of(queue)
        self._meters.of(name)

        def most() -> int | None:
            function = self._function(name)
            return None if function is None else function.reserved_concurrency

        def over() -> None:
            del self._consumers[queue]
            if self._function(name) is None:
                self._meters.forget(name)

        handle = partial(self._handle, self._run_accepted, queue, name)
        self._consumers[queue] = Consumer(self._queues, queue, handle, most, over)

    async def _extend(self) -> None:
        while True:
            await asyncio.sleep(EXTEND)
            for consumer in self._consumers.values():
                consumer.extend()

    def _function(self, name: FunctionName) -> Function | None:
        return self._records.function(name.account, name.region, name.name)

    def _config(self, name: FunctionName) -> EventInvokeConfig | None:
        function = self._function(name)
        return function.event_invoke.get(name.qualifier or LATEST) if function else None

    # One event

    async def _handle(self, run_accepted: RunAccepted, queue: str, function: FunctionName, event: Delivery) -> bool:
        """From its delivery to what becomes of it; answers whether it was throttled."""
        header = messages.decode(event.header)
        name = function.qualified(header.qualifier)
        found = self._function(name)
        result: Answer | LambdadError | None = None
        decision: Retry | GiveUp | Done | None = before(
            self._age(event), config=self._config(name), reserved=found.reserved_concurrency if found else None
        )
        if decision is None:
            result = await self._run(run_accepted, name, header, event)
            attempts = Attempts(header.failed, header.refused)
            decision = after(result, attempts, self._age(event), config=self._config(name), delays=self._delays)
        try:
            await self._settle(queue, name, header, event, decision, result)
        except PlatformError as error:
            log.warning("event %s for %s will be given out again: %s", header.request_id, name.arn, error)
        return isinstance(result, TooManyRequests)

    def _age(self, event: Delivery) -> float:
        return self._now() - event.time_ms / 1000

    async def _run(
        self, run_accepted: RunAccepted, name: FunctionName, header: Header, event: Delivery
    ) -> Answer | LambdadError:
        meter = self._meters.of(name.qualified(None))
        meter.tries += 1
        meter.age_ms += max(0.0, self._age(event) * 1000)
        try:
            return await run_accepted(name, Invocation(header.request_id, name.arn, event.payload, header.trace_id))
        except LambdadError as error:
            return error
        except Exception as error:
            log.error("event %s for %s met an internal error", header.request_id, name.arn, exc_info=error)
            return PlatformError()

    async def _settle(
        self,
        queue: str,
        name: FunctionName,
        header: Header,
        event: Delivery,
        decision: Retry | GiveUp | Done,
        result: Answer | LambdadError | None,
    ) -> None:
        meter = self._meters.of(name.qualified(None))
        match decision:
            case Retry(delay, attempts):
                log.info("event %s for %s is tried again in %g s: %s", header.request_id, name.arn, delay, _short(result))
                header = replace(header, failed=attempts.failed, refused=attempts.refused)
                meter.retries += 1
                await self._queues.retry(queue, event.position, self._ms() + round(delay * 1000), messages.encode(header))
                return
            case GiveUp(condition):
                log.error("event %s for %s is given up: %s (%s)", header.request_id, name.arn, condition, _short(result))
                meter.dropped += 1
                await self._tell_destination(name, header, event, "OnFailure", condition, result)
                await self._tell_dead_letter_queue(name, header, event, result)
            case Done():
                await self._tell_destination(name, header, event, "OnSuccess", "Success", result)
        await self._queues.ack(queue, [event.position])

    # Destinations

    async def _tell_destination(
        self,
        name: FunctionName,
        header: Header,
        event: Delivery,
        side: str,
        condition: messages.RecordCondition,
        result: Answer | LambdadError | None,
    ) -> None:
        config = self._config(name)
        arn = (config.destinations.get(side) or {}).get("Destination") if config is not None else None
        if not arn:
            return
        invokes = header.failed + isinstance(result, Answer)
        body = messages.record(name, header.request_id, event.payload, condition, invokes, result, self._now())
        meter = self._meters.of(name.qualified(None))
        message = Message(body, name.qualified(None), self._role(name), header.trace_id)
        if await self._telling.tell(arn, message, f"the record of event {header.request_id}"):
            meter.delivered += 1
        else:
            meter.destination_failures += 1

    async def _tell_dead_letter_queue(
        self, name: FunctionName, header: Header, event: Delivery, result: Answer | LambdadError | None
    ) -> None:
        try:
            version = resolve(self._function(name), name, 1.0)
        except ResourceNotFound:
            return
        arn = version.dead_letter_target
        if arn is None:
            return
        meter = self._meters.of(name.qualified(None))
        body = event.payload.decode("utf-8", "replace")
        letter = messages.dead_letter(header.request_id, result)
        message = Message(body, name.qualified(None), version.role, header.trace_id, letter)
        if await self._telling.tell(arn, message, f"event {header.request_id}"):
            meter.delivered += 1
        else:
            meter.dead_letter_errors += 1

    def _role(self, name: FunctionName) -> str:
        function = self._function(name)
        try:
            return resolve(function, name, 1.0).role
        except ResourceNotFound:  # the version or alias is gone, what is configured for it is not
            return "" if function is None else function.latest.role

    async def _invoke(self, arn: str, message: Message) -> None:
        """A `Deliver` to another function: an event of its own."""
        _, _, _, region, account, _, function, *qualifier = arn.split(":")
        name = FunctionName(account, region, function, qualifier[0] if qualifier else None)
        self._require(message.role, message.function, Need("lambda:InvokeFunction", account, arn))
        resolve(self._function(name), name, 1.0)  # it is there
        payload = message.body.encode()
        if len(payload) > limits.EVENT_PAYLOAD:
            raise RequestTooLarge(f"The record has {len(payload)} bytes; an event has at most {limits.EVENT_PAYLOAD}.")
        trace_id = onward(message.trace_id, name.unqualified_arn)
        await self.accept(name, Invocation(self._new_id(), name.arn, payload, trace_id))


def _short(result: Answer | LambdadError | None) -> str:
    match result:
        case None:
            return "not tried"
        case Answer():
            return result.function_error or "done"
        case _:
            return f"{result.code}: {result.message}"
