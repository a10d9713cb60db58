from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambdad.substrate.api import Blobs, KeyValue, Timeline
from lambdad.substrate.local import LocalSubstrate
from lambdad.testing.substrate import MemorySubstrate

Engine = MemorySubstrate | LocalSubstrate


@pytest.fixture(params=["memory", "local"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    if request.param == "local":
        async with LocalSubstrate(tmp_path / "data") as local:
            yield local
        return
    memory = MemorySubstrate()
    yield memory
    memory.close()


@pytest.fixture
def key_values(engine: Engine) -> KeyValue:
    return engine.key_values


@pytest.fixture
def blobs(engine: Engine) -> Blobs:
    return engine.blobs


@pytest.fixture
def timeline(engine: Engine) -> Timeline:
    return engine.timeline
