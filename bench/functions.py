"""The functions that are measured, and how they are made: as any client would, over the API."""

import re
import sys
from collections.abc import Mapping, Sequence

from tests.acceptance.functions import ROLE, zipped
from tests.acceptance.server import Server

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
ECHO = {"app.py": "def handler(event, context):\n    return event\n"}
COUNT = {"app.py": "calls = 0\n\ndef handler(event, context):\n    global calls\n    calls += 1\n    return calls\n"}
"""Answers how often its environment was invoked: 1 proves a cold start, 2 that it is the same environment."""
COUNT_NODE = {"app.js": "let calls = 0;\nexports.handler = async () => ++calls;\n"}
FIRST, SECOND = b"1", b"2"
"""Answers of a function that counts."""


def node(server: Server) -> str | None:
    """The newest Node.js runtime that this host has."""
    found = re.findall(r"nodejs(\d+)\.x", server.ready_line)
    return f"nodejs{max(map(int, found))}.x" if found else None


def create(
    server: Server, names: Sequence[str], files: Mapping[str, str | bytes], runtime: str = PYTHON, memory: int = 1769
) -> None:
    """Functions of the same code, made and waited for. 1,769 MB come with one processor."""
    client, package = server.client("lambda"), zipped(files)
    for name in names:
        client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": package},
            MemorySize=memory,
            Timeout=60,
        )
    for name in names:
        client.get_waiter("function_active_v2").wait(FunctionName=name)
