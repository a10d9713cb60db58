"""A lambdad that an ordinary user runs, for suites that run as root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.acceptance.server import Server

_NOBODY = 65534
Stand = Callable[[], AbstractContextManager[None]]


@contextmanager
def as_nobody(options: Sequence[str] = (), before: Sequence[str] = (), stand: Stand = nullcontext) -> Iterator[Server]:
    """Run by the user nobody, from a copy that nobody can read, by an interpreter that nobody can run. `before`: what root does
    first."""
    if os.geteuid() != 0:
        pytest.skip("the suite runs as an ordinary user already")
    setpriv, interpreter = shutil.which("setpriv"), Path("/usr/bin/python3")
    if setpriv is None or not interpreter.exists():
        pytest.skip("needs setpriv and a Python that every user can run")
    with tempfile.TemporaryDirectory(prefix="lambdad-nobody-") as name:
        home = Path(name)
        home.chmod(0o755)
        subprocess.run([interpreter, "-m", "venv", home / "venv"], check=True)
        project = Path(__file__).parents[2]
        wheel_source = home / "project"
        shutil.copytree(project / "src", wheel_source / "src")
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(project / file, wheel_source / file)
        subprocess.run([home / "venv" / "bin" / "pip", "install", "--quiet", wheel_source], check=True, timeout=300)
        (home / "state").mkdir()
        os.chown(home / "state", _NOBODY, _NOBODY)
        prefix = [*before, setpriv, f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        server = Server(home / "state" / "data", options, prefix)
        server.errors = home / "stderr"
        server.python = str(home / "venv" / "bin" / "python")
        with stand():
            yield server.start()
            assert server.stop() == 0, server.errors.read_text()
