"""Entities as bytes under keys of the substrate: JSON, so that a stuck operator can read them.

Unknown members are tolerated, and new members need a default: an older and a newer lambdad read each other's data.
"""

from typing import Final

import msgspec

from lambdad.domain.errors import PlatformError
from lambdad.iam.entities import Group, ManagedPolicy, Role, User

Entity = User | Group | Role | ManagedPolicy

PREFIX: Final = "iam/"

_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[str, msgspec.json.Decoder[Entity]] = {
    "user": msgspec.json.Decoder(User),
    "group": msgspec.json.Decoder(Group),
    "role": msgspec.json.Decoder(Role),
    "policy": msgspec.json.Decoder(ManagedPolicy),
}


def key_of(entity: Entity) -> str:
    """Names that differ in case only share a key, and so can't both exist."""
    match entity:
        case User():
            kind = "user"
        case Group():
            kind = "group"
        case Role():
            kind = "role"
        case ManagedPolicy():
            kind = "policy"
    return f"{PREFIX}{kind}/{entity.account}/{entity.name.lower()}"


def encode(entity: Entity) -> bytes:
    return _ENCODER.encode(entity)


def decode(key: str, value: bytes) -> Entity:
    """Raises PlatformError, naming the key, for bytes that are no such entity."""
    try:
        return _DECODERS[key.split("/")[1]].decode(value)
    except (msgspec.MsgspecError, KeyError) as error:
        raise PlatformError(f"The record {key} can't be read: {error}") from error
