"""Trace headers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from lambdad.frontend.traces import BITS, ROUNDS, new_trace_id, onward, too_many_rounds


def test_time_and_randomness_are_in_their_places() -> None:
    assert new_trace_id(0x5759E988 + 0.9, (0xABCDEF << 64) | 0x1234) == (
        "Root=1-5759e988-000000000000000000abcdef;Parent=0000000000001234;Sampled=0"
    )


@given(st.floats(0, 4e9), st.integers(0, 2**BITS - 1))
def test_the_form_is_always_the_same(now: float, bits: int) -> None:
    form = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0"
    assert re.fullmatch(form, new_trace_id(now, bits))


A, B = "arn:aws:lambda:r:1:function:a", "arn:aws:lambda:r:1:function:b"


def test_a_chain_may_go_through_a_function_sixteen_times() -> None:
    trace, runs = "Root=1-a-b;Parent=c;Sampled=0", 1
    while not too_many_rounds(trace := onward(onward(trace, B), A), A):
        runs += 1
    assert runs == ROUNDS
    assert trace.startswith("Root=1-a-b;Parent=c;Sampled=0;Lineage=")
    assert trace.count("Lineage=") == 1


def test_a_long_chain_of_different_functions_is_no_loop() -> None:
    trace = "Root=1-a-b"
    for number in range(1000):
        trace = onward(trace, f"{A}{number}")
        assert not too_many_rounds(trace, f"{A}{number}")
    assert len(trace) < 500


@given(st.text())
def test_any_header_is_borne(text: str) -> None:
    assert onward(f"Root=1;Lineage={text}", A).endswith(":1")
