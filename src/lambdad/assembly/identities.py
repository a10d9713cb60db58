"""Identities of a node: their directory, the services IAM and STS, the key that seals sessions, and the role to begin with."""

import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lambdad.assembly.kept import kept
from lambdad.domain.caller import Caller
from lambdad.iam.access import Access
from lambdad.iam.arns import root_arn
from lambdad.iam.directory import Directory
from lambdad.services.iam.service import IamService
from lambdad.services.sts.service import StsService
from lambdad.substrate.api import KeyValue
from lambdad.substrate.directory import DataDirectoryError

KEY_FILE: Final = "session-key"
KEY_SIZE: Final = 32
"""Bytes."""

STARTER_ROLE: Final = "lambda-role"
"""A new lambdad has one role, as the first function needs one; AWS's console makes one then, too."""
_STARTER_POLICY: Final = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


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
    root = Caller(account, "us-east-1", "", "", root_arn(account))
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
    key = kept(path, lambda: secrets.token_bytes(KEY_SIZE))
    if len(key) != KEY_SIZE:
        raise DataDirectoryError(f"The session key in {path} is damaged; remove the file, and sessions that run will end.")
    return key
