"""Trace headers. Pure.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

BITS = 160
"""Randomness of a new trace id: 96 bits of the trace, 64 of the parent."""


def new_trace_id(now: float, bits: int) -> str:
    """A new trace that is not sampled. `now` is in epoch seconds, `bits` is a random number of `BITS` bits."""
    digits = f"{bits:040x}"
    return f"Root=1-{int(now):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"
