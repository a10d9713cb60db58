"""Waiting for messages takes no looking again: the virtual clock jumps to what comes next."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lambdad.substrate.api import NewMessage, Queues
from lambdad.substrate.database import Database
from lambdad.substrate.local import LocalSubstrate
from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.substrate import MemorySubstrate


@pytest.fixture(params=["memory", "local"])
async def queues(
    request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClockLoop, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Queues]:
    if request.param == "memory":
        yield MemorySubstrate(clock.time).queues
        return
    write = Database.write

    async def written(*arguments: Any) -> Any:
        with clock.real_time():  # the writer is a thread of which the clock does not know
            return await write(*arguments)

    monkeypatch.setattr(Database, "write", written)
    async with LocalSubstrate(tmp_path, now=clock.time) as local:
        yield local.queues


def due(clock: VirtualClockLoop, seconds: float, text: bytes = b"-", group: str | None = None) -> NewMessage:
    now = round(clock.time() * 1000)
    return NewMessage(text, now, now + round(seconds * 1000), group)


async def test_nothing_comes(queues: Queues, clock: VirtualClockLoop) -> None:
    start = clock.time()
    assert await queues.fetch("q", 1, lease_ms=1000, wait=20) == []
    assert clock.time() == pytest.approx(start + 20)


async def test_what_becomes_due_wakes_one_after_the_other(queues: Queues, clock: VirtualClockLoop) -> None:
    start = clock.time()
    await queues.append("q", [due(clock, 7, b"second"), due(clock, 5, b"first")])

    async def fetch() -> tuple[bytes, float]:
        (delivery,) = await queues.fetch("q", 1, lease_ms=60_000, wait=20)
        return delivery.payload, round(clock.time() - start, 2)

    assert sorted(await asyncio.gather(fetch(), fetch())) == [(b"first", 5.0), (b"second", 7.0)]


async def test_the_end_of_a_lease_wakes(queues: Queues, clock: VirtualClockLoop) -> None:
    start = clock.time()
    (position,) = await queues.append("q", [due(clock, 0)])
    await queues.fetch("q", 1, lease_ms=15_000)
    waiting = asyncio.create_task(queues.fetch("q", 1, lease_ms=1000, wait=20))
    await clock.advance(1)
    assert queues.extend("q", position, 3_000)
    (again,) = await waiting
    assert again.number == 2
    assert clock.time() == pytest.approx(start + 4)


async def test_a_retry_wakes(queues: Queues, clock: VirtualClockLoop) -> None:
    start = clock.time()
    (position,) = await queues.append("q", [due(clock, 0)])
    await queues.fetch("q", 1, lease_ms=3_600_000)
    waiting = asyncio.create_task(queues.fetch("q", 1, lease_ms=1000, wait=100))
    await clock.advance(1)
    assert await queues.retry("q", position, round((start + 61) * 1000), b"1")
    (again,) = await waiting
    assert (again.header, round(clock.time() - start, 2)) == (b"1", 61.0)
