"""Where the time of a cold start goes: take, specialise, START to NEXT, first invoke; milliseconds, in one process.

    python -m bench.stages python3.11 30     a table: median and 99th percentile of every stage

Drives the sandboxes through their door, without HTTP, worker and logs; `cold` measures the whole.
"""

import argparse
import asyncio
import itertools
import py_compile
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from lambdad.artifacts.api import Prepared
from lambdad.runtime_api import frames
from lambdad.sandbox import host
from lambdad.sandbox.api import Limits, Sandbox
from lambdad.sandbox.service import NamespaceSandboxes, Settings

PROGRAMS = {
    "python": ("app.py", "def handler(event, context):\n    return 'hello'\n"),
    "nodejs": ("app.js", "exports.handler = async () => 'hello';\n"),
}
LIMITS = Limits(memory_mb=1769, ephemeral_mb=512, cores=1.0)
ENVIRONMENT = {"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "PATH": "/usr/bin:/bin", "TZ": ":UTC"}


async def receive(sandbox: Sandbox, decoder: frames.Decoder) -> list[frames.Frame]:
    loop = asyncio.get_running_loop()
    while True:
        data = await loop.sock_recv(sandbox.process.channel, 65536)
        assert data, "the runtime hung up"
        if found := decoder.feed(data):
            return found


async def start_one(
    sandboxes: NamespaceSandboxes, runtime: str, prepared: Prepared, times: Mapping[str, list[float]]
) -> Sandbox:
    loop, decoder = asyncio.get_running_loop(), frames.Decoder(frames.TO_LAMBDAD)
    marks = [time.perf_counter()]
    sandbox = await sandboxes.take(runtime)
    marks.append(time.perf_counter())
    await sandbox.specialise(prepared, LIMITS)
    marks.append(time.perf_counter())
    head = {"environment": ENVIRONMENT, "handler": "app.handler", "cwd": "/var/task"}
    await loop.sock_sendall(sandbox.process.channel, frames.encode(frames.START, head))
    assert [frame.kind for frame in await receive(sandbox, decoder)] == [frames.NEXT]
    marks.append(time.perf_counter())
    invoke = {"id": str(uuid.uuid4()), "deadline_ms": int(time.time() * 1000) + 3000, "arn": "arn:aws:lambda:x"}
    await loop.sock_sendall(sandbox.process.channel, frames.encode(frames.INVOKE, invoke, b"{}"))
    assert (await receive(sandbox, decoder))[0].body == b'"hello"'
    marks.append(time.perf_counter())
    for stage, (begin, end) in zip(times, itertools.pairwise(marks), strict=False):
        times[stage].append((end - begin) * 1000)
    times["together"].append((marks[-1] - marks[0]) * 1000)
    return sandbox


async def measure(runtime: str, count: int, ready: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {
        stage: [] for stage in ("take", "specialise", "START to NEXT", "invoke", "together", "destroy")
    }
    facts = await asyncio.to_thread(host.inspect, Path.home(), "/usr/local/bin:/usr/bin:/bin")
    with tempfile.TemporaryDirectory() as folder:
        name, text = PROGRAMS[runtime[:6]]
        code = Path(folder) / "code"
        code.mkdir()
        (code / name).write_text(text)
        if name.endswith(".py"):  # as artifacts prepares it
            py_compile.compile(str(code / name), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        Path(folder).chmod(0o755)
        sandboxes = NamespaceSandboxes(facts, Settings(Path(folder) / "run", ready=ready), lambda: uuid.uuid4().hex)
        await sandboxes.open()
        try:
            first = await start_one(sandboxes, runtime, Prepared(code, None), {stage: [] for stage in times})
            await first.destroy()
            for _ in range(count):
                await asyncio.sleep(0.1)  # for the pool to be full again
                sandbox = await start_one(sandboxes, runtime, Prepared(code, None), times)
                await asyncio.sleep(0.02)
                begin = time.perf_counter()
                await sandbox.destroy()
                times["destroy"].append((time.perf_counter() - begin) * 1000)
        finally:
            await sandboxes.close()
    return times


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("runtime", nargs="?", default=f"python3.{sys.version_info.minor}")
    arguments.add_argument("count", nargs="?", type=int, default=30)
    arguments.add_argument("--ready", type=int, default=2, help="stems kept ready; 0 measures an exhausted pool")
    options = arguments.parse_args()
    for stage, values in asyncio.run(measure(options.runtime, options.count, options.ready)).items():
        values.sort()
        p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
        print(f"{options.runtime:<12} {stage:<14} p50 {statistics.median(values):>7.2f} ms   p99 {p99:>7.2f} ms")


if __name__ == "__main__":
    main()
