"""Second half of a launcher: prepare the zygote, then fork stems, mount what they are to show, and end them.

Usage: python -I -S main.py CONTROL_FD, with the order {"level", "kind", "execute", "environment", "ports",
"user_namespaces", "limit_processes", "runtime_root", "hub"} waiting on that socket.
"""

import gc
import importlib
import importlib.util
import os
import signal
import site
import socket
import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING

_PACKAGE = "_lambdad_launcher"

if TYPE_CHECKING:
    from lambdad.sandbox.launcher import gaps, loop, messages, namespaces, processes
else:
    # As a package under a name that no function's module has.
    _HERE = os.path.dirname(os.path.abspath(__file__))
    _spec = importlib.util.spec_from_file_location(
        _PACKAGE, os.path.join(_HERE, "__init__.py"), submodule_search_locations=[_HERE]
    )
    sys.modules[_PACKAGE] = importlib.util.module_from_spec(_spec)
    gaps = importlib.import_module(_PACKAGE + ".gaps")
    messages = importlib.import_module(_PACKAGE + ".messages")
    processes = importlib.import_module(_PACKAGE + ".processes")
    if sys.platform == "linux":
        namespaces = importlib.import_module(_PACKAGE + ".namespaces")


def _zygote(root: str) -> ModuleType:
    """The bootstrap of the Python runtime, with what every function would import anyway, ready to be forked."""
    sys.path.insert(0, root)
    # The builtins that an ordinary start of the interpreter has, and -S leaves out.
    site.setquit()
    site.setcopyright()
    site.sethelper()
    time.tzset()
    return importlib.import_module("bootstrap")


def main(control_fd: int) -> None:
    control = socket.socket(fileno=control_fd)
    order, _fds, _pid = messages.receive(control)
    os.umask(0o022)
    gc.disable()
    os.environ.clear()
    # Of the signals that a parent may have been told to ignore: as an interpreter in the foreground has it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        zygote = _zygote(order["runtime_root"]) if order["kind"] == "python" else None
        if order["level"] == "namespaces":
            launcher: "loop.Launcher" = namespaces.NamespaceLauncher(control, order, zygote)
        else:
            launcher = processes.ProcessLauncher(control, order, zygote)
        launcher.enter()
    except Exception as error:
        messages.send(control, {"op": "failed", "id": "", "error": f"{type(error).__name__}: {error}"})
        raise
    gc.collect()
    launcher.filling = gaps.close()
    gc.freeze()
    launcher.run()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
