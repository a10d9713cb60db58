"""Time-ordered records in SQLite, clustered by partition and time: a page of one log stream is a few pages of disk."""

import heapq
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lambdad.substrate.api import NewRecord, Record
from lambdad.substrate.database import Database, Schema

SCHEMA = Schema(
    steps=(
        (
            # A dropped partition loses its name at once and its records by and by.
            "CREATE TABLE partition (id INTEGER PRIMARY KEY, name TEXT UNIQUE, first_ms INTEGER NOT NULL,"
            " last_ms INTEGER NOT NULL, ingested_ms INTEGER NOT NULL, bytes INTEGER NOT NULL)",
            "CREATE TABLE record (partition INTEGER NOT NULL, time_ms INTEGER NOT NULL, seq INTEGER NOT NULL,"
            " ingested_ms INTEGER NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (partition, time_ms, seq)) WITHOUT ROWID",
            "CREATE TABLE latest (seq INTEGER NOT NULL)",
            "INSERT INTO latest VALUES (0)",
            "CREATE INDEX dropped ON partition (id) WHERE name IS NULL",
        ),
    )
)

NAMES = 500
"""Partitions of one query; SQLite's own limit is 32,766 parameters."""
PAGE = 256
"""Records of one partition that are read ahead at once."""
ERASED = 5000
"""Records deleted in one write, so that appends do not wait long behind a big trim."""
VACUUMED = 1000
"""Pages given back to the file system in one write."""


class LocalTimeline:
    """A `Timeline` over an open Database with `SCHEMA`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __repr__(self) -> str:
        return f"<LocalTimeline {self._database!r}>"

    async def append(self, records: Sequence[NewRecord], ingested_ms: int) -> None:
        if records:
            await self._database.write(lambda connection: append(connection, records, ingested_ms))

    async def read(
        self,
        partitions: Sequence[str],
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        after: tuple[int, int] | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> list[Record]:
        window = Window(start_ms, end_ms, after, newest_first)
        if limit <= 0 or not partitions:
            return []
        return await self._database.read(lambda connection: read(connection, partitions, window, limit))

    async def bounds(self, partitions: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
        def job(connection: sqlite3.Connection) -> dict[str, tuple[int, int, int, int]]:
            return {row.name: (row.first_ms, row.last_ms, row.ingested_ms, row.bytes) for row in find(connection, partitions)}

        return await self._database.read(job)

    async def drop(self, partitions: Sequence[str]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            for row in find(connection, partitions):
                connection.execute("UPDATE partition SET name = NULL WHERE id = ?", (row.id,))

        await self._database.write(job)
        await self._erase_dropped()

    async def trim(self, partitions: Sequence[str], before_ms: int) -> None:
        for name in dict.fromkeys(partitions):
            while await self._database.write(lambda connection, name=name: trim(connection, name, before_ms)):  # type: ignore[misc]
                pass
        # Also what a kill in the middle of a drop has left.
        await self._erase_dropped()

    async def _erase_dropped(self) -> None:
        while await self._database.write(erase_dropped):
            pass
        while await self._database.write(give_space_back):
            pass


@dataclass(frozen=True, slots=True)
class Window:
    start_ms: int | None
    end_ms: int | None
    after: tuple[int, int] | None
    newest_first: bool


@dataclass(frozen=True, slots=True)
class Partition:
    id: int
    name: str
    first_ms: int
    last_ms: int
    ingested_ms: int
    bytes: int


def find(connection: sqlite3.Connection, names: Sequence[str]) -> list[Partition]:
    """Those of the named partitions that have records."""
    names = list(dict.fromkeys(names))
    found: list[Partition] = []
    for start in range(0, len(names), NAMES):
        chunk = names[start : start + NAMES]
        marks = ",".join("?" * len(chunk))
        query = f"SELECT id, name, first_ms, last_ms, ingested_ms, bytes FROM partition WHERE name IN ({marks})"
        found += [Partition(*row) for row in connection.execute(query, chunk)]
    return found


def append(connection: sqlite3.Connection, records: Sequence[NewRecord], ingested_ms: int) -> None:
    (last,) = connection.execute("UPDATE latest SET seq = seq + ? RETURNING seq", (len(records),)).fetchone()
    first = last - len(records) + 1
    by_partition: dict[str, list[tuple[int, NewRecord]]] = {}
    for seq, record in enumerate(records, first):
        by_partition.setdefault(record.partition, []).append((seq, record))
    for name, numbered in by_partition.items():
        times = [record.time_ms for _, record in numbered]
        (partition,) = connection.execute(
            "INSERT INTO partition (name, first_ms, last_ms, ingested_ms, bytes) VALUES (?1, ?2, ?3, ?4, ?5)"
            " ON CONFLICT (name) DO UPDATE SET first_ms = min(first_ms, ?2), last_ms = max(last_ms, ?3),"
            " ingested_ms = max(ingested_ms, ?4), bytes = bytes + ?5 RETURNING id",
            (name, min(times), max(times), ingested_ms, sum(len(record.payload) for _, record in numbered)),
        ).fetchone()
        connection.executemany(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
            [(partition, record.time_ms, seq, ingested_ms, record.payload) for seq, record in numbered],
        )


def read(connection: sqlite3.Connection, names: Sequence[str], window: Window, limit: int) -> list[Record]:
    """A merge by time. A partition is opened only when its turn has come, so a page of thousands of partitions is cheap."""
    sign = -1 if window.newest_first else 1
    heap: list[tuple[int, int, int, Record | None, Iterator[Record]]] = []
    for row in find(connection, names):
        if (window.start_ms is None or row.last_ms >= window.start_ms) and (
            window.end_ms is None or row.first_ms < window.end_ms
        ):
            earliest = -row.last_ms if window.newest_first else row.first_ms
            # Its place before any record of that time: seqs start at 1.
            heap.append((earliest, -(1 << 62), row.id, None, _records(connection, row, window, min(limit, PAGE))))
    heapq.heapify(heap)
    found: list[Record] = []
    while heap and len(found) < limit:
        _, _, number, record, rest = heap[0]
        if record is not None:
            found.append(record)
        following = next(rest, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (sign * following.time_ms, sign * following.seq, number, following, rest))
    return found


def _records(connection: sqlite3.Connection, partition: Partition, window: Window, page: int) -> Iterator[Record]:
    compare, order = ("<", "DESC") if window.newest_first else (">", "ASC")
    after = window.after
    while True:
        conditions, values = ["partition = ?"], [partition.id]
        if window.start_ms is not None:
            conditions.append("time_ms >= ?")
            values.append(window.start_ms)
        if window.end_ms is not None:
            conditions.append("time_ms < ?")
            values.append(window.end_ms)
        if after is not None:
            conditions.append(f"(time_ms, seq) {compare} (?, ?)")
            values += after
        query = (
            f"SELECT seq, time_ms, ingested_ms, payload FROM record WHERE {' AND '.join(conditions)}"
            f" ORDER BY time_ms {order}, seq {order} LIMIT {page}"
        )
        rows = connection.execute(query, values).fetchall()
        for seq, time_ms, ingested_ms, payload in rows:
            yield Record(seq, partition.name, time_ms, ingested_ms, payload)
        if len(rows) < page:
            return
        after = (rows[-1][1], rows[-1][0])


def trim(connection: sqlite3.Connection, name: str, before_ms: int) -> bool:
    """Delete some records that are too old; True where there may be more."""
    for row in find(connection, [name]):
        if row.first_ms >= before_ms:
            return False
        erased, freed = _erase_some(connection, row.id, before_ms)
        first = connection.execute("SELECT min(time_ms) FROM record WHERE partition = ?", (row.id,)).fetchone()[0]
        if first is None:
            connection.execute("DELETE FROM partition WHERE id = ?", (row.id,))
        else:
            connection.execute("UPDATE partition SET first_ms = ?, bytes = bytes - ? WHERE id = ?", (first, freed, row.id))
        return erased == ERASED
    return False


def erase_dropped(connection: sqlite3.Connection) -> bool:
    """Delete some records of dropped partitions; True where there may be more."""
    left = ERASED
    for (partition,) in connection.execute("SELECT id FROM partition WHERE name IS NULL").fetchall():
        erased, _ = _erase_some(connection, partition, None)
        if erased == ERASED:
            return True
        connection.execute("DELETE FROM partition WHERE id = ?", (partition,))
        left -= erased
        if left <= 0:
            return True
    return False


def _erase_some(connection: sqlite3.Connection, partition: int, before_ms: int | None) -> tuple[int, int]:
    """How many records went, and their bytes."""
    limit = (1 << 63) - 1 if before_ms is None else before_ms
    rows = connection.execute(
        "SELECT time_ms, seq, length(payload) FROM record WHERE partition = ? AND time_ms < ? ORDER BY time_ms, seq LIMIT ?",
        (partition, limit, ERASED),
    ).fetchall()
    if rows:
        connection.execute(
            "DELETE FROM record WHERE partition = ? AND (time_ms, seq) <= (?, ?)", (partition, rows[-1][0], rows[-1][1])
        )
    return len(rows), sum(row[2] for row in rows)


def give_space_back(connection: sqlite3.Connection) -> bool:
    """Shrink the file by some of its free pages; True where there are more."""
    connection.execute(f"PRAGMA incremental_vacuum({VACUUMED})").fetchall()
    return bool(connection.execute("PRAGMA freelist_count").fetchone()[0])
