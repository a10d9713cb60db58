"""The `local` engine: everything in one directory of one machine.

    <directory>/lock                 the process id of the lambdad that uses it, under an flock
    <directory>/key-values.sqlite3   records (SQLite in WAL mode, synchronous=FULL)
    <directory>/queues.sqlite3       messages (the same)
    <directory>/timeline.sqlite3     logs (the same: what was answered is durable)
    <directory>/blobs/<area>/ab/ab…  immutable bytes by SHA-256; one area per owner, since an owner deletes what *it*
                                     no longer needs: `packages` are code, other rooms ask for their own by `area`

All private to the user that runs lambdad (0700 and 0600). To back up: stop lambdad and copy the directory, or use
SQLite's own `.backup` and copy `blobs` after it.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from lambdad.domain.errors import PlatformError
from lambdad.substrate import key_values, queues, timeline
from lambdad.substrate.api import StorageFull
from lambdad.substrate.blobs import LocalBlobs
from lambdad.substrate.database import Database
from lambdad.substrate.directory import NO_SPACE, DataDirectoryError, DirectoryLock, make_private

PACKAGES = "packages"


class LocalSubstrate:
    """The doors over a directory: `async with LocalSubstrate(path) as substrate`, or `start` and `close`."""

    def __init__(
        self,
        directory: Path,
        *,
        readers: int = 2,
        blob_threads: int = 4,
        max_bytes: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`readers`: threads that read each database. `max_bytes`: the most that each database may grow to. `now`: epoch
        seconds, by which messages become due and leases end."""
        self._directory = directory
        self._lock: DirectoryLock | None = None
        self._databases = (
            Database(directory / "key-values.sqlite3", key_values.SCHEMA, readers=readers, max_bytes=max_bytes),
            Database(directory / "timeline.sqlite3", timeline.SCHEMA, readers=readers, max_bytes=max_bytes),
            Database(directory / "queues.sqlite3", queues.SCHEMA, readers=readers, max_bytes=max_bytes),
        )
        self._executor = ThreadPoolExecutor(blob_threads, thread_name_prefix="blobs")
        self._areas: dict[str, LocalBlobs] = {}
        self.key_values = key_values.LocalKeyValues(self._databases[0])
        self.timeline = timeline.LocalTimeline(self._databases[1])
        self.queues = queues.LocalQueues(self._databases[2], now)
        self.blobs = self.area(PACKAGES)

    def __repr__(self) -> str:
        return f"<LocalSubstrate {self._directory} {'open' if self._lock else 'closed'}>"

    def area(self, name: str) -> LocalBlobs:
        """A blob store of its own, where deleting does not touch the others. To be asked for before `start`."""
        if name not in self._areas:
            if self._lock is not None:
                raise RuntimeError("an area has to be asked for before the substrate is started")
            self._areas[name] = LocalBlobs(self._directory / "blobs" / name, self._executor)
        return self._areas[name]

    async def start(self) -> None:
        """Raises DataDirectoryError (in use, of a newer lambdad, not writable, no database) and StorageFull."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._open)
        try:
            await self.queues.start()
        except PlatformError:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._let_go)
            raise

    async def close(self) -> None:
        """Ends after every write that was asked for is committed."""
        await self.queues.close()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    async def __aenter__(self) -> "LocalSubstrate":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _open(self) -> None:
        try:
            make_private(self._directory)
            self._lock = DirectoryLock(self._directory / "lock")
            for area in self._areas.values():
                area.open()
            for database in self._databases:
                database.open()
        except PlatformError:
            self._let_go()
            raise
        except OSError as error:
            self._let_go()
            if error.errno in NO_SPACE:
                raise StorageFull from error
            raise DataDirectoryError(f"The data directory {self._directory} can't be used: {error}.") from error

    def _close(self) -> None:
        self._let_go()
        self._executor.shutdown()

    def _let_go(self) -> None:
        for database in self._databases:
            database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
