"""What happened to each mapping's events since the start, by CloudWatch's names.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
"""

from msgspec import Struct


class Meter(Struct):
    polled: int = 0
    """PolledEventCount."""
    filtered: int = 0
    """FilteredOutEventCount."""
    invoked: int = 0
    """InvokedEventCount."""
    failed: int = 0
    """FailedInvokeEventCount: those that their source will give out again."""
    deleted: int = 0
    """DeletedEventCount."""
