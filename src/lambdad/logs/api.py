"""The doors of the logs: `LogWriter` for the worker, `LogStore` for the CloudWatch Logs API."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct


class StreamName(Struct, frozen=True):
    account: str
    region: str
    group: str
    stream: str


class LogEvent(Struct, frozen=True, gc=False):
    time_ms: int
    message: str
    """One event, without the line's end; may hold several lines."""


May = Callable[[str, StreamName], bool]
"""Whether a writer has the permission for `CreateLogGroup`, `CreateLogStream` or `PutLogEvents`, now."""


def anything(action: str, stream: StreamName) -> bool:
    """May all of it."""
    return True


class LogWriter(Protocol):
    def write(self, stream: StreamName, events: Sequence[LogEvent], may: May = anything) -> None:
        """Buffer and return at once: no I/O, no failure. Group and stream are made when they are missing. What the writer may
        not do when the events are to be stored is not done, and they are lost, as on AWS."""
        ...


class Group(Struct, frozen=True, kw_only=True):
    account: str
    region: str
    name: str
    created_ms: int
    retention_days: int | None = None
    kms_key_id: str | None = None
    tags: dict[str, str] = {}
    group_class: str = "STANDARD"
    deletion_protection: bool = False


class Stream(Struct, frozen=True, kw_only=True):
    account: str
    region: str
    group: str
    name: str
    created_ms: int


class StreamState(Struct, frozen=True):
    """A stream with what its events say; None while it has no events."""

    stream: Stream
    first_event_ms: int | None
    last_event_ms: int | None
    last_ingestion_ms: int | None


class StoredEvent(Struct, frozen=True):
    stream: str
    seq: int
    time_ms: int
    ingested_ms: int
    message: str


class LogStore(Protocol):
    """Missing groups and streams are None or absent from answers; the API's errors are made by `services/logs`."""

    async def group(self, account: str, region: str, name: str) -> Group | None: ...
    async def groups(self, account: str, region: str, prefix: str = "") -> list[Group]:
        """By name."""
        ...

    async def put_group(self, group: Group) -> None: ...
    async def delete_group(self, account: str, region: str, name: str) -> None:
        """With its streams and events."""
        ...

    def stored_bytes(self, account: str, region: str, group: str) -> int:
        """Bytes of a group's events, as the last sweep found them; AWS's own figure is some hours old too."""
        ...

    async def stream(self, name: StreamName) -> Stream | None: ...
    async def streams(self, account: str, region: str, group: str, prefix: str = "") -> list[StreamState]:
        """By name."""
        ...

    async def put_stream(self, stream: Stream) -> None: ...
    async def delete_stream(self, name: StreamName) -> None: ...

    async def put_events(self, stream: StreamName, events: Sequence[LogEvent]) -> None:
        """Durable when this returns."""
        ...

    async def events(
        self,
        account: str,
        region: str,
        group: str,
        streams: Sequence[str],
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        after: tuple[int, int] | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> list[StoredEvent]:
        """As `Timeline.read`, over what was written so far, the unflushed included."""
        ...

    def follow(
        self,
        account: str,
        region: str,
        group: str,
        listener: Callable[[StreamName, Sequence[LogEvent]], None],
    ) -> Callable[[], None]:
        """Every event of a group as it is written, for live tails. The answer ends it."""
        ...
