import asyncio
from collections.abc import Callable

import pytest

from lambdad.substrate.api import Change, Entry, KeyValue, RevisionMismatch


async def test_what_was_committed_is_read_with_its_revision(key_values: KeyValue) -> None:
    assert await key_values.get("a") is None
    first = await key_values.commit([Change("a", b"1"), Change("b/c", b"\x00\xff")])
    second = await key_values.commit([Change("a", b"2")])
    assert (first, second) == (1, 2)
    assert await key_values.get("a") == Entry("a", b"2", 2)
    assert await key_values.get("b/c") == Entry("b/c", b"\x00\xff", 1)


async def test_an_empty_value_is_a_value(key_values: KeyValue) -> None:
    await key_values.commit([Change("a", b"")])
    assert await key_values.get("a") == Entry("a", b"", 1)


async def test_a_deleted_key_is_gone_and_the_revision_counts_on(key_values: KeyValue) -> None:
    await key_values.commit([Change("a", b"1")])
    assert await key_values.commit([Change("a", None)]) == 2
    assert await key_values.get("a") is None
    assert await key_values.commit([Change("a", b"again", expected=0)]) == 3


async def test_deleting_what_is_not_there_is_no_error(key_values: KeyValue) -> None:
    await key_values.commit([Change("nothing", None)])
    assert await key_values.scan("") == []


async def test_a_scan_is_sorted_and_keeps_to_its_prefix(key_values: KeyValue) -> None:
    keys = ["f/1", "f/10", "f/2", "f", "g/1", "f\U0010ffff", "é/1", "f/ÿ", "f/\U0001f600", "F/1", "f_/%"]
    await key_values.commit([Change(key, key.encode()) for key in keys])
    assert [entry.key for entry in await key_values.scan("f/")] == ["f/1", "f/10", "f/2", "f/ÿ", "f/\U0001f600"]
    assert [entry.key for entry in await key_values.scan("")] == sorted(keys)
    assert [entry.key for entry in await key_values.scan("f\U0010ffff")] == ["f\U0010ffff"]
    assert [entry.key for entry in await key_values.scan("é")] == ["é/1"]
    assert await key_values.scan("f_/%x") == []


@pytest.mark.parametrize("expected", [0, 2, 99])
async def test_a_precondition_that_fails_writes_nothing_of_the_commit(key_values: KeyValue, expected: int) -> None:
    await key_values.commit([Change("a", b"1")])
    with pytest.raises(RevisionMismatch) as caught:
        await key_values.commit([Change("b", b"1"), Change("a", b"2", expected=expected)])
    assert caught.value.key == "a"
    assert await key_values.get("b") is None
    assert await key_values.get("a") == Entry("a", b"1", 1)
    assert await key_values.commit([Change("c", b"")]) == 2


async def test_a_precondition_on_an_absent_key(key_values: KeyValue) -> None:
    with pytest.raises(RevisionMismatch):
        await key_values.commit([Change("a", b"1", expected=1)])
    with pytest.raises(RevisionMismatch):
        await key_values.commit([Change("a", None, expected=1)])
    await key_values.commit([Change("a", b"1", expected=0)])
    await key_values.commit([Change("a", None, expected=1)])
    assert await key_values.get("a") is None


async def test_of_writers_that_expect_the_same_revision_one_wins(key_values: KeyValue) -> None:
    await key_values.commit([Change("lease", b"")])

    async def take(who: int) -> bool:
        try:
            await key_values.commit([Change("lease", str(who).encode(), expected=1)])
        except RevisionMismatch:
            return False
        return True

    won = await asyncio.gather(*[take(who) for who in range(20)])
    assert sum(won) == 1
    entry = await key_values.get("lease")
    assert entry is not None and entry.value == str(won.index(True)).encode()


async def test_commits_together_each_get_their_own_revision(key_values: KeyValue) -> None:
    revisions = await asyncio.gather(*[key_values.commit([Change(f"k/{n}", b"")]) for n in range(50)])
    assert sorted(revisions) == list(range(1, 51))
    assert {entry.key: entry.revision for entry in await key_values.scan("k/")} == {
        f"k/{n}": r for n, r in enumerate(revisions)
    }


async def test_a_key_named_twice_in_one_commit_is_refused(key_values: KeyValue) -> None:
    with pytest.raises(ValueError, match="twice"):
        await key_values.commit([Change("a", b"1"), Change("a", b"2")])
    assert await key_values.get("a") is None


async def test_a_commit_of_nothing_changes_nothing(key_values: KeyValue) -> None:
    await key_values.commit([Change("a", b"1")])
    assert await key_values.commit([]) == 1
    assert await key_values.commit([Change("a", b"2")]) == 2


async def test_a_watch_delivers_what_is_there_and_then_each_change(key_values: KeyValue) -> None:
    await key_values.commit([Change("f/b", b"1"), Change("f/a", b"1"), Change("g/a", b"1")])
    news: list[tuple[str, Entry | None]] = []
    end = await key_values.watch("f/", lambda key, entry: news.append((key, entry)))
    assert news == [("f/a", Entry("f/a", b"1", 1)), ("f/b", Entry("f/b", b"1", 1))]
    news.clear()
    await key_values.commit([Change("f/a", b"2"), Change("g/a", b"2"), Change("f/c", b"2")])
    assert news == [("f/a", Entry("f/a", b"2", 2)), ("f/c", Entry("f/c", b"2", 2))]
    news.clear()
    await key_values.commit([Change("f/a", None), Change("f/never", None)])
    assert news == [("f/a", None)]
    end()
    end()
    await key_values.commit([Change("f/d", b"3")])
    assert news == [("f/a", None)]


async def test_a_refused_commit_is_no_news(key_values: KeyValue) -> None:
    news: list[str] = []
    await key_values.watch("", lambda key, entry: news.append(key))
    with pytest.raises(RevisionMismatch):
        await key_values.commit([Change("a", b"1"), Change("b", b"1", expected=7)])
    assert news == []


async def test_a_watch_amid_writers_misses_nothing_and_keeps_order(key_values: KeyValue) -> None:
    seen: list[int] = []

    def watcher(key: str, entry: Entry | None) -> None:
        assert entry is not None
        seen.append(int(entry.value))

    async def write() -> None:
        for number in range(60):
            await key_values.commit([Change("n", str(number).encode())])

    async def watch() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await key_values.watch("n", watcher)

    await asyncio.gather(write(), watch())
    assert seen == list(range(seen[0], 60))


async def test_a_watcher_that_fails_harms_neither_the_writer_nor_the_others(key_values: KeyValue) -> None:
    failures: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["message"]))
    news: list[str] = []

    def fails(key: str, entry: Entry | None) -> None:
        raise RuntimeError(key)

    await key_values.watch("a", fails)
    await key_values.watch("a", lambda key, entry: news.append(key))
    assert await key_values.commit([Change("a", b"1")]) == 1
    assert news == ["a"]
    assert len(failures) == 1 and "'a'" in failures[0]


async def test_a_failing_first_delivery_is_the_watchers_own_error(key_values: KeyValue) -> None:
    await key_values.commit([Change("a", b"1")])

    def fails(key: str, entry: Entry | None) -> None:
        raise RuntimeError(key)

    with pytest.raises(RuntimeError):
        await key_values.watch("a", fails)
    await key_values.commit([Change("a", b"2")])


async def test_a_watcher_may_end_another_while_it_is_told(key_values: KeyValue) -> None:
    news: list[str] = []
    ends: list[Callable[[], None]] = []
    await key_values.watch("a", lambda key, entry: ends[0]())
    ends.append(await key_values.watch("a", lambda key, entry: news.append(key)))
    await key_values.commit([Change("a", b"1")])
    assert news == []


async def test_large_values(key_values: KeyValue) -> None:
    value = bytes(range(256)) * 8192
    await key_values.commit([Change("large", value)])
    entry = await key_values.get("large")
    assert entry is not None and entry.value == value
