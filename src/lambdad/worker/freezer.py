"""Idle environments are frozen, as on AWS: nothing of a function runs between invocations.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-invoke

Lazily, so that an environment in steady use is never frozen and its invocations pay nothing: one timer for all looks at
those that are not frozen, and freezes what was idle at two looks in a row without an invocation between.
"""

import asyncio
from typing import Protocol


class Freezable(Protocol):
    @property
    def rest(self) -> int | None:
        """How many invocations there have been so far; None while one runs or INIT does."""
        ...

    @property
    def alive(self) -> bool: ...

    def freeze(self) -> None: ...


class Freezer:
    __slots__ = ("_awake", "_every", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, every: float) -> None:
        """`every`: seconds between two looks; what is idle is frozen after one to two of them. 0: never."""
        self._loop = loop
        self._every = every
        self._awake: dict[Freezable, int | None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, environment: Freezable) -> None:
        """One that is new, or was thawed."""
        if self._every <= 0:
            return
        self._awake[environment] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._every, self._look)

    def close(self) -> None:
        self._awake.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        still: dict[Freezable, int | None] = {}
        for environment, before in self._awake.items():
            if not environment.alive:
                continue
            rest = environment.rest
            if rest is not None and rest == before:
                environment.freeze()
            else:
                still[environment] = rest
        self._awake = still
        if still:
            self._timer = self._loop.call_later(self._every, self._look)
