"""Trace headers, and the lineage in them that tells a recursive loop. Pure.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html: AWS's SDKs pass the header of the invocation that runs
on to what they call. `Lineage=` in it counts, for each function, its invocations in the chain of requests.
"""

import zlib
from typing import Final

BITS = 160
"""Randomness of a new trace id: 96 bits of the trace, 64 of the parent."""


ROUNDS: Final = 16
"""Invocations of one function in one chain; the next is stopped. A request from outside has no lineage,
so the first is not counted in it."""
_LINEAGE: Final = "Lineage="
_FUNCTIONS: Final = 32
"""In one lineage; then those that came first are forgotten."""


def new_trace_id(now: float, bits: int) -> str:
    """A new trace that is not sampled. `now` is in epoch seconds, `bits` is a random number of `BITS` bits."""
    digits = f"{bits:040x}"
    return f"Root=1-{int(now):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"


def onward(trace_id: str, arn: str) -> str:
    """The trace of a request to the function (its ARN without qualifier), made of the trace of what sent it."""
    parts = [part for part in trace_id.split(";") if not part.startswith(_LINEAGE)]
    counts = _lineage(trace_id)
    key = _key(arn)
    counts[key] = counts.get(key, 0) + 1
    entries = [f"{each}:{count}" for each, count in list(counts.items())[-_FUNCTIONS:]]
    return ";".join([*parts, _LINEAGE + ",".join(entries)])


def too_many_rounds(trace_id: str, arn: str) -> bool:
    """It is one invocation more than ROUNDS."""
    return _LINEAGE in trace_id and _lineage(trace_id).get(_key(arn), 0) >= ROUNDS


def _lineage(trace_id: str) -> dict[str, int]:
    """What is none is left out: anybody may send a header."""
    text = next((part for part in trace_id.split(";") if part.startswith(_LINEAGE)), _LINEAGE).removeprefix(_LINEAGE)
    pairs = [entry.partition(":") for entry in text.split(",")]
    return {key: int(count) for key, _, count in pairs if len(count) < 6 and count.isascii() and count.isdigit()}


def _key(arn: str) -> str:
    return f"{zlib.crc32(arn.encode()):08x}"
