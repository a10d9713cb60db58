"""Control groups: memory, CPU and number of processes of one sandbox, with version 2 and version 1 of the interface.

Facts: cgroups(7), https://docs.kernel.org/admin-guide/cgroup-v2.html and …/cgroup-v1/{memory,cpusets,pids}.html,
https://docs.kernel.org/scheduler/sched-bwc.html. Groups are made below lambdad's own group, so whatever limits the host
has put on lambdad hold for its functions too.
"""

import contextlib
import errno
import os
import select
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

CONTROLLERS = ("memory", "cpu", "pids")
PERIOD_US = 20_000
"""Of the CPU limit; AWS's, seen as the steps in which throttled functions advance."""
_FREEZING_LOOKS = 4
"""At who has been forked meanwhile; lambdad does nothing else in this time."""
_SMALLEST_QUOTA_US = 1000
"""The kernel refuses less."""
_LEAST_SHARES, _USUAL_SHARES = "2", "1024"
_LEAST_WEIGHT, _USUAL_WEIGHT = "1", "100"
"""Of the processor, relative to the siblings, with version 1 and 2; the kernel's smallest and its default."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where lambdad's own group is."""

    version: Literal[0, 1, 2]
    """0: no control groups here."""
    directories: Mapping[str, Path]
    """Controller → directory. With version 2 it is the same for all."""
    top: Path | None = None
    """Version 2: where the hierarchy (or lambdad's part of it) is mounted."""


def parse_layout(own: str, mounts: str) -> Layout:
    """From the texts of /proc/self/cgroup and /proc/self/mountinfo; cgroups(7), proc_pid_mountinfo(5)."""
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _number, names, path = line.split(":", 2)
        for name in names.split(","):
            paths[name] = path
    first: dict[str, Path] = {}
    unified: Path | None = None
    top: Path | None = None
    for line in mounts.splitlines():
        left, _dash, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        root, point = fields[3], _unescape(fields[4])
        if kind[0] == "cgroup2":
            unified, top = _below(point, root, paths.get("", "/")), Path(point)
        elif kind[0] == "cgroup":
            for name in kind[2].split(","):
                if name in CONTROLLERS:
                    first[name] = _below(point, root, paths.get(name, "/"))
    if first:
        return Layout(1, first)
    if unified is not None:
        return Layout(2, dict.fromkeys(CONTROLLERS, unified), top)
    return Layout(0, {})


def _unescape(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _below(point: str, root: str, path: str) -> Path:
    """The group's directory where `root` of the hierarchy is mounted at `point`."""
    inside = path.removeprefix(root) if root != "/" and path.startswith(root) else path
    return Path(point) if inside in ("", "/") or ".." in inside else Path(point + "/" + inside.strip("/"))


def _write(path: Path | str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)


def _table(text: str) -> dict[str, int]:
    return {name: int(value) for name, _space, value in (line.partition(" ") for line in text.splitlines()) if value.isdigit()}


class Group(Protocol):
    """One sandbox's."""

    procs: list[int]
    """Open descriptors; whoever writes "0" to them joins."""

    def limit(self, memory: int, hard: int, processes: int) -> None:
        """Bytes: the usage at which to be woken first, and the one that the kernel never lets pass."""
        ...

    def cpu(self, cores: float | None) -> None:
        """None: no limit."""
        ...

    def prefer(self) -> None:
        """From now on its processes count as much as anybody's; a new group's only get what others leave."""
        ...

    def freeze(self, on: bool) -> bool:
        """Stop its processes, or let them go on. False: not with this version."""
        ...

    def watch(self, threshold: int) -> int:
        """A descriptor that becomes readable when this many bytes are charged; valid until the next call."""
        ...

    def usage(self) -> tuple[int, int]:
        """Bytes charged, and of these the page cache."""
        ...

    def peak(self) -> int: ...

    def kernel_kills(self) -> int:
        """How many processes the kernel killed for want of memory."""
        ...

    def processes(self) -> list[int]: ...

    def close(self) -> None:
        """Let go of the descriptors."""
        ...

    def remove(self) -> bool:
        """False while something of it still lives."""
        ...


def quota_us(cores: float) -> int:
    return max(_SMALLEST_QUOTA_US, round(cores * PERIOD_US))


def _make(directory: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory)  # noqa: PTH102 – paths are text here: objects for them were a tenth of a start


def _remove(directory: Path | str) -> bool:
    try:
        os.rmdir(directory)  # noqa: PTH106
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return True


class _Files:
    """What both versions share: descriptors kept open where a file is used again and again."""

    __slots__ = ("_opened", "_peak")

    def __init__(self) -> None:
        self._opened: dict[str, int] = {}
        self._peak: int | None = None
        """Descriptor of the high-water mark, by itself because it is read in every invocation."""

    def _open(self, path: str, flags: int) -> int:
        fd = self._opened.get(path)
        if fd is None:
            fd = self._opened[path] = os.open(path, flags)
        return fd

    def _read(self, path: str) -> str:
        return os.pread(self._open(path, os.O_RDONLY), 65536, 0).decode("ascii")

    @staticmethod
    def _listed(directory: str) -> list[str]:
        """Of the group's processes. Opened anew each time: the kernel keeps an open file's list for a second."""
        with open(f"{directory}/cgroup.procs", encoding="ascii") as procs:  # noqa: PTH123
            return procs.read().split()

    def _high_water(self, fd: int) -> int:
        return int(os.pread(fd, 32, 0))

    def _open_peak(self, path: str) -> int:
        self._peak = self._open(path, os.O_RDONLY)
        return self._peak

    def close(self) -> None:
        self._peak = None
        for fd in self._opened.values():
            os.close(fd)
        self._opened.clear()


class GroupV1(_Files):
    __slots__ = ("_directories", "_event", "procs")

    def __init__(self, directories: Mapping[str, str]) -> None:
        super().__init__()
        self._directories = directories
        self._event: int | None = None
        for directory in set(directories.values()):
            _make(directory)
        if "cpu" in directories:
            _write(f"{directories['cpu']}/cpu.cfs_period_us", str(PERIOD_US))
            _write(f"{directories['cpu']}/cpu.shares", _LEAST_SHARES)
        # `tasks`, since whoever joins has one thread and joins itself: that needs no lock over all forks of the host, for
        # which `cgroup.procs` makes everybody wait some 10 ms (an RCU grace period); kernel/cgroup/cgroup.c.
        self.procs = [self._open(f"{directory}/tasks", os.O_WRONLY) for directory in set(directories.values())]

    def limit(self, memory: int, hard: int, processes: int) -> None:
        if "memory" in self._directories:
            _write(f"{self._directories['memory']}/memory.limit_in_bytes", str(hard))
        if "pids" in self._directories:
            _write(f"{self._directories['pids']}/pids.max", str(processes))

    def cpu(self, cores: float | None) -> None:
        if "cpu" in self._directories:
            fd = self._open(f"{self._directories['cpu']}/cpu.cfs_quota_us", os.O_WRONLY)
            os.pwrite(fd, b"-1" if cores is None else str(quota_us(cores)).encode("ascii"), 0)

    def prefer(self) -> None:
        if "cpu" in self._directories:
            _write(f"{self._directories['cpu']}/cpu.shares", _USUAL_SHARES)

    def freeze(self, on: bool) -> bool:
        """By signals: what version 1's freezer has frozen cannot be killed before somebody thaws it, so it would outlive a
        lambdad that died. Sent from here, since the supervisor inside would have to wait for a processor to pass them on."""
        number = signal.SIGSTOP if on else signal.SIGCONT
        directory = next(iter(self._directories.values()))
        told: set[int] = set()
        for _ in range(_FREEZING_LOOKS):  # whoever forks faster than this is left to the CPU limit
            found = {int(pid) for pid in self._listed(directory)} - told
            if not found:
                break  # nobody was forked since the last look
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            told |= found
        return True

    def watch(self, threshold: int) -> int:
        self._unwatch()
        memory = self._directories["memory"]
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        usage = self._open(f"{memory}/memory.usage_in_bytes", os.O_RDONLY)
        _write(f"{memory}/cgroup.event_control", f"{self._event} {usage} {threshold}")
        return self._event

    def _unwatch(self) -> None:
        if self._event is not None:
            os.close(self._event)
            self._event = None

    def usage(self) -> tuple[int, int]:
        memory = self._directories["memory"]
        stat = _table(self._read(f"{memory}/memory.stat"))
        return int(self._read(f"{memory}/memory.usage_in_bytes")), stat["total_active_file"] + stat["total_inactive_file"]

    def peak(self) -> int:
        if self._peak is not None:
            return self._high_water(self._peak)
        return self._high_water(self._open_peak(f"{self._directories['memory']}/memory.max_usage_in_bytes"))

    def kernel_kills(self) -> int:
        return _table(self._read(f"{self._directories['memory']}/memory.oom_control")).get("oom_kill", 0)

    def processes(self) -> list[int]:
        directory = next(iter(self._directories.values()))
        return [int(line) for line in self._listed(directory)]

    def close(self) -> None:
        self._unwatch()
        super().close()

    def remove(self) -> bool:
        gone = [_remove(directory) for directory in set(self._directories.values())]  # all of them, whatever the first says
        return all(gone)


class GroupV2(_Files):
    __slots__ = ("_directory", "_poll", "procs")

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._directory = directory
        _make(directory)
        self._poll: select.epoll | None = None
        _write(f"{directory}/cpu.weight", _LEAST_WEIGHT)
        self.procs = [self._open(f"{directory}/cgroup.procs", os.O_WRONLY)]

    def limit(self, memory: int, hard: int, processes: int) -> None:
        _write(f"{self._directory}/memory.max", str(hard))
        _write(f"{self._directory}/memory.high", str(memory))
        _write(f"{self._directory}/memory.oom.group", "1")
        _write(f"{self._directory}/pids.max", str(processes))

    def cpu(self, cores: float | None) -> None:
        fd = self._open(f"{self._directory}/cpu.max", os.O_WRONLY)
        os.pwrite(fd, f"{'max' if cores is None else quota_us(cores)} {PERIOD_US}".encode("ascii"), 0)

    def prefer(self) -> None:
        _write(f"{self._directory}/cpu.weight", _USUAL_WEIGHT)

    def freeze(self, on: bool) -> bool:
        fd = self._open(f"{self._directory}/cgroup.freeze", os.O_WRONLY)
        os.pwrite(fd, b"1" if on else b"0", 0)
        return True

    def watch(self, threshold: int) -> int:
        """memory.high also slows down whoever goes on, so there is little to overtake while lambdad looks."""
        _write(f"{self._directory}/memory.high", str(threshold))
        events = self._open(f"{self._directory}/memory.events", os.O_RDONLY)
        os.pread(events, 4096, 0)  # what is to come is told relative to what was read last
        if self._poll is None:
            self._poll = select.epoll()
            self._poll.register(events, select.EPOLLPRI)
        return self._poll.fileno()

    def usage(self) -> tuple[int, int]:
        stat = _table(self._read(f"{self._directory}/memory.stat"))
        return int(self._read(f"{self._directory}/memory.current")), stat["active_file"] + stat["inactive_file"]

    def peak(self) -> int:
        """memory.peak is there since Linux 5.19; before it, what is used now."""
        if self._peak is not None:
            return self._high_water(self._peak)
        try:
            return self._high_water(self._open_peak(f"{self._directory}/memory.peak"))
        except FileNotFoundError:
            return int(self._read(f"{self._directory}/memory.current"))

    def kernel_kills(self) -> int:
        return _table(self._read(f"{self._directory}/memory.events")).get("oom_kill", 0)

    def processes(self) -> list[int]:
        return [int(line) for line in self._listed(self._directory)]

    def close(self) -> None:
        if self._poll is not None:
            self._poll.close()
            self._poll = None
        super().close()

    def remove(self) -> bool:
        return _remove(self._directory)


class Cgroups:
    """The groups of one lambdad: `name` below its own group, one child for each sandbox."""

    def __init__(self, layout: Layout, name: str) -> None:
        self.version = layout.version
        self._name, self._top = name, layout.top
        self.directories = {controller: base / name for controller, base in layout.directories.items()}

    @property
    def watches_memory(self) -> bool:
        return "memory" in self.directories

    def prepare(self) -> None:
        """Raises OSError where the groups cannot be made (not delegated, read-only).

        With version 2, lambdad's own group may be shared with others (a login session's), so that it can have no children
        with limits; then they are made at the top, which only root may do.
        """
        if self.version == 2:
            base = next(iter(self.directories.values())).parent
            try:
                _enable(base, everybody=base == self._top)
            except OSError as error:
                if error.errno != errno.EBUSY or self._top is None or base == self._top:
                    raise
                _enable(self._top, everybody=False)
                self.directories = dict.fromkeys(self.directories, self._top / self._name)
        for directory in set(self.directories.values()):
            directory.mkdir(parents=True, exist_ok=True)
        if self.version == 2:
            _enable(next(iter(self.directories.values())), everybody=False)
        self._weigh()

    def _weigh(self) -> None:
        """All sandboxes together weigh as much as one busy task for each processor. The kernel's default would be that of a
        single task, so beside other work on the host functions would wait many times longer than that work does."""
        if "cpu" not in self.directories:
            return
        name, each, most = ("cpu.weight", 100, 10_000) if self.version == 2 else ("cpu.shares", 1024, 262_144)
        try:
            _write(self.directories["cpu"] / name, str(min(most, each * (os.cpu_count() or 1))))
        except FileNotFoundError:  # a kernel without weights for groups
            return

    def create(self, identity: str) -> Group:
        if self.version == 2:
            return GroupV2(f"{next(iter(self.directories.values()))}/{identity}")
        return GroupV1({controller: f"{directory}/{identity}" for controller, directory in self.directories.items()})

    def remove(self) -> bool:
        gone = [remove_tree(directory) for directory in set(self.directories.values())]
        return all(gone)


def _enable(directory: Path, everybody: bool) -> None:
    """Let the children of this group have the controllers.

    A group with processes of its own may not have them for its children (but for the root), so lambdad moves itself into
    a leaf where it is the reason, and `everybody` else too: at the top of a container, where all of them are its own.
    """
    wanted = " ".join(f"+{controller}" for controller in CONTROLLERS)
    control = directory / "cgroup.subtree_control"
    if set(CONTROLLERS) <= set(control.read_text().split()):
        return
    try:
        _write(control, wanted)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        leaf = directory / "lambdad-supervisor"
        leaf.mkdir(exist_ok=True)
        own = str(os.getpid())
        for pid in (directory / "cgroup.procs").read_text().split() if everybody else (own,):
            _move(pid, leaf)
        _write(control, wanted)


def _move(pid: str, group: Path) -> None:
    try:
        _write(group / "cgroup.procs", pid)
    except ProcessLookupError:
        return  # ended meanwhile


def remove_tree(directory: Path) -> bool:
    """Remove a group and its children. False where something in them still lives."""
    if not directory.is_dir():
        return True
    gone = [remove_tree(child) for child in directory.iterdir() if child.is_dir()]
    return all(gone) and _remove(directory)
