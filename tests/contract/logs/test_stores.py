"""The doors of the logs, LogWriter and LogStore, on every engine of the substrate."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambdad.logs.api import Group, LogEvent, Stream, StreamName
from lambdad.logs.service import DAY_MS, Logs
from lambdad.substrate.local import LocalSubstrate
from lambdad.testing.substrate import MemorySubstrate

A, R = "000000000000", "us-east-1"
F = StreamName(A, R, "/aws/lambda/f", "2026/11/21/[$LATEST]abc")
NOW_MS = 1_795_255_203_000


def now() -> float:
    return NOW_MS / 1000


@pytest.fixture(params=["memory", "local"])
async def logs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Logs]:
    engine = MemorySubstrate() if request.param == "memory" else LocalSubstrate(tmp_path / "data")
    if isinstance(engine, LocalSubstrate):
        await engine.start()
    # No `start`: nothing is stored or swept but when the test says so.
    yield Logs(engine.key_values, engine.timeline, now)
    if isinstance(engine, LocalSubstrate):
        await engine.close()
    else:
        engine.close()


async def messages(logs: Logs, *streams: str, **how: object) -> list[str]:
    events = await logs.events(A, R, F.group, list(streams) or [F.stream], limit=100, **how)  # type: ignore[arg-type]
    return [event.message for event in events]


async def test_written_is_read(logs: Logs) -> None:
    logs.write(F, [LogEvent(2, "b"), LogEvent(1, "a\nwith\x00all ünicode 𐍈")])
    assert await messages(logs) == ["a\nwith\x00all ünicode 𐍈", "b"]
    (group,) = await logs.groups(A, R)
    assert (group.name, group.created_ms, group.retention_days) == (F.group, NOW_MS, None)
    (state,) = await logs.streams(A, R, F.group)
    assert (state.stream.name, state.first_event_ms, state.last_event_ms, state.last_ingestion_ms) == (F.stream, 1, 2, NOW_MS)


async def test_a_walk_in_both_directions_sees_every_event_once(logs: Logs) -> None:
    for number in range(20):
        stream = StreamName(A, R, F.group, f"s{number % 3}")
        logs.write(stream, [LogEvent(number // 4, str(number))])
        if number % 7 == 0:
            await logs.flush()
    for newest_first in (False, True):
        seen: list[tuple[int, int]] = []
        after = None
        while page := await logs.events(A, R, F.group, ["s0", "s1", "s2"], after=after, newest_first=newest_first, limit=3):
            seen += [(event.time_ms, event.seq) for event in page]
            after = seen[-1]
        assert seen == sorted(seen, reverse=newest_first)
        assert len(set(seen)) == 20


async def test_groups_keep_what_they_are_given(logs: Logs) -> None:
    group = Group(
        account=A, region=R, name="g", created_ms=5, retention_days=7, kms_key_id="k", tags={"a": "ü"}, deletion_protection=True
    )
    await logs.put_group(group)
    assert await logs.group(A, R, "g") == group
    stream = Stream(account=A, region=R, group="g", name="s", created_ms=6)
    await logs.put_stream(stream)
    assert await logs.stream(StreamName(A, R, "g", "s")) == stream
    assert await logs.group(A, R, "none") is None
    assert await logs.stream(StreamName(A, R, "g", "none")) is None


async def test_deletion_leaves_nothing(logs: Logs) -> None:
    await logs.put_events(F, [LogEvent(1, "stored")])
    logs.write(F, [LogEvent(2, "waiting")])
    await logs.delete_group(A, R, F.group)
    assert await logs.groups(A, R) == []
    assert await logs.streams(A, R, F.group) == []
    assert await messages(logs) == []
    await logs.put_events(F, [LogEvent(3, "again")])
    assert await messages(logs) == ["again"]
    await logs.delete_stream(F)
    assert await messages(logs) == []
    await logs.delete_stream(F)


async def test_a_sweep_deletes_by_retention_and_takes_stock(logs: Logs) -> None:
    await logs.put_group(Group(account=A, region=R, name=F.group, created_ms=1, retention_days=1))
    await logs.put_events(F, [LogEvent(NOW_MS - DAY_MS - 1, "old"), LogEvent(NOW_MS - DAY_MS, "kept")])
    await logs.sweep()
    assert await messages(logs) == ["kept"]
    assert logs.stored_bytes(A, R, F.group) == len("kept")
