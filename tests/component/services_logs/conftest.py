"""A CloudWatch Logs on the memory twin."""

from collections.abc import AsyncIterator

import pytest

from lambdad.logs.service import Logs
from lambdad.testing.substrate import MemorySubstrate

from .api import Api, Clock


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    substrate, now = MemorySubstrate(), Clock()
    logs = Logs(substrate.key_values, substrate.timeline, now)
    await logs.start()
    yield Api(logs, now)
    await logs.close()
    substrate.close()
