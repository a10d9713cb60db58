"""Waits that double. Pure."""

_MOST_DOUBLINGS = 32
"""More would only make the number too large for a float."""


def doubled(first: float, times: int, longest: float) -> float:
    """Seconds: `first`, doubled so often, and no longer than `longest`."""
    return min(first * 2.0 ** min(times, _MOST_DOUBLINGS), longest)
