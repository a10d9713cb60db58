"""Identities of a node: their directory, the services IAM and STS, and the key that seals session tokens."""

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lambdad.iam.directory import Directory
from lambdad.services.iam.service import IamService
from lambdad.services.sts.service import StsService
from lambdad.substrate.api import KeyValue
from lambdad.substrate.directory import PRIVATE_FILE, DataDirectoryError, failure, sync_directory

KEY_FILE: Final = "session-key"
KEY_SIZE: Final = 32
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Identities:
    directory: Directory
    iam: IamService
    sts: StsService
    key: bytes
    """That seals session tokens."""


def identities(key_values: KeyValue, session_key: bytes) -> Identities:
    """The directory is not started yet."""
    directory = Directory(key_values)
    return Identities(
        directory,
        IamService(directory, key_values, now=time.time, chance=secrets.token_bytes),
        StsService(
            directory,
            key=session_key,
            now=time.time,
            chance=secrets.token_bytes,
            session_of=lambda caller: caller.session,
        ),
        session_key,
    )


def session_key(data_dir: Path) -> bytes:
    """Made at the first start, readable by lambdad's user only; whoever has it can make credentials.

    Raises DataDirectoryError for a file that holds no key: a new one would end every session without a word.
    """
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _write(path, secrets.token_bytes(KEY_SIZE))
        key = path.read_bytes()
    except OSError as error:
        raise failure(error, f"Keeping the session key in {path}") from error
    if len(key) != KEY_SIZE:
        raise DataDirectoryError(f"The session key in {path} is damaged; remove the file, and sessions that run will end.")
    return key


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
