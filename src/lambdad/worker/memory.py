"""How much memory this host has left for more, in MB.

The lesser of what the kernel says is available (`MemAvailable` of proc_meminfo(5): free, or to be had without swapping) and of
what the control groups that hold lambdad still grant (`memory.max` and `memory.current` of version 2, `memory.limit_in_bytes`
and `memory.usage_in_bytes` of version 1; https://docs.kernel.org/admin-guide/cgroup-v2.html), where page cache that has not
been used lately does not count as used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED = 1 << 60
"""Bytes; version 1 says a number near 2^63 where there is no limit."""


@dataclass(frozen=True, slots=True)
class _Group:
    """The files of one control group that has a memory controller."""

    limit: Path
    usage: Path
    stat: Path
    inactive: str

    def left(self) -> int | None:
        """Bytes until the limit; None without one."""
        try:
            text = self.limit.read_text(encoding="ascii").strip()
            if text == "max" or int(text) >= _UNLIMITED:
                return None
            cache = _lines(self.stat.read_text(encoding="ascii")).get(self.inactive, 0)
            return int(text) - int(self.usage.read_text(encoding="ascii")) + cache
        except FileNotFoundError:
            return None  # the root group has no limit


class HostMemory:
    """`proc` and `cgroups`: where those file systems are mounted."""

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._meminfo = proc / "meminfo"
        self._groups = [group for group in _groups(proc / "self" / "cgroup", cgroups) if group.limit.exists()]

    def available(self) -> int | None:
        """MB; None where the host does not tell (not Linux)."""
        try:
            # Before every cold start, so not all of its fifty lines are turned into numbers.
            text = self._meminfo.read_text(encoding="ascii")
            left = [int(text.partition("MemAvailable:")[2].split(None, 1)[0]) * 1024]
        except FileNotFoundError:
            return None
        left += [each for group in self._groups if (each := group.left()) is not None]
        return max(0, min(left)) >> 20

    def total(self) -> int | None:
        """MB of the whole host; None where it does not tell."""
        try:
            return _lines(self._meminfo.read_text(encoding="ascii"))["MemTotal"] >> 10
        except FileNotFoundError:
            return None


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
            if directory.is_relative_to(root):
                yield _Group(directory / limit, directory / usage, directory / "memory.stat", inactive)


def _lines(text: str) -> dict[str, int]:
    """`name value` or `name: value kB` on each line."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        found[name.rstrip(":")] = int(rest.split()[0])
    return found
