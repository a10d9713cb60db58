"""Queues in SQLite: what is done to their rows. Functions of the writer's connection, but for `payloads`.

A message is a row; its place in the order is (due_ms, position), which the index `due` has. A purged queue loses its name at
once and its messages by and by.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from lambdad.substrate.api import ONCE_MS, NewMessage
from lambdad.substrate.database import Schema
from lambdad.substrate.window import Entry, Key

SCHEMA = Schema(
    steps=(
        (
            "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)",
            "CREATE INDEX purged ON queue (id) WHERE name IS NULL",
            "CREATE TABLE message (position INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, due_ms INTEGER NOT NULL,"
            " time_ms INTEGER NOT NULL, of_group TEXT, deliveries INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
            " header BLOB NOT NULL, payload BLOB NOT NULL)",
            "CREATE INDEX due ON message (queue, due_ms)",
            "CREATE TABLE once (queue TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
            " PRIMARY KEY (queue, id)) WITHOUT ROWID",
            "CREATE INDEX until ON once (until_ms)",
        ),
    )
)

PAGE: Final = 256
PAGE_BYTES: Final = 1024 * 1024
"""Of payload; a page ends with the message that reaches it."""
ERASED: Final = 500
"""Messages deleted in one write, so that others do not wait long behind a purge."""
FORGOTTEN: Final = 20
"""Of what `once` knew and need not know any more, for each message that comes: more than come."""
VACUUMED: Final = 1000
"""Pages given back to the file system in one write."""


class Stored(NamedTuple):
    """What became of a message that was appended. `entry` is None where an earlier one stands for it."""

    position: int
    entry: Entry | None


class Found(NamedTuple):
    """What a queue has when it is opened."""

    name: str
    total: int
    first: Key | None
    delayed: dict[int, int]
    """Messages by the second in which they become due."""


def open_all(connection: sqlite3.Connection, now: int) -> list[Found]:
    found = []
    for queue, name in connection.execute("SELECT id, name FROM queue WHERE name IS NOT NULL").fetchall():
        (total,) = connection.execute("SELECT count(*) FROM message WHERE queue = ?", (queue,)).fetchone()
        delayed = connection.execute(
            "SELECT due_ms / 1000, count(*) FROM message WHERE queue = ? AND due_ms > ? GROUP BY 1", (queue, now)
        )
        found.append(Found(name, total, _next(connection, queue, -1), dict(delayed.fetchall())))
    return found


def _next(connection: sqlite3.Connection, queue: int, after_ms: int) -> Key | None:
    row = connection.execute(
        "SELECT due_ms, position, time_ms FROM message WHERE queue = ? AND due_ms > ? ORDER BY due_ms, position LIMIT 1",
        (queue, after_ms),
    ).fetchone()
    return None if row is None else Key(*row)


def _id(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute("SELECT id FROM queue WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def append(connection: sqlite3.Connection, name: str, messages: Sequence[NewMessage], now: int) -> list[Stored]:
    queue = _id(connection, name)
    if queue is None:
        queue = connection.execute("INSERT INTO queue (name) VALUES (?)", (name,)).lastrowid
        assert queue is not None
    stored = []
    for message in messages:
        earlier = _earlier(connection, name, message.once, now)
        if earlier is not None:
            stored.append(Stored(earlier, None))
            continue
        due = message.due_ms
        if message.group is not None:
            # By position within a group means by position here: the clock, or a delay, may have gone back meanwhile.
            (latest,) = connection.execute("SELECT max(due_ms) FROM message WHERE queue = ?", (queue,)).fetchone()
            due = max(due, latest or 0)
        position = connection.execute(
            "INSERT INTO message (queue, due_ms, time_ms, of_group, deliveries, first_ms, header, payload)"
            " VALUES (?, ?, ?, ?, 0, 0, ?, ?)",
            (queue, due, message.time_ms, message.group, message.header, message.payload),
        ).lastrowid
        assert position is not None
        if message.once is not None:
            connection.execute("INSERT INTO once VALUES (?, ?, ?, ?)", (name, message.once, position, now + ONCE_MS))
        entry = Entry(position, due, message.time_ms, message.group, 0, 0, message.header, message.payload)
        stored.append(Stored(position, entry))
    return stored


def _earlier(connection: sqlite3.Connection, name: str, once: str | None, now: int) -> int | None:
    if once is None:
        return None
    connection.execute(
        "DELETE FROM once WHERE (queue, id) IN (SELECT queue, id FROM once WHERE until_ms <= ? LIMIT ?)", (now, FORGOTTEN)
    )
    # What is due to be forgotten may still be there, behind others.
    connection.execute("DELETE FROM once WHERE queue = ? AND id = ? AND until_ms <= ?", (name, once, now))
    row = connection.execute("SELECT position FROM once WHERE queue = ? AND id = ?", (name, once)).fetchone()
    return None if row is None else row[0]


class Page(NamedTuple):
    entries: list[Entry]
    edge: Key | None
    """What comes behind it."""


def page(connection: sqlite3.Connection, name: str, start: Key, now: int, limit: int) -> Page:
    """What is due, from `start` on."""
    queue = _id(connection, name)
    if queue is None:
        return Page([], None)
    rows = connection.execute(
        "SELECT position, due_ms, time_ms, of_group, deliveries, first_ms, header, payload FROM message"
        " WHERE queue = ?1 AND due_ms >= ?2 AND due_ms <= ?4 AND (due_ms > ?2 OR position >= ?3)"
        " ORDER BY due_ms, position",
        (queue, start.due_ms, start.position, now),
    )
    entries: list[Entry] = []
    size = 0
    for row in rows:
        entry = Entry(*row)
        if len(entries) == limit or size >= PAGE_BYTES:
            rows.close()
            return Page(entries, entry.key)
        entries.append(entry)
        size += len(row[-1])
    return Page(entries, _next(connection, queue, now))


def payloads(connection: sqlite3.Connection, positions: Sequence[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for position in positions:
        row = connection.execute("SELECT payload FROM message WHERE position = ?", (position,)).fetchone()
        if row is not None:
            found[position] = row[0]
    return found


def delete(connection: sqlite3.Connection, name: str, positions: Iterable[int]) -> dict[int, int]:
    """Those that were there, and when they were due."""
    queue = _id(connection, name)
    gone: dict[int, int] = {}
    for position in positions:
        row = connection.execute(
            "DELETE FROM message WHERE position = ? AND queue = ? RETURNING due_ms", (position, queue)
        ).fetchone()
        if row is not None:
            gone[position] = row[0]
    return gone


def retry(connection: sqlite3.Connection, name: str, entry: Entry) -> bool:
    changed = connection.execute(
        "UPDATE message SET due_ms = ?, header = ?, deliveries = ?, first_ms = ? WHERE position = ? AND queue = ?",
        (entry.due_ms, entry.header, entry.deliveries, entry.first_ms, entry.position, _id(connection, name)),
    )
    return changed.rowcount > 0


def note(connection: sqlite3.Connection, deliveries: Iterable[tuple[int, int, int]]) -> None:
    """How often and when first each was given out: deliveries, first_ms, position."""
    connection.executemany("UPDATE message SET deliveries = ?, first_ms = ? WHERE position = ?", deliveries)


def older(connection: sqlite3.Connection, name: str, before_ms: int) -> list[int]:
    """Some that were sent earlier: as far as they are due first."""
    rows = connection.execute(
        "SELECT position, time_ms FROM message WHERE queue = ? ORDER BY due_ms, position LIMIT ?",
        (_id(connection, name), ERASED),
    )
    return [position for position, time_ms in rows if time_ms < before_ms]


def purge(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("UPDATE queue SET name = NULL WHERE name = ?", (name,))


def erase_purged(connection: sqlite3.Connection) -> bool:
    """Delete some messages of purged queues; True where there may be more."""
    purged = connection.execute("SELECT id FROM queue WHERE name IS NULL LIMIT 1").fetchone()
    if purged is None:
        return False
    erased = connection.execute(
        "DELETE FROM message WHERE position IN (SELECT position FROM message WHERE queue = ? LIMIT ?)", (*purged, ERASED)
    )
    if erased.rowcount < ERASED:
        connection.execute("DELETE FROM queue WHERE id = ?", purged)
    return True


def give_space_back(connection: sqlite3.Connection) -> bool:
    """Shrink the file by some of its free pages; True where there are more."""
    connection.execute(f"PRAGMA incremental_vacuum({VACUUMED})").fetchall()
    return bool(connection.execute("PRAGMA freelist_count").fetchone()[0])
