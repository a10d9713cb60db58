"""Load by wrk, on ours and on what is beside it in turns, so that a noisy moment meets both."""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.server import Server

from bench.rows import Beside, Goal, Row

HERE = Path(__file__).parent
BODY = '{"data":"' + "x" * 1000 + '"}'
"""What `load.lua` sends."""
Caller = Mapping[str, str]
"""Headers that a request is signed by."""
Target = tuple[str, Caller | None]
"""An address, and who calls; None: anybody."""


@dataclass(frozen=True)
class Load:
    """What wrk saw in one round. Milliseconds, and requests per second."""

    p50: float
    p90: float
    p99: float
    rate: float
    requests: int
    errors: int


@dataclass(frozen=True)
class Loads:
    """The rounds of one side."""

    rounds: Sequence[Load]

    def samples(self, figure: str) -> list[float]:
        return [getattr(each, figure) for each in self.rounds]

    def median(self, figure: str) -> float:
        return statistics.median(self.samples(figure))


def url_of(server: Server, name: str) -> str:
    return f"{server.url}/2015-03-31/functions/{name}/invocations"


def connected(count: int) -> str:
    return f"{count} connection{'s' if count > 1 else ''}"


def load(url: str, connections: int, seconds: int, caller: Caller | None = None) -> Load:
    """POSTs of 1 KB of JSON, as `load.lua` says."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("wrk, an HTTP load generator, is not installed (Debian: apt install wrk)")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "load.lua"), url]
    headers = "".join(f"{name}\t{value}\n" for name, value in (caller or {}).items())
    environment = os.environ | {"LOAD_HEADERS": headers}
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    found = re.search(r"FIGURES (\{.*\})", output)
    assert found, output
    figures = json.loads(found[1])
    p50, p90, p99 = (figures[name] / 1000 for name in ("p50_us", "p90_us", "p99_us"))
    return Load(p50, p90, p99, figures["requests"] / figures["seconds"], figures["requests"], figures["errors"])


def in_turns(ours: str, other: str, connections: int, rounds: int, seconds: int) -> tuple[Loads, Loads]:
    """One round of each to get warm does not count."""
    return in_turns_as((ours, None), (other, None), connections, rounds, seconds)


def in_turns_as(ours: Target, other: Target, connections: int, rounds: int, seconds: int) -> tuple[Loads, Loads]:
    def once(target: Target, seconds: int) -> Load:
        url, caller = target
        return load(url, connections, seconds, caller)

    once(ours, 1)
    once(other, 1)
    pairs = [(once(ours, seconds), once(other, seconds)) for _ in range(rounds)]
    return Loads([pair[0] for pair in pairs]), Loads([pair[1] for pair in pairs])


def compared(what: str, ours: Loads, beside: str, other: Loads, figures: Sequence[str], goals: Mapping[str, Goal]) -> list[Row]:
    """A row for each of `figures`: names of a Load's members."""
    return [
        Row(
            f"{what}, requests" if figure == "rate" else f"{what}, {figure}",
            ours.median(figure),
            "/s" if figure == "rate" else "ms",
            Beside(beside, other.median(figure), other.samples(figure)),
            (goals[figure],) if figure in goals else (),
            ours.samples(figure),
        )
        for figure in figures
    ]


@contextlib.contextmanager
def bare_path() -> Iterator[str]:
    """The address of `bare.py`."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "bare.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
    finally:
        process.communicate()
