"""Placement by simulation: lambdad's policy beside simpler ones.

Hundreds of workers, thousands of functions, a seeded hour; no sandboxes, no clock. By itself it prints all figures as a table:

    python -m bench.placement                  half a minute
    python -m bench.placement --workers 400 --functions 5000 --requests 200000 --seed 7

Requests come at random (Poisson), functions are called as unequally as in life (Zipf), memory, durations and use of memory
vary by function. Idle environments are kept ten minutes, used most recently first, and make room when nothing fits: as the
worker manager does it. For each policy it prints: utilisation (memory promised on the workers that hold anything), workers that
stay empty, cold starts as a share of the requests, requests that had to wait for the code to be fetched, refusals, requests
that ran on a worker whose processors were all spoken for, and the spread of busy processors (standard deviation over mean,
among the workers in use).
"""

import argparse
import heapq
import itertools
import random
import statistics
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.context import Context
from bench.rows import Beside, Row
from lambdad.placement.policy import choose, fits
from lambdad.worker.api import Load

Policy = Callable[[Sequence[Load], int], int | None]
KEEP_WARM = 600.0
MB_PER_CORE = 1769


@dataclass
class Function:
    memory: int
    used: int
    seconds: float
    idle: list["Environment"] = field(default_factory=list)


@dataclass(eq=False)
class Environment:
    function: Function
    worker: "Worker"


@dataclass
class Worker:
    capacity: int
    cores: float
    promised: int = 0
    used: int = 0
    busy: float = 0.0
    environments: int = 0
    code: set[int] = field(default_factory=set)

    def load(self, function: Function) -> Load:
        return Load(
            self.capacity, self.promised, self.environments, self.used, self.cores, self.busy, id(function) in self.code
        )


@dataclass
class Figures:
    cold: int = 0
    fetched: int = 0
    refused: int = 0
    crowded: int = 0
    utilisation: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)

    @property
    def mean_utilisation(self) -> float:
        return statistics.mean(self.utilisation)

    @property
    def mean_spread(self) -> float:
        return statistics.mean(self.spread) if self.spread else 0.0


class Fleet:
    def __init__(self, policy: Policy, workers: list[Worker]) -> None:
        self.policy = policy
        self.workers = workers
        self.figures = Figures()
        self.idle: OrderedDict[Environment, float] = OrderedDict()
        """Longest idle first, with the time since when."""
        self.running: list[tuple[float, int, Environment]] = []
        self.count = itertools.count()

    def request(self, function: Function, now: float, seconds: float) -> None:
        self.advance(now)
        environment = function.idle.pop() if function.idle else self.cold(function)
        if environment is None:
            self.figures.refused += 1
            return
        self.idle.pop(environment, None)
        worker = environment.worker
        worker.busy += function.memory / MB_PER_CORE
        self.figures.crowded += worker.busy > worker.cores
        heapq.heappush(self.running, (now + seconds, next(self.count), environment))

    def cold(self, function: Function) -> Environment | None:
        while (chosen := self.policy([each.load(function) for each in self.workers], function.memory)) is None:
            if not self.idle:
                return None
            self.end(next(iter(self.idle)))
        worker = self.workers[chosen]
        self.figures.cold += 1
        self.figures.fetched += id(function) not in worker.code
        worker.code.add(id(function))
        worker.promised += function.memory
        worker.used += function.used
        worker.environments += 1
        return Environment(function, worker)

    def advance(self, now: float) -> None:
        while self.running and self.running[0][0] <= now:
            ended, _, environment = heapq.heappop(self.running)
            environment.worker.busy -= environment.function.memory / MB_PER_CORE
            environment.function.idle.append(environment)
            self.idle[environment] = ended
        while self.idle:
            environment, since = next(iter(self.idle.items()))
            if since + KEEP_WARM > now:
                break
            self.end(environment)

    def end(self, environment: Environment) -> None:
        del self.idle[environment]
        environment.function.idle.remove(environment)
        environment.worker.promised -= environment.function.memory
        environment.worker.used -= environment.function.used
        environment.worker.environments -= 1

    def look(self) -> None:
        used = [each for each in self.workers if each.environments]
        self.figures.utilisation.append(sum(each.promised for each in used) / max(1, sum(each.capacity for each in used)))
        self.figures.empty.append(1 - len(used) / len(self.workers))
        busy = [each.busy for each in used]
        if sum(busy) > 0:
            self.figures.spread.append(statistics.pstdev(busy) / statistics.mean(busy))


def most_free(loads: Sequence[Load], need_mb: int) -> int | None:
    fitting = [at for at, each in enumerate(loads) if fits(each, need_mb)]
    return max(fitting, key=lambda at: loads[at].free_mb, default=None)


def first_fit(loads: Sequence[Load], need_mb: int) -> int | None:
    return next((at for at, each in enumerate(loads) if fits(each, need_mb)), None)


def chance(generator: random.Random) -> Policy:
    def policy(loads: Sequence[Load], need_mb: int) -> int | None:
        fitting = [at for at, each in enumerate(loads) if fits(each, need_mb)]
        return generator.choice(fitting) if fitting else None

    return policy


def simulate(policy: Policy, *, workers: int, functions: int, requests: int, hour: float, seed: int) -> Figures:
    generator = random.Random(seed)
    memories = generator.choices((128, 256, 512, 1024, 1769, 3008, 10_240), (40, 20, 15, 12, 8, 4, 1), k=functions)
    all_functions = [
        Function(memory, int(memory * generator.uniform(0.2, 0.9)), min(60.0, generator.lognormvariate(-1.0, 1.3)))
        for memory in memories
    ]
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(functions)))
    fleet = Fleet(policy, [Worker(8_192, 4.0) if at % 4 else Worker(16_384, 8.0) for at in range(workers)])
    now, looks = 0.0, requests // 200 or 1
    for number in range(requests):
        now += generator.expovariate(requests / hour)
        (function,) = generator.choices(all_functions, cum_weights=weights)
        fleet.request(function, now, function.seconds * generator.uniform(0.5, 1.5))
        if number % looks == 0 and number > requests // 5:
            fleet.look()
    return fleet.figures


def policies(seed: int) -> dict[str, Policy]:
    """lambdad's first."""
    return {"lambdad": choose, "most free": most_free, "first fit": first_fit, "by chance": chance(random.Random(seed))}


def measure(context: Context) -> list[Row]:
    requests, hour = context.choose((50_000, 1800.0), (5_000, 180.0))
    found = {}
    for name, policy in policies(seed=1).items():
        context.say(f"  {name}")
        found[name] = simulate(policy, workers=200, functions=3_000, requests=requests, hour=hour, seed=1)
    ours, *others = found
    readings: tuple[tuple[str, str, Callable[[Figures], float]], ...] = (
        ("utilisation", "%", lambda figures: 100 * figures.mean_utilisation),
        ("cold starts of all requests", "%", lambda figures: 100 * figures.cold / requests),
        ("spread of busy processors", "", lambda figures: figures.mean_spread),
    )
    return [
        Row(f"placement, simulated: {what}", read(found[ours]), unit, Beside(name, read(found[name])))
        for what, unit, read in readings
        for name in others
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--workers", type=int, default=200)
    arguments.add_argument("--functions", type=int, default=3000)
    arguments.add_argument("--requests", type=int, default=100_000)
    arguments.add_argument("--hour", type=float, default=3600.0, help="seconds in which they come")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    print("| policy | utilisation | empty workers | cold starts | code fetched | refused | crowded | spread |")
    print("|---|---|---|---|---|---|---|---|")
    for name, policy in policies(options.seed).items():
        found = simulate(policy, **vars(options))
        shares = [found.cold, found.fetched, found.refused, found.crowded]
        cells = [found.mean_utilisation, statistics.mean(found.empty), *(each / options.requests for each in shares)]
        print(f"| {name} | {' | '.join(f'{cell:.1%}' for cell in cells)} | {found.mean_spread:.2f} |", flush=True)


if __name__ == "__main__":
    main()
