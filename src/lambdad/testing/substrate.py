"""The substrate in memory: the same promises as the `local` engine, except that nothing outlives the process."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lambdad.substrate.api import Change, Entry, NewRecord, Record, RevisionMismatch, StorageFull, Watcher
from lambdad.substrate.watchers import Watchers
from lambdad.testing.queues import MemoryQueues


class MemoryKeyValues:
    """A `KeyValue`. `full = True` makes every commit that stores something raise StorageFull."""

    def __init__(self) -> None:
        self.full = False
        self.revision = 0
        self.entries: dict[str, Entry] = {}
        self._watchers = Watchers()

    def __repr__(self) -> str:
        return f"<MemoryKeyValues revision {self.revision} [{len(self.entries)} keys]>"

    async def get(self, key: str) -> Entry | None:
        return self.entries.get(key)

    async def scan(self, prefix: str) -> list[Entry]:
        return [self.entries[key] for key in sorted(self.entries) if key.startswith(prefix)]

    async def commit(self, changes: Sequence[Change]) -> int:
        if len({change.key for change in changes}) != len(changes):
            raise ValueError("a commit names a key twice")
        for change in changes:
            present = self.entries.get(change.key)
            if change.expected is not None and change.expected != (present.revision if present else 0):
                raise RevisionMismatch(change.key)
        if self.full and any(change.value is not None for change in changes):
            raise StorageFull
        if not changes:
            return self.revision
        self.revision += 1
        news: list[tuple[str, Entry | None]] = []
        for change in changes:
            if change.value is not None:
                entry = self.entries[change.key] = Entry(change.key, change.value, self.revision)
                news.append((change.key, entry))
            elif self.entries.pop(change.key, None) is not None:
                news.append((change.key, None))
        self._watchers.tell(news)
        return self.revision

    async def watch(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        for entry in await self.scan(prefix):
            watcher(entry.key, entry)
        return self._watchers.add(prefix, watcher)


class MemoryBlobs:
    """A `Blobs`. `path` writes a temporary file, removed when the blob or this object goes."""

    def __init__(self) -> None:
        self.full = False
        self.blobs: dict[str, bytes] = {}
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __repr__(self) -> str:
        return f"<MemoryBlobs [{len(self.blobs)} blobs]>"

    async def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self.blobs:
            if self.full:
                raise StorageFull
            self.blobs[digest] = bytes(data)
        return digest

    async def get(self, digest: str) -> bytes | None:
        return self.blobs.get(digest)

    async def delete(self, digest: str) -> None:
        if self.blobs.pop(digest, None) is not None and self._directory is not None:
            Path(self._directory.name, digest).unlink(missing_ok=True)

    async def path(self, digest: str) -> Path | None:
        data = self.blobs.get(digest)
        if data is None:
            return None
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="lambdad-blobs-")
        path = Path(self._directory.name, digest)
        if not path.exists():
            path.write_bytes(data)
            path.chmod(0o400)
        return path

    def close(self) -> None:
        """Remove the files that `path` made."""
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None


class MemoryTimeline:
    """A `Timeline`."""

    def __init__(self) -> None:
        self.full = False
        self._seq = 0
        self._partitions: dict[str, list[Record]] = {}
        self._ingested: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<MemoryTimeline seq {self._seq} [{len(self._partitions)} partitions]>"

    async def append(self, records: Sequence[NewRecord], ingested_ms: int) -> None:
        if self.full and records:
            raise StorageFull
        for new in records:
            self._seq += 1
            record = Record(self._seq, new.partition, new.time_ms, ingested_ms, new.payload)
            self._partitions.setdefault(new.partition, []).append(record)
            self._ingested[new.partition] = max(ingested_ms, self._ingested.get(new.partition, ingested_ms))

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
        found = [
            record
            for partition in dict.fromkeys(partitions)
            for record in self._partitions.get(partition, ())
            if (start_ms is None or record.time_ms >= start_ms)
            and (end_ms is None or record.time_ms < end_ms)
            and (after is None or _passed(record, after, newest_first))
        ]
        found.sort(key=lambda record: (record.time_ms, record.seq), reverse=newest_first)
        return found[: max(limit, 0)]

    async def bounds(self, partitions: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
        return {
            partition: (
                min(record.time_ms for record in records),
                max(record.time_ms for record in records),
                self._ingested[partition],
                sum(len(record.payload) for record in records),
            )
            for partition in partitions
            if (records := self._partitions.get(partition))
        }

    async def drop(self, partitions: Sequence[str]) -> None:
        for partition in partitions:
            self._partitions.pop(partition, None)
            self._ingested.pop(partition, None)

    async def trim(self, partitions: Sequence[str], before_ms: int) -> None:
        for partition in partitions:
            kept = [record for record in self._partitions.get(partition, ()) if record.time_ms >= before_ms]
            if kept:
                self._partitions[partition] = kept
            else:
                await self.drop([partition])


def _passed(record: Record, after: tuple[int, int], newest_first: bool) -> bool:
    place = (record.time_ms, record.seq)
    return place < after if newest_first else place > after


class MemorySubstrate:
    """The doors together, as `lambdad.substrate.local.LocalSubstrate` has them. `now`: epoch seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.key_values = MemoryKeyValues()
        self.blobs = MemoryBlobs()
        self.timeline = MemoryTimeline()
        self.queues = MemoryQueues(now)

    def close(self) -> None:
        self.blobs.close()
