"""A program: byte-compile the Python files of a tree, run by the interpreter that will import them.

    python3.x -I -S -B compile_tree.py TREE MOUNTED CPU_SECONDS MEMORY_BYTES

It never imports what it compiles. Files that do not compile are passed over: their error appears at import, as on AWS.
The results are unchecked: the tree never changes, so the runtime need not look at the sources. Standard library only, for
every Python from 3.10.
"""

# os.path, because it is quick to start with.
# ruff: noqa: PTH114, PTH118, PTH120

import importlib.util
import os
import py_compile
import resource
import sys

FILE_BYTES = 64 * 1024 * 1024


def limit(cpu_seconds: int, memory_bytes: int) -> None:
    for what, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        try:
            resource.setrlimit(what, (most, most))
        except ValueError:  # macOS knows no limit of the address space.
            pass


def compile_file(source: str, mounted: str) -> None:
    compiled = importlib.util.cache_from_source(source)
    # What the package brought along itself stays. A link is compiled under its own name.
    if os.path.islink(source) or os.path.islink(os.path.dirname(compiled)) or os.path.lexists(compiled):
        return
    try:
        py_compile.compile(
            source,
            compiled,
            dfile=mounted,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except (py_compile.PyCompileError, OSError, MemoryError, RecursionError, ValueError):
        pass


def main(tree: str, mounted: str, cpu_seconds: str, memory_bytes: str) -> None:
    os.umask(0o022)
    limit(int(cpu_seconds), int(memory_bytes))
    for directory, below, files in os.walk(tree):
        below.sort()
        inside = os.path.normpath(os.path.join(mounted, os.path.relpath(directory, tree)))
        for name in sorted(files):
            if name.endswith(".py"):
                compile_file(os.path.join(directory, name), os.path.join(inside, name))


if __name__ == "__main__":
    main(*sys.argv[1:])
