"""The program that byte-compiles, run as what it is."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from lambdad.artifacts.trees import COMPILE_MEMORY_BYTES, PROGRAM

TAG = sys.implementation.cache_tag


def compile_tree(tree: Path, cpu_seconds: int = 30, memory_bytes: int = COMPILE_MEMORY_BYTES) -> None:
    command = [sys.executable, "-I", "-S", "-B", PROGRAM, tree, "/var/task", str(cpu_seconds), str(memory_bytes)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def made(tree: Path) -> set[str]:
    return {path.name.split(".")[0] for path in tree.rglob("*.pyc")}


CONFINED = """
import sys
sys.path.insert(0, sys.argv[1])
from compile_tree import Compiler
compiler = Compiler(7, 1 << 31)
assert compiler.compile(b"x = 1", "x.py")
for name in ("status", "limits"):
    print(open(f"/proc/{compiler._child}/{name}").read())
compiler.end()
"""


def test_whatever_compiles_can_do_nothing_else() -> None:
    seen = subprocess.check_output([sys.executable, "-I", "-S", "-B", "-c", CONFINED, PROGRAM.parent], text=True)
    said = [line.split() for line in seen.splitlines()]
    assert ["NoNewPrivs:", "1"] in said
    assert "Max open files            0                    0" in seen
    assert "Max processes             0                    0" in seen
    assert "Max cpu time              7                    7" in seen
    if os.geteuid() == 0:
        assert ["Uid:", *["65534"] * 4] in said and ["Gid:", *["65534"] * 4] in said and ["Groups:"] in said
        assert ["CapPrm:", "0000000000000000"] in said and ["CapEff:", "0000000000000000"] in said


def test_a_source_that_uses_up_the_compiler_costs_the_others_nothing(tmp_path: Path) -> None:
    # It takes more memory to parse than there is.
    (tmp_path / "b.py").write_text("x = [" + "1," * 3_000_000 + "]\n")
    for name in ("a", "c"):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    compile_tree(tmp_path, memory_bytes=200 << 20)
    assert made(tmp_path) == {"a", "c"}


def test_a_tree_that_uses_up_every_compiler_is_left_to_the_import(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    for number in range(6):
        (tmp_path / f"b{number}.py").write_text("x = 1\n")
    compile_tree(tmp_path, memory_bytes=1)
    assert made(tmp_path) == set()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "ascii"])
def test_declared_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.py").write_bytes(f"# -*- coding: {encoding} -*-\nx = 'a'\n".encode(encoding))
    (tmp_path / "b.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    compile_tree(tmp_path)
    assert made(tmp_path) == {"a", "b"}


def test_warnings_do_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1 is 1\ny = '\\d'\n")
    compile_tree(tmp_path)
    assert made(tmp_path) == {"a"}


def test_results_have_the_modes_of_their_sources(tmp_path: Path) -> None:
    for mode in (0o600, 0o444, 0o755):
        source = tmp_path / f"m{mode:o}.py"
        source.write_text("x = 1\n")
        source.chmod(mode)
    compile_tree(tmp_path)
    found = {path.name.split(".")[0]: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.pyc")}
    assert found == {"m600": 0o600, "m444": 0o644, "m755": 0o644}


def test_a_killed_program_takes_its_compiler_along(tmp_path: Path) -> None:
    program = CONFINED.replace("compiler.end()", "sys.stdin.readline()").replace(
        "for name", "print(compiler._child, flush=True)\nfor name"
    )
    command = [sys.executable, "-I", "-S", "-B", "-c", program, PROGRAM.parent]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        watched = os.pidfd_open(child)
        parent.kill()
    assert select.select([watched], [], [], 10)[0]
    os.close(watched)
