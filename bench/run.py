"""lambdad's speed, as a table: warm invokes and cold starts, each beside something bare that was measured in the same run.

    make bench                           everything, some five minutes
    python bench/run.py --seconds 2      shorter, coarser
    python bench/run.py --only growth --invokes 1000000

Needs `wrk` (Debian: apt install wrk), and a machine that is otherwise idle. Figures are medians; ratios are what to quote.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.acceptance.functions import ROLE, zipped
from tests.acceptance.server import Server

HERE = Path(__file__).parent
ECHO = "def handler(event, context):\n    return event\n"
HELLO = "def handler(event, context):\n    return 'hello'\n"
HELLO_NODE = "exports.handler = async () => 'hello';\n"
CLEAN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=000000000000/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=" + "0" * 64
)


@dataclass(frozen=True)
class Load:
    """What wrk saw. Microseconds."""

    p50: float
    p99: float
    rate: float
    errors: int


def load(url: str, connections: int, seconds: int) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "load.lua"), url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"FIGURES (\{.*\})", output)
    assert found, output
    figures = json.loads(found[1])
    return Load(figures["p50_us"], figures["p99_us"], figures["requests"] / figures["seconds"], figures["errors"])


@contextlib.contextmanager
def bare_path() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "bare.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
    process.communicate()


def milliseconds(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def interpreter_start(command: list[str], rounds: int) -> list[float]:
    def once() -> None:
        subprocess.run(command, env=CLEAN, check=True)

    return [milliseconds(once) for _ in range(rounds)]


def quantiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


class Table:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, what: str, figure: str, beside: str = "", ratio: str = "") -> None:
        self.rows.append((what, figure, beside, ratio))
        print(f"{what:<58} {figure:>22} {beside:>36} {ratio:>8}", flush=True)


def warm(table: Table, server: Server, runtime: str, seconds: int) -> None:
    client = server.client("lambda")
    make_function(client, "echo", runtime, {"app.py": ECHO})
    url = f"{server.url}/2015-03-31/functions/echo/invocations"
    with bare_path() as bare_url:
        for connections in (1, 16, 64):
            load(url, connections, 1)
            ours, bare = load(url, connections, seconds), load(bare_url, connections, seconds)
            label = f"warm invoke, 1 KB echo, {connections} connection{'s' if connections > 1 else ''}"
            table.add(
                f"{label}: p50", f"{ours.p50 / 1000:.2f} ms", f"bare {bare.p50 / 1000:.2f} ms", f"{ours.p50 / bare.p50:.2f}x"
            )
            table.add(
                f"{label}: p99", f"{ours.p99 / 1000:.2f} ms", f"bare {bare.p99 / 1000:.2f} ms", f"{ours.p99 / bare.p99:.2f}x"
            )
            table.add(f"{label}: rate", f"{ours.rate:.0f}/s", f"bare {bare.rate:.0f}/s", f"{ours.rate / bare.rate:.2f}x")
            assert ours.errors == 0, f"{ours.errors} errors"


def memory_mb(pid: int) -> float:
    """Of one process, what is its own: PSS, as the kernel shares out common pages."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found, rollup
    return int(found[1]) / 1024


def growth(table: Table, server: Server, runtime: str, invokes: int) -> None:
    """lambdad's memory after 10,000 invokes and after `invokes` more."""
    make_function(server.client("lambda"), "grow", runtime, {"app.py": ECHO})
    url = f"{server.url}/2015-03-31/functions/grow/invocations"

    def invoke(count: int) -> int:
        done = 0
        while done < count:
            seen = load(url, 16, 3)
            assert seen.errors == 0, f"{seen.errors} errors"
            done += round(seen.rate * 3)
        return done

    first = invoke(10_000)
    before = memory_mb(server.process.pid)
    more = invoke(invokes)
    after = memory_mb(server.process.pid)
    table.add(
        f"memory after {first + more} invokes", f"{after:.1f} MB", f"after {first}: {before:.1f} MB", f"{after / before:.2f}x"
    )


def many(table: Table, server: Server, runtime: str, seconds: int, functions: int) -> None:
    """Warm invokes of one function alone, then beside `functions` others."""
    client = server.client("lambda")
    make_function(client, "alone", runtime, {"app.py": ECHO})
    url = f"{server.url}/2015-03-31/functions/alone/invocations"

    def measured() -> dict[int, Load]:
        load(url, 16, 1)
        return {connections: load(url, connections, seconds) for connections in (1, 16)}

    before = measured()
    code = zipped({"app.py": ECHO})
    for number in range(functions):
        client.create_function(
            FunctionName=f"many-{number}", Runtime=runtime, Role=ROLE, Handler="app.handler", Code={"ZipFile": code}
        )
    client.get_waiter("function_active_v2").wait(FunctionName=f"many-{functions - 1}")
    for connections, now in measured().items():
        then = before[connections]
        label = f"with {functions} functions, {connections} connection{'s' if connections > 1 else ''}"
        table.add(f"{label}: p50", f"{now.p50 / 1000:.2f} ms", f"one {then.p50 / 1000:.2f} ms", f"{now.p50 / then.p50:.2f}x")
        table.add(f"{label}: rate", f"{now.rate:.0f}/s", f"one {then.rate:.0f}/s", f"{now.rate / then.rate:.2f}x")


def make_function(client: Any, name: str, runtime: str, files: dict[str, str]) -> None:
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped(files)},
        MemorySize=1769,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)


def cold(server: Server, runtime: str, files: dict[str, str], count: int, pause: float) -> list[float]:
    """Milliseconds from request to answer of `count` functions that were never invoked, one after the other."""
    client = server.client("lambda")
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    times = []
    for number in range(count):
        name = f"cold-{runtime.replace('.', '-')}-{number}"
        make_function(client, name, runtime, files)
        time.sleep(pause)

        def invoke(name: str = name) -> None:
            path = f"/2015-03-31/functions/{name}/invocations"
            connection.request(
                "POST", path, body=b"{}", headers={"Authorization": AUTHORIZATION, "X-Amz-Date": "20261121T000000Z"}
            )
            answer = connection.getresponse()
            body = answer.read()
            assert body == b'"hello"', body

        times.append(milliseconds(invoke))
    return times


def cold_starts(table: Table, server: Server, count: int) -> None:
    bare = [float(line) for line in run([sys.executable, str(HERE / "bare_fork.py"), str(count)]).split()]
    table.add("fork into new namespaces, nothing in it: p50", f"{statistics.median(bare):.2f} ms")
    interpreter = str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]
    for runtime, files, command in (
        (f"python{sys.version_info.major}.{sys.version_info.minor}", {"app.py": HELLO}, [interpreter, "-c", "pass"]),
        (node_runtime(server), {"app.js": HELLO_NODE}, [shutil.which("node") or "node", "-e", "0"]),
    ):
        if runtime is None:
            continue
        start, _ = quantiles(interpreter_start(command, count))
        times = cold(server, runtime, files, count, 0.05)
        p50, p99 = quantiles(times)
        beside = f"{Path(command[0]).name} {' '.join(command[1:])} {start:.1f} ms"
        table.add(f"cold start, {runtime}, hello: p50", f"{p50:.2f} ms", beside, f"{p50 / start:.2f}x")
        table.add(
            f"cold start, {runtime}, hello: p99",
            f"{p99:.2f} ms",
            f"fork {statistics.median(bare):.2f} ms",
            f"{p50 / statistics.median(bare):.2f}x",
        )


def node_runtime(server: Server) -> str | None:
    found = re.search(r"nodejs\d+\.x", server.ready_line)
    return found[0] if found else None


def run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=5, help="of load for each warm figure")
    arguments.add_argument("--count", type=int, default=50, help="of cold starts for each runtime")
    arguments.add_argument("--invokes", type=int, default=100_000, help="of the measurement of growth")
    arguments.add_argument("--functions", type=int, default=5_000, help="registered beside the one that is measured")
    arguments.add_argument("--only", choices=("warm", "cold", "many", "growth"))
    options = arguments.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench needs wrk, an HTTP load generator (Debian: apt install wrk)")
    os.environ.pop("NODE_EXTRA_CA_CERTS", None)  # it triples the start of a bare node, which would flatter us
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        # The rate that Lambda allows per unit of concurrency is a limit, not a speed.
        server = Server(Path(folder) / "data", ["--requests-per-concurrency", "0"]).start()
        try:
            print(server.ready_line)
            python = f"python{sys.version_info.major}.{sys.version_info.minor}"
            if options.only in (None, "warm"):
                warm(table, server, python, options.seconds)
            if options.only in (None, "cold"):
                cold_starts(table, server, options.count)
            if options.only in (None, "growth"):
                growth(table, server, python, options.invokes)
            if options.only in (None, "many"):
                many(table, server, python, options.seconds, options.functions)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
