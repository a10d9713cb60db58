"""The Python runtime as a sandbox starts it: by every interpreter of this machine."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.component.runtime_host import RUNTIMES, Host

ROOT = RUNTIMES / "python"
_ZYGOTE = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import bootstrap; bootstrap.main(rehearse=True)"
_OLDEST = (3, 9)

Run = Callable[..., Host]


def interpreters() -> list[str]:
    """The running one first, then one of each other version from 3.9 on, wherever people usually have them."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    directories = [Path("/usr/bin"), Path("/usr/local/bin"), *Path.home().glob(".pyenv/versions/*/bin")]
    for directory in directories:
        for path in sorted(directory.glob("python3.*")):
            version = path.name.removeprefix("python")
            if not re.fullmatch(r"3\.\d+", version) or tuple(map(int, version.split("."))) < _OLDEST or version in found:
                continue
            if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
                found[version] = str(path)
    return list(found.values())


@pytest.fixture(params=interpreters(), ids=lambda path: Path(path).name if path != sys.executable else "running")
def any_interpreter(request: pytest.FixtureRequest) -> str:
    executable: str = request.param
    return executable


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """`run(code, handler="m.handler", …)`: a runtime with module `m` that has been sent START."""
    with ExitStack() as stack:

        def begin(code: str, handler: str = "m.handler", executable: str = sys.executable, **start: object) -> Host:
            (tmp_path / "m.py").write_text(code)
            host = stack.enter_context(Host([executable, "-I", "-S", "-c", _ZYGOTE]))
            host.start(handler, tmp_path, **start)  # type: ignore[arg-type]
            return host

        yield begin
