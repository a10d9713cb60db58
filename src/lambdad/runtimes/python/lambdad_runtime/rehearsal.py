"""What START and the first event make a process do, done before anybody waits, without effect: the runtime's own code, with a
channel and a handler for the purpose.

Each page that a child writes for the first time is copied by the kernel, and reading a Python object writes its reference
count. That is some hundred page faults and more than half of a cold start; a child has them while it waits for START.
The zygote rehearses too, often enough for the interpreter to have filled its caches, so that children find them filled.
"""

from __future__ import annotations

import _socket
import json
import logging
import marshal
import os
import struct
import sys
import time
from importlib.machinery import FileFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER

from lambdad_runtime import loop, start
from lambdad_runtime.channel import INVOKE, START, Channel
from lambdad_runtime.telemetry import Telemetry

TIMES = 20
"""In the zygote. The interpreter specialises code that has run eight times, and tries later again what it could not."""
_HERE = os.path.dirname(os.path.abspath(__file__))
_MODULE = "rehearsed"
_VARIABLES = ("AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_LOG_STREAM_NAME", "_HANDLER")


class Rehearsal:
    """Made in the zygote; `run` is for it and for every child."""

    def __init__(self, runtime_root: str) -> None:
        self._root = runtime_root
        environment = {**dict.fromkeys(_VARIABLES, "rehearsal"), "LAMBDA_TASK_ROOT": _HERE, "PATH": "/usr/bin", "TZ": ":UTC"}
        first = {"environment": environment, "handler": _MODULE + ".handler", "cwd": os.curdir}
        second = {"id": "0" * 36, "deadline_ms": 0, "arn": "arn:aws:lambda:us-east-1:000000000000:function:rehearsal"}
        self._frames = _frame(START, first) + _frame(INVOKE, second, b'{"key": "value"}')
        self._hook = FileFinder.path_hook((_loader(), [".py"]))
        self._telemetry = Telemetry(-1)  # nothing is written

    def run(self) -> None:
        """Leaves everything as it was, but for what START sets anyway."""
        environment, path = dict(os.environ), list(sys.path)
        streams, handlers = (sys.stdout, sys.stderr), list(logging.getLogger().handlers)
        mine, theirs = _socket.socketpair()
        theirs.send(self._frames)
        theirs.shutdown(_socket.SHUT_WR)
        sys.path_hooks.insert(0, self._hook)
        try:
            self._play(Channel(mine.fileno()))
        finally:
            mine.close()
            theirs.close()
            sys.path_hooks.remove(self._hook)
            sys.modules.pop(_MODULE, None)
            for place in sys.path[: len(sys.path) - len(path) + 1]:
                sys.path_importer_cache.pop(place, None)
            sys.path[:] = path
            sys.stdout, sys.stderr = streams
            logging.getLogger().handlers[:] = handlers
            os.environ.clear()
            os.environ.update(environment)
            time.tzset()

    def _play(self, channel: Channel) -> None:
        head = start.receive_start(channel)
        start.become(head)
        start.replacement(head, __file__)
        start.be_born()
        runtime = loop.Runtime(channel, self._telemetry)
        try:
            runtime.serve(runtime.load(head, start.import_path(head, self._root), frozenset()))
        except EOFError:
            return  # all has been played


def _frame(kind: int, head: dict, body: bytes = b"") -> bytes:
    data = json.dumps(head).encode()
    return struct.pack(">BBHI", kind, 0, len(data), len(body)) + data + body


def _loader() -> type:
    """Loads what is compiled here once, as functions' modules are loaded: compiled, from a file beside the source."""
    with open(os.path.join(_HERE, _MODULE + ".py"), encoding="utf-8") as file:
        code = marshal.dumps(compile(file.read(), _MODULE + ".py", "exec"))
    unchecked = MAGIC_NUMBER + struct.pack("<IQ", 1, 0) + code  # https://peps.python.org/pep-0552/

    class Compiled(SourceFileLoader):
        def get_data(self, path):
            data = super().get_data(self.path)
            return unchecked if path != self.path else data

    return Compiled
