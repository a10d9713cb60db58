"""Cold starts together, cold starts for a while, and many warm environments; prints what `bench/run.py` has no room for.

python bench/scale.py burst       20 new functions invoked at once, five times
python bench/scale.py sustained   cold starts per second for --seconds, never using an environment twice
python bench/scale.py warm        --count warm environments of as many functions: time, memory, all answering
"""

import argparse
import concurrent.futures
import http.client
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.run import AUTHORIZATION, HELLO
from tests.acceptance.functions import ROLE, zipped
from tests.acceptance.server import Server

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"


def create(server: Server, names: list[str]) -> None:
    client, package = server.client("lambda"), zipped({"app.py": HELLO})
    for name in names:
        client.create_function(
            FunctionName=name, Runtime=RUNTIME, Role=ROLE, Handler="app.handler", Code={"ZipFile": package}, MemorySize=128
        )
    for name in names:
        client.get_waiter("function_active_v2").wait(FunctionName=name)


def invoke(server: Server, name: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"Authorization": AUTHORIZATION, "X-Amz-Date": "20261121T000000Z"}
    connection.request("POST", f"/2015-03-31/functions/{name}/invocations", body=b"{}", headers=headers)
    body = connection.getresponse().read()
    connection.close()
    assert body == b'"hello"', body


def at_once(server: Server, names: list[str], threads: int) -> float:
    """Milliseconds until all of them have answered."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        list(pool.map(lambda name: invoke(server, name), names))
        return (time.perf_counter() - begin) * 1000


def burst(server: Server) -> None:
    times = []
    for number in range(5):
        names = [f"burst-{number}-{each}" for each in range(20)]
        create(server, names)
        time.sleep(2)
        times.append(at_once(server, names, 20))
    print("20 new functions at once, ms until all have answered:", *(f"{each:.0f}" for each in times))
    print(f"median {statistics.median(times):.0f} ms, {20_000 / statistics.median(times):.0f} cold starts/s")


def sustained(server: Server, seconds: float) -> None:
    names = [f"each-{number}" for number in range(int(seconds * 200))]
    create(server, names)
    time.sleep(2)
    done, begin = 0, time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for batch in range(0, len(names), 40):
            list(pool.map(lambda name: invoke(server, name), names[batch : batch + 40]))
            done += len(names[batch : batch + 40])
            if time.perf_counter() - begin > seconds:
                break
    print(f"{done} cold starts in {time.perf_counter() - begin:.1f} s: {done / (time.perf_counter() - begin):.0f}/s")


def proportional(pids: list[int]) -> float:
    """PSS of all of them together, MB; proc_pid_smaps_rollup in proc(5)."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def warm(server: Server, count: int) -> None:
    names = [f"warm-{number}" for number in range(count)]
    create(server, names)
    at_once(server, names, 8)
    environments = server.introspect()["environments"]
    again = at_once(server, names, 8)
    after = {each["id"] for each in server.introspect()["environments"]}
    kept = len(after & {each["id"] for each in environments})
    memory = proportional([each["pid"] for each in environments if each["pid"]])
    print(
        f"{len(environments)} environments of {count} functions are listed; a second call of each took {again:.0f} ms together"
    )
    print(f"{kept} of them are the same ones as before; {memory / max(1, len(environments)):.1f} MB (PSS) each")
    print(f"lambdad itself: {proportional([server.process.pid]):.1f} MB (PSS)")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", choices=("burst", "sustained", "warm"))
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--count", type=int, default=1000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", ["--requests-per-concurrency", "0"]).start()
        try:
            match options.what:
                case "burst":
                    burst(server)
                case "sustained":
                    sustained(server, options.seconds)
                case _:
                    warm(server, options.count)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
