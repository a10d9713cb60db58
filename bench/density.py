"""1,000 warm environments of 1,000 functions: all listed, all answering again.

Functions count, so the second answer proves that the environment is the one that gave the first.
"""

from bench import processes
from bench.client import invoke_all, together
from bench.context import Context
from bench.functions import COUNT, FIRST, SECOND, create
from bench.rows import Beside, Row, at_least

CONNECTIONS = 8


def measure(context: Context) -> list[Row]:
    count = context.choose(1_000, 100)
    names = [f"warm-{number}" for number in range(count)]
    with context.lambdad() as server:
        create(server, names, COUNT, memory=128)
        context.say(f"  invokes {count:,} functions")
        cold = invoke_all(server.port, names, CONNECTIONS)
        assert {each.body for each in cold} == {FIRST}
        listed = server.introspect()["environments"]
        warm = invoke_all(server.port, names, CONNECTIONS)
        again = sum(each.body == SECOND for each in warm)
        memory = sum(processes.pss(each["pid"]) for each in listed) / len(listed)
        itself = processes.pss(server.process.pid)
    what = f"{count:,} warm environments"
    return [
        Row(f"{what}, listed", len(listed), goals=(at_least(count),)),
        Row(f"{what}, answering again", again, goals=(at_least(count),)),
        Row(f"{what}, all invoked again, {CONNECTIONS} at a time", together(warm), "ms", Beside("the first", together(cold))),
        Row(f"{what}, memory of each, PSS", memory, "MB"),
        Row(f"{what}, memory of lambdad itself, PSS", itself, "MB"),
    ]
