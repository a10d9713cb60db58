"""Memory of idle environments and of lambdad itself.

PSS is what a process has alone, and its part of what it shares with others, which for stems of one launcher is most. So the
figure of an environment depends on how many there are; here there are 50, and
the stems that lambdad keeps ready. An environment is its runtime process; the supervisor
is the process beside it in the sandbox. lambdad is measured when it has started, and when it has made and invoked a function.
"""

import statistics

from bench import processes
from bench.client import invoke_all
from bench.context import Context
from bench.functions import COUNT, create
from bench.rows import Row, at_most

ENVIRONMENTS = 50


def measure(context: Context) -> list[Row]:
    names = [f"idle-{number}" for number in range(ENVIRONMENTS)]
    with context.lambdad() as server:
        itself = server.process.pid
        rows = [
            Row("memory of lambdad, just started, PSS", processes.pss(itself), "MB", goals=(at_most(45),)),
            Row("memory of lambdad, just started, RSS", processes.rss(itself), "MB", goals=(at_most(45),)),
        ]
        create(server, names[:1], COUNT)
        invoke_all(server.port, names[:1], 1)
        rows += [
            Row("memory of lambdad, idle with one function, PSS", processes.pss(itself), "MB", goals=(at_most(45),)),
            Row("memory of lambdad, idle with one function, RSS", processes.rss(itself), "MB", goals=(at_most(45),)),
        ]
        create(server, names[1:], COUNT)
        invoke_all(server.port, names[1:], 8)
        pids = [each["pid"] for each in server.introspect()["environments"]]
        runtimes = [processes.pss(pid) for pid in pids]
        alone = [processes.private(pid) for pid in pids]
        together = [processes.pss(pid) + processes.pss(processes.parent(pid)) for pid in pids]
    return [
        *rows,
        Row("memory of an idle Python environment, PSS", statistics.median(runtimes), "MB", None, (at_most(3),), runtimes),
        Row("memory of an idle Python environment, private", statistics.median(alone), "MB", None, (at_most(3),), alone),
        Row(
            "memory of an idle Python environment with its supervisor, PSS", statistics.median(together), "MB", samples=together
        ),
    ]
