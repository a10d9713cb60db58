import asyncio
import ctypes
import errno
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdad.domain.errors import PlatformError
from lambdad.substrate import timeline
from lambdad.substrate.api import Change, Entry, NewMessage, NewRecord, StorageFull
from lambdad.substrate.directory import DataDirectoryError
from lambdad.substrate.local import LocalSubstrate


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "data"
    async with LocalSubstrate(directory) as substrate:
        await substrate.key_values.commit([Change("a", b"1"), Change("b", b"1")])
        await substrate.key_values.commit([Change("b", None)])
        digest = await substrate.blobs.put(b"blob")
        await substrate.timeline.append([NewRecord("p", 5, b"log")], 6)
    async with LocalSubstrate(directory) as substrate:
        assert await substrate.key_values.scan("") == [Entry("a", b"1", 1)]
        assert await substrate.key_values.commit([Change("c", b"3", expected=0)]) == 3
        assert await substrate.blobs.get(digest) == b"blob"
        assert [(r.seq, r.payload, r.ingested_ms) for r in await substrate.timeline.read(["p"], limit=5)] == [(1, b"log", 6)]
        await substrate.timeline.append([NewRecord("p", 5, b"more")], 7)
        assert [r.seq for r in await substrate.timeline.read(["p"], limit=5)] == [1, 2]


async def test_two_lambdads_do_not_share_a_directory(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path / "data") as first:
        second = LocalSubstrate(tmp_path / "data")
        with pytest.raises(DataDirectoryError) as caught:
            await second.start()
        await second.close()
        assert caught.value.message == (
            f"The data directory {tmp_path / 'data'} is in use by the lambdad with process id {os.getpid()}."
        )
        await first.key_values.commit([Change("a", b"still works")])
    async with LocalSubstrate(tmp_path / "data") as third:
        assert await third.key_values.get("a") is not None


async def test_the_lock_of_a_process_that_was_killed_is_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from lambdad.substrate.directory import DirectoryLock;"
        "lock = DirectoryLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, tmp_path / "lock", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    with pytest.raises(DataDirectoryError, match=f"process id {process.pid}\\."):
        await LocalSubstrate(tmp_path).start()
    process.kill()
    await process.wait()
    async with LocalSubstrate(tmp_path):
        pass


async def test_everything_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with LocalSubstrate(tmp_path / "data") as substrate:
            await substrate.key_values.commit([Change("a", b"1")])
            await substrate.blobs.put(b"blob")
            await substrate.timeline.append([NewRecord("p", 5, b"log")], 6)
            paths = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
            open_to_others = [str(path) for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    finally:
        os.umask(before)
    assert len(paths) > 10
    assert open_to_others == []


@pytest.mark.parametrize(("name", "known"), [("key-values", 1), ("timeline", 2)])
async def test_data_of_a_newer_lambdad_is_refused(tmp_path: Path, name: str, known: int) -> None:
    async with LocalSubstrate(tmp_path):
        pass
    path = tmp_path / f"{name}.sqlite3"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=99")
    database.close()
    substrate = LocalSubstrate(tmp_path)
    with pytest.raises(DataDirectoryError) as caught:
        await substrate.start()
    await substrate.close()
    assert caught.value.message == f"{path} was written by a newer lambdad (its schema is 99, this lambdad knows {known})."


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "key-values.sqlite3"
    path.write_bytes(b"my own notes " * 1000)
    with pytest.raises(DataDirectoryError, match=r"key-values\.sqlite3 can't be used: file is not a database"):
        await LocalSubstrate(tmp_path).start()
    assert path.read_bytes() == b"my own notes " * 1000
    path.unlink()
    async with LocalSubstrate(tmp_path):
        pass


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match=f"The data directory {tmp_path / 'file' / 'data'} can't be used"):
        await LocalSubstrate(tmp_path / "file" / "data").start()


async def test_what_is_closed_refuses(tmp_path: Path) -> None:
    substrate = LocalSubstrate(tmp_path)
    await substrate.start()
    await substrate.close()
    with pytest.raises(PlatformError, match="closed"):
        await substrate.key_values.commit([Change("a", b"1")])
    with pytest.raises(PlatformError, match="closed"):
        await substrate.key_values.get("a")


async def test_closing_waits_for_what_was_asked_for(tmp_path: Path) -> None:
    substrate = LocalSubstrate(tmp_path)
    await substrate.start()
    commits = [asyncio.ensure_future(substrate.key_values.commit([Change(f"k{n}", b"")])) for n in range(50)]
    await asyncio.sleep(0)
    await substrate.close()
    assert sorted(await asyncio.gather(*commits)) == list(range(1, 51))


async def test_a_commit_whose_caller_gave_up_is_still_told_to_watchers(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        news: list[str] = []
        await substrate.key_values.watch("", lambda key, entry: news.append(key))
        commit = asyncio.ensure_future(substrate.key_values.commit([Change("a", b"1")]))
        await asyncio.sleep(0)
        commit.cancel()
        await substrate.key_values.commit([Change("b", b"1")])
        assert news == ["a", "b"]


async def test_a_watch_whose_caller_gave_up_hears_nothing(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        news: list[str] = []
        watch = asyncio.ensure_future(substrate.key_values.watch("", lambda key, entry: news.append(key)))
        await asyncio.sleep(0)
        watch.cancel()
        await substrate.key_values.commit([Change("a", b"1")])
        assert news == []


async def test_a_full_store_refuses_what_does_not_fit_and_recovers(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path, max_bytes=400_000) as substrate:
        values = substrate.key_values
        await values.commit([Change("small", b"1")])
        with pytest.raises(StorageFull):
            await values.commit([Change("before", b"1"), Change("large", b"x" * 1_000_000)])
        assert [entry.key for entry in await values.scan("")] == ["small"]
        await values.commit([Change("small", b"2", expected=1), Change("filler", b"x" * 300_000)])
        with pytest.raises(StorageFull):
            await values.commit([Change("more", b"x" * 200_000)])
        await values.commit([Change("filler", None)])
        assert await values.commit([Change("more", b"x" * 200_000)]) == 4
        with pytest.raises(StorageFull):
            await substrate.timeline.append([NewRecord("p", 1, b"x" * 1_000_000)], 0)
        assert await substrate.timeline.bounds(["p"]) == {}
        await substrate.timeline.append([NewRecord("p", 1, b"y")], 0)
        queues, large = substrate.queues, NewMessage(b"x" * 200_000, 0, 0)
        (position,) = await queues.append("q", [large])
        with pytest.raises(StorageFull):
            await queues.append("q", [large, large])
        assert queues.counts("q").ready == 1
        await queues.ack("q", [position])
        assert await queues.append("q", [large]) > [position]


async def test_of_writers_that_share_a_commit_only_the_one_that_does_not_fit_fails(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path, max_bytes=400_000) as substrate:
        sizes = [10, 1_000_000, 20, 2_000_000, 30]
        results = await asyncio.gather(
            *[substrate.key_values.commit([Change(f"k{size}", b"x" * size)]) for size in sizes], return_exceptions=True
        )
        assert [type(result) for result in results] == [int, StorageFull, int, StorageFull, int]
        assert [entry.key for entry in await substrate.key_values.scan("")] == ["k10", "k20", "k30"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    libc = ctypes.CDLL(None, use_errno=True)
    place = tmp_path / "disk"
    place.mkdir()
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, b"size=2m,mode=700"):
        raise OSError(ctypes.get_errno(), "mount")
    yield place
    libc.umount2(os.fsencode(place), 2)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    async with LocalSubstrate(small_disk / "data") as substrate:
        kept = await substrate.blobs.put(b"kept")
        await substrate.key_values.commit([Change("a", b"1")])
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                assert error.errno == errno.ENOSPC
        with pytest.raises(StorageFull):
            await substrate.blobs.put(b"x" * 500_000)
        with pytest.raises(StorageFull):
            await substrate.key_values.commit([Change("b", b"x" * 500_000)])
        with pytest.raises(StorageFull):
            await substrate.timeline.append([NewRecord("p", 1, b"x" * 500_000)], 0)
        assert await substrate.blobs.get(kept) == b"kept"
        assert await substrate.key_values.scan("") == [Entry("a", b"1", 1)]
        ballast.unlink()
        digest = await substrate.blobs.put(b"x" * 500_000)
        assert await substrate.blobs.get(digest) == b"x" * 500_000
        assert await substrate.key_values.commit([Change("b", b"2")]) == 2
        await substrate.timeline.append([NewRecord("p", 1, b"x")], 0)
        assert not list((small_disk / "data/blobs/packages/unfinished").iterdir())


async def test_a_blob_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        with monkeypatch.context() as patch:

            def full(descriptor: int) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            patch.setattr(os, "fsync", full)
            with pytest.raises(StorageFull):
                await substrate.blobs.put(b"data")
        assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
        digest = await substrate.blobs.put(b"data")
        assert await substrate.blobs.get(digest) == b"data"


async def test_a_failing_disk_is_our_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        with monkeypatch.context() as patch:

            def broken(descriptor: int) -> None:
                raise OSError(errno.EIO, "Input/output error")

            patch.setattr(os, "fsync", broken)
            with pytest.raises(PlatformError, match="Input/output error"):
                await substrate.blobs.put(b"data")


async def test_areas_do_not_share_their_blobs(tmp_path: Path) -> None:
    substrate = LocalSubstrate(tmp_path)
    objects = substrate.area("objects")
    assert substrate.area("objects") is objects
    async with substrate:
        digest = await substrate.blobs.put(b"same")
        assert await objects.get(digest) is None
        await objects.put(b"same")
        await substrate.blobs.delete(digest)
        assert await objects.get(digest) == b"same"
        with pytest.raises(RuntimeError):
            substrate.area("late")


async def test_a_blob_half_written_by_a_kill_is_cleared_and_a_truncated_one_replaced(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        digest = await substrate.blobs.put(b"data")
        path = await substrate.blobs.path(digest)
        assert path is not None
    leftover = tmp_path / "blobs/packages/unfinished/tmpabc"
    leftover.write_bytes(b"half")
    path.unlink()
    path.write_bytes(b"")
    async with LocalSubstrate(tmp_path) as substrate:
        assert not leftover.exists()
        await substrate.blobs.put(b"data")
        assert await substrate.blobs.get(digest) == b"data"


async def test_dropped_logs_give_their_space_back(tmp_path: Path) -> None:
    path = tmp_path / "timeline.sqlite3"
    async with LocalSubstrate(tmp_path) as substrate:
        await substrate.timeline.append([NewRecord("p", n, b"x" * 10_000) for n in range(500)], 0)
        await substrate.timeline.append([NewRecord("q", 1, b"kept")], 0)
    assert path.stat().st_size > 5_000_000
    async with LocalSubstrate(tmp_path) as substrate:
        await substrate.timeline.drop(["p"])
        assert list(await substrate.timeline.bounds(["p", "q"])) == ["q"]
    assert path.stat().st_size < 500_000


async def test_a_drop_that_a_kill_cut_short_is_finished_later(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        await substrate.timeline.append([NewRecord("p", n, b"x" * 1000) for n in range(500)], 0)
    database = sqlite3.connect(tmp_path / "timeline.sqlite3")
    database.execute("UPDATE partition SET name = NULL")
    database.commit()
    database.close()
    async with LocalSubstrate(tmp_path) as substrate:
        await substrate.timeline.append([NewRecord("p", 1, b"new")], 0)
        await substrate.timeline.trim(["other"], 0)
        assert [record.payload for record in await substrate.timeline.read(["p"], limit=10)] == [b"new"]
    database = sqlite3.connect(tmp_path / "timeline.sqlite3")
    assert database.execute("SELECT sum(count) FROM chunk").fetchone() == (1,)
    database.close()


async def test_records_of_the_first_schema_are_still_there(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "timeline.sqlite3")
    for statement in timeline.SCHEMA.steps[0]:
        database.execute(statement)
    database.execute("INSERT INTO partition VALUES (1, 'p', 10, 20, 7, 3)")
    database.execute("INSERT INTO record VALUES (1, 10, 1, 7, x'61'), (1, 20, 2, 7, x'6263')")
    database.execute("UPDATE latest SET seq = 2")
    database.execute("PRAGMA user_version=1")
    database.commit()
    database.close()
    async with LocalSubstrate(tmp_path) as substrate:
        await substrate.timeline.append([NewRecord("p", 15, b"new")], 9)
        found = await substrate.timeline.read(["p"], limit=10)
        assert [(r.seq, r.time_ms, r.ingested_ms, r.payload) for r in found] == [
            (1, 10, 7, b"a"),
            (3, 15, 9, b"new"),
            (2, 20, 7, b"bc"),
        ]


async def test_what_comes_at_once_is_one_row_within_limits(tmp_path: Path) -> None:
    hour = 3_600_000
    batch = [NewRecord("p", time, b"-") for time in (hour, 0, 1, 2, hour + 1)]
    batch += [NewRecord("q", 0, b"x" * 200_000)] * 2
    async with LocalSubstrate(tmp_path) as substrate:
        await substrate.timeline.append(batch, 0)
        assert [r.time_ms for r in await substrate.timeline.read(["p"], limit=9)] == [0, 1, 2, hour, hour + 1]
        assert [r.time_ms for r in await substrate.timeline.read(["p"], limit=9, newest_first=True, end_ms=hour)] == [2, 1, 0]
        await substrate.timeline.trim(["p"], 1)
        assert [r.time_ms for r in await substrate.timeline.read(["p"], limit=9)] == [1, 2, hour, hour + 1]
        assert await substrate.timeline.bounds(["p"]) == {"p": (1, hour + 1, 0, 4)}
    database = sqlite3.connect(tmp_path / "timeline.sqlite3")
    assert database.execute("SELECT count FROM chunk ORDER BY partition, first_ms").fetchall() == [(2,), (2,), (1,), (1,)]
    database.close()
