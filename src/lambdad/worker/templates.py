"""SnapStart on this host: a template for every version in use.

A template is a cache. It ends when nothing was restored from it for long, when the host is short of memory and none of its
environments is left, or with its version, and is made again when it is needed: an invocation waits for that, and never fails
for want of one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from lambdad.domain.functions import SnapshotFailure, Version
from lambdad.domain.runtimes import RUNTIMES
from lambdad.sandbox.api import Sandboxes, SandboxFailure, Template

TEMPLATE_IDLE: Final = 900.0
"""Seconds, as long as stems of a runtime that nobody uses are kept. AWS keeps the snapshots of Python functions on disk for as
long as their version is there; these are in memory."""
_RETRY: Final = 60.0
"""Seconds until a version's INIT is tried again for a snapshot after it did not end in one."""
_LOOK: Final = 1.0
"""Seconds between two looks at what can go."""

NoTemplate = SnapshotFailure | None
"""The function's own failure; None: its environments can't be restored from a template."""
_log = logging.getLogger("lambdad.worker")


def snapshots_possible(version: Version, sandboxes: Sandboxes) -> bool:
    known = RUNTIMES.get(version.runtime or "")
    return sandboxes.makes_templates and known is not None and known.family == "python"


async def try_out(template: Template) -> None:
    """On is a promise. Raises SandboxFailure where nothing can be restored."""
    sandbox = await template.restore()
    process = sandbox.process
    for end in (process.channel, process.output, process.telemetry, sandbox.runtime_api, sandbox.endpoint):
        if end is not None:
            end.close()
    await sandbox.destroy()


@dataclass(slots=True)
class _Kept:
    making: "asyncio.Task[Template | NoTemplate]"
    used: float
    retired: bool = False
    """Its version is gone."""

    @property
    def template(self) -> Template | None:
        """While it can be restored from."""
        if not self.making.done() or self.making.cancelled() or self.making.exception() is not None:
            return None
        made = self.making.result()
        return None if made is None or isinstance(made, SnapshotFailure) or not made.alive else made

    def fresh(self, now: float) -> bool:
        if not self.making.done():
            return True
        if self.making.cancelled() or self.making.exception() is not None:
            return False
        made = self.making.result()
        if made is None or isinstance(made, SnapshotFailure):
            return now < self.used + _RETRY
        return made.alive


class Templates:
    """By build."""

    def __init__(
        self,
        make: Callable[[Version], Awaitable[Template | NoTemplate]],
        *,
        in_use: Callable[[], Collection[str]],
        memory_short: Callable[[], bool],
        idle: float,
    ) -> None:
        """`make` runs a version's INIT; `in_use`: builds that have environments."""
        self._make = make
        self._in_use = in_use
        self._memory_short = memory_short
        self._idle = idle
        self._kept: dict[str, _Kept] = {}
        self._loop = asyncio.get_running_loop()
        self._look: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Templates [{len(self._kept)} kept]>"

    async def get(self, version: Version) -> Template | NoTemplate:
        """Of this version: the one that is there, or a new one. Raises SandboxFailure."""
        kept = self._kept.get(version.build)
        if kept is None or not kept.fresh(self._loop.time()):
            making = self._loop.create_task(_awaited(self._make(version)))
            making.add_done_callback(_look_at)
            kept = self._kept[version.build] = _Kept(making, self._loop.time())
            if self._look is None:
                self._look = self._loop.call_later(_LOOK, self._sweep)
        made = await _result(kept.making)
        if made is not None and not isinstance(made, SnapshotFailure):
            kept.used = self._loop.time()
        return made

    def introspect(self) -> dict[str, int]:
        """Build → process id on the host."""
        return {build: template.pid for build, kept in self._kept.items() if (template := kept.template) is not None}

    def retire(self, builds: Collection[str]) -> None:
        """They end when their last environment has."""
        for build in builds:
            if build in self._kept:
                self._kept[build].retired = True

    def drop(self, builds: Collection[str]) -> None:
        """With what was restored from them."""
        for build in builds:
            kept = self._kept.pop(build, None)
            if kept is not None:
                task = self._loop.create_task(_end(kept))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
        self.drop(tuple(self._kept))
        if self._ending:
            await asyncio.wait(self._ending)

    def _sweep(self) -> None:
        now, short, in_use = self._loop.time(), self._memory_short(), self._in_use()
        for build, kept in tuple(self._kept.items()):
            if build in in_use and kept.template is not None:
                kept.used = now
            elif self._can_go(kept, now, short):
                self.drop([build])
        self._look = self._loop.call_later(_LOOK, self._sweep) if self._kept else None

    def _can_go(self, kept: _Kept, now: float, short: bool) -> bool:
        """Of one that has no environments."""
        if not kept.making.done():
            return kept.retired
        return kept.retired or short or not kept.fresh(now) or now >= kept.used + self._idle


async def _result(making: "asyncio.Task[Template | NoTemplate]") -> Template | NoTemplate:
    """Raises SandboxFailure where the making was given up, and CancelledError only for a caller who was cancelled."""
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if making.cancelled() and task is not None and not task.cancelling():
            raise SandboxFailure("the snapshot is not needed any more") from None
        raise


async def _awaited(making: Awaitable[Template | NoTemplate]) -> Template | NoTemplate:
    return await making


async def _end(kept: _Kept) -> None:
    if not kept.making.done():
        kept.making.cancel()
        await asyncio.wait([kept.making])
    template = kept.template
    if template is not None:
        await template.destroy()


def _look_at(making: "asyncio.Task[Template | NoTemplate]") -> None:
    """A failure that nobody is waiting for is logged, and whoever asks next tries again."""
    if not making.cancelled() and (error := making.exception()) is not None and not isinstance(error, SandboxFailure):
        _log.error("a snapshot could not be taken", exc_info=error)
