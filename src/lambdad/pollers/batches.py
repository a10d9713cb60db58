"""What a batch holds, and when it goes. Pure.

When it is full, when its window is over, or when one more record would make the event too large:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from lambdad.domain import limits
from lambdad.frontend.traces import onward, too_many_rounds
from lambdad.pollers.sqs_records import EMPTY

RECEIVE: Final = 10
"""Messages of one receive."""


class Held(Struct, frozen=True):
    """A record that its source leased to us."""

    id: str
    handle: str
    encoded: bytes
    """The record as JSON."""
    received: float
    """s; by then at the latest."""
    trace: str | None = None
    group: str | None = None


class Batch:
    """Grows record by record. One that came again, as its lease ended before the batch was full, is there once, by the new
    handle."""

    __slots__ = ("_bytes", "_held", "_size", "began")

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[str, Held] = {}
        self._bytes = EMPTY
        self.began: float | None = None
        """When the first record came: its window begins."""

    def __len__(self) -> int:
        return len(self._held)

    @property
    def records(self) -> list[Held]:
        return list(self._held.values())

    @property
    def room(self) -> int:
        """Records that may be received at once for it."""
        return min(RECEIVE, self._size - len(self._held))

    def add(self, held: Held) -> bool:
        """False where it would become too large; a record that is too large for itself is let in nevertheless."""
        known = self._held.get(held.id)
        grown = self._bytes + len(held.encoded) + 1 - (len(known.encoded) + 1 if known is not None else 0)
        if self._held and grown > limits.SYNC_PAYLOAD:
            return False
        self._held[held.id] = held
        self._bytes = grown
        if self.began is None:
            self.began = held.received
        return True


def trace_of(records: Sequence[Held], arn: str) -> str | None:
    """The trace that a batch goes on with: of the record that has come round most often, else of the first that has one."""
    traces = [each.trace for each in records if each.trace]
    looped = next((each for each in traces if looping(each, arn)), None)
    return onward(looped or traces[0], arn) if traces else None


def looping(trace: str | None, arn: str) -> bool:
    """Running it would be one invocation more than a chain of requests may have of the function."""
    return trace is not None and "Lineage=" in trace and too_many_rounds(onward(trace, arn), arn)


def parted(records: Sequence[Held], arn: str) -> list[list[Held]]:
    """Those that come round in a loop go by themselves, lest they take the others down with them; not where that would
    change an order."""
    if any(each.group is not None for each in records):
        return [list(records)]
    looped = [each for each in records if looping(each.trace, arn)]
    straight = [each for each in records if not looping(each.trace, arn)]
    return [each for each in (straight, looped) if each]
