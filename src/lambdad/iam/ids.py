"""Unique ids and access key ids. Pure: randomness comes in.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""

from base64 import b32decode, b32encode, b64encode
from typing import Final, Literal

UNIQUE_ID: Final = 11
KEY_ID: Final = 5
SECRET: Final = 30
"""Bytes of randomness that each of them takes."""

KEY_ID_LENGTH: Final = 20
"""Characters."""

_ACCOUNT_SHIFT: Final = 7
_ACCOUNT_MASK: Final = (1 << 40) - 1


def unique_id(prefix: Literal["AIDA", "AROA", "AGPA", "ANPA"], randomness: bytes) -> str:
    """Of a user, a role, a group, a managed policy: 21 characters, never used again, e.g. `AROA3XFRBF535PLBIFPI4`."""
    return prefix + b32encode(randomness).decode()[:17]


def access_key_id(prefix: Literal["AKIA", "ASIA"], account: str, randomness: bytes) -> str:
    """20 characters, which say whose account it is, as AWS's do: GetAccessKeyInfo needs no look-up.

    Behind the prefix are 80 bits in base 32: one that is set, 40 of the account, 39 of chance.
    """
    chance = int.from_bytes(randomness[:KEY_ID], "big")
    high = 1 << 47 | int(account) << _ACCOUNT_SHIFT | (chance >> 32 & 0x7F)
    return prefix + b32encode((high << 32 | chance & 0xFFFFFFFF).to_bytes(10, "big")).decode()


def account_of(key_id: str) -> str | None:
    """The account that an access key id names; None for a text that is no such id."""
    if len(key_id) != KEY_ID_LENGTH or not key_id.startswith(("AKIA", "ASIA")):
        return None
    try:
        high = int.from_bytes(b32decode(key_id[4:])[:6], "big")
    except ValueError:
        return None
    account = f"{high >> _ACCOUNT_SHIFT & _ACCOUNT_MASK:012}"
    return account if len(account) == 12 else None


def secret(randomness: bytes) -> str:
    """A secret access key: 40 characters."""
    return b64encode(randomness[:SECRET]).decode()
