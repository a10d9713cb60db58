"""STS over a directory on the memory twin, on the virtual clock."""

from collections.abc import AsyncIterator

import pytest

from lambdad.testing.clock import VirtualClockLoop

from .api import Api


@pytest.fixture
async def api(clock: VirtualClockLoop) -> AsyncIterator[Api]:
    api = Api(clock.time)
    await api.directory.start()
    yield api
    await api.directory.close()
    api.substrate.close()
