"""The host's cache of unpacked trees.

    <cache>/<key>/tree/      what is mounted
    <cache>/<key>/complete   the boot during which it was made, and the packages in it
    <cache>/<key>/<runtime>  it has been byte-compiled for that runtime
    <cache>/unfinished/      what is being made, or deleted; emptied at start

A tree appears under its key by one rename, so it is never seen half. Nothing is flushed to the disk: after a power failure
files of a finished tree may be empty, so trees of an earlier boot are not trusted but made again.
"""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lambdad.artifacts.layout import Leaf, Tree
from lambdad.artifacts.zips import Kind, inflate
from lambdad.substrate.directory import make_private

# Bytes and descriptors instead of Path, for tens of thousands of files.
# ruff: noqa: PTH101, PTH102, PTH123, PTH211

PROGRAM = Path(__file__).with_name("compile_tree.py")
UNFINISHED = "unfinished"
COMPLETE = "complete"
COMPILE_CPU_SECONDS = 30
COMPILE_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
COMPILE_WALL_SECONDS = 60.0


class Marker(msgspec.Struct, frozen=True):
    boot: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cached:
    path: Path
    digests: tuple[str, ...]
    runtimes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Compiler:
    """How to byte-compile a tree for one runtime."""

    runtime: str
    interpreter: Path


class TreeCache:
    """All methods block. Different keys may be worked on by different threads; one key by one thread at a time."""

    def __init__(self, directory: Path, boot: str) -> None:
        self._directory = directory
        self._unfinished = directory / UNFINISHED
        self._boot = boot

    def open(self) -> tuple[dict[str, Cached], list[Path]]:
        """What is there already, and what is to be buried: what a kill left half-made, and what an earlier boot made."""
        make_private(self._unfinished)
        found: dict[str, Cached] = {}
        for entry in self._directory.iterdir():
            if entry.name == UNFINISHED:
                continue
            marker = _read_marker(entry / COMPLETE)
            if marker is None or marker.boot != self._boot or not (entry / "tree").is_dir():
                entry.rename(Path(tempfile.mkdtemp(dir=self._unfinished)) / "gone")
                continue
            runtimes = frozenset(each.name for each in entry.iterdir() if each.name not in ("tree", COMPLETE))
            found[entry.name] = Cached(entry / "tree", marker.digests, runtimes)
        return found, list(self._unfinished.iterdir())

    def bury(self, graves: Sequence[Path]) -> None:
        """May take long after a reboot, and is in nobody's way."""
        for grave in graves:
            _remove(grave)

    def make(
        self, key: str, tree: Tree, packages: Sequence[bytes], digests: Sequence[str], mounted: str, compiler: Compiler | None
    ) -> Cached:
        """Unpack and compile. Raises OSError (a full disk): then nothing is there."""
        work = Path(tempfile.mkdtemp(dir=self._unfinished))
        runtimes: frozenset[str] = frozenset()
        try:
            _unpack(tree, packages, work / "tree")
            if compiler is not None:
                _compile(work, mounted, compiler)
                runtimes = frozenset((compiler.runtime,))
            (work / COMPLETE).write_bytes(msgspec.json.encode(Marker(self._boot, tuple(digests))))
            self._publish(work, key)
        except BaseException:
            _remove(work)
            raise
        return Cached(self._directory / key / "tree", tuple(digests), runtimes)

    def _publish(self, work: Path, key: str) -> None:
        while True:
            try:
                work.rename(self._directory / key)
                return
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            # In the way is what somebody damaged by hand.
            self.delete(key)

    def compile(self, key: str, cached: Cached, mounted: str, compiler: Compiler) -> Cached:
        """For one more runtime. Compiled files have the runtime in their names, so those in use are not touched."""
        _compile(self._directory / key, mounted, compiler)
        return Cached(cached.path, cached.digests, cached.runtimes | {compiler.runtime})

    def delete(self, key: str) -> None:
        """It is gone from its key at once, and from the disk when this returns."""
        grave = Path(tempfile.mkdtemp(dir=self._unfinished))
        try:
            (self._directory / key).rename(grave / "gone")
        except FileNotFoundError:
            pass
        _remove(grave)


def _read_marker(path: Path) -> Marker | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Marker)
    except (OSError, msgspec.MsgspecError):
        return None


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _unpack(tree: Tree, packages: Sequence[bytes], root: Path) -> None:
    stack: list[tuple[bytes, Tree]] = [(os.fsencode(root), tree)]
    while stack:
        directory, nodes = stack.pop()
        os.mkdir(directory)
        os.chmod(directory, 0o755)  # Whatever the umask.
        for name, node in nodes.items():
            path = directory + b"/" + name.encode()
            if not isinstance(node, Leaf):
                stack.append((path, node))
            elif node.member.kind is Kind.LINK:
                os.symlink(node.target.encode(), path)
            else:
                _write_file(path, node, packages[node.package])


def _write_file(path: bytes, leaf: Leaf, package: bytes) -> None:
    member = leaf.member
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        for chunk in inflate(package, member, member.size):
            view = memoryview(chunk)
            while view:
                view = view[file.write(view) :]
        os.fchmod(descriptor, member.mode)
        os.utime(descriptor, (member.mtime, member.mtime))


def _compile(home: Path, mounted: str, compiler: Compiler) -> None:
    command: list[str | Path] = [compiler.interpreter, "-I", "-S", "-B", PROGRAM, home / "tree", mounted]
    environment: Mapping[str, str] = {"LC_ALL": "C.UTF-8"}
    try:
        subprocess.run(
            [*command, str(COMPILE_CPU_SECONDS), str(COMPILE_MEMORY_BYTES)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            timeout=COMPILE_WALL_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        # Compiling only saves time: the runtime compiles at import what is not there.
        pass
    (home / compiler.runtime).touch()
