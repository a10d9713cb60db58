"""Well-formed inputs with some bytes changed, and the invariants of `tests/fuzz`. Always the same examples."""

import importlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import TARGETS

TELLING = [
    b"", b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"=", b"&", b"%", b"%00", b"*", b"?", b"/",
    b"..", b"-1", b"0", b"9" * 30, b"1" * 5000, b"1e999", b"NaN", b"\x7f", b"\x80", b"\xff" * 8, b"\xed\xa0\x80", b"\\ud800",
    b"{", b"}", b"[", b"]", b"[" * 200, b'"', b"'", b"<", b">", b"<!DOCTYPE a>", b"&#0;", b"null", b"true", b"chunked",
    b"identity", b"close", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 1\r\n", b"Host: x\r\n", b"PK\x01\x02",
    b"PK\x05\x06", b"PK\x06\x06", b"${", b"${a}", b".member.1", b"." * 100,
]  # fmt: skip
"""What parsers stumble over."""

Change = tuple[float, int, bytes]
CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 12), st.sampled_from(TELLING) | st.binary(max_size=4)),
    min_size=1,
    max_size=6,
)


def changed(data: bytes, changes: list[Change]) -> bytes:
    """Each replaces so many bytes, at a place that is a share of the whole."""
    for where, length, new in changes:
        place = int(where * (len(data) + 1))
        data = data[:place] + new + data[place + length :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_break_nothing(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.{name}")
    check: Callable[[bytes], None] = target.check

    @settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(target.SEEDS), CHANGES)
    def mutated(seed: bytes, changes: list[Change]) -> None:
        check(changed(seed, changes))

    mutated()
