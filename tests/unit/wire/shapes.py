"""Values for shapes: what a client could send as parameters, or a handler answer."""

import math
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from lambdad.wire.models import Member, Shape

# What XML 1.0 and JSON can both carry.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=12)
# What survives a header or a path segment as it is.
TOKEN = st.text("abcXYZ019-_.~:$", min_size=1, max_size=12)
MOMENT = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def values(shape: Shape, depth: int = 3, plain: bool = False) -> st.SearchStrategy[Any]:
    """`plain`: for headers and paths."""
    match shape.kind:
        case "structure":
            return structures(shape, depth)
        case "list":
            return st.lists(values(shape.item.shape, depth - 1, plain), min_size=1, max_size=3)
        case "map":
            return st.dictionaries(
                st.sampled_from(shape.key.shape.enum) if shape.key.shape.enum else st.text("abcxyz", min_size=1, max_size=5),
                values(shape.item.shape, depth - 1, plain),
                min_size=1,
                max_size=2,
            )
        case "string" | "character":
            return st.sampled_from(shape.enum) if shape.enum else TOKEN if plain else TEXT
        case "integer" | "long":
            return st.integers(-(2**31), 2**31 - 1)
        case "float" | "double":
            return st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 4) + 0.0)
        case "boolean":
            return st.booleans()
        case "blob":
            return st.binary(min_size=1, max_size=20)
        case "timestamp":
            return MOMENT


@st.composite
def structures(draw: Any, shape: Shape, depth: int = 3) -> dict[str, Any]:
    out = {}
    for name, member in shape.members.items():
        wanted = name in shape.required or member.location == "uri"
        if member.shape.is_event_stream or name == "Expires":  # botocore reads dates into S3's text of that name.
            continue
        if wanted or (depth > 0 and draw(st.booleans())):
            plain = member.location is not None or bool(member.trait("xmlAttribute"))
            out[name] = draw(values(member.shape, depth - 1, plain))
        if shape.traits.get("union") and out:
            break
    inside = [member for member in shape.members.values() if member.location is None]
    if not out and inside and not any(member.location for member in shape.members.values()) and depth < 3:
        out[inside[0].name] = draw(values(inside[0].shape, depth - 1))  # A list of nothings can't be written as a form.
    return out


def comparable(member_shape: Shape, value: Any) -> Any:
    """Datetimes as epoch seconds, and without what is empty: XML and forms can't tell that from nothing."""
    match member_shape.kind:
        case "structure":
            found = {
                name: comparable(member.shape, value[name])
                for name, member in member_shape.members.items()
                if value.get(name) is not None
            }
            return {name: each for name, each in found.items() if each not in ({}, [])}
        case "list":
            return [comparable(member_shape.item.shape, each) for each in value]
        case "map":
            return {key: comparable(member_shape.item.shape, each) for key, each in value.items()}
        case "timestamp":
            return int(value.timestamp()) if isinstance(value, datetime) else int(value)
        case "float" | "double":
            return value if not math.isfinite(value) else round(float(value), 3)
        case "blob":
            return value if isinstance(value, bytes) else value.read()
        case _:
            return value


def is_streamed(member: Member | None) -> bool:
    return member is not None and member.shape.is_event_stream
