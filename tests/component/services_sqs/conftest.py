"""SQS on the memory twin, on the virtual clock."""

from collections.abc import AsyncIterator

import pytest

from lambdad.testing.clock import VirtualClockLoop

from .api import Api


@pytest.fixture
async def api(clock: VirtualClockLoop) -> AsyncIterator[Api]:
    api = Api(clock)
    await api.service.start()
    yield api
    await api.service.close()
    api.substrate.close()
