"""The doors of the substrate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from lambdad.domain.errors import PlatformError


class RevisionMismatch(Exception):
    """A change's precondition did not hold; nothing of the commit was written."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the revision of {key!r} is not the expected one")
        self.key = key


class StorageFull(PlatformError):
    """The host has no space left to store this; nothing of it was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    key: str
    value: bytes
    revision: int
    """Of the commit that wrote it. Commits count up from 1, over all keys."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key to write (`value`) or to delete (`value=None`).

    `expected`: the revision the key must have now; 0 = must be absent; None = whatever.
    """

    key: str
    value: bytes | None
    expected: int | None = None


Watcher = Callable[[str, Entry | None], None]
"""Called with (key, entry), or (key, None) for a deletion."""


class KeyValue(Protocol):
    """Keys are UTF-8 strings of parts joined by `/`."""

    async def get(self, key: str) -> Entry | None: ...

    async def scan(self, prefix: str) -> list[Entry]:
        """All entries whose key starts with `prefix`, by key."""
        ...

    async def commit(self, changes: Sequence[Change]) -> int:
        """All changes or none, durable when this returns; answers the new revision.

        Raises RevisionMismatch or StorageFull; then nothing was written.
        Watchers of this process have been called before this returns.
        """
        ...

    async def watch(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` in the event loop for every entry there is, then for every change, in order.

        Returns after the present entries were delivered. The answer ends the watch.
        """
        ...


class Blobs(Protocol):
    """Immutable bytes by SHA-256 (hex)."""

    async def put(self, data: bytes) -> str:
        """Durable when this returns; putting the same bytes again is cheap. Raises StorageFull."""
        ...

    async def get(self, digest: str) -> bytes | None: ...

    async def delete(self, digest: str) -> None:
        """Deleting what is not there is no error."""
        ...

    async def path(self, digest: str) -> Path | None:
        """A local, read-only file with these bytes, valid while the blob exists."""
        ...


class Record(Struct, frozen=True, gc=False):
    seq: int
    """Unique and rising in the order of appending, over all partitions."""
    partition: str
    time_ms: int
    """What the writer said."""
    ingested_ms: int
    payload: bytes


class NewRecord(Struct, frozen=True, gc=False):
    partition: str
    time_ms: int
    payload: bytes


class Timeline(Protocol):
    """Time-ordered records in partitions, for logs: appended in batches, read by time, trimmed by age."""

    async def append(self, records: Sequence[NewRecord], ingested_ms: int) -> None:
        """Durable when this returns. Raises StorageFull."""
        ...

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
        """Records of the named partitions, ordered by (time_ms, seq), descending where `newest_first`.

        `start_ms` inclusive, `end_ms` exclusive; `after` is the (time_ms, seq) of the last record already seen.
        """
        ...

    async def bounds(self, partitions: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
        """Per partition that has records: first time, last time, last ingestion (ms), bytes stored."""
        ...

    async def drop(self, partitions: Sequence[str]) -> None: ...

    async def trim(self, partitions: Sequence[str], before_ms: int) -> None:
        """Delete what is older than `before_ms`."""
        ...
