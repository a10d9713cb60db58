import pytest

from lambdad.substrate.api import NewRecord, Timeline


def records(partition: str, *times: int) -> list[NewRecord]:
    return [NewRecord(partition, time, f"{partition}{time}".encode()) for time in times]


async def payloads(timeline: Timeline, *partitions: str, **how: object) -> list[str]:
    how.setdefault("limit", 1000)
    return [record.payload.decode() for record in await timeline.read(partitions, **how)]  # type: ignore[arg-type]


async def test_records_are_read_by_time_and_then_in_the_order_of_appending(timeline: Timeline) -> None:
    await timeline.append(records("a", 30, 10), 100)
    await timeline.append([NewRecord("a", 20, b"x"), NewRecord("a", 10, b"y")], 101)
    found = await timeline.read(["a"], limit=10)
    assert [(r.time_ms, r.payload, r.ingested_ms, r.partition) for r in found] == [
        (10, b"a10", 100, "a"),
        (10, b"y", 101, "a"),
        (20, b"x", 101, "a"),
        (30, b"a30", 100, "a"),
    ]
    assert found[0].seq < found[1].seq
    assert await timeline.read(["a"], limit=10, newest_first=True) == found[::-1]


async def test_seq_rises_over_all_partitions(timeline: Timeline) -> None:
    await timeline.append([*records("a", 1), *records("b", 1), *records("a", 1)], 5)
    await timeline.append(records("b", 1), 5)
    found = await timeline.read(["a", "b"], limit=10)
    assert [r.partition for r in found] == ["a", "b", "a", "b"]
    assert [r.seq for r in found] == sorted({r.seq for r in found})


async def test_partitions_are_merged_by_time(timeline: Timeline) -> None:
    await timeline.append(records("a", 1, 4, 7), 0)
    await timeline.append(records("b", 2, 5, 8), 0)
    await timeline.append(records("c", 3, 6, 9), 0)
    assert await payloads(timeline, "a", "b", "absent") == ["a1", "b2", "a4", "b5", "a7", "b8"]
    assert await payloads(timeline, "c", "a", "b", limit=4) == ["a1", "b2", "c3", "a4"]
    assert await payloads(timeline, "a", "b", "c", limit=4, newest_first=True) == ["c9", "b8", "a7", "c6"]
    assert await payloads(timeline, "a", "a", limit=4) == ["a1", "a4", "a7"]
    assert await payloads(timeline) == []
    assert await payloads(timeline, "a", limit=0) == []


async def test_the_window_includes_its_start_and_not_its_end(timeline: Timeline) -> None:
    await timeline.append(records("a", 1, 2, 3, 4), 0)
    assert await payloads(timeline, "a", start_ms=2, end_ms=4) == ["a2", "a3"]
    assert await payloads(timeline, "a", start_ms=2, end_ms=4, newest_first=True) == ["a3", "a2"]
    assert await payloads(timeline, "a", start_ms=5) == []
    assert await payloads(timeline, "a", end_ms=1) == []
    assert await payloads(timeline, "a", start_ms=3, end_ms=3) == []


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_follow_each_other_without_gap_or_repetition(timeline: Timeline, newest_first: bool) -> None:
    for number in range(7):
        await timeline.append([*records("a", number // 3), *records("b", number // 2)], number)
    whole = await timeline.read(["a", "b"], limit=100, newest_first=newest_first)
    assert len(whole) == 14
    paged = []
    after = None
    while page := await timeline.read(["a", "b"], limit=3, after=after, newest_first=newest_first):
        paged += page
        after = (page[-1].time_ms, page[-1].seq)
    assert paged == whole


@pytest.mark.parametrize("newest_first", [False, True])
async def test_after_keeps_to_the_window(timeline: Timeline, newest_first: bool) -> None:
    await timeline.append(records("a", 1, 2, 3, 4, 5), 0)
    found = await timeline.read(["a"], limit=10)
    after = (found[2].time_ms, found[2].seq)
    got = await payloads(timeline, "a", start_ms=2, end_ms=5, after=after, newest_first=newest_first)
    assert got == (["a2"] if newest_first else ["a4"])


async def test_bounds(timeline: Timeline) -> None:
    await timeline.append([NewRecord("a", 5, b"12345"), NewRecord("a", 3, b"123")], 9)
    await timeline.append([NewRecord("a", 4, b""), NewRecord("b", 1, b"x")], 12)
    assert await timeline.bounds(["a", "b", "absent"]) == {"a": (3, 5, 12, 8), "b": (1, 1, 12, 1)}
    assert await timeline.bounds([]) == {}


async def test_negative_and_large_times(timeline: Timeline) -> None:
    await timeline.append(records("a", -5, 0, 4_102_444_800_000), 0)
    assert await payloads(timeline, "a", end_ms=0) == ["a-5"]
    assert (await timeline.bounds(["a"]))["a"][:2] == (-5, 4_102_444_800_000)


async def test_dropped_partitions_are_gone(timeline: Timeline) -> None:
    await timeline.append([*records("a", 1), *records("b", 1)], 0)
    await timeline.drop(["a", "absent"])
    assert await payloads(timeline, "a", "b") == ["b1"]
    assert list(await timeline.bounds(["a", "b"])) == ["b"]
    await timeline.append(records("a", 2), 0)
    assert await payloads(timeline, "a", "b") == ["b1", "a2"]


async def test_seq_is_not_used_again_after_a_drop(timeline: Timeline) -> None:
    await timeline.append(records("a", 1, 2), 0)
    last = (await timeline.read(["a"], limit=5))[-1].seq
    await timeline.drop(["a"])
    await timeline.append(records("a", 1), 0)
    assert (await timeline.read(["a"], limit=5))[0].seq > last


async def test_trimming_keeps_the_boundary_and_the_other_partitions(timeline: Timeline) -> None:
    await timeline.append([*records("a", 1, 2, 3), *records("b", 1, 2), *records("c", 1)], 7)
    await timeline.trim(["a", "c", "absent"], 2)
    assert await payloads(timeline, "a", "b", "c") == ["b1", "a2", "b2", "a3"]
    assert await timeline.bounds(["a", "b", "c"]) == {"a": (2, 3, 7, 4), "b": (1, 2, 7, 4)}


async def test_trimming_many(timeline: Timeline) -> None:
    await timeline.append([NewRecord("a", time, b"-") for time in range(25_000)], 0)
    await timeline.trim(["a"], 24_990)
    assert await timeline.bounds(["a"]) == {"a": (24_990, 24_999, 0, 10)}
    assert len(await timeline.read(["a"], limit=100)) == 10


async def test_many_partitions(timeline: Timeline) -> None:
    names = [f"p{number}" for number in range(1200)]
    await timeline.append([NewRecord(name, number, name.encode()) for number, name in enumerate(names)], 0)
    assert await payloads(timeline, *names, limit=5) == names[:5]
    assert await payloads(timeline, *names, limit=2000, newest_first=True) == names[::-1]
    assert len(await timeline.bounds(names)) == 1200
    await timeline.drop(names)
    assert await timeline.bounds(names) == {}


async def test_appending_nothing(timeline: Timeline) -> None:
    await timeline.append([], 5)
    assert await timeline.bounds(["a"]) == {}
