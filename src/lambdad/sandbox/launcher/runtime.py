"""The runtime process of a sandbox: it has its fds 0–4 and nothing else, and becomes the runtime. User code starts here.

For `python3.x` the bootstrap that the launcher has imported already is called; nodejs is executed at once and waits for
START itself; for `provided.*` START is read here, and then the function's own bootstrap executed.
"""

import _signal  # type: ignore[import-not-found, unused-ignore]
import gc
import json
import os
import resource
import struct
import sys
from types import ModuleType
from typing import Any, Dict, List, NoReturn, Optional, Sequence

CHANNEL = 3
TELEMETRY = 4
_FIRST_FREE = 5

_HEADER = struct.Struct(">BBHI")
_START = 1
_INIT_ERROR = 19
_BOOTSTRAPS = ("/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap")
_NO_BOOTSTRAP = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
_PACKAGE = "_lambdad_launcher"
_PARTS = (
    "calls",
    "forks",
    "gaps",
    "isolation",
    "kernel",
    "landlock",
    "links",
    "loop",
    "messages",
    "namespaces",
    "nests",
    "processes",
    "runtime",
    "seccomp",
    "supervisor",
)
_OWN = (_PACKAGE, *[_PACKAGE + "." + part for part in _PARTS])
"""The launcher's modules, which a function does not see."""

_CORE = 1
"""Bytes of a core dump: none, and not 0. Where the host pipes core dumps to a program, the kernel heeds no limit but 1, so a
function that crashes would be read by a process of the host's root; core(5), fs/coredump.c."""
_OPEN_FILES = 1024
_PROCESSES = 1024
"""Both: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def wire(channel: int, output: int, telemetry: int) -> None:
    """fd 0 = /dev/null, 1 and 2 = output, 3 = channel, 4 = telemetry; everything else is closed."""
    null = os.open("/dev/null", os.O_RDWR)
    # First out of the way of 0–4, so that no descriptor is overwritten before it was copied.
    high = [os.dup2(fd, 100 + place) for place, fd in enumerate((null, output, output, channel, telemetry))]
    for place, fd in enumerate(high):
        os.dup2(fd, place, inheritable=True)
    os.closerange(_FIRST_FREE, 65536)


def limit_resources(processes: bool) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (_CORE, _CORE))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if processes:
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        most = _PROCESSES if hard == resource.RLIM_INFINITY else min(_PROCESSES, hard)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def forget_signals() -> None:
    """Of the launcher's only this one differs from what a fresh interpreter has. By `_signal`, since `signal` makes enums of
    everything, on some 40 pages that are shared with the launcher."""
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)


def become(
    kind: str, execute: Sequence[str], environment: Dict[str, str], zygote: Optional[ModuleType], ahead: bool
) -> NoReturn:
    """`kind` is the family: python, nodejs or provided; `ahead`: nobody waits for it yet."""
    try:
        if kind == "python":
            _python(zygote, ahead)
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)  # every Python ignores it, and that would outlive execve
        if kind == "nodejs":
            os.execve(execute[0], list(execute), environment)
        _provided()
    except BaseException:  # whatever it was, this process must not go on as a copy of its parent
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    os._exit(1)


def _python(zygote: Optional[ModuleType], ahead: bool) -> NoReturn:
    for name in _OWN:  # by name: to look at every module would copy the pages that are shared with the launcher
        sys.modules.pop(name, None)
    gc.enable()
    assert zygote is not None
    status = 0
    try:
        zygote.main(channel_fd=CHANNEL, telemetry_fd=TELEMETRY, rehearse=ahead)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    os._exit(status & 0xFF)


def _read(count: int) -> bytes:
    parts: List[bytes] = []
    while count:
        part = os.read(CHANNEL, count)
        if not part:
            os._exit(1)  # lambdad is gone
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _refuse(kind: str, text: str) -> NoReturn:
    head = json.dumps({"type": kind}).encode()
    body = json.dumps({"errorType": kind, "errorMessage": text}).encode()
    data = _HEADER.pack(_INIT_ERROR, 0, len(head), len(body)) + head + body
    while data:
        data = data[os.write(CHANNEL, data) :]
    os._exit(1)


def _provided() -> NoReturn:
    """Reads START and becomes its `argv`, or the first of its `bootstraps` that can be executed."""
    kind, _zero, head_length, body_length = _HEADER.unpack(_read(_HEADER.size))
    head: Dict[str, Any] = json.loads(_read(head_length) or b"{}")
    _read(body_length)
    if kind != _START:
        os._exit(1)
    environment = {str(key): str(value) for key, value in head.get("environment", {}).items()}
    os.chdir(head.get("cwd") or "/")
    candidates = head.get("bootstraps") or ()
    argv = list(head.get("argv") or ())
    if not argv or (candidates and argv == list(candidates)):
        found = [path for path in candidates or _BOOTSTRAPS if os.path.isfile(path) and os.access(path, os.X_OK)]
        if not found:
            _refuse("Runtime.InvalidEntrypoint", _NO_BOOTSTRAP)
        argv = [found[0]]
    os.set_inheritable(CHANNEL, False)
    os.set_inheritable(TELEMETRY, False)
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        _refuse("Runtime.InvalidEntrypoint", f"fork/exec {argv[0]}: {(error.strerror or str(error)).lower()}")
