"""SnapStart: cold starts of a function that imports numpy and pandas, beside the imports in a bare interpreter.

The function is that of `packages`. Each start is an environment that is restored while its request waits: idle ones are kept
for less than the pause between two requests. The bare interpreter takes turns.
"""

import statistics

from tests.acceptance.server import Server, eventually

from bench import interpreters
from bench.client import Connection
from bench.context import Context
from bench.functions import COUNT, create
from bench.packages import CACHE, WITH_PACKAGES, installed
from bench.rows import Beside, Row, at_most, quantile, ratio_at_most

KEEP_WARM = "0.1"
PAUSE = 0.4
"""Both in seconds."""
AT_A_TIME = 10


def measure(context: Context) -> list[Row]:
    rounds = context.choose(6, 2)
    files = {"app.py": WITH_PACKAGES + COUNT["app.py"]} | installed(context)
    command, path = (interpreters.PYTHON, "-c", WITH_PACKAGES), {"PYTHONPATH": str(CACHE)}
    interpreters.run(command, path)  # reads them from the disk, once
    bare, ours = [], []
    with context.lambdad("--keep-warm", KEEP_WARM) as server:
        create(server, ["frames"], files)
        name = version(server, "frames")
        for _ in range(rounds):
            bare += [interpreters.milliseconds(command, path) for _ in range(3)]
            with Connection(server.port) as connection:
                ours += [connection.cold_start(name, PAUSE) for _ in range(AT_A_TIME)]
    beside = Beside("`python3 -c 'import numpy, pandas'`", statistics.median(bare), bare)
    what = "cold start, numpy and pandas, SnapStart"
    return [
        Row(f"{what}, p50", statistics.median(ours), "ms", beside, (at_most(25), ratio_at_most(0.2)), ours),
        Row(f"{what}, p99", quantile(ours, 0.99), "ms", beside),
    ]


def version(server: Server, name: str) -> str:
    """Published with SnapStart; its qualified name."""
    client = server.client("lambda")
    client.update_function_configuration(FunctionName=name, SnapStart={"ApplyOn": "PublishedVersions"})
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    number = client.publish_version(FunctionName=name)["Version"]

    def found() -> dict[str, str] | None:
        answer = client.get_function_configuration(FunctionName=name, Qualifier=number)
        settled: dict[str, str] = answer["SnapStart"]
        return None if answer["State"] == "Pending" else settled

    assert eventually(found, 60)["OptimizationStatus"] == "On"
    return f"{name}:{number}"
