"""An event loop whose clock is virtual: when nothing is ready, time jumps to the next timer.

A test that waits ten minutes takes microseconds and always sees the same order of events. What counts as "nothing is ready":
no callback is due, no file descriptor has news (sockets between parts of one process work as usual), no call is running in
an executor, and nobody holds `real_time()`.

    loop = VirtualClockLoop()
    asyncio.Runner(loop_factory=VirtualClockLoop)

Under pytest, every test below `tests/component` runs on it (see `tests/conftest.py`), unless it is marked `real_time`; the
fixture `clock` is the loop itself.
"""

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

GRACE = 0.001
"""Real seconds that sockets (not the loop's own waker) are given before time jumps: loopback TCP is not always instant."""

PATIENCE = 20.0
"""Real seconds after which a loop that waits for something outside of it is taken to be stuck."""


class Stalled(RuntimeError):
    """Nothing is scheduled and nothing arrives: the test would wait for ever."""


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """A SelectorEventLoop whose `time()` starts at `start` (s) and moves only when nothing else can happen."""

    def __init__(self, start: float = 1_000.0, patience: float = PATIENCE) -> None:
        self._now = start
        self._outside = 0
        self._patience = patience
        super().__init__(_JumpingSelector(self._wait))
        # Timers are due when time has reached them, not a tick of the host's clock earlier.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; everything due within them happens, in order."""
        await asyncio.sleep(seconds)

    @contextlib.contextmanager
    def real_time(self) -> Iterator[None]:
        """Inside the block time stands still, so that threads and processes the loop does not know of can answer."""
        self._outside += 1
        try:
            yield
        finally:
            self._outside -= 1

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> "asyncio.Future[_T]":
        """As usual; time stands still until the call has ended."""
        future: asyncio.Future[_T] = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: "asyncio.Future[Any]") -> None:
        self._outside -= 1

    def _wait(self, selector: "_JumpingSelector", timeout: float | None) -> Any:
        events = selector.poll(0)
        if events or timeout == 0:
            return events
        if timeout is None or self._outside:
            events = selector.poll(self._patience)
            if not events:
                raise Stalled(f"nothing happened for {self._patience:g} real seconds and no timer can end the wait")
            return events
        if len(selector.get_map()) > 1:
            events = selector.poll(GRACE)
        if not events:
            self._now += timeout
        return events


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the loop how to wait."""

    def __init__(self, wait: Callable[["_JumpingSelector", float | None], Any]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> Any:
        return self._wait(self, timeout)

    def poll(self, timeout: float | None) -> Any:
        return super().select(timeout)
