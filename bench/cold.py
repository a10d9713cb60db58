"""Cold starts, one after the other, beside the bare interpreter and a bare fork into namespaces.

Each is the first invoke of a function that was never invoked: from the request's first byte to the answer's last, over HTTP. A
pause before each lets the pool of stems fill up again, as it would between cold starts that are not a burst; `burst` measures
those. With no stems at all (`--stems 0`) the whole sandbox is made while the request waits. The first of a runtime since
lambdad was started waits for the runtime's launcher too, and is not counted. The bare things take turns with ours, some of
each at a time.
"""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.acceptance.server import Server

from bench import functions, interpreters
from bench.client import Connection
from bench.context import Context
from bench.rows import Beside, Goal, Row, at_most, quantile, ratio_at_most

PAUSE = 0.05
"""Seconds before each cold start."""
AT_A_TIME = 10


def measure(context: Context) -> list[Row]:
    rounds, rows = context.choose(20, 2), []
    python = (interpreters.PYTHON, "-c", "pass")
    with context.lambdad() as server:
        rows += starts(
            server, rounds, functions.PYTHON, functions.COUNT, python, (at_most(4), ratio_at_most(0.3)), (at_most(15),)
        )
        runtime, node = functions.node(server), interpreters.node()
        if runtime is not None and node is not None:
            goals = (at_most(8), ratio_at_most(0.3))
            rows += starts(server, rounds, runtime, functions.COUNT_NODE, (node, "-e", "0"), goals, ())
        else:
            context.say("  there is no Node.js here: not measured")
    with context.lambdad("--stems", "0", "--most-stems", "0") as server:
        name = f"{functions.PYTHON}, no stems"
        rows += starts(server, rounds, functions.PYTHON, functions.COUNT, python, (at_most(12),), (), name)
    return rows


def starts(
    server: Server,
    rounds: int,
    runtime: str,
    files: Mapping[str, str],
    bare: Sequence[str],
    p50: tuple[Goal, ...],
    p99: tuple[Goal, ...],
    name: str = "",
) -> list[Row]:
    cold(server, [f"first-{runtime.replace('.', '-')}"], runtime, files)
    ours: list[float] = []
    interpreter: list[float] = []
    forks: list[float] = []
    for number in range(rounds):
        ours += cold(server, [f"cold-{runtime.replace('.', '-')}-{number}-{each}" for each in range(AT_A_TIME)], runtime, files)
        interpreter += [interpreters.milliseconds(bare) for _ in range(AT_A_TIME)]
        forks += bare_forks(AT_A_TIME)
    what = f"cold start, {name or runtime}"
    beside = Beside(f"`{Path(bare[0]).name} {' '.join(bare[1:])}`", statistics.median(interpreter), interpreter)
    return [
        Row(f"{what}, p50", statistics.median(ours), "ms", beside, p50, ours),
        Row(
            f"{what}, p50",
            statistics.median(ours),
            "ms",
            Beside("a bare fork into namespaces", statistics.median(forks), forks),
        ),
        Row(f"{what}, p99", quantile(ours, 0.99), "ms", Beside(beside.what, quantile(interpreter, 0.99)), p99),
    ]


def cold(server: Server, names: Sequence[str], runtime: str, files: Mapping[str, str]) -> list[float]:
    functions.create(server, names, files, runtime)
    times = []
    with Connection(server.port) as connection:
        for name in names:
            time.sleep(PAUSE)
            answer = connection.invoke(name)
            assert answer.body == functions.FIRST, answer
            times.append(answer.milliseconds)
    return times


def bare_forks(count: int) -> list[float]:
    """Milliseconds of each; `bare_fork.py`."""
    program = Path(__file__).parent / "bare_fork.py"
    return [float(line) for line in interpreters.run((sys.executable, str(program), str(count))).split()]
