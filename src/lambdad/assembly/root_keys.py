"""Access keys of root users: a file for each account, since nobody is there yet who could ask IAM for one."""

import secrets
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from lambdad.assembly.kept import kept
from lambdad.iam import ids
from lambdad.substrate.directory import DataDirectoryError, failure

FOLDER: Final = "root-keys"
PATIENCE: Final = 1.0
"""Seconds for which a key that is not there is not looked for again: requests must not wait for the disk."""
MISSES: Final = 1024


class RootKey(Struct, frozen=True):
    account: str
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"<RootKey {self.access_key_id}>"


class RootKeys:
    """Those in a data directory. One that is made while lambdad runs is known within a second; one whose file is removed is
    known until lambdad ends."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        self._known: dict[str, RootKey] = {}
        self._missed: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<RootKeys in {self._folder}>"

    def find(self, access_key_id: str) -> RootKey | None:
        """Its id says whose it is, and so in which file it would be."""
        found = self._known.get(access_key_id)
        if found is not None or time.monotonic() < self._missed.get(access_key_id, 0.0):
            return found
        account = ids.account_of(access_key_id)
        found = None if account is None else self.of(account)
        if found is not None and found.access_key_id == access_key_id:
            self._known[access_key_id] = found
            return found
        if len(self._missed) >= MISSES:
            self._missed.clear()
        self._missed[access_key_id] = time.monotonic() + PATIENCE
        return None

    def of(self, account: str) -> RootKey | None:
        """Raises DataDirectoryError."""
        path = self._folder / account
        try:
            return msgspec.json.decode(path.read_bytes(), type=RootKey)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise DataDirectoryError(f"The root key in {path} is damaged; remove the file, and a new one is made.") from error
        except OSError as error:
            raise failure(error, f"Reading the root key in {path}") from error

    def make(self, account: str) -> RootKey:
        """Where there is none. Raises DataDirectoryError."""
        key = RootKey(
            account,
            ids.access_key_id("AKIA", account, secrets.token_bytes(ids.KEY_ID)),
            ids.secret(secrets.token_bytes(ids.SECRET)),
        )
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise failure(error, f"Keeping root keys in {self._folder}") from error
        kept(self._folder / account, lambda: msgspec.json.encode(key))
        return key
