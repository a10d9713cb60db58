from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambdad.substrate.api import Blobs, KeyValue, Queues, Timeline
from lambdad.substrate.local import LocalSubstrate
from lambdad.testing.substrate import MemorySubstrate

Engine = MemorySubstrate | LocalSubstrate


class Clock:
    def __init__(self) -> None:
        self.ms = 1_795_255_203_000

    def __call__(self) -> float:
        return self.ms / 1000

    def pass_ms(self, ms: int) -> None:
        self.ms += ms


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "local"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path, now: Clock) -> AsyncIterator[Engine]:
    if request.param == "local":
        async with LocalSubstrate(tmp_path / "data", now=now) as local:
            yield local
        return
    memory = MemorySubstrate(now)
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


@pytest.fixture
def queues(engine: Engine) -> Queues:
    return engine.queues
