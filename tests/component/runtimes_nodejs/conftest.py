"""The Node.js runtime as a sandbox starts it: by every Node.js of this machine."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.component.runtime_host import RUNTIMES, Host

ENTRY = RUNTIMES / "nodejs" / "index.mjs"
Run = Callable[..., Host]


def interpreters() -> list[str]:
    """Every `node` on the PATH and in nvm's directory; a machine without any has no tests to run here."""
    found = [shutil.which("node", path=directory) for directory in os.environ.get("PATH", "").split(":")]
    found += [str(path) for path in sorted(Path.home().glob(".nvm/versions/node/*/bin/node"))]
    return sorted({str(Path(path).resolve()) for path in found if path})


@pytest.fixture(scope="session", params=interpreters(), ids=lambda path: Path(path).parent.parent.name + "-node")
def node(request: pytest.FixtureRequest) -> str:
    executable: str = request.param
    return executable


@pytest.fixture
def run(tmp_path: Path, node: str) -> Iterator[Run]:
    """`run(code, handler="m.handler", …)`: a runtime with a file m.js (or `file`) that has been sent START.

    `version` is the runtime that the function was made for, whatever the interpreter's own version.
    """
    with ExitStack() as stack:

        def begin(
            code: str,
            handler: str = "m.handler",
            file: str = "m.js",
            version: int = 20,
            environment: dict[str, str] | None = None,
            **start: object,
        ) -> Host:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
            host = stack.enter_context(Host([node, str(ENTRY)]))
            variables = {"AWS_EXECUTION_ENV": f"AWS_Lambda_nodejs{version}.x", **(environment or {})}
            host.start(handler, tmp_path, variables, **start)
            return host

        yield begin
