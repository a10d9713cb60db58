"""From a forked child of a zygote to the function's own process: environment, directory, import path, leftovers."""

from __future__ import annotations

import errno
import importlib
import json
import logging
import os
import re
import sys
import threading
import time
from types import ModuleType

from lambdad_runtime.channel import START, Channel
from lambdad_runtime.faults import Fault

CONTINUED = "_LAMBDAD_START"
"""Variable that hands START's head, as JSON, over to a runtime behind a wrapper script, who can't read START again."""

TELEMETRY = "_LAMBDA_TELEMETRY_LOG_FD"

_PRELOAD = (
    "argparse", "ast", "base64", "bisect", "calendar", "concurrent.futures", "concurrent.futures.thread",
    "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal", "email.message", "email.parser", "fnmatch",
    "gzip", "hashlib", "hmac", "html", "http.client", "inspect", "ipaddress", "logging.config", "math", "mimetypes",
    "numbers", "pathlib", "pickle", "platform", "queue", "random", "re", "secrets", "shutil", "socket", "ssl",
    "string", "struct", "subprocess", "tempfile", "threading", "typing", "unicodedata", "urllib.request", "uuid",
    "weakref", "xml.etree.ElementTree", "zipfile", "zlib",
)  # fmt: skip
"""Standard modules that functions and AWS's SDK for Python often import: 100 ms of a cold start, paid once in the zygote."""


_READ_AT_START = (
    "GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_ARENA_MAX", "PYTHONDEVMODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED",
    "PYTHONINTMAXSTRDIGITS", "PYTHONMALLOC", "PYTHONNODEBUGRANGES", "PYTHONOPTIMIZE", "PYTHONTRACEMALLOC", "PYTHONWARNINGS",
)  # fmt: skip
"""Variables that the interpreter or the loader reads only when a process starts, which the zygote has done before START."""
_LIBRARY = re.compile(r"lib.*\.so(\.[0-9.]+)?$")
_SYSTEM_LIBRARIES = ("/var/lang/lib", "/lib64", "/usr/lib64", "/var/runtime", "/var/runtime/lib")


def preload() -> frozenset:
    """Import what functions often need. Returns the names of top-level modules that came with it, for `forget_shadowed`."""
    before = set(sys.modules)
    for name in _PRELOAD:
        try:
            importlib.import_module(name)
        except ImportError:
            # An interpreter may be built without ssl and the like; the function's own import will say so.
            continue
    return frozenset([name for name in set(sys.modules) - before if "." not in name])


def receive_start(channel: Channel) -> dict:
    """START's head, or what is left of it for a process that another one has executed.

    Raises EOFError, or ValueError for another frame.
    """
    continued = os.environ.pop(CONTINUED, None)
    if continued is not None:
        return json.loads(continued)
    kind, head, _ = channel.receive()
    if kind != START:
        raise ValueError("expected START, got a frame of kind %d" % kind)
    return head


def replacement(head: dict, bootstrap: str) -> list[str] | None:
    """What has to be executed in place of this process, if anything: a wrapper script, or a Python of the function's own.

    That is slower than a fork, so it is for functions that need it: with variables that are read when a process starts, or
    with shared libraries in their code or layers, since the loader remembers where it once found no directory.
    """
    if head.get("argv"):
        return head["argv"]
    environment = head.get("environment")
    if environment is None:
        return None
    directories = environment.get("LD_LIBRARY_PATH", "").split(":")
    if any(environment.get(name) for name in _READ_AT_START) or _has_libraries(directories):
        return [sys.executable, "-S", bootstrap]
    return None


def _has_libraries(directories: list[str]) -> bool:
    for directory in directories:
        if directory and directory not in _SYSTEM_LIBRARIES:
            try:
                names = os.listdir(directory)
            except OSError:
                continue  # not there, no directory, or not readable: the loader passes over it as well
            if any(_LIBRARY.match(name) for name in names):
                return True
    return False


def become(head: dict) -> None:
    """Take the function's environment variables. Without `environment` the present ones are right already."""
    environment = head.get("environment")
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    # Named for official runtime clients, which take it away as well: a function's children must not write frames.
    os.environ.pop(TELEMETRY, None)
    time.tzset()


def enter(head: dict) -> None:
    """Change to the working directory. Raises Fault, type Runtime.InvalidWorkingDir."""
    directory = head.get("cwd") or task_root()
    try:
        os.chdir(directory)
    except OSError as error:
        raise Fault("Runtime.InvalidWorkingDir", "chdir %s: %s" % (directory, (error.strerror or "").lower())) from error


def task_root() -> str:
    return os.environ.get("LAMBDA_TASK_ROOT") or "/var/task"


def execute(argv: list[str], head: dict, descriptors: tuple[int, int]) -> int:
    """Replace this process by `argv`, with the channel kept open. Returns the exit status if that fails."""
    rest = {key: value for key, value in head.items() if key not in ("argv", "environment")}
    environment = dict(os.environ)
    environment[CONTINUED] = json.dumps(rest)
    environment[TELEMETRY] = str(descriptors[1])
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    try:
        os.execve(argv[0], argv, environment)
    except OSError as error:
        os.write(2, ("%s: %s\n" % (argv[0], error.strerror)).encode("utf-8", "replace"))
        # As a shell says it: 127 if there is no such program, 126 if it can't be executed.
        return 127 if error.errno == errno.ENOENT else 126


def import_path(head: dict, runtime_root: str) -> list[str]:
    """What goes before the interpreter's own directories: code, layers, the runtime's libraries, PYTHONPATH."""
    opt = head.get("opt_root") or "/opt"
    libraries = "%s/python/lib/python%d.%d/site-packages" % (opt, sys.version_info[0], sys.version_info[1])
    path = [task_root(), opt + "/python", libraries, os.environ.get("LAMBDA_RUNTIME_DIR") or runtime_root]
    for entry in os.environ.get("PYTHONPATH", "").split(":"):
        if entry and entry not in path:
            path.append(entry)
    return path


def take_path(path: list[str]) -> None:
    """Put `path` first. What the zygote remembers of these directories is from before the code was there."""
    sys.path[:] = path + [entry for entry in sys.path if entry and entry not in path]
    for entry in path:
        sys.path_importer_cache.pop(entry, None)


def forget_shadowed(preloaded: frozenset, directories: list[str]) -> None:
    """Let a function's own module win over a preloaded one of the same name, as it does where nothing is preloaded."""
    for directory in directories:
        try:
            names = os.listdir(directory)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            name = name.partition(".")[0]
            if name in preloaded:
                prefix = name + "."
                for loaded in [module for module in sys.modules if module == name or module.startswith(prefix)]:
                    del sys.modules[loaded]


def leave_zygote(bootstrap: str) -> None:
    """Undo what a child shares with its siblings and shows of its parent."""
    # A function's handler may well be called bootstrap.handler. By name: to look at every module would copy their pages.
    sys.modules.pop(os.path.splitext(os.path.basename(bootstrap))[0], None)
    main = ModuleType("__main__")
    main.__file__ = bootstrap
    sys.modules["__main__"] = main
    sys.argv[:] = [bootstrap]
    sys.dont_write_bytecode = True


def be_born() -> None:
    """The function's own process begins now: what siblings must not have in common, and what counts from its start."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    # The launcher forks without the hooks of `os.fork`, see its forks.py; this is the one whose effect can be seen.
    set_native_id = getattr(threading.main_thread(), "_set_native_id", None)
    if set_native_id is not None:
        set_native_id()
    # Ages of log records count from the start of the process: nanoseconds since Python 3.13, seconds before.
    logging._startTime = time.time_ns() if isinstance(logging._startTime, int) else time.time()


def add_site_builtins() -> None:
    """`exit`, `quit` and `help`, which an interpreter started without the site module lacks."""
    import builtins
    import site

    if not hasattr(builtins, "exit"):
        site.setquit()
        site.setcopyright()
        site.sethelper()
