"""What happened to each function's events since the start, by CloudWatch's names."""

from collections.abc import Iterator

from msgspec import Struct

from lambdad.domain.arns import FunctionName


class Meter(Struct):
    received: int = 0
    """AsyncEventsReceived."""
    age_ms: float = 0.0
    """AsyncEventAge: the sum, over `tries`."""
    tries: int = 0
    retries: int = 0
    """Times that an event went back to its queue."""
    dropped: int = 0
    """AsyncEventsDropped: given up, whether a destination was told or not."""
    delivered: int = 0
    """Records and dead letters."""
    destination_failures: int = 0
    """DestinationDeliveryFailures."""
    dead_letter_errors: int = 0
    """DeadLetterErrors."""


class Meters:
    def __init__(self) -> None:
        self._meters: dict[FunctionName, Meter] = {}

    def __iter__(self) -> Iterator[tuple[FunctionName, Meter]]:
        return iter(self._meters.items())

    def of(self, name: FunctionName) -> Meter:
        """`name` without a qualifier."""
        return self._meters.setdefault(name, Meter())

    def forget(self, name: FunctionName) -> None:
        self._meters.pop(name, None)
