from hypothesis import given
from hypothesis import strategies as st

from lambdad.sandbox.memory import SMALLEST_STEP, OutOfMemory, Usage, WatchAt, judge, most_used

MIB = 1024 * 1024
_BYTES = st.integers(min_value=0, max_value=20 * 1024 * MIB)


def test_files_in_tmp_and_cache_are_not_counted() -> None:
    assert judge(Usage(charged=400 * MIB, cache=20 * MIB, tmp=300 * MIB), 128 * MIB) == WatchAt((400 + 48) * MIB)


def test_more_than_the_limit_is_out_of_memory() -> None:
    assert judge(Usage(charged=129 * MIB, cache=0, tmp=0), 128 * MIB) == OutOfMemory()
    assert judge(Usage(charged=129 * MIB, cache=0, tmp=MIB), 128 * MIB) == WatchAt(130 * MIB)


def test_near_the_limit_the_next_look_is_a_step_away() -> None:
    assert judge(Usage(charged=128 * MIB, cache=0, tmp=0), 128 * MIB) == WatchAt(128 * MIB + SMALLEST_STEP)


@given(_BYTES, _BYTES, _BYTES, st.integers(min_value=128, max_value=10240))
def test_whoever_is_spared_is_looked_at_before_he_could_be_far_over(charged: int, cache: int, tmp: int, memory_mb: int) -> None:
    usage = Usage(charged, cache, tmp)
    match judge(usage, memory_mb * MIB):
        case OutOfMemory():
            assert usage.counted > memory_mb * MIB
        case WatchAt(threshold):
            grown = Usage(threshold, cache, tmp)
            assert threshold > charged
            assert grown.counted <= memory_mb * MIB + SMALLEST_STEP


@given(_BYTES, _BYTES, _BYTES)
def test_max_memory_used_is_never_more_than_the_limit(peak: int, charged: int, tmp: int) -> None:
    assert 0 <= most_used(peak, Usage(charged, 0, tmp), 128 * MIB) <= 128 * MIB


def test_max_memory_used_is_the_peak_without_tmp() -> None:
    assert most_used(90 * MIB, Usage(50 * MIB, 0, 0), 128 * MIB) == 90 * MIB
    assert most_used(390 * MIB, Usage(350 * MIB, 0, 300 * MIB), 128 * MIB) == 90 * MIB
