"""The only writer of records; only `control` imports it."""

from typing import Protocol

from lambdad.domain.functions import CodeSigningConfig, Function, LayerName, LayerVersion

Record = Function | LayerName | LayerVersion | CodeSigningConfig


class Stale(Exception):
    """A record has changed since it was read; read it again and decide anew."""


class RecordWriter(Protocol):
    async def commit(self, *changes: tuple[Record | None, Record | None]) -> None:
        """(before, after) pairs, all or none, durable and visible in the snapshot when this returns.

        `before` is the very object that the snapshot answered, or None to create; `after` None deletes.
        Raises Stale where a `before` is no longer current.
        """
        ...
