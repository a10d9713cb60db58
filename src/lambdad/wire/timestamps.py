"""Timestamps of the AWS protocols: seconds since the epoch, ISO 8601 and HTTP dates.

https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(value: str | int | float) -> float:
    """Epoch seconds from any of the three forms. Raises ValueError."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = parsedate_to_datetime(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH).total_seconds()


def iso8601(seconds: float) -> str:
    """`2026-11-21T10:00:00Z`, with milliseconds where there are any."""
    moment = _EPOCH + timedelta(milliseconds=round(seconds * 1000))
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}Z" if moment.microsecond else f"{text}Z"


def http_date(seconds: float) -> str:
    """`Sat, 21 Nov 2026 10:00:00 GMT`."""
    return format_datetime(_EPOCH + timedelta(seconds=int(seconds)), usegmt=True)
