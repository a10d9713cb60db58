"""A program: byte-compile the Python files of a tree, run by the interpreter that will import them.

    python3.x -I -S -B compile_tree.py TREE MOUNTED CPU_SECONDS MEMORY_BYTES

Two processes, because what is compiled is anybody's. One walks the tree, reads sources and writes results, and never looks
into either. The other, its child, compiles: it gets a source through a pipe and answers bytes through another. It has no
other descriptor and can't get one, it has limits on time and memory, and where lambdad runs as root it is not root but
nobody. Nothing is imported of what is compiled.

Files that do not compile are passed over: their error appears at import, as on AWS. The results are unchecked: the tree
never changes, so the runtime need not look at the sources. Standard library only, for every Python from 3.10.
"""

# os instead of pathlib, because it is quick to start with, and descriptors instead of names.
# ruff: noqa: PTH103, PTH105, PTH108, PTH114, PTH118, PTH120, PTH123

import encodings.cp1252
import encodings.latin_1
import encodings.utf_8_sig  # noqa: F401 - the child can't open a codec's file any more
import importlib.util
import marshal
import os
import resource
import struct
import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Iterator

FILE_BYTES = 64 * 1024 * 1024
"""Of a source, and of what it is compiled to; larger ones are left to the import."""
NOBODY = 65534
"""The kernel's own number for nobody in particular: /proc/sys/kernel/overflowuid."""
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CHANCES = 4
"""How many compilers one tree may use up. What is not compiled here is compiled at import, in a sandbox."""
REQUEST = struct.Struct(">II")
ANSWER = struct.Struct(">I")
UNCHECKED_HASH = 1
"""The flags of such a file: https://peps.python.org/pep-0552/"""


class Ended(Exception):
    """The other process is gone, or says what it may not say."""


def read_exactly(descriptor: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = os.read(descriptor, min(size - len(data), 1 << 20))
        if not part:
            raise Ended
        data += part
    return bytes(data)


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


# The child


def c_library() -> "ctypes.CDLL | None":
    """None for an interpreter without ctypes, and on systems without prctl: there the limits have to do."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "prctl") else None
    except (ImportError, OSError):
        return None


def confine(cpu_seconds: int, memory_bytes: int) -> None:
    """From here on this process can only compute, and talk through the descriptors that it has."""
    libc = c_library()
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError:
            # The root of a user namespace without a nobody: outside of it this is an ordinary user.
            pass
    # After the change of users, which takes the first of them back (prctl(2)): end when the parent does; no program that
    # is executed gets rights that this process has not.
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    limits = (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
    )
    for what, most in limits:
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        try:
            resource.setrlimit(what, (most, most))
        except ValueError:  # macOS knows no limit of the address space.
            pass


def compiled(source: bytes, name: str) -> bytes:
    """The whole .pyc; b"" where there is none to be made."""
    try:
        code = compile(source, name, "exec", dont_inherit=True)
        header = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED_HASH) + importlib.util.source_hash(source)
        return header + marshal.dumps(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError, OSError, ImportError):
        return b""


def serve(requests: int, answers: int) -> None:
    while True:
        try:
            name_bytes, source_bytes = REQUEST.unpack(read_exactly(requests, REQUEST.size))
        except Ended:
            return
        name = os.fsdecode(read_exactly(requests, name_bytes))
        result = compiled(read_exactly(requests, source_bytes), name)
        write_all(answers, ANSWER.pack(len(result)) + result)


# The parent


class Compiler:
    """The other process, as this one sees it."""

    def __init__(self, cpu_seconds: int, memory_bytes: int) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        self._child = os.fork()
        if self._child:
            os.close(requests)
            os.close(answers)
            return
        status = 1
        try:
            os.close(self._requests)
            os.close(self._answers)
            warnings.simplefilter("ignore")
            confine(cpu_seconds, memory_bytes)
            serve(requests, answers)
            status = 0
        finally:
            os._exit(status)

    def compile(self, source: bytes, name: str) -> bytes:
        """Raises Ended, BrokenPipeError."""
        encoded = os.fsencode(name)
        write_all(self._requests, REQUEST.pack(len(encoded), len(source)) + encoded + source)
        (size,) = ANSWER.unpack(read_exactly(self._answers, ANSWER.size))
        if size > FILE_BYTES:
            raise Ended
        return read_exactly(self._answers, size)

    def end(self) -> None:
        os.close(self._requests)
        os.close(self._answers)
        os.waitpid(self._child, 0)


def read_source(path: str) -> "tuple[bytes, int] | None":
    """A regular file's bytes and mode."""
    try:
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            return (read_exactly(file.fileno(), status.st_size), status.st_mode) if status.st_size <= FILE_BYTES else None
    except (OSError, Ended):
        return None


def write_result(path: str, result: bytes, mode: int) -> None:
    """Whole or not at all."""
    unfinished = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & 0o666 | 0o200)
    except OSError:
        return
    try:
        write_all(descriptor, result)
        os.replace(unfinished, path)
    except OSError:  # A full disk.
        os.unlink(unfinished)
    finally:
        os.close(descriptor)


def compile_file(compiler: Compiler, source: str, mounted: str) -> None:
    target = importlib.util.cache_from_source(source)
    # What the package brought along itself stays. A link is compiled under its own name.
    if os.path.islink(source) or os.path.islink(os.path.dirname(target)) or os.path.lexists(target):
        return
    found = read_source(source)
    if found is not None:
        text, mode = found
        result = compiler.compile(text, mounted)
        if result:
            write_result(target, result, mode)


def sources(tree: str, mounted: str) -> "Iterator[tuple[str, str]]":
    """Where each is now, and where it will be."""
    for directory, below, files in os.walk(tree):
        below.sort()
        inside = os.path.normpath(os.path.join(mounted, os.path.relpath(directory, tree)))
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.join(directory, name), os.path.join(inside, name)


def main(tree: str, mounted: str, cpu_seconds: str, memory_bytes: str) -> None:
    os.umask(0o022)
    compiler = Compiler(int(cpu_seconds), int(memory_bytes))
    chances = CHANCES
    for source, name in sources(tree, mounted):
        try:
            compile_file(compiler, source, name)
        except (Ended, BrokenPipeError):
            # This source took too much of it, or broke it; the others are not to blame.
            compiler.end()
            chances -= 1
            if not chances:
                return
            compiler = Compiler(int(cpu_seconds), int(memory_bytes))
    compiler.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
