"""Time-ordered records in SQLite, packed: what one partition is given at a time is one row, so writing is cheap.

A row (`chunk`) holds up to CHUNK_RECORDS records whose times lie within SPAN_MS of each other, in MessagePack, in their
order: `[[time_ms, seq, payload], …]`; a chunk of one record holds its payload and nothing else. Chunks of one partition may
overlap in time. Readers merge them: since no chunk is longer than SPAN_MS, the first time of a chunk that is still closed says
how early, or how late, its records can be.
"""

import heapq
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from lambdad.substrate.api import NewRecord, Record
from lambdad.substrate.database import Database, Schema

SPAN_MS: Final = 60_000
CHUNK_RECORDS: Final = 1000
CHUNK_BYTES: Final = 262_144
"""Payload of one chunk, unless a single record is larger; a page of a stream unpacks no more than a few such."""

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
        (
            "CREATE TABLE chunk (partition INTEGER NOT NULL, first_ms INTEGER NOT NULL, seq INTEGER NOT NULL,"
            " last_ms INTEGER NOT NULL, ingested_ms INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,"
            " records BLOB NOT NULL, PRIMARY KEY (partition, first_ms, seq)) WITHOUT ROWID",
            "INSERT INTO chunk SELECT partition, time_ms, seq, time_ms, ingested_ms, 1, length(payload), payload FROM record",
            "DROP TABLE record",
        ),
    )
)

NAMES: Final = 500
"""Partitions of one query; SQLite's own limit is 32,766 parameters."""
PAGE: Final = 8
"""Chunks of one partition that are read ahead at once."""
ERASED: Final = 200
"""Chunks deleted in one write, so that appends do not wait long behind a big trim."""
VACUUMED: Final = 1000
"""Pages given back to the file system in one write."""

_FIRST_MS: Final = -(1 << 63)
_LAST_MS: Final = (1 << 63) - 1

Item: TypeAlias = tuple[int, int, bytes]
"""Time, seq and payload of a record."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Item]).decode


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

    def contains(self, time_ms: int, seq: int) -> bool:
        if self.start_ms is not None and time_ms < self.start_ms:
            return False
        if self.end_ms is not None and time_ms >= self.end_ms:
            return False
        if self.after is None:
            return True
        return (time_ms, seq) < self.after if self.newest_first else (time_ms, seq) > self.after

    def limits(self) -> tuple[int, int]:
        """The earliest and the latest time that a record in the window can have."""
        earliest = _FIRST_MS if self.start_ms is None else self.start_ms
        latest = _LAST_MS if self.end_ms is None else self.end_ms - 1
        if self.after is not None:
            if self.newest_first:
                latest = min(latest, self.after[0])
            else:
                earliest = max(earliest, self.after[0])
        return earliest, latest


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
    by_partition: dict[str, list[Item]] = {}
    for seq, record in enumerate(records, last - len(records) + 1):
        items = by_partition.get(record.partition)
        if items is None:
            items = by_partition[record.partition] = []
        items.append((record.time_ms, seq, record.payload))
    for name, items in by_partition.items():
        items.sort()
        size = sum(len(item[2]) for item in items)
        (partition,) = connection.execute(
            "INSERT INTO partition (name, first_ms, last_ms, ingested_ms, bytes) VALUES (?1, ?2, ?3, ?4, ?5)"
            " ON CONFLICT (name) DO UPDATE SET first_ms = min(first_ms, ?2), last_ms = max(last_ms, ?3),"
            " ingested_ms = max(ingested_ms, ?4), bytes = bytes + ?5 RETURNING id",
            (name, items[0][0], items[-1][0], ingested_ms, size),
        ).fetchone()
        _insert(connection, partition, ingested_ms, items)


def _insert(connection: sqlite3.Connection, partition: int, ingested_ms: int, items: Sequence[Item]) -> None:
    """`items` are in order."""
    connection.executemany(
        "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                partition,
                chunk[0][0],
                chunk[0][1],
                chunk[-1][0],
                ingested_ms,
                len(chunk),
                sum(len(item[2]) for item in chunk),
                chunk[0][2] if len(chunk) == 1 else _pack(chunk),
            )
            for chunk in chunks(items)
        ],
    )


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Cut what is in order into pieces that keep to the limits."""
    start = size = 0
    for at, (time_ms, _, payload) in enumerate(items):
        size += len(payload)
        if at > start and (time_ms - items[start][0] > SPAN_MS or size > CHUNK_BYTES or at - start == CHUNK_RECORDS):
            yield items[start:at]
            start, size = at, len(payload)
    yield items[start:]


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
    """Those of one partition: chunks are opened in the order of their first times, and what they hold is given out once no
    chunk that is still closed can have anything before it."""
    sign = -1 if window.newest_first else 1
    closed = _chunks(connection, partition.id, window, page)
    following = next(closed, None)
    heap: list[tuple[int, int, bytes, int]] = []
    while heap or following is not None:
        while following is not None and (not heap or _reach(following[0], sign) <= heap[0][0]):
            first_ms, seq, ingested_ms, count, data = following
            items = [(first_ms, seq, data)] if count == 1 else _unpack(data)
            for item in items:
                if window.contains(item[0], item[1]):
                    heapq.heappush(heap, (sign * item[0], sign * item[1], item[2], ingested_ms))
            following = next(closed, None)
        if heap:
            time_ms, seq, payload, ingested_ms = heapq.heappop(heap)
            yield Record(sign * seq, partition.name, sign * time_ms, ingested_ms, payload)


def _reach(first_ms: int, sign: int) -> int:
    """Where in the order of reading a chunk's records can begin."""
    return first_ms if sign > 0 else -(first_ms + SPAN_MS)


def _chunks(
    connection: sqlite3.Connection, partition: int, window: Window, page: int
) -> Iterator[tuple[int, int, int, int, bytes]]:
    """First time, first seq, time of ingestion, number of records and the packed records of what may lie in the window."""
    compare, order = ("<", "DESC") if window.newest_first else (">", "ASC")
    earliest, latest = window.limits()
    conditions, bounds = ["partition = ?", "first_ms >= ?", "last_ms >= ?", "first_ms <= ?"], [partition]
    bounds += [max(_FIRST_MS, earliest - SPAN_MS), earliest, latest]
    place: tuple[int, int] | None = None
    while True:
        values, where = list(bounds), list(conditions)
        if place is not None:
            where.append(f"(first_ms, seq) {compare} (?, ?)")
            values += place
        rows = connection.execute(
            f"SELECT first_ms, seq, ingested_ms, count, records FROM chunk WHERE {' AND '.join(where)}"
            f" ORDER BY first_ms {order}, seq {order} LIMIT {page}",
            values,
        ).fetchall()
        yield from rows
        if len(rows) < page:
            return
        place = (rows[-1][0], rows[-1][1])


def trim(connection: sqlite3.Connection, name: str, before_ms: int) -> bool:
    """Delete some records that are too old; True where there may be more."""
    for row in find(connection, [name]):
        if row.first_ms >= before_ms:
            return False
        erased, freed = _erase_some(connection, row.id, before_ms)
        first = connection.execute("SELECT min(first_ms) FROM chunk WHERE partition = ?", (row.id,)).fetchone()[0]
        if first is None:
            connection.execute("DELETE FROM partition WHERE id = ?", (row.id,))
        else:
            connection.execute("UPDATE partition SET first_ms = ?, bytes = bytes - ? WHERE id = ?", (first, freed, row.id))
        return erased == ERASED
    return False


def erase_dropped(connection: sqlite3.Connection) -> bool:
    """Delete some chunks of dropped partitions; True where there may be more."""
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
    """How many chunks went, and the bytes of their records. A chunk of which some records are young enough is packed anew."""
    limit = _LAST_MS if before_ms is None else before_ms
    rows = connection.execute(
        "SELECT first_ms, seq, last_ms, bytes FROM chunk WHERE partition = ? AND first_ms < ? ORDER BY first_ms, seq LIMIT ?",
        (partition, limit, ERASED),
    ).fetchall()
    freed = sum(row[3] for row in rows)
    kept = [
        connection.execute(
            "SELECT ingested_ms, records FROM chunk WHERE partition = ? AND first_ms = ? AND seq = ?",
            (partition, first_ms, seq),
        ).fetchone()
        for first_ms, seq, last_ms, _ in rows
        if last_ms >= limit
    ]
    if rows:
        connection.execute(
            "DELETE FROM chunk WHERE partition = ? AND (first_ms, seq) <= (?, ?)", (partition, rows[-1][0], rows[-1][1])
        )
    for ingested_ms, data in kept:
        young = [item for item in _unpack(data) if item[0] >= limit]
        freed -= sum(len(item[2]) for item in young)
        _insert(connection, partition, ingested_ms, young)
    return len(rows), freed


def give_space_back(connection: sqlite3.Connection) -> bool:
    """Shrink the file by some of its free pages; True where there are more."""
    connection.execute(f"PRAGMA incremental_vacuum({VACUUMED})").fetchall()
    return bool(connection.execute("PRAGMA freelist_count").fetchone()[0])
