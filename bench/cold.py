"""Cold starts, one after the other, beside the bare interpreter and a bare fork into namespaces.

Each is the first invoke of a function that was never invoked: from the request's first byte to the answer's last, over HTTP. A
pause before each lets the pool of stems fill up again, as it would between cold starts that are not a burst; `burst` measures
those. With no stems at all (`--stems 0`) the whole sandbox is made while the request waits. The first of a runtime since
lambdad was started waits for the runtime's launcher too, and is not counted. The bare things take turns with ours, some of
each at a time.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.server import Server

from bench import interpreters
from bench.client import Connection
from bench.context import Context
from bench.functions import COUNT, COUNT_NODE, PYTHON, create, node
from bench.rows import Beside, Goal, Row, at_most, quantile, ratio_at_most

PAUSE = 0.05
"""Seconds before each cold start."""
AT_A_TIME = 10


@dataclass(frozen=True)
class Subject:
    """What is started, what it is beside, and the goals of its median and its 99th percentile."""

    name: str
    runtime: str
    files: Mapping[str, str]
    bare: Sequence[str]
    p50: tuple[Goal, ...]
    p99: tuple[Goal, ...] = ()


BARE_PYTHON = (interpreters.PYTHON, "-c", "pass")
OF_PYTHON = Subject(PYTHON, PYTHON, COUNT, BARE_PYTHON, (at_most(4), ratio_at_most(0.3)), (at_most(15),))
WITHOUT_STEMS = Subject(f"{PYTHON}, no stems", PYTHON, COUNT, BARE_PYTHON, (at_most(12),))


def measure(context: Context) -> list[Row]:
    rounds = context.choose(20, 2)
    with context.lambdad() as server:
        rows = starts(server, OF_PYTHON, rounds)
        runtime, executable = node(server), interpreters.node()
        if runtime is not None and executable is not None:
            goals = (at_most(8), ratio_at_most(0.3))
            rows += starts(server, Subject(runtime, runtime, COUNT_NODE, (executable, "-e", "0"), goals), rounds)
        else:
            context.say("  there is no Node.js here: not measured")
    with context.lambdad("--stems", "0", "--most-stems", "0") as server:
        rows += starts(server, WITHOUT_STEMS, rounds)
    return rows


def starts(server: Server, subject: Subject, rounds: int) -> list[Row]:
    cold(server, subject, ["first"])
    ours: list[float] = []
    interpreter: list[float] = []
    forks: list[float] = []
    for number in range(rounds):
        ours += cold(server, subject, [f"{number}-{each}" for each in range(AT_A_TIME)])
        interpreter += [interpreters.milliseconds(subject.bare) for _ in range(AT_A_TIME)]
        forks += bare_forks(AT_A_TIME)
    what, p50 = f"cold start, {subject.name}", statistics.median(ours)
    bare = f"`{Path(subject.bare[0]).name} {' '.join(subject.bare[1:])}`"
    fork = Beside("a bare fork into namespaces", statistics.median(forks), forks)
    return [
        Row(f"{what}, p50", p50, "ms", Beside(bare, statistics.median(interpreter), interpreter), subject.p50, ours),
        Row(f"{what}, p50", p50, "ms", fork),
        Row(f"{what}, p99", quantile(ours, 0.99), "ms", Beside(bare, quantile(interpreter, 0.99)), subject.p99),
    ]


def cold(server: Server, subject: Subject, suffixes: Sequence[str]) -> list[float]:
    names = [f"cold-{subject.runtime.replace('.', '-')}-{suffix}" for suffix in suffixes]
    create(server, names, subject.files, subject.runtime)
    with Connection(server.port) as connection:
        return [connection.cold_start(name, PAUSE) for name in names]


def bare_forks(count: int) -> list[float]:
    """Milliseconds of each; `bare_fork.py`."""
    program = Path(__file__).parent / "bare_fork.py"
    return [float(line) for line in interpreters.run((sys.executable, str(program), str(count))).split()]
