"""One SQLite file: a writer thread with group commit, and readers that never wait for it.

Every write that is waiting when the writer thread is free goes into one transaction and shares its fsync. A write is a
function of the connection; what it raises is its caller's alone (its changes are undone, the others' stay).
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from lambdad.domain.errors import PlatformError
from lambdad.substrate.api import StorageFull
from lambdad.substrate.directory import PRIVATE_FILE, DataDirectoryError

T = TypeVar("T")

BATCH = 1000
"""Writes of one transaction, so that the first of them does not wait for ever."""
RESERVE = 64 * 1024 * 1024
"""Bytes of the file system, or a quarter of it, that `check_room` leaves to others: a deletion, too, needs room in the log, and
the log can only be emptied where the file has room to grow."""
WAL_KEPT = 64 * 1024 * 1024
"""Bytes that the write-ahead log keeps on disk after a checkpoint."""


@dataclass(frozen=True, slots=True)
class Schema:
    """`steps[n]` are the statements that lead from version n to n + 1; a released step is never edited."""

    steps: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Failed:
    error: Exception


class Write(Generic[T]):
    """A job for the writer thread, and what to do in the event loop once it is durable."""

    __slots__ = ("done", "future", "job")

    def __init__(self, job: Callable[[sqlite3.Connection], T], done: Callable[[T], None] | None, future: asyncio.Future[T]):
        self.job = job
        self.done = done
        self.future = future

    def settle(self, outcome: T | Failed) -> None:
        """In the event loop. `done` is called even where nobody waits any more: the commit has happened."""
        error: Exception | None = None
        if isinstance(outcome, Failed):
            error = outcome.error
        elif self.done is not None:
            try:
                self.done(outcome)
            except Exception as raised:
                error = raised
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(cast(T, outcome))


class Database:
    """`open` and `close` block: call them off the loop, or before and after it. The rest is for one event loop."""

    def __init__(self, path: Path, schema: Schema, *, readers: int = 1, max_bytes: int | None = None) -> None:
        """`max_bytes` bounds the file (not its write-ahead log); beyond it writes raise StorageFull."""
        self.path = path
        self._schema = schema
        self._max_bytes = max_bytes
        self._readers = readers
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._writes: queue.SimpleQueue[Write[Any] | None] = queue.SimpleQueue()
        self._executor: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Database {self.path.name} [{self._writes.qsize()} writes waiting]>"

    def open(self) -> None:
        """Raises DataDirectoryError for a file that is no database of ours, or of a newer lambdad."""
        # Made by us first: SQLite gives its log and index the mode of the database.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        connections: list[sqlite3.Connection] = []
        try:
            for _ in range(1 + self._readers):
                connections.append(sqlite3.connect(self.path, isolation_level=None, check_same_thread=False))
                self._configure(connections[-1])
                if len(connections) == 1:
                    self._migrate(connections[0])
                else:
                    connections[-1].execute("PRAGMA query_only=ON")
        except (sqlite3.DatabaseError, DataDirectoryError) as error:
            for connection in connections:
                connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise _unusable(self.path, error) from error
            raise
        writer, *readers = connections
        for reader in readers:
            self._idle.put(reader)
        self._executor = ThreadPoolExecutor(self._readers, thread_name_prefix=f"read-{self.path.stem}")
        self._thread = threading.Thread(target=self._write_all, args=(writer,), name=f"write-{self.path.stem}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes that were asked for are still committed."""
        if self._thread is None or self._executor is None:
            return
        self._writes.put(None)
        self._thread.join()
        self._executor.shutdown()
        self._thread = self._executor = None
        while not self._idle.empty():
            self._idle.get().close()

    def check_room(self, connection: sqlite3.Connection) -> None:
        """For jobs that only add. Raises StorageFull where so little is left that what makes room might not fit any more."""
        system = os.statvfs(self.path)
        needed = min(RESERVE, system.f_blocks * system.f_frsize // 4) - system.f_bavail * system.f_frsize
        if needed > 0:
            (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            if pages * page < needed:
                raise StorageFull

    async def write(self, job: Callable[[sqlite3.Connection], T], done: Callable[[T], None] | None = None) -> T:
        """The job's answer, once it is on disk. `done` is called with it in the event loop, in the order of commits.

        Raises StorageFull, PlatformError where the disk fails, and whatever the job raises; then nothing was written.
        """
        if self._thread is None:
            raise PlatformError(f"{self.path.name} is closed.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writes.put(Write(job, done, future))
        return await future

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The job's answer from one consistent state, which includes every write that was answered."""
        if self._executor is None:
            raise PlatformError(f"{self.path.name} is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._read, job)

    def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle.get()
        try:
            connection.execute("BEGIN")
            try:
                return job(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise translated(error) from error
        finally:
            self._idle.put(connection)

    def _configure(self, connection: sqlite3.Connection) -> None:
        # Before the first table is made, or it has no effect: lets `PRAGMA incremental_vacuum` give space back.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL also for logs: what was answered is durable, and group commit makes it cost one fsync per batch.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={WAL_KEPT}")
        connection.execute("PRAGMA busy_timeout=5000")
        if self._max_bytes is not None:
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count={max(1, self._max_bytes // page)}")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        newest = len(self._schema.steps)
        if version > newest:
            raise DataDirectoryError(
                f"{self.path} was written by a newer lambdad (its schema is {version}, this lambdad knows {newest})."
            )
        if version == newest:
            return
        connection.execute("BEGIN IMMEDIATE")
        for step in self._schema.steps[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={newest}")
        connection.execute("COMMIT")

    # The writer thread

    def _write_all(self, connection: sqlite3.Connection) -> None:
        while (batch := self._next_batch())[0] is not None:
            writes = [write for write in batch if write is not None]
            outcomes = transact(connection, [write.job for write in writes])
            try:
                writes[0].future.get_loop().call_soon_threadsafe(_settle, writes, outcomes)
            except RuntimeError:  # The loop was closed: nobody is there to be told.
                break
            if batch[-1] is None:
                break
        connection.close()

    def _next_batch(self) -> list[Write[Any] | None]:
        batch = [self._writes.get()]
        while batch[-1] is not None and len(batch) < BATCH:
            try:
                batch.append(self._writes.get_nowait())
            except queue.Empty:
                break
        return batch


def transact(connection: sqlite3.Connection, jobs: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
    """The outcome of each job (its answer, or Failed), all in one transaction.

    Where the transaction itself fails (a full disk), each job gets one of its own: those that still fit are done.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_attempt(connection, job) for job in jobs]
        connection.execute("COMMIT")
        return outcomes
    except sqlite3.Error as error:
        if len(jobs) == 1 or not _rolled_back(connection):
            return [Failed(translated(error))] * len(jobs)
    finally:
        _rolled_back(connection)
    return [outcome for job in jobs for outcome in transact(connection, [job])]


def _rolled_back(connection: sqlite3.Connection) -> bool:
    """Nothing to do after a commit, or where SQLite rolled back by itself. False where the disk fails even here: then the
    next BEGIN fails too, and says so to its callers."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True


def _attempt(connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], Any]) -> Any:
    connection.execute("SAVEPOINT job")
    try:
        outcome = job(connection)
    except sqlite3.Error:
        raise
    except Exception as error:  # The caller's own, e.g. RevisionMismatch: handed to it, and to nobody else.
        connection.execute("ROLLBACK TO job")
        outcome = Failed(error)
    connection.execute("RELEASE job")
    return outcome


def _settle(writes: list[Write[Any]], outcomes: list[Any]) -> None:
    for write, outcome in zip(writes, outcomes, strict=True):
        write.settle(outcome)


def translated(error: sqlite3.Error) -> PlatformError:
    """https://www.sqlite.org/rescode.html; SHMSIZE is what a full disk is called where the log's index grows."""
    code = getattr(error, "sqlite_errorcode", None)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE):
        return StorageFull()
    return PlatformError(f"The storage failed: {error}")


def _unusable(path: Path, error: sqlite3.DatabaseError) -> PlatformError:
    problem = translated(error)
    return problem if isinstance(problem, StorageFull) else DataDirectoryError(f"{path} can't be used: {error}.")
