"""Records as bytes under keys of the substrate: JSON, so that a stuck operator can read them.

Unknown members are tolerated, and new members of a record need a default: an older and a newer lambdad read each other's data.
"""

import msgspec

from lambdad.domain.errors import PlatformError
from lambdad.domain.functions import CodeSigningConfig, DeletedFunction, Function, LayerName, LayerVersion
from lambdad.domain.mappings import EventSourceMapping

Record = Function | DeletedFunction | LayerName | LayerVersion | CodeSigningConfig | EventSourceMapping

FUNCTIONS = "function/"
DELETED = "deleted-function/"
LAYERS = "layer/"
LAYER_VERSIONS = "layer-version/"
CODE_SIGNING = "code-signing/"
MAPPINGS = "event-source-mapping/"

_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[str, msgspec.json.Decoder[Record]] = {
    FUNCTIONS: msgspec.json.Decoder(Function),
    DELETED: msgspec.json.Decoder(DeletedFunction),
    LAYERS: msgspec.json.Decoder(LayerName),
    LAYER_VERSIONS: msgspec.json.Decoder(LayerVersion),
    CODE_SIGNING: msgspec.json.Decoder(CodeSigningConfig),
    MAPPINGS: msgspec.json.Decoder(EventSourceMapping),
}
PREFIXES = tuple(_DECODERS)


def key_of(record: Record) -> str:
    scope = f"{record.account}/{record.region}"
    match record:
        case Function():
            return f"{FUNCTIONS}{scope}/{record.name}"
        case DeletedFunction():
            return f"{DELETED}{scope}/{record.name}"
        case LayerName():
            return f"{LAYERS}{scope}/{record.name}"
        case LayerVersion():
            # Padded, so that keys sort as versions do.
            return f"{LAYER_VERSIONS}{scope}/{record.name}/{record.version:010}"
        case CodeSigningConfig():
            return f"{CODE_SIGNING}{scope}/{record.id}"
        case EventSourceMapping():
            return f"{MAPPINGS}{scope}/{record.id}"


def encode(record: Record) -> bytes:
    return _ENCODER.encode(record)


def decode(key: str, value: bytes) -> Record:
    """Raises PlatformError, naming the key, for bytes that are no such record."""
    decoder = _DECODERS[key[: key.index("/") + 1]]
    try:
        return decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise PlatformError(f"The record {key} can't be read: {error}") from error
