"""lambdad's memory after a million invokes, beside what it was after 10,000."""

from bench import processes
from bench.context import Context
from bench.functions import ECHO, create
from bench.load import load, url_of
from bench.rows import Beside, Row, at_most


def measure(context: Context) -> list[Row]:
    invokes = context.choose(1_000_000, 100_000)
    with context.lambdad() as server:
        create(server, ["echo"], ECHO)

        def invoke(count: int, seconds: int) -> int:
            done = 0
            while done < count:
                seen = load(url_of(server, "echo"), 16, seconds)
                assert seen.errors == 0, f"{seen.errors} errors"
                done += seen.requests
            return done

        first = invoke(10_000, 1)
        before = processes.pss(server.process.pid)
        context.say(f"  {before:.1f} MB after {first:,} invokes")
        more = invoke(invokes, 5)
        after = processes.pss(server.process.pid)
    return [
        Row(f"lambdad's memory after {first + more:,} invokes, PSS", after, "MB", Beside(f"after {first:,}", before)),
        Row(f"lambdad's memory, growth in {more:,} invokes, PSS", after - before, "MB", goals=(at_most(20),)),
    ]
