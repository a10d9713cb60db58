"""Real sandboxes for the tests, and a way to run Python inside them. Also a program: `inside.py SCENARIO SCRATCH`.

The program is for scenarios that have to run as an ordinary user; it prints one JSON object.
"""

import asyncio
import itertools
import json
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambdad.artifacts.api import Prepared
from lambdad.sandbox.api import Exit, Interpreter, Limits, Process, Sandbox
from lambdad.sandbox.cgroups import Layout
from lambdad.sandbox.host import Host, inspect
from lambdad.sandbox.service import NamespaceSandboxes, ProcessSandboxes, Settings
from lambdad.sandbox.stems import Stem

RUNTIMES = Path(__file__).resolve().parent / "runtimes"
HEADER = struct.Struct(">BBHI")
START, INVOKE, NEXT, RESPONSE, INIT_ERROR = 1, 2, 16, 17, 19
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
LIMITS = Limits(memory_mb=128, ephemeral_mb=512, cores=128 / 1769)


def here(limits: bool = True) -> Host:
    """This host, with the running interpreter as the only Python, so that the tests need no other."""
    host = inspect(None, "/usr/bin")
    own = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    others = tuple(one for one in host.interpreters if not one.identifier.startswith("python"))
    host = replace(host, interpreters=(Interpreter(PYTHON, own, ""), *others))
    return host if limits else replace(host, cgroups=Layout(0, {}))


@asynccontextmanager
async def sandboxes(
    scratch: Path,
    *,
    host: Host | None = None,
    kind: type[NamespaceSandboxes] | type[ProcessSandboxes] = NamespaceSandboxes,
    **settings: Any,
) -> AsyncIterator[NamespaceSandboxes | ProcessSandboxes]:
    numbers = itertools.count()
    chosen = Settings(scratch, **{"runtimes": RUNTIMES, "ready": 0, **settings})
    made = kind(host or here(), chosen, lambda: f"s{next(numbers)}")
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def frame(process: Process, kind: int, head: dict[str, Any] | None = None, body: bytes = b"") -> None:
    data = json.dumps(head).encode() if head else b""
    await asyncio.get_running_loop().sock_sendall(process.channel, HEADER.pack(kind, 0, len(data), len(body)) + data + body)


async def _exactly(process: Process, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = await asyncio.get_running_loop().sock_recv(process.channel, count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


async def heard(process: Process) -> tuple[int, dict[str, Any], bytes]:
    kind, _zero, head, body = HEADER.unpack(await _exactly(process, 8))
    return kind, json.loads(await _exactly(process, head) or b"{}"), await _exactly(process, body)


async def run(process: Process, source: str) -> Any:
    """The value of `answer` after the source was executed inside; an Exit if the process ended over it."""
    try:
        await frame(process, INVOKE, body=source.encode())
        return json.loads((await heard(process))[2])
    except (EOFError, ConnectionError):
        return await process.exited


def close(sandbox: Sandbox, *processes: Process) -> None:
    """What a taker closes."""
    for process in (sandbox.process, *processes):
        for end in (process.channel, process.output, process.telemetry):
            end.close()
    for listener in (sandbox.runtime_api, sandbox.endpoint):
        if listener is not None:
            listener.close()


async def begun(made: NamespaceSandboxes | ProcessSandboxes, runtime: str = PYTHON) -> Stem:
    """A stem with its runtime process."""
    one = await made.take(runtime)
    await one.started()
    return one


@asynccontextmanager
async def sandbox(
    made: NamespaceSandboxes | ProcessSandboxes,
    code: Path,
    limits: Limits = LIMITS,
    runtime: str = PYTHON,
    opt: Path | None = None,
) -> AsyncIterator[Sandbox]:
    one = await begun(made, runtime)
    first = one.process
    try:
        await one.specialise(Prepared(code, opt), limits)
        yield one
    finally:
        close(one, first)
        await one.destroy()


FACTS = """
import os, re, socket
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(result):
    if result:
        raise OSError(ctypes.get_errno(), "refused")
answer = {
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(), "pid": os.getpid(),
    "pids": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"],
    "root": sorted(os.listdir("/")), "home": os.listdir("/home"), "etc": sorted(os.listdir("/etc")), "tmp": os.listdir("/tmp"),
    "root_home": attempt(lambda: os.listdir("/root")) if not os.access("/root", os.R_OK) else os.listdir("/root"),
    "private": attempt(lambda: os.listdir("/.lambdad")) if not os.access("/.lambdad", os.R_OK) else os.listdir("/.lambdad"),
    "shadow": attempt(lambda: open("/etc/shadow")),
    "write_task": attempt(lambda: open("/var/task/new", "w")), "write_usr": attempt(lambda: open("/usr/new", "w")),
    "write_etc": attempt(lambda: open("/etc/passwd", "a")), "write_runtime": attempt(lambda: open("/var/runtime/new", "w")),
    "write_shm": attempt(lambda: open("/dev/shm/new", "w")), "write_opt": attempt(lambda: open("/opt/new", "w")),
    "mount": attempt(lambda: call(libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None))),
    "umount": attempt(lambda: call(libc.umount2(b"/proc", 2))),
    "user_namespace": attempt(lambda: call(libc.unshare(0x10000000))),
    "trace_init": attempt(lambda: open("/proc/1/mem", "rb")), "init_fds": attempt(lambda: os.listdir("/proc/1/fd")),
    "init_environment": attempt(lambda: open("/proc/1/environ").read()),
    "kill_init": attempt(lambda: os.kill(1, 9)),
    "interfaces": [name for _number, name in socket.if_nameindex()], "host_name": socket.gethostname(),
    "fds": sorted(int(name) for name in os.listdir("/proc/self/fd")),
    "open_files": __import__("resource").getrlimit(7), "core": __import__("resource").getrlimit(4),
    "environment": dict(os.environ),
    "code": sorted(os.listdir("/var/task")),
    "user": __import__("pwd").getpwuid(os.getuid()).pw_name,
    "tmp_size": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize,
}
"""


async def facts(scratch: Path, code: Path) -> dict[str, Any]:
    async with sandboxes(scratch) as made, sandbox(made, code) as one:
        found: dict[str, Any] = await run(one.process, FACTS)
        return found


async def life(scratch: Path, code: Path) -> dict[str, Any]:
    """Restart keeps /tmp, kill and exit are told, a destroyed sandbox is gone."""
    async with sandboxes(scratch) as made, sandbox(made, code) as one:
        first = one.process
        await run(first, "import os, subprocess; subprocess.Popen(['sleep', '1000']); open('/tmp/kept', 'w').close()")
        second = await one.restart()
        listed = await run(second, FACTS)
        one.kill()
        killed = await second.exited
        third = await one.restart()
        exit_ = await run(third, "os = __import__('os'); os._exit(7)")
        for process in (second, third):
            for end in (process.channel, process.output, process.telemetry):
                end.close()
        fourth = await one.restart()
        peak = one.max_memory_used()
        await one.destroy()
        lost = await fourth.exited
        close(one, first)
        return {
            "first": _exit(await first.exited), "tmp": listed["tmp"], "pids": listed["pids"], "killed": _exit(killed),
            "exit": _exit(exit_), "lost": _exit(lost), "peak": peak,
        }  # fmt: skip


def _exit(exit_: Exit) -> dict[str, Any]:
    return {"status": exit_.status, "signal": exit_.signal, "out_of_memory": exit_.out_of_memory, "lost": exit_.lost}


SCENARIOS: dict[str, Callable[[Path, Path], Awaitable[dict[str, Any]]]] = {"facts": facts, "life": life}

if __name__ == "__main__":
    place = Path(sys.argv[2])
    (place / "code").mkdir()
    (place / "code/handler.py").write_text("")
    print(json.dumps(asyncio.run(SCENARIOS[sys.argv[1]](place / "scratch", place / "code"))))  # type: ignore[arg-type]
