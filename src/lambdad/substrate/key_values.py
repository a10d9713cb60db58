"""Key-value with revisions and watch in SQLite."""

import sqlite3
from collections.abc import Callable, Sequence

from lambdad.substrate.api import Change, Entry, RevisionMismatch, Watcher
from lambdad.substrate.database import Database, Schema
from lambdad.substrate.watchers import Watchers

SCHEMA = Schema(
    steps=(
        (
            "CREATE TABLE entry (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL)",
            "CREATE TABLE latest (revision INTEGER NOT NULL)",
            "INSERT INTO latest VALUES (0)",
        ),
    )
)

News = list[tuple[str, Entry | None]]


class LocalKeyValues:
    """A `KeyValue` over an open Database with `SCHEMA`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers = Watchers()

    def __repr__(self) -> str:
        return f"<LocalKeyValues {self._database!r} {self._watchers!r}>"

    async def get(self, key: str) -> Entry | None:
        def job(connection: sqlite3.Connection) -> Entry | None:
            row = connection.execute("SELECT value, revision FROM entry WHERE key = ?", (key,)).fetchone()
            return None if row is None else Entry(key, *row)

        return await self._database.read(job)

    async def scan(self, prefix: str) -> list[Entry]:
        return await self._database.read(lambda connection: scan(connection, prefix))

    async def commit(self, changes: Sequence[Change]) -> int:
        if len({change.key for change in changes}) != len(changes):
            raise ValueError("a commit names a key twice")
        revision, _ = await self._database.write(
            lambda connection: apply(connection, changes), lambda answer: self._watchers.tell(answer[1])
        )
        return revision

    async def watch(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        watch = _Watch(self._watchers, prefix, watcher)
        try:
            # Through the writer, so that the present entries fall between two commits: nothing is missed or told twice.
            await self._database.write(lambda connection: scan(connection, prefix), watch.begin)
        except BaseException:  # Cancelled before the answer came: nobody could end this watch any more.
            watch.end()
            raise
        return watch.end


class _Watch:
    __slots__ = ("_ended", "_prefix", "_remove", "_watcher", "_watchers")

    def __init__(self, watchers: Watchers, prefix: str, watcher: Watcher) -> None:
        self._watchers = watchers
        self._prefix = prefix
        self._watcher = watcher
        self._remove: Callable[[], None] | None = None
        self._ended = False

    def begin(self, entries: list[Entry]) -> None:
        if self._ended:
            return
        for entry in entries:
            self._watcher(entry.key, entry)
        self._remove = self._watchers.add(self._prefix, self._watcher)

    def end(self) -> None:
        self._ended = True
        if self._remove is not None:
            self._remove()


def apply(connection: sqlite3.Connection, changes: Sequence[Change]) -> tuple[int, News]:
    """The new revision, and what watchers are told. Raises RevisionMismatch before anything is written."""
    for change in changes:
        if change.expected is not None:
            row = connection.execute("SELECT revision FROM entry WHERE key = ?", (change.key,)).fetchone()
            if (0 if row is None else row[0]) != change.expected:
                raise RevisionMismatch(change.key)
    if not changes:
        return connection.execute("SELECT revision FROM latest").fetchone()[0], []
    # Kept apart from the entries: a revision is not used again after the entry that had it is deleted.
    (revision,) = connection.execute("UPDATE latest SET revision = revision + 1 RETURNING revision").fetchone()
    news: News = []
    for change in changes:
        if change.value is not None:
            connection.execute(
                "INSERT INTO entry VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3",
                (change.key, change.value, revision),
            )
            news.append((change.key, Entry(change.key, change.value, revision)))
        elif connection.execute("DELETE FROM entry WHERE key = ?", (change.key,)).rowcount:
            news.append((change.key, None))
    return revision, news


def scan(connection: sqlite3.Connection, prefix: str) -> list[Entry]:
    end = after_prefix(prefix)
    if end is None:
        rows = connection.execute("SELECT key, value, revision FROM entry WHERE key >= ? ORDER BY key", (prefix,))
    else:
        rows = connection.execute(
            "SELECT key, value, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key", (prefix, end)
        )
    return [Entry(*row) for row in rows]


def after_prefix(prefix: str) -> str | None:
    """The least string that is greater than all that start with `prefix`; None where there is no such string.

    SQLite compares text by its UTF-8 bytes, which is the order of code points.
    """
    trimmed = prefix.rstrip("\U0010ffff")
    if not trimmed:
        return None
    last = ord(trimmed[-1]) + 1
    # Surrogates have no UTF-8.
    return trimmed[:-1] + chr(0xE000 if 0xD800 <= last < 0xE000 else last)
