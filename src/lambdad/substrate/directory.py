"""The data directory: who may use it, and files that are on disk when we say so."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from lambdad.domain.errors import PlatformError
from lambdad.substrate.api import StorageFull

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class DataDirectoryError(PlatformError):
    """The data directory can't be used; the message is one sentence for whoever starts lambdad."""


class DirectoryLock:
    """One lambdad per data directory: an flock(2), which the kernel lets go of however the process ends."""

    __slots__ = ("_descriptor",)

    def __init__(self, path: Path) -> None:
        """Raises DataDirectoryError, naming the process that holds it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f"by the lambdad with process id {holder}" if holder else "by another lambdad"
            raise DataDirectoryError(f"The data directory {path.parent} is in use {who}.") from None
        os.ftruncate(descriptor, 0)
        with suppress(OSError):  # On a full disk the lock still holds; only its holder's name is missing.
            os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            # The file stays: removing it would let two processes lock two files of the same name.
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def failure(error: OSError, what: str) -> PlatformError:
    """The error for a file that could not be written or read: StorageFull where the disk or the quota is used up."""
    return StorageFull() if error.errno in NO_SPACE else PlatformError(f"{what} failed: {error}")


def make_private(path: Path) -> None:
    """A directory of our own, on disk when this returns. One that exists keeps its mode: it may be the user's."""
    if path.is_dir():
        return
    make_private(path.parent)
    path.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Names made or renamed in it are on disk when this returns (fsync(2), NOTES)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
