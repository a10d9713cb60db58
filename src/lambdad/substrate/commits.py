"""Typed records over the key-value store, changed by compare-and-set: what several rooms that keep records have in common."""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from lambdad.substrate.api import Change, KeyValue, RevisionMismatch

T = TypeVar("T")
A = TypeVar("A")

ATTEMPTS: Final = 256
"""Writers of one record that arrive together get it one by one, so this is how many of them are all served."""


class Stale(Exception):
    """A record has changed since it was read; read it again and decide anew."""


class Commits(Generic[T]):
    """`current` answers the record that its reader holds under a key, and its revision; `key_of` and `encode` say where and as
    what a record is stored."""

    __slots__ = ("_current", "_encode", "_key_of", "_key_values")

    def __init__(
        self,
        key_values: KeyValue,
        current: Callable[[str], tuple[T, int] | None],
        key_of: Callable[[T], str],
        encode: Callable[[T], bytes],
    ) -> None:
        self._key_values = key_values
        self._current = current
        self._key_of = key_of
        self._encode = encode

    async def commit(self, *pairs: tuple[T | None, T | None]) -> None:
        """(before, after), all or none, durable and told to watchers when this returns.

        `before` is the very object that the reader answered, or None to create; `after` None deletes. The same object twice
        changes nothing, but makes sure that it is still current when the rest is done. Raises Stale where a `before` is no
        longer current, StorageFull, and ValueError where a pair changes nothing or renames.
        """
        try:
            await self._key_values.commit([self._change(before, after) for before, after in pairs])
        except RevisionMismatch as error:
            raise Stale(f"{error.key} has changed since it was read") from error

    def _change(self, before: T | None, after: T | None) -> Change:
        subject = after if after is not None else before
        if subject is None:
            raise ValueError("a change needs a record before or after")
        key = self._key_of(subject)
        if before is not None and self._key_of(before) != key:
            raise ValueError(f"{self._key_of(before)} can't become {key}")
        return Change(key, None if after is None else self._encode(after), self._expected(key, before))

    def _expected(self, key: str, before: T | None) -> int:
        if before is None:
            return 0
        held = self._current(key)
        # Identity, not equality: a record that was changed and changed back is another one.
        if held is None or held[0] is not before:
            raise Stale(f"{key} has changed since it was read")
        return held[1]

    async def decide(self, decision: Callable[[], tuple[Sequence[tuple[T | None, T | None]], A]]) -> A:
        """What the decision answers, once what it wants to write is written; it is asked anew as long as somebody was faster.

        Raises what `decision` raises, StorageFull, and Stale where others were faster each time.
        """
        for _ in range(ATTEMPTS):
            pairs, answer = decision()
            try:
                if pairs:
                    await self.commit(*pairs)
            except Stale:
                continue
            return answer
        raise Stale(f"others were faster {ATTEMPTS} times")
