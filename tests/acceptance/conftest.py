"""One lambdad for the whole acceptance suite; tests that hurt it start their own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.functions import Maker
from tests.acceptance.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("lambdad") / "data").start()
    yield running
    assert running.stop() == 0, running.errors.read_text()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A lambdad of this test's own, to restart or to hurt."""
    running = Server(tmp_path / "data").start()
    yield running
    running.stop()


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Server]:
    """A lambdad whose data directory is a file system of 24 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "none", data], check=True)
    try:
        server = Server(data).start()
        yield server
        server.stop()
    finally:
        subprocess.run(["umount", "-l", data], check=True)


@pytest.fixture(scope="session")
def client(server: Server) -> Any:
    return server.client("lambda")


@pytest.fixture(scope="session")
def python(server: Server) -> str:
    """The newest Python runtime that AWS accepts and this host has."""
    return newest_python(server)


def newest_python(server: Server) -> str:
    names = [word.strip("(),;") for word in server.ready_line.split()]
    found = [name for name in names if name.startswith("python3.")]
    assert found, server.ready_line
    return max(found, key=lambda name: int(name.removeprefix("python3.")))


@pytest.fixture
def make(client: Any, python: str) -> Iterator[Maker]:
    maker = Maker(client, python)
    yield maker
    maker.clean()


@pytest.fixture
def own_make(own_server: Server) -> Maker:
    """Makes functions in `own_server`."""
    return Maker(own_server.client("lambda"), newest_python(own_server))
