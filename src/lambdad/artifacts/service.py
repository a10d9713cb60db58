"""The shell of the artifacts: packages in the blob store, their sizes beside them, trees in the host's cache."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import msgspec

from lambdad.artifacts.api import Prepared, Swept, Taken
from lambdad.artifacts.layout import Package, merge, read_package, verify
from lambdad.artifacts.trees import Cached, Compiler, TreeCache
from lambdad.artifacts.zips import BadZip, TooLarge
from lambdad.domain.errors import InvalidParameterValue, PlatformError
from lambdad.domain.functions import Code
from lambdad.domain.limits import UNZIPPED
from lambdad.substrate.api import Blobs, Change, KeyValue
from lambdad.substrate.directory import failure

LOG = logging.getLogger(__name__)

T = TypeVar("T")

BROKEN = "Could not unzip uploaded file. Please check your file, then try to upload again."
TOO_LARGE = f"Unzipped size must be smaller than {UNZIPPED} bytes"
EMPTY = "Uploaded file must be a non-empty zip"

PREFIX = "artifact/"
TASK, OPT = "/var/task", "/opt"


class Sidecar(msgspec.Struct, frozen=True):
    """What is known of a package without opening it."""

    unpacked: int


class PackageStore:
    """`lambdad.artifacts.api.Artifacts`.

    `blobs` is an area of its own: `sweep` deletes there what no function and no layer needs. `interpreters` maps runtimes
    (`python3.12`) to the executable that byte-compiles for them. `boot` names the present boot of the host
    (/proc/sys/kernel/random/boot_id): trees of another boot are not trusted. `executor` runs what is slow.
    """

    def __init__(
        self,
        blobs: Blobs,
        key_values: KeyValue,
        cache: Path,
        executor: Executor,
        *,
        interpreters: Mapping[str, Path],
        boot: str,
    ) -> None:
        self._blobs = blobs
        self._key_values = key_values
        self._executor = executor
        self._interpreters = interpreters
        self._trees = TreeCache(cache, boot)
        self._ready: dict[str, Cached] = {}
        self._unpacked: dict[str, int] = {}
        self._held: Counter[str] = Counter()
        self._working: set[asyncio.Future[Any]] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"<PackageStore [{len(self._ready)} trees, {self._held.total()} in hand]>"

    async def start(self) -> None:
        """Reads what the cache holds. Raises StorageFull or PlatformError where the cache can't be used."""
        self._ready, graves = await self._run(self._trees.open)
        self._to_its_end(self._run(lambda: self._trees.bury(graves))).add_done_callback(_say_failure)

    async def close(self) -> None:
        """Ends when nothing is being stored, unpacked or cleared away any more."""
        while self._working:
            await asyncio.wait(self._working)

    async def take_zip(self, data: bytes) -> Taken:
        if not data:
            raise InvalidParameterValue(EMPTY)
        package = await self._run(lambda: _checked(data))
        return await asyncio.shield(self._to_its_end(self._store(data, package.unpacked)))

    async def _store(self, data: bytes, unpacked: int) -> Taken:
        digest = await self._run(lambda: hashlib.sha256(data).hexdigest())
        async with self._lock(digest):
            if await self._key_values.get(PREFIX + digest) is None:
                # Before the blob, so that a kill in between leaves nothing that `sweep` does not find.
                sidecar = msgspec.json.encode(Sidecar(unpacked))
                await self._key_values.commit([Change(PREFIX + digest, sidecar)])
            await self._blobs.put(data)
        self._unpacked[digest] = unpacked
        return Taken(Code(digest, len(data)), unpacked)

    async def unpacked_size(self, codes: Sequence[Code]) -> int:
        return sum([await self._size(code) for code in codes])

    async def _size(self, code: Code) -> int:
        size = self._unpacked.get(code.digest)
        if size is None:
            entry = await self._key_values.get(PREFIX + code.digest)
            if entry is not None:
                size = msgspec.json.decode(entry.value, type=Sidecar).unpacked
            else:  # E.g. a store that was put together from a backup.
                data = await self.read(code)
                size = (await self._run(lambda: _opened(code, data))).unpacked
            self._unpacked[code.digest] = size
        return size

    async def prepare(self, code: Code, layers: Sequence[Code], runtime: str | None) -> Prepared:
        compiler: Compiler | None = None
        if runtime is not None and runtime in self._interpreters:
            compiler = Compiler(runtime, self._interpreters[runtime])
        digests = [each.digest for each in (code, *layers)]
        self._held.update(digests)
        preparing = self._to_its_end(self._prepare(code, layers, compiler))
        preparing.add_done_callback(lambda _: self._let_go(digests))
        return await asyncio.shield(preparing)

    async def _prepare(self, code: Code, layers: Sequence[Code], compiler: Compiler | None) -> Prepared:
        task = await self._tree(_task_key(code), [code], TASK, compiler)
        opt = await self._tree(_opt_key(layers), layers, OPT, compiler) if layers else None
        return Prepared(task, opt)

    def prepared(self, code: Code, layers: Sequence[Code]) -> Prepared | None:
        task = self._ready.get(_task_key(code))
        if task is None:
            return None
        if not layers:
            return Prepared(task.path, None)
        opt = self._ready.get(_opt_key(layers))
        return None if opt is None else Prepared(task.path, opt.path)

    async def read(self, code: Code) -> bytes:
        data = await self._blobs.get(code.digest)
        if data is None:
            raise PlatformError(f"The package {code.digest} is gone from the store.")
        return data

    async def sweep(self, live: Collection[str]) -> Swept:
        """`live` has to include what running environments use (their trees are deleted under them otherwise) and what was
        taken in for a record that is still to be written. What is being prepared stays, whoever forgot it."""
        live = frozenset(live)
        stored = [entry.key.removeprefix(PREFIX) for entry in await self._key_values.scan(PREFIX)]
        packages = [await self._forget(digest) for digest in stored if digest not in live]
        unneeded = [key for key, tree in self._ready.items() if not live.issuperset(tree.digests)]
        trees = [await self._evict(key) for key in unneeded]
        return Swept(deleted=sum(packages), spared=[*packages, *trees].count(False))

    async def _forget(self, digest: str) -> bool:
        """Whether it is gone; not while somebody has it in hand."""
        async with self._lock(digest):
            if self._held[digest]:
                return False
            # The blob first: what has no sidecar any more would never be found again.
            await self._blobs.delete(digest)
            await self._key_values.commit([Change(PREFIX + digest, None)])
            self._unpacked.pop(digest, None)
        return True

    async def _evict(self, key: str) -> bool:
        """Whether it is gone; not while somebody has one of its packages in hand."""
        async with self._lock(key):
            tree = self._ready.get(key)
            if tree is None:
                return True
            if any(self._held[digest] for digest in tree.digests):
                return False
            del self._ready[key]
            await self._run(lambda: self._trees.delete(key))
        return True

    def _let_go(self, digests: Sequence[str]) -> None:
        self._held.subtract(digests)
        for digest in digests:
            if not self._held[digest]:
                del self._held[digest]

    async def _tree(self, key: str, codes: Sequence[Code], mounted: str, compiler: Compiler | None) -> Path:
        async with self._lock(key):
            cached = self._ready.get(key)
            if cached is not None and not cached.path.is_dir():
                cached = None  # Somebody cleaned up by hand.
            if cached is None:
                packages = [await self.read(code) for code in codes]
                cached = await self._run(lambda: self._make(key, codes, packages, mounted, compiler))
            elif compiler is not None and compiler.runtime not in cached.runtimes:
                present, wanted = cached, compiler
                cached = await self._run(lambda: self._trees.compile(key, present, mounted, wanted))
            self._ready[key] = cached
        return cached.path

    def _make(
        self, key: str, codes: Sequence[Code], packages: Sequence[bytes], mounted: str, compiler: Compiler | None
    ) -> Cached:
        opened = [_opened(code, data) for code, data in zip(codes, packages, strict=True)]
        try:
            return self._trees.make(key, merge(opened), packages, [code.digest for code in codes], mounted, compiler)
        except (BadZip, TooLarge) as error:
            raise PlatformError(f"A package of {key} is damaged: {error}") from error

    def _to_its_end(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Goes on when its caller gives up: a thread can't be stopped, and the lock must be held for as long as it works."""
        task = asyncio.ensure_future(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    def _lock(self, key: str) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except OSError as error:
            raise failure(error, "The cache of packages") from error


def _say_failure(burying: asyncio.Future[None]) -> None:
    if not burying.cancelled() and (error := burying.exception()) is not None:
        LOG.warning("what is left of old code in the cache could not be deleted; the next start tries again: %s", error)


def _task_key(code: Code) -> str:
    return f"task-{code.digest}"


def _opt_key(layers: Sequence[Code]) -> str:
    """Of the list in its order, since later layers win."""
    if len(layers) == 1:
        return f"opt-{layers[0].digest}"
    return f"opt-{hashlib.sha256(','.join([layer.digest for layer in layers]).encode()).hexdigest()}"


def _checked(data: bytes) -> Package:
    try:
        package = read_package(data)
        if not package.tree:
            raise InvalidParameterValue(EMPTY)
        verify(data, package)
    except BadZip as error:
        raise InvalidParameterValue(BROKEN) from error
    except TooLarge as error:
        raise InvalidParameterValue(TOO_LARGE) from error
    return package


def _opened(code: Code, data: bytes) -> Package:
    """A package that was checked when it was taken in."""
    try:
        return read_package(data)
    except (BadZip, TooLarge) as error:
        raise PlatformError(f"The package {code.digest} is damaged: {error}") from error
