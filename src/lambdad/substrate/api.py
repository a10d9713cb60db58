"""The doors of the substrate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

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


ONCE_MS: Final = 300_000
"""For how long a queue knows that it was given something; SQS's five minutes."""


class NewMessage(Struct, frozen=True, gc=False):
    payload: bytes
    time_ms: int
    """When it was sent, as the writer said."""
    due_ms: int
    """It is given out from then on."""
    group: str | None = None
    """Messages of one group are given out in the order of their positions, none while another of the group is leased."""
    once: str | None = None
    """A queue that was given something with the same `once` less than ONCE_MS before does not take this."""
    header: bytes = b""
    """What can change, see `retry`."""


class Delivery(Struct, frozen=True, gc=False):
    position: int
    """Unique, never used again, and rising in the order of appending, over all queues."""
    time_ms: int
    group: str | None
    header: bytes
    payload: bytes
    number: int
    """How many deliveries there were, this one included. A crash may forget those whose lease had not ended."""
    first_ms: int
    """When the first of them was."""


class Counts(Struct, frozen=True, gc=False):
    ready: int
    """Due and not leased, also behind others of their group."""
    leased: int
    delayed: int
    oldest_ms: int | None
    """`time_ms` of the oldest message, approximately."""


class Queues(Protocol):
    """Queues of messages that are there until they are acknowledged. A queue exists from its first message on.

    Who fetches a message has it for as long as its lease lasts; then, or after a crash, it is given out again: at least once.
    What `append`, `ack`, `retry` and `move` answered is durable, leases are not. The cost of each method does not grow
    with what waits. Methods that write raise StorageFull.
    """

    async def append(self, queue: str, messages: Sequence[NewMessage]) -> list[int]:
        """Their positions; of one that was not taken because of `once`, the position of the earlier one."""
        ...

    async def fetch(self, queue: str, limit: int, *, lease_ms: int, wait: float = 0.0) -> list[Delivery]:
        """What is due, leased from now on, oldest first; of a group as many as fit and are at hand come together.

        If nothing is due: waits for up to so many seconds until something is.
        """
        ...

    def extend(self, queue: str, position: int, lease_ms: int) -> bool:
        """The lease ends so long from now; 0: at once. False where it is not leased."""
        ...

    def held(self, queue: str, position: int) -> int | None:
        """The number of the delivery whose lease has not ended; 0 for a message whose lease has ended.

        None for one that is gone, or was not given out since the start.
        """
        ...

    async def ack(self, queue: str, positions: Sequence[int]) -> None:
        """They are gone, leased or not; those that are gone already are no error."""
        ...

    async def retry(self, queue: str, position: int, due_ms: int, header: bytes) -> bool:
        """The lease ends; it is due again then, with that header. Not for one of a group.

        False where it is not leased, or gone.
        """
        ...

    async def move(self, queue: str, positions: Sequence[int], to: str, messages: Sequence[NewMessage]) -> list[int | None]:
        """Each of `messages` in the place of the one at its position, in one step; None for one that is gone."""
        ...

    def names(self, prefix: str) -> list[str]:
        """Of the queues that hold something and whose names start with `prefix`."""
        ...

    def counts(self, queue: str) -> Counts: ...

    async def trim(self, queue: str, before_ms: int) -> int:
        """Delete those that were sent earlier, leased or not; answers how many."""
        ...

    async def purge(self, queue: str) -> None:
        """Every message goes, leased or not. What `once` knows stays."""
        ...
