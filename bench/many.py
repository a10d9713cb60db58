"""Warm invokes with 5,000 functions registered, beside a lambdad that has one.

Two lambdads run side by side and take turns, each with the function that is invoked; one has 5,000 others.
"""

from bench.context import Context
from bench.functions import ECHO, create
from bench.load import compared, connected, in_turns, url_of
from bench.rows import Row, ratio_at_least, ratio_at_most


def measure(context: Context) -> list[Row]:
    others, rounds, seconds = context.choose(5_000, 500), context.choose(5, 2), context.choose(3, 1)
    with context.lambdad() as server, context.lambdad() as small:
        context.say(f"  makes {others:,} functions")
        create(server, [f"other-{number}" for number in range(others)], ECHO)
        for each in (server, small):
            create(each, ["echo"], ECHO)
        urls, rows = (url_of(server, "echo"), url_of(small, "echo")), []
        for connections, figures in ((1, ("p50", "p90", "p99")), (16, ("p50", "p90", "p99", "rate"))):
            crowded, alone = in_turns(*urls, connections, rounds, seconds)
            what = f"with {others:,} functions, {connected(connections)}"
            goals = {"p50": ratio_at_most(1.1), "rate": ratio_at_least(0.9)}
            rows += compared(what, crowded, "with one", alone, figures, goals)
    return rows
