"""Counting, and how it is told."""

from lambdad.metering.exposition import Family, text
from lambdad.metering.registry import Counts, Registry

F = ("000000000000", "us-east-1", "f")


def test_each_function_is_counted_by_itself() -> None:
    registry = Registry()
    registry.invoked(*F, 12.5, False)
    registry.invoked(*F, 7.5, True)
    registry.throttled(*F)
    registry.throttled(*F[:2], "a")
    assert list(registry) == [((*F[:2], "a"), Counts(throttles=1)), (F, Counts(2, 1, 1, 20.0))]
    registry.forget(*F)
    registry.forget(*F)
    assert [name for name, _ in registry] == [(*F[:2], "a")]


def test_the_text_format() -> None:
    total = Family("x_total", "counter", "How many.")
    total.add(3, function_name="f")
    total.add(2.5, function_name='a"b\\c\nd')
    took = Family("took", "summary", "How long.")
    took.add(1 / 3, "_sum")
    took.add(10_000_000, "_count")
    assert text([total, Family("empty", "gauge", "Nothing."), took]) == (
        "# HELP x_total How many.\n# TYPE x_total counter\n"
        'x_total{function_name="f"} 3\n'
        'x_total{function_name="a\\"b\\\\c\\nd"} 2.5\n'
        "# HELP took How long.\n# TYPE took summary\n"
        "took_sum 0.333333333333333\ntook_count 10000000\n"
    )
