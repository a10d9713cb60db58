"""The only writer of records; only `control` imports it."""

from collections.abc import Callable

from lambdad.records.encoding import Record as Record
from lambdad.records.encoding import encode, key_of
from lambdad.substrate.api import KeyValue
from lambdad.substrate.commits import Commits
from lambdad.substrate.commits import Stale as Stale


class Writer(Commits[Record]):
    """Writes to a substrate; `current` is the `current` method of the snapshot that `before` objects come from."""

    __slots__ = ()

    def __init__(self, key_values: KeyValue, current: Callable[[str], tuple[Record, int] | None]) -> None:
        super().__init__(key_values, current, key_of, encode)
