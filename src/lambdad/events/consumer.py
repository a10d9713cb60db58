"""One function's events: how many are fetched, and when. It lives as long as its queue holds something."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from lambdad.domain.errors import PlatformError
from lambdad.events.policy import FIRST_WINDOW, window
from lambdad.substrate.api import Delivery, Queues

LEASE_MS: Final = 60_000
BATCH: Final = 10
WAIT: Final = 20.0
"""Seconds that a fetch waits for something to become due."""
PAUSE: Final = 1.0
"""Seconds without a fetch after a throttle, or a failure of the storage, while nothing runs whose end could be waited for."""
BYTES: Final = 64 * 1024 * 1024
"""Of payloads that run at once; another is fetched while they are fewer."""

log = logging.getLogger(__name__)


class Consumer:
    """`handle` runs one event to what becomes of it, and answers whether it was throttled; `most`: how many may run now, None:
    as many as it gets; `over` is called when the queue is empty and nothing runs."""

    def __init__(
        self,
        queues: Queues,
        queue: str,
        handle: Callable[[Delivery], Awaitable[bool]],
        most: Callable[[], int | None],
        over: Callable[[], None],
    ) -> None:
        self._queues = queues
        self._queue = queue
        self._handle = handle
        self._most = most
        self._over = over
        self._window = FIRST_WINDOW
        self._running: dict[asyncio.Task[bool], Delivery] = {}
        self._bytes = 0
        self._paused = False
        self._news = asyncio.Event()
        self._fetching = asyncio.get_running_loop().create_task(self._fetch_all())

    def __repr__(self) -> str:
        return f"<Consumer of {self._queue} [{len(self._running)} running of {self._window:.0f}]>"

    def extend(self) -> None:
        """What runs keeps its leases."""
        for delivery in self._running.values():
            self._queues.extend(self._queue, delivery.position, LEASE_MS)

    def running(self) -> Iterator["asyncio.Task[bool]"]:
        return iter(self._running)

    def stop(self) -> "asyncio.Task[None]":
        """Nothing more is fetched once this task has ended. What was fetched and not begun is given out again later."""
        self._fetching.cancel()
        return self._fetching

    async def _fetch_all(self) -> None:
        while True:
            room = self._room()
            if room <= 0:
                self._news.clear()
                await self._news.wait()
                continue
            if self._paused:
                self._paused = False
                await asyncio.sleep(PAUSE)
            try:
                found = await self._queues.fetch(self._queue, min(room, BATCH), lease_ms=LEASE_MS, wait=WAIT)
            except PlatformError as error:
                log.warning("Events could not be fetched from %s: %s", self._queue, error)
                self._paused = True
                continue
            for each in found:
                self._begin(each)
            if not found and not self._running and self._is_empty():
                self._over()
                return

    def _room(self) -> int:
        if self._bytes >= BYTES:
            return 0
        most = self._most()
        # Where none may run, events are given up one by one.
        return int(self._window if most is None else min(self._window, max(1, most))) - len(self._running)

    def _is_empty(self) -> bool:
        counts = self._queues.counts(self._queue)
        return not (counts.ready or counts.leased or counts.delayed)

    def _begin(self, delivery: Delivery) -> None:
        async def run() -> bool:
            return await self._handle(delivery)

        task = asyncio.get_running_loop().create_task(run())
        self._running[task] = delivery
        self._bytes += len(delivery.payload)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[bool]") -> None:
        self._bytes -= len(self._running.pop(task).payload)
        self._news.set()
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:  # its lease ends by itself
            log.error("an event of %s was left by an internal error", self._queue, exc_info=error)
        throttled = error is None and task.result()
        self._window = window(self._window, throttled, len(self._running))
        self._paused = self._paused or (throttled and not self._running)
