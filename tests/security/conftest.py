"""lambdad as root and as an ordinary user, each with a function that attacks and one that is to be unharmed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Function, Maker
from tests.acceptance.nobody import as_nobody
from tests.acceptance.server import Server
from tests.security.functions import ATTACKER, SECRET, VICTIM, native_bootstrap


@pytest.fixture(scope="session", params=["own", "nobody"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`own`: the user who runs the suite."""
    if request.param == "nobody":
        with as_nobody() as running:
            yield running
        return
    running = Server(tmp_path_factory.mktemp("lambdad") / "data").start()
    yield running
    assert running.stop() == 0, running.errors.read_text()


@pytest.fixture(autouse=True)
def _sandboxed(server: Server) -> None:
    if "namespaces" not in server.ready_line:
        pytest.skip("this host makes no sandboxes")


@pytest.fixture(scope="session")
def maker(server: Server) -> Maker:
    return Maker(server.client("lambda"), newest_python(server))


@pytest.fixture
def make(server: Server) -> Iterator[Maker]:
    """For functions of one test."""
    maker = Maker(server.client("lambda"), newest_python(server))
    yield maker
    maker.clean()


@pytest.fixture(scope="session")
def attacker(maker: Maker) -> Function:
    """Executes the event's `source` and answers what it leaves in `answer`."""
    return maker.python_function(ATTACKER, MemorySize=1769, Timeout=60)


@pytest.fixture(scope="session")
def native(maker: Maker, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Function:
    """A program in C that makes system calls without any library's help; answers {attempt: errno, 0 for success}."""
    binary = native_bootstrap(tmp_path_factory.mktemp("native"))
    host = {"Variables": {"HOST_PORT": str(server.port), "HOST_PID": str(server.process.pid)}}
    return maker.create({"bootstrap": binary}, Runtime="provided.al2023", Handler="none", Environment=host)


@pytest.fixture(scope="session")
def _victim(maker: Maker) -> Function:
    return maker.python_function(VICTIM, Environment={"Variables": {"SECRET": SECRET}})


@pytest.fixture
def victim(_victim: Function) -> Iterator[Function]:
    """Another function, warm, with a secret in its code, its variables, its memory and its /tmp; afterwards it is as before."""
    before: Any = _victim.invoke()
    assert before["secret"] == SECRET
    yield _victim
    assert _victim.invoke() == before, "the very same process, with its file"


@pytest.fixture
def bystander() -> Iterator[int]:
    """The process id of one on the host, which is alive afterwards."""
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/sleep", ["sleep", "600"])
    yield pid
    assert os.waitpid(pid, os.WNOHANG) == (0, 0), "it lives"
    assert Path(f"/proc/{pid}").exists()
    os.kill(pid, 9)
    os.waitpid(pid, 0)
