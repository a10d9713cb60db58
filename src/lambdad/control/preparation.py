"""The shell of the lifecycle: prepares the code of every build that is not ready, a few at a time, and takes its snapshot where
SnapStart asks for one."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from lambdad.artifacts.api import Artifacts
from lambdad.control.api import TakeSnapshot
from lambdad.control.ledger import Ledger
from lambdad.control.lifecycle import Failure, Ready, Step, failure_of, finished, steps
from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError
from lambdad.domain.functions import Function, SnapshotFailure

LOG = logging.getLogger(__name__)

PARALLEL = 4
"""Unpacking is disk and CPU work; more at once makes each slower."""


class Preparation:
    """Takes up what is unfinished at its start (also after a crash), then whatever the records' news brings."""

    def __init__(self, ledger: Ledger, artifacts: Artifacts, snapshot: TakeSnapshot, *, parallel: int = PARALLEL) -> None:
        self._ledger = ledger
        self._artifacts = artifacts
        self._snapshot = snapshot
        self._parallel = parallel
        self._queue: asyncio.Queue[Step] = asyncio.Queue()
        self._known: set[str] = set()
        """Builds that are queued or being prepared."""

    def __repr__(self) -> str:
        return f"<Preparation [{len(self._known)} unfinished]>"

    async def run(self) -> None:
        """Until cancelled."""
        end: Callable[[], None] = self._ledger.records.listen(self._changed)
        try:
            for function in self._ledger.records.all_functions():
                self._changed(None, function)
            async with asyncio.TaskGroup() as group:
                for _ in range(self._parallel):
                    group.create_task(self._work())
        finally:
            end()

    def _changed(self, _: Function | None, after: Function | None) -> None:
        if after is None:
            return
        for step in steps(after):
            if step.build not in self._known:
                self._known.add(step.build)
                self._queue.put_nowait(step)

    async def _work(self) -> None:
        while True:
            step = await self._queue.get()
            try:
                result = await self._prepare(step)
                await self._ledger.record(step.name, partial(self._decide, step, result))
            finally:
                self._known.discard(step.build)

    async def _prepare(self, step: Step) -> Ready | Failure:
        try:
            await self._artifacts.prepare(step.code, step.layers, step.runtime)
            if step.snapshot_of is not None:
                taken = await self._snapshot(step.snapshot_of)
                return Failure(taken.reason, taken.code) if isinstance(taken, SnapshotFailure) else Ready(taken)
        except Exception as error:
            # The one blanket catch of this room: a function may fail, but never leave itself or others Pending for ever.
            if not isinstance(error, LambdadError):
                LOG.exception("preparing %s of %s failed", step.version, step.name)
            return failure_of(error)
        return Ready()

    def _decide(self, step: Step, result: Ready | Failure) -> tuple[list[tuple[Function, Function]], None]:
        function = self._ledger.function(FunctionName(step.account, step.region, step.name))
        if function is None:
            return [], None
        after = finished(function, step, result, self._ledger.new_id())
        return ([] if after is function else [(function, after)]), None
