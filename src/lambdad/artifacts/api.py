"""The door of the artifacts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lambdad.domain.functions import Code


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an environment mounts, read-only."""

    task: Path
    opt: Path | None
    """The layers, merged in their order (later ones win); None without layers."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A package that passed every check and is stored."""

    code: Code
    unpacked: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a sweep."""

    deleted: int
    """Packages."""
    spared: int
    """Packages and trees that nobody needs, but somebody had in hand: another sweep has to take them."""


class Artifacts(Protocol):
    async def take_zip(self, data: bytes) -> Taken:
        """Check and store a zip of a function or layer; durable when this returns.

        Raises InvalidParameterValue with Lambda's texts: `Could not unzip uploaded file. Please check your file, then try
        to upload again.` (broken, encrypted, traversal, devices …), `Unzipped size must be smaller than 262144000 bytes`
        (also for bombs that lie about their size); RequestEntityTooLarge never (that is the request's limit, not the zip's).
        """
        ...

    async def unpacked_size(self, codes: Sequence[Code]) -> int:
        """Bytes of all of them unpacked, without unpacking."""
        ...

    async def prepare(self, code: Code, layers: Sequence[Code], runtime: str | None) -> Prepared:
        """Unpack to the host's cache (once per content) and byte-compile for a `python3.x` runtime. Slow: off the loop.

        Safe to call again and concurrently; survives a kill at any moment (a half-unpacked tree is never seen).
        """
        ...

    def prepared(self, code: Code, layers: Sequence[Code]) -> Prepared | None:
        """What `prepare` would answer, if it is in the cache already. No I/O: for the invoke path."""
        ...

    async def read(self, code: Code) -> bytes:
        """The package as it was uploaded. Raises PlatformError if it is gone."""
        ...

    async def sweep(self, live: Collection[str]) -> Swept:
        """Delete blobs and unpacked trees whose digest is not in `live`, except those that are being prepared."""
        ...
