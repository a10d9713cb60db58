"""Immutable bytes as files named by their SHA-256, in 256 directories: `ab/ab12…`."""

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from lambdad.substrate.directory import PRIVATE_DIRECTORY, failure, make_private, sync_directory

T = TypeVar("T")

_DIGEST = re.compile(r"[0-9a-f]{64}")
UNFINISHED = "unfinished"


class LocalBlobs:
    """A `Blobs` in a directory of its own, which `open` makes; file work happens on `executor`."""

    def __init__(self, directory: Path, executor: Executor) -> None:
        self._directory = directory
        self._unfinished = directory / UNFINISHED
        self._executor = executor

    def __repr__(self) -> str:
        return f"<LocalBlobs {self._directory}>"

    def open(self) -> None:
        """Blocks. What a kill left half-written goes."""
        make_private(self._unfinished)
        for leftover in self._unfinished.iterdir():
            leftover.unlink()

    async def put(self, data: bytes) -> str:
        return await self._run(lambda: self._put(data))

    async def get(self, digest: str) -> bytes | None:
        path = self._path(digest)

        def read() -> bytes | None:
            try:
                return None if path is None else path.read_bytes()
            except FileNotFoundError:
                return None

        return await self._run(read)

    async def delete(self, digest: str) -> None:
        path = self._path(digest)
        if path is not None:
            await self._run(lambda: path.unlink(missing_ok=True))

    async def path(self, digest: str) -> Path | None:
        path = self._path(digest)
        if path is None:
            return None
        return path if await self._run(path.is_file) else None

    def _path(self, digest: str) -> Path | None:
        """None for what is no digest, so that no name leads out of the directory."""
        return self._directory / digest[:2] / digest if _DIGEST.fullmatch(digest) else None

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except OSError as error:
            raise failure(error, "The storage") from error

    def _put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self._directory / digest[:2] / digest
        try:
            present = path.stat().st_size == len(data)
        except FileNotFoundError:
            present = False
        if not present:
            if not path.parent.is_dir():
                path.parent.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
                sync_directory(self._directory)
            self._write(path, data)
        # Also where it was there: whoever renamed it may not have got to this line yet.
        sync_directory(path.parent)
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._unfinished)  # Mode 0600.
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), 0o400)
                os.fsync(file.fileno())
            os.rename(name, path)  # noqa: PTH104 - the name is no Path
        except BaseException:
            os.unlink(name)  # noqa: PTH108
            raise
