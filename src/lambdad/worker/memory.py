"""How much memory this host has left for more, in MB.

The lesser of what the kernel says is available (`MemAvailable` of proc_meminfo(5): free, or to be had without swapping) and of
what the control groups that hold lambdad still grant (`memory.max` and `memory.current` of version 2, `memory.limit_in_bytes`
and `memory.usage_in_bytes` of version 1; https://docs.kernel.org/admin-guide/cgroup-v2.html), where page cache that has not
been used lately does not count as used.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60
"""Bytes; version 1 says a number near 2^63 where there is no limit."""


class _File:
    """Kept open, because it is read before every cold start, and opening costs more than reading."""

    def __init__(self, path: Path) -> None:
        """Raises FileNotFoundError."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    def read(self) -> str:
        return os.pread(self._fd, 65_536, 0).decode("ascii")


class _Group:
    """One control group that has a memory controller."""

    def __init__(self, directory: Path, limit: str, usage: str, inactive: str) -> None:
        self._limit, self._usage = _File(directory / limit), _File(directory / usage)
        self._stat = _File(directory / "memory.stat")
        self._inactive = inactive

    def left(self) -> int | None:
        """Bytes until the limit; None without one, or when the group is gone (its processes were moved)."""
        try:
            text = self._limit.read().strip()
            if text == "max" or int(text) >= _UNLIMITED:
                return None
            cache = _lines(self._stat.read()).get(self._inactive, 0)
            return int(text) - int(self._usage.read()) + cache
        except OSError:
            return None


class HostMemory:
    """`proc` and `cgroups`: where those file systems are mounted."""

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._meminfo = _File(proc / "meminfo") if (proc / "meminfo").exists() else None
        self._groups = list(_groups(proc / "self" / "cgroup", cgroups))

    def available(self) -> int | None:
        """MB; None where the host does not tell (not Linux)."""
        if self._meminfo is None:
            return None
        # Not all of its fifty lines are turned into numbers.
        left = [int(self._meminfo.read().partition("MemAvailable:")[2].split(None, 1)[0]) * 1024]
        left += [each for group in self._groups if (each := group.left()) is not None]
        return max(0, min(left)) >> 20

    def total(self) -> int | None:
        """MB of the whole host; None where it does not tell."""
        return None if self._meminfo is None else _lines(self._meminfo.read())["MemTotal"] >> 10


def _groups(membership: Path, cgroups: Path) -> Iterator[_Group]:
    """The groups of this process and their ancestors, cgroups(7)."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, limit, usage, inactive = cgroups, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            root, limit, usage = cgroups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            inactive = "total_inactive_file"
        else:
            continue
        inner = root / path.lstrip("/")
        for directory in (inner, *inner.parents):
            if directory.is_relative_to(root) and (directory / limit).exists():
                yield _Group(directory, limit, usage, inactive)


def _lines(text: str) -> dict[str, int]:
    """`name value` or `name: value kB` on each line."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        found[name.rstrip(":")] = int(rest.split()[0])
    return found
