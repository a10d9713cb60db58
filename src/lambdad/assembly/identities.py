"""Identities of a node: their directory, the services IAM and STS, the keys that lambdad keeps, and the role to begin with."""

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from lambdad.domain.caller import Caller
from lambdad.iam import ids
from lambdad.iam.access import Access
from lambdad.iam.directory import Directory
from lambdad.services.iam.service import IamService
from lambdad.services.sts.service import StsService
from lambdad.substrate.api import KeyValue
from lambdad.substrate.directory import PRIVATE_FILE, DataDirectoryError, failure, sync_directory

KEY_FILE: Final = "session-key"
KEY_SIZE: Final = 32
"""Bytes."""
ROOT_FILE: Final = "root-key"

STARTER_ROLE: Final = "lambda-role"
"""A new lambdad has one role, as the first function needs one; AWS's console makes one then, too."""
_STARTER_POLICY: Final = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class RootKey(Struct, frozen=True):
    """Access key of an account's root user."""

    account: str
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"<RootKey {self.access_key_id}>"


@dataclass(frozen=True, slots=True)
class Identities:
    directory: Directory
    iam: IamService
    sts: StsService
    access: Access
    key: bytes
    """That seals session tokens."""


def identities(directory: Directory, key_values: KeyValue, session_key: bytes) -> Identities:
    access = Access(directory, time.time)
    iam = IamService(directory, key_values, now=time.time, chance=secrets.token_bytes)
    sts = StsService(directory, key=session_key, now=time.time, chance=secrets.token_bytes, access=access)
    return Identities(directory, iam, sts, access, session_key)


async def begin(directory: Directory, key_values: KeyValue, data_dir: Path, account: str) -> None:
    """At the first start of all there is a role for functions that need nothing but their logs. It can be changed and deleted
    like any other, and is not made again."""
    if (data_dir / KEY_FILE).exists():
        return
    iam = IamService(directory, key_values, now=time.time, chance=secrets.token_bytes)
    root = Caller(account, "us-east-1", "", "", f"arn:aws:iam::{account}:root")
    if directory.role(account, STARTER_ROLE) is None:
        description = "Made by lambdad at its first start: functions that have it may write their logs."
        trust = json.dumps(_TRUST)
        await iam.operations["CreateRole"](
            root, {"RoleName": STARTER_ROLE, "AssumeRolePolicyDocument": trust, "Description": description}
        )
    await iam.operations["AttachRolePolicy"](root, {"RoleName": STARTER_ROLE, "PolicyArn": _STARTER_POLICY})


def session_key(data_dir: Path) -> bytes:
    """Made at the first start, readable by lambdad's user only; whoever has it can make credentials.

    Raises DataDirectoryError for a file that holds no key: a new one would end every session without a word.
    """
    path = data_dir / KEY_FILE
    key = _kept(path, lambda: secrets.token_bytes(KEY_SIZE))
    if len(key) != KEY_SIZE:
        raise DataDirectoryError(f"The session key in {path} is damaged; remove the file, and sessions that run will end.")
    return key


def root_key(data_dir: Path) -> RootKey | None:
    """Of the root user, where there is one. Raises DataDirectoryError."""
    path = data_dir / ROOT_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=RootKey)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DataDirectoryError(f"The root key in {path} is damaged; remove the file, and a new one is made.") from error
    except OSError as error:
        raise failure(error, f"Reading the root key in {path}") from error


def new_root_key(data_dir: Path, account: str) -> RootKey:
    """Readable by lambdad's user only."""
    key = RootKey(
        account,
        ids.access_key_id("AKIA", account, secrets.token_bytes(ids.KEY_ID)),
        ids.secret(secrets.token_bytes(ids.SECRET)),
    )
    _kept(data_dir / ROOT_FILE, lambda: msgspec.json.encode(key))
    return key


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """What is in the file, which is made where it is missing."""
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
