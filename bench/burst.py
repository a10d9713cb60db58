"""Cold starts all at once, and cold starts without a pause.

*At once*: 20 new functions are invoked in the same moment; the time until the last has answered.

*Sustained*: eight connections invoke functions in turn, each time in a new environment, in two ways. Where environments are
kept for a second only, there are so many functions that it is long over when a function's turn comes again: ending environments
is part of what is measured, and it can go on for ever. Where they are kept as usual, each function is invoked once and more and
more environments are alive: what a host sees that many functions meet for the first time. (They need
some 6 MB each. Where memory gets scarce lambdad ends those that were idle longest.)

Functions count, so an answer proves that its environment was new. The client is `client`: its docstring says what it costs.
"""

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence

from bench.client import invoke_all, together
from bench.context import Context
from bench.functions import COUNT, FIRST, create
from bench.rows import Row, at_least, at_most

AT_ONCE = 20
CONNECTIONS = 8
GOAL = 120
"""Cold starts per second, sustained."""


def measure(context: Context) -> list[Row]:
    ended, kept = context.choose((60, 20), (10, 5))
    once, again = numbered(kept * GOAL), numbered(1_000)
    return [
        at_once(context, context.choose(5, 2)),
        sustained(
            context, f"for {ended} s, environments kept for a second", again, itertools.cycle(again), ended, "--keep-warm", "1"
        ),
        sustained(context, f"for {kept} s, all environments kept", once, iter(once), kept),
    ]


def numbered(count: int) -> list[str]:
    return [f"each-{number}" for number in range(count)]


def at_once(context: Context, rounds: int) -> Row:
    times = []
    with context.lambdad() as server:
        for number in range(rounds):
            names = [f"burst-{number}-{each}" for each in range(AT_ONCE)]
            create(server, names, COUNT, memory=128)
            time.sleep(2)  # a burst comes to a lambdad that is at rest
            answers = invoke_all(server.port, names, AT_ONCE)
            assert {each.body for each in answers} == {FIRST}
            times.append(together(answers))
    what = f"{AT_ONCE} new functions at once, all answered"
    return Row(what, statistics.median(times), "ms", goals=(at_most(115),), samples=times)


def sustained(context: Context, what: str, names: Sequence[str], turns: Iterator[str], seconds: int, *options: str) -> Row:
    with context.lambdad(*options) as server:
        context.say(f"  makes {len(names):,} functions")
        create(server, names, COUNT, memory=128)
        time.sleep(2)
        end = time.monotonic() + seconds
        answers = invoke_all(server.port, itertools.takewhile(lambda _: time.monotonic() < end, turns), CONNECTIONS)
    assert {each.body for each in answers} == {FIRST}, "an environment was used twice"
    rate = len(answers) / together(answers) * 1000
    return Row(f"cold starts, sustained {what}", rate, "/s", goals=(at_least(GOAL),))
