"""One invocation from its slot to its outcome, told by callbacks: a warm one needs no task and no future.

slot ── idle environment ──────────────────▶ invoke ── outcome: lease and slot go back, whatever it is
  │          none: wait for one (a task) ───▶    │
  refused: 429                                   └─ never reached the runtime: another environment, a few times
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from lambdad.counter.api import Slot
from lambdad.domain.errors import LambdadError, PlatformError
from lambdad.domain.functions import Version
from lambdad.sandbox.api import SandboxFailure
from lambdad.worker.api import Invocation, Outcome
from lambdad.worker_manager.api import Lease, WorkerManager

OTHERS: Final = 3
"""How many other environments get an event that never reached a runtime: when a launcher dies, many are lost at once."""

Done = Callable[[Outcome | LambdadError], None]

_log = logging.getLogger("lambdad.frontend")


class Run:
    """`begin`, then `done` is called once, in the event loop, perhaps before `begin` returns."""

    __slots__ = ("_done", "_invocation", "_lease", "_others", "_slot", "_task", "_version", "_workers")
    _lease: Lease | None
    _task: "asyncio.Task[None]"

    def __init__(self, workers: WorkerManager, slot: Slot, version: Version, invocation: Invocation, done: Done) -> None:
        self._workers = workers
        self._slot = slot
        self._version = version
        self._invocation = invocation
        self._done = done
        self._others = OTHERS

    def begin(self) -> None:
        lease = self._workers.take(self._version)
        if lease is None:
            self._task = asyncio.get_running_loop().create_task(self._wait())
        else:
            self._hold(lease)

    async def _wait(self) -> None:
        try:
            lease = await self._workers.wait(self._version)
        except LambdadError as error:
            self._end(error)
        except BaseException:
            self._end(PlatformError())
            raise
        else:
            self._hold(lease)

    def _hold(self, lease: Lease) -> None:
        self._lease = lease
        try:
            lease.environment.invoke(self._invocation, self._heard)
        except Exception:  # A mistake of ours; what is held must come back all the same.
            if self._lease is None:
                raise
            _log.exception("request %s could not be begun", self._invocation.request_id)
            self._lease = None
            lease.give_up()
            self._end(PlatformError())

    def _heard(self, result: Outcome | SandboxFailure) -> None:
        lease, self._lease = self._lease, None
        if lease is None:  # given up, and answered
            return
        lease.give_back()
        if isinstance(result, SandboxFailure) and self._others:
            self._others -= 1
            _log.warning("request %s is tried on another environment: %s", self._invocation.request_id, result)
            self.begin()
        else:
            self._end(result)

    def _end(self, result: Outcome | LambdadError) -> None:
        self._slot.release()
        self._done(result)
