"""The bare interpreters: real executables, no shims, a clean environment."""

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PYTHON = str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]
CLEAN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def node() -> str | None:
    found = shutil.which("node")
    return str(Path(found).resolve()) if found else None


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What it prints."""
    return subprocess.run(command, env=CLEAN | dict(environment or {}), stdout=subprocess.PIPE, text=True, check=True).stdout


def milliseconds(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """From the start of the process to its end."""
    begun = time.perf_counter()
    run(command, environment)
    return (time.perf_counter() - begun) * 1000
