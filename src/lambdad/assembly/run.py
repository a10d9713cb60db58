"""The process around a node: event loop, signals, exit code."""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambdad.assembly.node import CannotStart, Ready, serve
from lambdad.assembly.settings import Settings

LOOPBACK = ("127.", "::1", "localhost")


def run(settings: Settings, ready: Callable[[Ready], None], *, home: Path | None, path: str) -> None:
    """Serve until SIGTERM or SIGINT. Raises PlatformError or OSError with one sentence for the user if it can't start."""
    if not settings.host.startswith(LOOPBACK):
        raise CannotStart(
            f"lambdad does not verify signatures yet, so it listens on loopback addresses only, not on {settings.host}."
        )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_until_told(settings, ready, home=home, path=path))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _until_told(settings: Settings, ready: Callable[[Ready], None], **places: Any) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await serve(settings, ready, stopped, **places)
