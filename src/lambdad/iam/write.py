"""The only writer of identities; only `services.iam` imports it."""

from collections.abc import Callable

from lambdad.iam.encoding import Entity, encode, key_of
from lambdad.substrate.api import KeyValue
from lambdad.substrate.commits import Commits
from lambdad.substrate.commits import Stale as Stale

Pair = tuple[Entity | None, Entity | None]
"""(before, after); see `Commits.commit`."""


class Writer(Commits[Entity]):
    """`current` is the `current` method of the directory that `before` objects come from."""

    __slots__ = ()

    def __init__(self, key_values: KeyValue, current: Callable[[str], tuple[Entity, int] | None]) -> None:
        super().__init__(key_values, current, key_of, encode)
