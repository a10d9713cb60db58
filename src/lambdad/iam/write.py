"""The only writer of identities; only `services.iam` imports it."""

from collections.abc import Callable

from lambdad.iam.encoding import Entity, encode, key_of
from lambdad.substrate.api import Change, KeyValue, RevisionMismatch

Pair = tuple[Entity | None, Entity | None]
"""(before, after): `before` is the very object that the directory answered, or None to create; `after` None deletes. The same
object twice changes nothing, but makes sure that it is still current when the rest of the commit is done."""


class Stale(Exception):
    """An entity has changed since it was read; read it again and decide anew."""


class Writer:
    """`current` is the `current` method of the directory that `before` objects come from."""

    __slots__ = ("_current", "_key_values")

    def __init__(self, key_values: KeyValue, current: Callable[[str], tuple[Entity, int] | None]) -> None:
        self._key_values = key_values
        self._current = current

    async def commit(self, *pairs: Pair) -> None:
        """All or none, durable and visible in the directory when this returns.

        Raises Stale where a `before` is no longer current, StorageFull, and ValueError where a pair changes nothing or renames.
        """
        try:
            await self._key_values.commit([self._change(before, after) for before, after in pairs])
        except RevisionMismatch as error:
            raise Stale(f"{error.key} has changed since it was read") from error

    def _change(self, before: Entity | None, after: Entity | None) -> Change:
        subject = after if after is not None else before
        if subject is None:
            raise ValueError("a change needs an entity before or after")
        key = key_of(subject)
        if before is not None and key_of(before) != key:
            raise ValueError(f"{key_of(before)} can't become {key}")
        return Change(key, None if after is None else encode(after), self._expected(key, before))

    def _expected(self, key: str, before: Entity | None) -> int:
        if before is None:
            return 0
        held = self._current(key)
        # Identity, not equality: an entity that was changed and changed back is another one.
        if held is None or held[0] is not before:
            raise Stale(f"{key} has changed since it was read")
        return held[1]
