"""What happened in each queue since the start, for metrics."""

from msgspec import Struct

from lambdad.services.sqs.attributes import Queue


class Meter(Struct, eq=False):
    sent: int = 0
    received: int = 0
    deleted: int = 0


class Meters:
    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    def __repr__(self) -> str:
        return f"<Meters [{len(self._meters)} queues]>"

    def of(self, queue: Queue) -> Meter:
        meter = self._meters.get(queue.id)
        if meter is None:
            meter = self._meters[queue.id] = Meter()
        return meter

    def forget(self, queue: Queue) -> None:
        self._meters.pop(queue.id, None)
