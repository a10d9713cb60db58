"""Tokens of pagination. They say where to go on; what they are made of is no promise.

GetLogEvents' tokens name a boundary between two events, so that the forward and the backward token of one page, and of an empty
page at either end, meet exactly: `f/…` reads what comes after it, `b/…` what comes before.
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lambdad.services.logs.names import invalid

GREATEST = 2**63 - 2
"""Of times (ms) and sequence numbers: they are signed 64-bit integers in storage, and one more must fit."""

_PLACE = re.compile(r"(?P<direction>[fb])/(?P<time>\d{20})(?P<seq>\d{36})/s", re.ASCII)


def refused() -> Exception:
    return invalid("The specified nextToken is invalid.")


@dataclass(frozen=True, slots=True)
class Boundary:
    """Behind the event (time_ms, seq), before all later ones."""

    time_ms: int
    seq: int

    @property
    def forward(self) -> str:
        return f"f/{self.time_ms:020d}{self.seq:036d}/s"

    @property
    def backward(self) -> str:
        return f"b/{self.time_ms:020d}{self.seq:036d}/s"


def parse_boundary(token: str) -> tuple[bool, Boundary]:
    """Whether it is a backward token, and where."""
    found = _PLACE.fullmatch(token)
    if found is None:
        raise refused()
    time_ms, seq = int(found["time"]), int(found["seq"])
    if max(time_ms, seq) > GREATEST:
        raise refused()
    return found["direction"] == "b", Boundary(time_ms, seq)


def event_id(time_ms: int, seq: int) -> str:
    """56 digits, as AWS's; unique, and rising in the order in which FilterLogEvents answers."""
    return f"{time_ms:020d}{seq:036d}"


def encode(parts: Sequence[str | int | bool]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(parts)).encode()).decode()


def decode(token: str, *kinds: type) -> list[str | int | bool]:
    """The parts of `encode`, which must be of these kinds."""
    try:
        parts = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise refused() from error
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise refused()
    if any(isinstance(part, int) and abs(part) > GREATEST for part in parts):
        raise refused()
    return parts
