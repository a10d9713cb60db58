"""The process around a node: event loop, signals, exit code."""

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambdad.assembly.node import CannotStart, Ready, serve
from lambdad.assembly.settings import Settings
from lambdad.edge.hosts import is_loopback

SWITCH = 0.0005
"""Seconds that a thread at work (storage, packages) may keep the interpreter while the event loop waits for it; CPython's own
default of ten times as much is what the slowest invokes waited for."""
OPEN_FILES = 65_536
"""Launchers close as many when they begin. The usual 1,024 are for programs that use select(2)."""
GARBAGE = (50_000, 20, 100)
"""Thresholds of the cyclic collector. An invoke makes hardly any cycles, and a full collection stops the loop."""


def run(settings: Settings, ready: Callable[[Ready], None], *, home: Path | None, path: str) -> None:
    """Serve until SIGTERM or SIGINT. Raises PlatformError or OSError with one sentence for the user if it can't start."""
    if settings.auth == "any" and not is_loopback(settings.host):
        raise CannotStart(
            f"Who reaches {settings.host} could do everything: `--auth any` is for loopback addresses only. "
            "Leave it out, and requests have to be signed."
        )
    sys.setswitchinterval(SWITCH)
    raise_open_files()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_until_told(settings, ready, home=home, path=path))


def raise_open_files() -> None:
    """To what this process may have without asking: each environment takes half a dozen, and each client one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


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

    def settled(node: Ready) -> None:
        # What start-up has made stays: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        ready(node)

    await serve(settings, settled, stopped, **places)
