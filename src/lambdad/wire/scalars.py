"""One value from its text, as in paths, queries, headers, forms and XML."""

import base64
from typing import Any

from lambdad.domain.errors import CallerError
from lambdad.wire import timestamps
from lambdad.wire.models import Member


def unreadable(message: str) -> CallerError:
    return CallerError.named("SerializationException", message, 400)


def scalar(member: Member, text: str) -> Any:
    """One value from its text."""
    kind = member.shape.kind
    try:
        match kind:
            case "string" | "character":
                return text
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return {"true": True, "false": False, "1": True, "0": False}[text.strip().lower()]
            case "blob":
                return base64.b64decode(text, validate=True)
            case "timestamp":
                return timestamps.parse(text)
            case _:
                raise unreadable(f"Unexpected text where {article(kind)} is expected")
    except (ValueError, KeyError):  # binascii.Error is a ValueError.
        raise unreadable(f"STRING_VALUE can not be converted to {article(java_name(kind))}") from None


_JAVA = {
    "string": "String",
    "character": "Character",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "blob": "Blob",
    "timestamp": "Timestamp",
}


def java_name(kind: str) -> str:
    return _JAVA.get(kind, kind)


def article(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIOUaeiou' else 'a'} {noun}"
