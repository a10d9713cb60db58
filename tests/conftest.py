"""Which event loop a test runs on.

`tests/component` runs on the virtual clock: a test may wait as long as it likes, no real time passes. A test there that
talks to threads or processes of its own is marked `real_time`, or holds `clock.real_time()` while it waits for them.
Everything else runs on asyncio's ordinary loop.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lambdad.testing.clock import VirtualClockLoop

COMPONENT = Path(__file__).parent / "component"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_time: runs on the real clock although it is a component test")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.is_relative_to(COMPONENT) and item.get_closest_marker("real_time") is None:
        return {"virtual": VirtualClockLoop}
    return {"real": asyncio.SelectorEventLoop}


@pytest.fixture
async def clock() -> VirtualClockLoop:
    """The virtual clock of this test: `clock.time()`, `await clock.advance(seconds)`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualClockLoop), "only component tests have a virtual clock"
    return loop
