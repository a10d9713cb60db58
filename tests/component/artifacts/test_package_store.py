import asyncio
import errno
import importlib.util
import marshal
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from lambdad.artifacts.api import Prepared, Swept
from lambdad.artifacts.service import PackageStore
from lambdad.domain.errors import InvalidParameterValue, PlatformError
from lambdad.domain.functions import Code
from lambdad.substrate.api import StorageFull
from lambdad.testing.substrate import MemorySubstrate
from tests.unit.artifacts.packages import Raw, archived, info, link, raw_zip, zipped

PYTHON = f"python3.{sys.version_info.minor}"
BROKEN = "Could not unzip uploaded file. Please check your file, then try to upload again."


class House:
    """A store that can be closed and opened again, as a process that ends and starts."""

    def __init__(self, cache: Path, executor: Executor) -> None:
        self.cache = cache
        self.executor = executor
        self.substrate = MemorySubstrate()
        self.stores: list[PackageStore] = []

    async def open(self, boot: str = "boot-1", interpreter: str = sys.executable) -> PackageStore:
        store = PackageStore(
            self.substrate.blobs,
            self.substrate.key_values,
            self.cache,
            self.executor,
            interpreters={PYTHON: Path(interpreter)},
            boot=boot,
        )
        await store.start()
        self.stores.append(store)
        return store

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    with ThreadPoolExecutor(4) as executor:
        house = House(tmp_path / "cache", executor)
        yield house
        await house.close()


@pytest.fixture
async def store(house: House) -> AsyncIterator[PackageStore]:
    yield await house.open()


async def taken(store: PackageStore, files: dict[str, bytes | str]) -> Code:
    return (await store.take_zip(zipped(files))).code


def listing(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


async def test_a_package_is_taken_in_and_read_again(store: PackageStore) -> None:
    data = zipped({"a.py": "x = 1\n", "b": b"1234"})
    answer = await store.take_zip(data)
    assert answer.unpacked == 10
    assert answer.code.size == len(data)
    assert await store.read(answer.code) == data
    assert await store.take_zip(data) == answer


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no zip", BROKEN),
        (raw_zip(Raw(b"../x", b"")), BROKEN),
        (raw_zip(Raw(b"x", b"abc", crc=5)), BROKEN),
        (raw_zip(Raw(b"x", b"abc", flags=1)), BROKEN),
        (archived((info("dev", 0o666, stat.S_IFCHR), b"")), BROKEN),
        (archived(link("l", "/etc/shadow")), BROKEN),
        (raw_zip(Raw(b"x", b"abc", size=262_144_000)), "Unzipped size must be smaller than 262144000 bytes"),
        (b"", "Uploaded file must be a non-empty zip"),
        (raw_zip(), "Uploaded file must be a non-empty zip"),
    ],
)
async def test_a_package_is_refused_in_lambdas_words(house: House, store: PackageStore, data: bytes, message: str) -> None:
    with pytest.raises(InvalidParameterValue) as caught:
        await store.take_zip(data)
    assert caught.value.message == message
    assert house.substrate.blobs.blobs == {}
    assert house.substrate.key_values.entries == {}


async def test_the_size_is_known_without_unpacking_and_after_a_restart(house: House, store: PackageStore) -> None:
    one = await taken(store, {"a": b"x" * 1000})
    two = await taken(store, {"b": b"y" * 500})
    assert await store.unpacked_size([one, two, one]) == 2500
    later = await house.open()
    blobs, house.substrate.blobs.blobs = house.substrate.blobs.blobs, {}
    assert await later.unpacked_size([one, two]) == 1500
    assert await later.unpacked_size([]) == 0
    house.substrate.blobs.blobs = blobs


async def test_a_lost_sidecar_is_measured_anew(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a": b"x" * 1000})
    house.substrate.key_values.entries.clear()
    assert await (await house.open()).unpacked_size([code]) == 1000


async def test_a_lost_package_is_our_fault(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a": b"x"})
    house.substrate.blobs.blobs.clear()
    with pytest.raises(PlatformError, match="gone"):
        await store.read(code)
    with pytest.raises(PlatformError, match="gone"):
        await store.prepare(code, [], None)
    # Uploading it again heals.
    assert await taken(store, {"a": b"x"}) == code
    assert (await store.prepare(code, [], None)).task.is_dir()


async def test_a_damaged_package_is_our_fault_and_leaves_no_tree(house: House, store: PackageStore) -> None:
    code = (await store.take_zip(raw_zip(Raw(b"a", b"content", method=0)))).code
    blobs = house.substrate.blobs.blobs
    blobs[code.digest] = blobs[code.digest].replace(b"content", b"c0ntent")
    with pytest.raises(PlatformError, match="damaged"):
        await store.prepare(code, [], None)
    blobs[code.digest] = b"nothing like a zip"
    with pytest.raises(PlatformError, match="damaged"):
        await store.prepare(code, [], None)
    assert store.prepared(code, []) is None
    assert [path.name for path in house.cache.rglob("*")] == ["unfinished"]


async def test_a_cache_without_space_leaves_no_tree(house: House, store: PackageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    code = await taken(store, {"a": b"x", "b/c": b"y"})
    with monkeypatch.context() as patch:

        def full(descriptor: int, mode: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, "fchmod", full)
        with pytest.raises(StorageFull):
            await store.prepare(code, [], None)
    assert [path.name for path in house.cache.rglob("*")] == ["unfinished"]
    assert listing((await store.prepare(code, [], None)).task) == {"a": b"x", "b/c": b"y"}


async def test_a_full_disk_leaves_nothing_half_done(house: House, store: PackageStore) -> None:
    house.substrate.blobs.full = True
    with pytest.raises(StorageFull):
        await taken(store, {"a": b"x"})
    house.substrate.blobs.full = False
    assert (await store.sweep([])).deleted == 1, "a sidecar without a package is found"
    assert house.substrate.key_values.entries == {}
    code = await taken(store, {"a": b"x"})
    assert await store.read(code) == zipped({"a": b"x"})


async def test_a_tree_is_what_was_zipped(store: PackageStore) -> None:
    data = archived(
        (info("bin/tool", 0o755), b"#!/bin/sh\n"),
        (info("data.txt", 0o600), b"d" * 100_000),
        (info("wild", 0o6777), b""),
        (info("empty/"), b""),
        link("bin/alias", "tool"),
        link("dangling", "nowhere"),
    )
    code = (await store.take_zip(data)).code
    tree = (await store.prepare(code, [], "provided.al2023")).task
    modes = {str(path.relative_to(tree)): oct(path.lstat().st_mode) for path in tree.rglob("*")}
    assert modes == {
        "bin": "0o40755",
        "bin/tool": "0o100755",
        "bin/alias": "0o120777",
        "data.txt": "0o100600",
        "wild": "0o100755",
        "empty": "0o40755",
        "dangling": "0o120777",
    }
    assert stat.S_IMODE(tree.stat().st_mode) == 0o755
    assert (tree / "data.txt").read_bytes() == b"d" * 100_000
    assert (tree / "bin/tool").stat().st_mtime == 1709209858
    assert (tree / "bin/alias").readlink() == Path("tool")


async def test_modes_do_not_depend_on_the_umask(store: PackageStore) -> None:
    code = await taken(store, {"d/a": b""})
    before = os.umask(0o077)
    try:
        tree = (await store.prepare(code, [], None)).task
    finally:
        os.umask(before)
    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o755
    assert stat.S_IMODE((tree / "d/a").stat().st_mode) == 0o644


async def test_the_cache_is_private(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a": b""})
    home = (await store.prepare(code, [], None)).task.parent
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


async def test_later_layers_win(store: PackageStore) -> None:
    code = await taken(store, {"a": b""})
    one = await taken(store, {"bin/x": b"1", "lib/only": b"1"})
    two = await taken(store, {"bin/x": b"2"})
    ahead = await store.prepare(code, [one, two], None)
    back = await store.prepare(code, [two, one], None)
    assert ahead.opt is not None and back.opt is not None
    assert listing(ahead.opt) == {"bin/x": b"2", "lib/only": b"1"}
    assert listing(back.opt) == {"bin/x": b"1", "lib/only": b"1"}
    assert ahead.task == back.task


async def test_prepared_answers_what_prepare_did_and_does_not_unpack(store: PackageStore) -> None:
    code = await taken(store, {"a": b""})
    layer = await taken(store, {"l": b""})
    assert store.prepared(code, []) is None
    plain = await store.prepare(code, [], None)
    assert plain.opt is None
    assert store.prepared(code, []) == plain
    assert store.prepared(code, [layer]) is None
    layered = await store.prepare(code, [layer], None)
    assert store.prepared(code, [layer]) == layered == Prepared(plain.task, layered.opt)


async def test_many_prepare_at_once_and_see_one_tree(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a.py": "x = 1\n"})
    layers = [await taken(store, {f"l{n}": b""}) for n in range(3)]
    answers = await asyncio.gather(*[store.prepare(code, layers, PYTHON) for _ in range(12)])
    assert len(set(answers)) == 1
    assert not list((house.cache / "unfinished").iterdir())
    assert len(list(house.cache.iterdir())) == 3


async def test_a_caller_that_gives_up_harms_nobody(store: PackageStore) -> None:
    code = await taken(store, {"a": b"x" * 100_000})
    first = asyncio.ensure_future(store.prepare(code, [], None))
    second = asyncio.ensure_future(store.prepare(code, [], None))
    await asyncio.sleep(0)
    first.cancel()
    assert listing((await second).task) == {"a": b"x" * 100_000}


async def test_what_a_caller_began_and_gave_up_is_done_to_its_end(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a": b"x" * 100_000})
    preparing = asyncio.ensure_future(store.prepare(code, [], None))
    await asyncio.sleep(0)
    preparing.cancel()
    await asyncio.wait([preparing])
    await store.close()
    ready = store.prepared(code, [])
    assert ready is not None and listing(ready.task) == {"a": b"x" * 100_000}
    assert list((house.cache / "unfinished").iterdir()) == []


def read_pyc(path: Path) -> tuple[int, str]:
    data = path.read_bytes()
    assert data[:4] == importlib.util.MAGIC_NUMBER
    return int.from_bytes(data[4:8], "little"), marshal.loads(data[16:]).co_filename


async def test_python_is_compiled_for_where_it_will_be_mounted(store: PackageStore) -> None:
    code = await taken(
        store, {"app.py": "def f():\n    1/0\n", "p/q.py": "y = 1\n", "broken.py": "def (:\n", "bad.py": b"\xff\x00"}
    )
    layer = await taken(store, {"python/lib.py": "z = 1\n"})
    answer = await store.prepare(code, [layer], PYTHON)
    assert answer.opt is not None
    tag = sys.implementation.cache_tag
    # 1: an unchecked hash, which the runtime believes without looking at the source.
    assert read_pyc(answer.task / f"__pycache__/app.{tag}.pyc") == (1, "/var/task/app.py")
    assert read_pyc(answer.task / f"p/__pycache__/q.{tag}.pyc") == (1, "/var/task/p/q.py")
    assert read_pyc(answer.opt / f"python/__pycache__/lib.{tag}.pyc") == (1, "/opt/python/lib.py")
    assert not list(answer.task.glob("__pycache__/b*"))
    assert stat.S_IMODE((answer.task / "__pycache__").stat().st_mode) == 0o755


async def test_the_runtime_uses_what_was_compiled(store: PackageStore) -> None:
    code = await taken(store, {"app.py": "print('as compiled')\n"})
    tree = (await store.prepare(code, [], PYTHON)).task
    (tree / "app.py").write_text("print('as written')\n")
    program = f"import sys; sys.path.insert(0, {str(tree)!r}); import app"
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", program, stdout=subprocess.PIPE)
    assert (await process.communicate())[0] == b"as compiled\n"


async def test_a_tree_made_for_another_runtime_is_compiled_when_python_comes(store: PackageStore) -> None:
    code = await taken(store, {"app.py": "x = 1\n"})
    tree = (await store.prepare(code, [], "nodejs22.x")).task
    assert listing(tree) == {"app.py": b"x = 1\n"}
    assert (await store.prepare(code, [], PYTHON)).task == tree
    assert len(listing(tree)) == 2


async def test_what_the_package_compiled_itself_stays(store: PackageStore) -> None:
    own = f"__pycache__/app.{sys.implementation.cache_tag}.pyc"
    code = await taken(store, {"app.py": "x = 1\n", own: b"their own"})
    assert listing((await store.prepare(code, [], PYTHON)).task)[own] == b"their own"


async def test_a_link_does_not_lead_the_compiler_out_of_the_tree(store: PackageStore, tmp_path: Path) -> None:
    data = archived((info("real.py"), b"x = 1\n"), link("alias.py", "real.py"), link("__pycache__", "/tmp/elsewhere"))
    code = (await store.take_zip(data)).code
    tree = (await store.prepare(code, [], PYTHON)).task
    assert {path.name for path in tree.iterdir()} == {"real.py", "alias.py", "__pycache__"}
    assert (tree / "__pycache__").readlink() == Path("/tmp/elsewhere")


async def test_a_source_that_breaks_the_compiler_breaks_nothing_else(store: PackageStore) -> None:
    code = await taken(store, {"deep.py": "(" * 5000 + ")" * 5000, "minus.py": "-" * 100_000 + "1", "app.py": "x = 1\n"})
    tree = (await store.prepare(code, [], PYTHON)).task
    assert (tree / "deep.py").is_file()


@pytest.mark.parametrize("interpreter", ["/nonexistent/python", "/bin/false", "/etc/hostname"])
async def test_an_interpreter_that_fails_costs_only_time(house: House, interpreter: str) -> None:
    store = await house.open(interpreter=interpreter)
    code = await taken(store, {"app.py": "x = 1\n"})
    assert listing((await store.prepare(code, [], PYTHON)).task) == {"app.py": b"x = 1\n"}


async def test_a_restart_finds_its_trees(house: House, store: PackageStore) -> None:
    code = await taken(store, {"app.py": "x = 1\n"})
    layer = await taken(store, {"l": b""})
    answer = await store.prepare(code, [layer], PYTHON)
    later = await house.open()
    assert later.prepared(code, [layer]) == answer
    assert await later.prepare(code, [layer], PYTHON) == answer


async def test_trees_of_another_boot_are_made_again(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a": b"x"})
    tree = (await store.prepare(code, [], None)).task
    (tree / "a").write_bytes(b"")  # What a power failure leaves of a file that was not flushed.
    later = await house.open(boot="boot-2")
    assert later.prepared(code, []) is None
    assert listing((await later.prepare(code, [], None)).task) == {"a": b"x"}


async def test_what_a_kill_left_behind_is_cleared(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a": b"x"})
    (house.cache / "unfinished" / "half" / "tree").mkdir(parents=True)
    (house.cache / f"task-{code.digest}" / "tree").mkdir(parents=True)
    later = await house.open()
    assert later.prepared(code, []) is None
    await later.close()
    assert list((house.cache / "unfinished").iterdir()) == []
    assert list(house.cache.iterdir()) == [house.cache / "unfinished"]
    assert listing((await later.prepare(code, [], None)).task) == {"a": b"x"}


@pytest.mark.parametrize("marker", [b"", b"{", b'{"boot":1}', b"[]"])
async def test_a_damaged_marker_is_no_marker(house: House, store: PackageStore, marker: bytes) -> None:
    code = await taken(store, {"a": b"x"})
    tree = (await store.prepare(code, [], None)).task
    (tree.parent / "complete").write_bytes(marker)
    assert (await house.open()).prepared(code, []) is None


@pytest.mark.parametrize("whole", [True, False])
async def test_a_tree_removed_by_hand_is_made_again(store: PackageStore, house: House, whole: bool) -> None:
    code = await taken(store, {"a": b"x"})
    tree = (await store.prepare(code, [], None)).task
    (tree.parent if whole else tree).rename(house.cache.parent / "elsewhere")
    assert listing((await store.prepare(code, [], None)).task) == {"a": b"x"}


async def test_a_sweep_takes_what_is_not_live(house: House, store: PackageStore) -> None:
    live, dead = await taken(store, {"live": b""}), await taken(store, {"dead": b""})
    shared, lone = await taken(store, {"shared": b""}), await taken(store, {"lone": b""})
    for code, layers in ((live, [shared]), (dead, [shared, lone])):
        await store.prepare(code, layers, None)
    assert await store.sweep([live.digest, shared.digest]) == Swept(deleted=2, spared=0)
    assert store.prepared(live, [shared]) is not None
    assert store.prepared(dead, []) is None
    assert set(house.substrate.blobs.blobs) == {live.digest, shared.digest}
    assert len(house.substrate.key_values.entries) == 2
    assert {path.name for path in house.cache.iterdir()} == {
        "unfinished",
        f"task-{live.digest}",
        f"opt-{shared.digest}",
    }
    assert await store.sweep([live.digest, shared.digest]) == Swept(deleted=0, spared=0)


async def test_what_is_being_prepared_is_not_swept(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a.py": "x = 1\n"})
    preparing = asyncio.ensure_future(store.prepare(code, [], PYTHON))
    await asyncio.sleep(0)
    assert await store.sweep([]) == Swept(deleted=0, spared=1)
    answer = await preparing
    assert (answer.task / "a.py").is_file()
    assert await store.sweep([]) == Swept(deleted=1, spared=0)
    assert not answer.task.exists()


async def test_taking_in_and_sweeping_at_once_loses_nothing(house: House, store: PackageStore) -> None:
    data = zipped({"a": b""})
    await store.take_zip(data)
    swept, taken_again = await asyncio.gather(store.sweep([]), store.take_zip(data))
    # Whichever came first, a package is never there by half.
    sidecars, blobs = house.substrate.key_values.entries, house.substrate.blobs.blobs
    assert {key.removeprefix("artifact/") for key in sidecars} == set(blobs)
    assert swept.deleted == 1
    code = (await store.take_zip(data)).code
    assert code == taken_again.code
    assert await store.read(code) == data


async def test_a_sweep_after_a_restart_finds_everything(house: House, store: PackageStore) -> None:
    code = await taken(store, {"a": b""})
    await store.prepare(code, [], None)
    later = await house.open()
    assert (await later.sweep([])).deleted == 1
    assert house.substrate.blobs.blobs == {} and house.substrate.key_values.entries == {}
    assert [path.name for path in house.cache.iterdir()] == ["unfinished"]
