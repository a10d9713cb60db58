"""The only writer of records; only `control` imports it."""

from collections.abc import Callable
from typing import Protocol

from lambdad.records.encoding import Record as Record
from lambdad.records.encoding import encode, key_of
from lambdad.substrate.api import Change, KeyValue, RevisionMismatch


class Stale(Exception):
    """A record has changed since it was read; read it again and decide anew."""


class RecordWriter(Protocol):
    async def commit(self, *changes: tuple[Record | None, Record | None]) -> None:
        """(before, after) pairs, all or none, durable and visible in the snapshot when this returns.

        `before` is the very object that the snapshot answered, or None to create; `after` None deletes.
        Raises Stale where a `before` is no longer current.
        """
        ...


Current = Callable[[str], tuple[Record, int] | None]
"""The record that the snapshot holds under a key, and its revision."""


class Writer:
    """Writes to a substrate; `current` is the `current` method of the snapshot that `before` objects come from."""

    __slots__ = ("_current", "_key_values")

    def __init__(self, key_values: KeyValue, current: Current) -> None:
        self._key_values = key_values
        self._current = current

    async def commit(self, *changes: tuple[Record | None, Record | None]) -> None:
        """As `RecordWriter`; also raises StorageFull, and ValueError where a pair changes nothing or renames."""
        try:
            await self._key_values.commit([self._change(before, after) for before, after in changes])
        except RevisionMismatch as error:
            raise Stale(f"{error.key} has changed since it was read") from error

    def _change(self, before: Record | None, after: Record | None) -> Change:
        if after is None:
            if before is None:
                raise ValueError("a change needs a record before or after")
            key = key_of(before)
        else:
            key = key_of(after)
            if before is not None and key_of(before) != key:
                raise ValueError(f"{key_of(before)} can't become {key}")
        return Change(key, None if after is None else encode(after), self._expected(key, before))

    def _expected(self, key: str, before: Record | None) -> int:
        if before is None:
            return 0
        held = self._current(key)
        # Identity, not equality: a record that was changed and changed back is another one.
        if held is None or held[0] is not before:
            raise Stale(f"{key} has changed since it was read")
        return held[1]
