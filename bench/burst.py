"""Cold starts all at once, and cold starts without a pause.

*At once*: 20 new functions are invoked in the same moment; the time until the last has answered. *Sustained*: eight connections
invoke functions in turn for a minute, each time in a new environment. Environments are kept for a second only, and there are so
many functions that it is long over before the turn of a function comes again, so ending them is part of what is measured, as it
is wherever cold starts go on for longer than environments are kept. Functions count, so an answer proves that its environment
was new. The client is `client.py`.
"""

import itertools
import statistics
import time
from collections.abc import Iterator

from bench.client import invoke_all, together
from bench.context import Context
from bench.functions import COUNT, FIRST, create
from bench.rows import Row, at_least, at_most

AT_ONCE = 20
CONNECTIONS = 8


def measure(context: Context) -> list[Row]:
    return [*at_once(context, context.choose(5, 2)), *sustained(context, context.choose(60, 10))]


def at_once(context: Context, rounds: int) -> list[Row]:
    times = []
    with context.lambdad() as server:
        for number in range(rounds):
            names = [f"burst-{number}-{each}" for each in range(AT_ONCE)]
            create(server, names, COUNT, memory=128)
            time.sleep(2)  # a burst comes to a lambdad that is at rest
            answers = invoke_all(server.port, names, AT_ONCE)
            assert {each.body for each in answers} == {FIRST}
            times.append(together(answers))
    return [
        Row(
            f"{AT_ONCE} new functions at once, all answered",
            statistics.median(times),
            "ms",
            goals=(at_most(115),),
            samples=times,
        )
    ]


def sustained(context: Context, seconds: float) -> list[Row]:
    names = [f"each-{number}" for number in range(1_000)]
    with context.lambdad("--keep-warm", "1") as server:
        context.say(f"  makes {len(names):,} functions")
        create(server, names, COUNT, memory=128)
        time.sleep(2)
        answers = invoke_all(server.port, until(time.monotonic() + seconds, itertools.cycle(names)), CONNECTIONS)
        assert {each.body for each in answers} == {FIRST}, "an environment was used twice"
    rate = len(answers) / together(answers) * 1000
    return [Row(f"cold starts, sustained for {seconds:.0f} s", rate, "/s", goals=(at_least(120),))]


def until(end: float, names: Iterator[str]) -> Iterator[str]:
    return itertools.takewhile(lambda _: time.monotonic() < end, names)
