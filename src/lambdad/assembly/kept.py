"""Secrets in files that only lambdad's user can read."""

import os
from collections.abc import Callable
from pathlib import Path

from lambdad.substrate.directory import PRIVATE_FILE, failure, sync_directory


def kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """What is in the file, which is made where it is missing. Raises DataDirectoryError."""
    try:
        if not path.exists():
            _write(path, make())
        return path.read_bytes()
    except OSError as error:
        raise failure(error, f"Keeping the key in {path}") from error


def _write(path: Path, key: bytes) -> None:
    """Whole or not at all: it gets its name (rename(2)) when it is on disk."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    sync_directory(path.parent)
