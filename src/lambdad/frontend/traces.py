"""Trace headers. Pure.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

BITS = 160
"""Randomness of a new trace id: 96 bits of the trace, 64 of the parent."""


def new_trace_id(now: float, bits: int) -> str:
    """A new trace that is not sampled. `now` is in epoch seconds, `bits` is a random number of `BITS` bits."""
    return f"Root=1-{int(now):08x}-{bits >> 64:024x};Parent={bits & 0xFFFF_FFFF_FFFF_FFFF:016x};Sampled=0"
