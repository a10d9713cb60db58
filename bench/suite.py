"""The families of measurements, in the order in which they are run and printed. A new one is a module that is added here."""

from typing import Protocol

from bench import (
    access,
    burst,
    cold,
    density,
    events,
    growth,
    latency,
    many,
    mappings,
    memory,
    neighbours,
    packages,
    placement,
    queues,
    snapstart,
)
from bench.context import Context
from bench.rows import Row


class Family(Protocol):
    """A module. The first line of its docstring is its title."""

    __name__: str
    __doc__: str | None

    def measure(self, context: Context) -> list[Row]: ...


FAMILIES: tuple[Family, ...] = (
    latency,
    access,
    many,
    growth,
    cold,
    burst,
    packages,
    snapstart,
    memory,
    density,
    neighbours,
    placement,
    queues,
    events,
    mappings,
)


def name_of(family: Family) -> str:
    return family.__name__.rpartition(".")[2]


def title_of(family: Family) -> str:
    return (family.__doc__ or "").partition("\n")[0].rstrip(".")
