"""Event mode: run later, from memory.

An accepted event (202) lives in this process only: what has not been run when the process ends is lost, and said so in the
log. The durable queue, destinations and dead-letter queues take this place later. The ladder of retries is AWS's
(`retries`, pure); a retry resolves its function anew, so it runs the code that is current by then, with the same request id.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from lambdad.domain.arns import LATEST
from lambdad.domain.errors import LambdadError, PlatformError, TooManyRequests
from lambdad.domain.functions import Function
from lambdad.frontend.checks import Target
from lambdad.frontend.retries import Attempts, Delays, Done, GiveUp, Retry, after
from lambdad.worker.api import Invocation, Outcome

MAX_EVENTS = 10_000
MAX_BYTES = 256 * 1024 * 1024
"""Both bound what accepted events may hold of this process's memory; beyond, an event is refused with a 429."""

_log = logging.getLogger("lambdad.frontend.events")


class Events:
    """Accepted events and their retries. `attempt` runs one once; `function` answers the present record, if any."""

    def __init__(
        self,
        attempt: Callable[[Target, Invocation], Awaitable[Outcome]],
        function: Callable[[Target], Function | None],
        *,
        delays: Delays,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._attempt = attempt
        self._function = function
        self._delays = delays
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._bytes = 0
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Events [{len(self._tasks)} accepted, {self._bytes} bytes]>"

    def accept(self, target: Target, invocation: Invocation) -> None:
        """Run it soon. Raises TooManyRequests when too much is waiting, and PlatformError after `close`."""
        if self._closing.is_set():
            raise PlatformError("lambdad is shutting down.")
        size = len(invocation.payload)
        if len(self._tasks) >= self._max_events or self._bytes + size > self._max_bytes:
            raise TooManyRequests(Reason="CallerRateLimitExceeded", retry_after=1)
        task = self._loop.create_task(self._deliver(target, invocation))
        self._tasks[task] = size
        self._bytes += size
        task.add_done_callback(self._over)

    async def close(self, grace: float) -> None:
        """Let running events end within `grace` seconds; those between two attempts are given up now."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _deliver(self, target: Target, invocation: Invocation) -> None:
        accepted = self._loop.time()
        attempts = Attempts()
        while True:
            result: Outcome | LambdadError
            try:
                result = await self._attempt(target, invocation)
            except LambdadError as error:
                result = error
            except asyncio.CancelledError:
                _lost(target, invocation)
                raise
            match self._next(target, result, attempts, self._loop.time() - accepted):
                case Done():
                    return
                case GiveUp(condition):
                    _log.error(
                        "event %s for %s is given up: %s (%s)", invocation.request_id, target.arn, condition, _short(result)
                    )
                    return
                case Retry(delay, attempts):
                    _log.info(
                        "event %s for %s is tried again in %g s: %s", invocation.request_id, target.arn, delay, _short(result)
                    )
            if await self._closed_within(delay):
                _lost(target, invocation)
                return

    def _next(self, target: Target, result: Outcome | LambdadError, attempts: Attempts, age: float) -> Retry | GiveUp | Done:
        function = self._function(target)
        qualifier = target.name.qualifier or LATEST
        return after(
            result,
            attempts,
            age,
            config=function.event_invoke.get(qualifier) if function else None,
            reserved=function.reserved_concurrency if function else None,
            delays=self._delays,
        )

    async def _closed_within(self, delay: float) -> bool:
        try:
            async with asyncio.timeout(delay):
                return await self._closing.wait()
        except TimeoutError:
            return False

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._bytes -= self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("an event was lost to an internal error", exc_info=error)


def _short(result: Outcome | LambdadError) -> str:
    return result.error_type or "function error" if isinstance(result, Outcome) else f"{result.code}: {result.message}"


def _lost(target: Target, invocation: Invocation) -> None:
    _log.error("event %s for %s is lost: lambdad is shutting down", invocation.request_id, target.arn)
