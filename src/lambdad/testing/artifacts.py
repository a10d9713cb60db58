"""Artifacts that hold nothing and take nothing: for what is put together but never asked for a package."""

from collections.abc import Collection, Sequence

from lambdad.artifacts.api import Prepared, Swept, Taken
from lambdad.domain.errors import PlatformError
from lambdad.domain.functions import Code


class NoArtifacts:
    """Implements `lambdad.artifacts.api.Artifacts`; every package is missing."""

    async def take_zip(self, data: bytes) -> Taken:
        raise PlatformError("There is no store to take packages.")

    async def unpacked_size(self, codes: Sequence[Code]) -> int:
        raise PlatformError("There is no store that has packages.")

    async def prepare(self, code: Code, layers: Sequence[Code], runtime: str | None) -> Prepared:
        raise PlatformError("There is no store that has packages.")

    def prepared(self, code: Code, layers: Sequence[Code]) -> Prepared | None:
        return None

    async def read(self, code: Code) -> bytes:
        raise PlatformError("There is no store that has packages.")

    async def sweep(self, live: Collection[str]) -> Swept:
        return Swept(0, 0)
