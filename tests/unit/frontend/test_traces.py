"""Trace headers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from lambdad.frontend.traces import BITS, new_trace_id


def test_time_and_randomness_are_in_their_places() -> None:
    assert new_trace_id(0x5759E988 + 0.9, (0xABCDEF << 64) | 0x1234) == (
        "Root=1-5759e988-000000000000000000abcdef;Parent=0000000000001234;Sampled=0"
    )


@given(st.floats(0, 4e9), st.integers(0, 2**BITS - 1))
def test_the_form_is_always_the_same(now: float, bits: int) -> None:
    form = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0"
    assert re.fullmatch(form, new_trace_id(now, bits))
