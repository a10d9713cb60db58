"""From START to the first NEXT: environment, paths, handlers, and what can be wrong with them."""

import re
import sys
from pathlib import Path

import pytest

from tests.component.runtime_host import INIT_ERROR, NEXT, RUNTIMES

from .conftest import ROOT, Run

VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def test_the_environment_is_that_of_start_and_no_other(run: Run, tmp_path: Path) -> None:
    host = run("import os\ndef handler(event, context): return [dict(os.environ), os.getcwd()]", environment={"A": "ä"})
    host.expect(NEXT)
    environment, directory = host.invoke(trace=None).json
    assert environment["A"] == "ä"
    assert directory == str(tmp_path)
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in environment and not [name for name in environment if "LAMBDAD" in name]


def test_the_import_path(run: Run, tmp_path: Path) -> None:
    host = run(
        "import sys\ndef handler(event, context): return sys.path",
        environment={"PYTHONPATH": "/var/task/own:/opt/python", "LAMBDA_RUNTIME_DIR": str(ROOT)},
    )
    host.expect(NEXT)
    path = host.invoke().json
    assert path[:5] == [str(tmp_path), "/opt/python", f"/opt/python/lib/{VERSION}/site-packages", str(ROOT), "/var/task/own"]
    assert all(path) and len(set(path)) == len(path)


def test_code_wins_over_layers_and_layers_over_the_runtime(run: Run, tmp_path: Path) -> None:
    opt = tmp_path / "opt"
    libraries = opt / "python" / "lib" / VERSION / "site-packages"
    libraries.mkdir(parents=True)
    (libraries / "low.py").write_text("NAME = 'libraries'")
    (libraries / "snapshot_restore_py.py").write_text("NAME = 'layer'")
    (libraries / "middle.py").write_text("NAME = 'libraries'")
    (opt / "python" / "middle.py").write_text("NAME = 'layer'")
    (opt / "python" / "high.py").write_text("NAME = 'layer'")
    (tmp_path / "high.py").write_text("NAME = 'task'")
    code = (
        "import high, middle, low, snapshot_restore_py\n"
        "def handler(event, context): return [high.NAME, middle.NAME, low.NAME, snapshot_restore_py.NAME]\n"
    )
    host = run(code, opt_root=str(opt))
    host.expect(NEXT)
    assert host.invoke().json == ["task", "layer", "libraries", "layer"]


def test_a_module_of_the_function_wins_over_one_that_the_zygote_has(run: Run, tmp_path: Path) -> None:
    (tmp_path / "uuid.py").write_text("def handler(event, context): return 'own uuid'")
    host = run("", handler="uuid.handler")
    host.expect(NEXT)
    assert host.invoke().json == "own uuid"


def test_a_function_may_have_modules_named_like_the_runtimes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bootstrap.py").write_text(
        "import __main__\ndef handler(event, context): return [__name__, sorted(vars(__main__))]\n"
    )
    host = run("", handler="bootstrap.handler")
    host.expect(NEXT)
    name, main = host.invoke().json
    assert name == "bootstrap"
    assert [entry for entry in main if not entry.startswith("__")] == []


@pytest.mark.parametrize("handler", ["pkg/inner.handler", "pkg.inner.handler"])
def test_handlers_in_packages(run: Run, tmp_path: Path, handler: str) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "inner.py").write_text("def handler(event, context): return __name__")
    host = run("", handler=handler)
    host.expect(NEXT)
    assert host.invoke().json == "pkg.inner"


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("", "m", "Runtime.MalformedHandlerName", "Bad handler 'm': not enough values to unpack (expected 2, got 1)"),
        ("", "m.none", "Runtime.HandlerNotFound", "Handler 'none' missing on module 'm'"),
        ("", "sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
        ("import nope", "m.f", "Runtime.ImportModuleError", "Unable to import module 'm': No module named 'nope'"),
        ("x = (", "m.f", "Runtime.UserCodeSyntaxError", "Syntax error in module 'm': '(' was never closed (m.py, line 1)"),
        ("raise KeyError('k')", "m.f", "KeyError", "'k'"),
    ],
)
def test_init_errors(run: Run, code: str, handler: str, error_type: str, message: str) -> None:
    host = run(code, handler=handler)
    failure = host.expect(INIT_ERROR)
    assert failure.head == {"type": error_type}
    assert failure.json["errorType"] == error_type
    assert failure.json["errorMessage"] == message
    assert failure.json["requestId"] == ""
    assert host.exit_status() == 1
    warning, error = host.log()
    assert warning.startswith("[WARNING]\t") and "\t\tLAMBDA_WARNING: Unhandled exception." in warning
    assert error.startswith(f"[ERROR] {error_type}: {message}\nTraceback (most recent call last):")


def test_an_error_of_the_modules_own_code_shows_where(run: Run) -> None:
    host = run("def f():\n    raise KeyError('k')\nf()")
    trace = host.expect(INIT_ERROR).json["stackTrace"]
    assert trace[0].endswith("in import_module\n    return _bootstrap._gcd_import(name[level:], package, level)\n")
    assert trace[-1].endswith("m.py\", line 2, in f\n    raise KeyError('k')\n")
    assert not [entry for entry in trace if "lambdad_runtime" in entry]


def test_a_syntax_error_names_file_and_line(run: Run, tmp_path: Path) -> None:
    host = run("a = 1\nb = = 2")
    assert host.expect(INIT_ERROR).json["stackTrace"] == [f'  File "{tmp_path}/m.py" Line 2\n    b = = 2']


def test_an_exit_during_init(run: Run) -> None:
    host = run("import sys\nsys.exit(7)")
    assert host.exit_status() == 7


def test_a_working_directory_that_is_not_there(run: Run) -> None:
    host = run("", cwd="/nowhere")
    failure = host.expect(INIT_ERROR)
    assert failure.json["errorType"] == "Runtime.InvalidWorkingDir"
    assert failure.json["errorMessage"] == "chdir /nowhere: no such file or directory"


def test_a_wrapper_script_starts_the_runtime(run: Run, tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text('#!/bin/sh\necho "wrapped $@"\nexport ADDED=yes\nexec "$@"\n')
    wrapper.chmod(0o755)
    command = [sys.executable, str(RUNTIMES / "python" / "bootstrap.py")]
    host = run(
        "import os\n"
        "def handler(event, context):\n"
        "    print('x')\n"
        "    return [os.environ['ADDED'], os.getcwd(), [name for name in os.environ if name.startswith('_L')]]\n",
        argv=[str(wrapper), *command],
    )
    host.expect(NEXT)
    assert host.written().decode() == f"wrapped {' '.join(command)}\n"
    assert host.invoke().json == ["yes", str(tmp_path), []]
    assert host.log() == ["x\n"]


@pytest.mark.parametrize(
    ("mode", "status", "said"), [(None, 127, "No such file or directory"), (0o644, 126, "Permission denied")]
)
def test_a_wrapper_script_that_can_not_be_executed(run: Run, tmp_path: Path, mode: int | None, status: int, said: str) -> None:
    wrapper = tmp_path / "wrapper"
    if mode is not None:
        wrapper.write_text("")
        wrapper.chmod(mode)
    host = run("", argv=[str(wrapper), sys.executable])
    assert host.exit_status() == status
    assert host.written().decode() == f"{wrapper}: {said}\n"


def test_snapstart_hooks_can_be_registered(run: Run) -> None:
    host = run(
        "from snapshot_restore_py import register_after_restore, register_before_snapshot\n"
        "@register_before_snapshot\n"
        "def before(): pass\n"
        "register_after_restore(print, 'restored', end='')\n"
        "def handler(event, context):\n"
        "    import snapshot_restore_py as s\n"
        "    after = [(print, ('restored',), {'end': ''})]\n"
        "    return [s.get_before_snapshot() == [(before, (), {})], s.get_after_restore() == after]\n"
    )
    host.expect(NEXT)
    assert host.invoke().json == [True, True]


def test_a_function_forks_and_its_children_can_log_but_not_answer(run: Run) -> None:
    host = run(
        "import os, subprocess, sys\n"
        "def handler(event, context):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        print('child')\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    return subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.listdir(\"/proc/self/fd\")))'],\n"
        "                          close_fds=False, capture_output=True, text=True).stdout\n"
    )
    host.expect(NEXT)
    descriptors = host.invoke().json
    assert "'1'" in descriptors and "'4'" not in descriptors
    assert host.log() == ["child\n"]


def test_children_of_one_zygote_draw_different_numbers(run: Run) -> None:
    code = "import random\ndef handler(event, context): return random.random()"
    first, second = run(code), run(code)
    first.expect(NEXT)
    second.expect(NEXT)
    assert first.invoke().json != second.invoke().json


def test_variables_that_are_read_when_a_process_starts(run: Run) -> None:
    code = "def handler(event, context): return [hash('a') == int(event), exit is not None]"
    first = run("def handler(event, context): return str(hash('a'))", environment={"PYTHONHASHSEED": "7"})
    first.expect(NEXT)
    second = run(code, environment={"PYTHONHASHSEED": "7"})
    second.expect(NEXT)
    assert second.invoke(first.invoke().json).json == [True, True]


def test_shared_libraries_of_the_function_are_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libown.so.1").symlink_to(find_library_file())
    host = run(
        "import ctypes, os\n"
        "def handler(event, context): return [ctypes.CDLL('libown.so.1') is not None, os.environ.get('LD_LIBRARY_PATH')]\n",
        environment={"LD_LIBRARY_PATH": f"/lib64:/nowhere:{tmp_path}/lib"},
    )
    host.expect(NEXT)
    assert host.invoke().json == [True, f"/lib64:/nowhere:{tmp_path}/lib"]


def find_library_file() -> str:
    """Some shared library that this very process has open."""
    maps = Path("/proc/self/maps").read_text()
    return next(line.split()[-1] for line in maps.splitlines() if re.search(r"/libc[.-][^/]*$", line))
