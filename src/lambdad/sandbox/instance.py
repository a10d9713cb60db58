"""What one running lambdad leaves on the host: a directory of its own, and in it the names of its control groups and rules.

A lambdad that was killed cleans up nothing, so the next one that is given the same scratch directory does it: processes of the
sandboxes are dead already (they die with their launcher), and so are their networks; directories, control groups and rules are
not.
"""

import json
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from lambdad.sandbox import egress
from lambdad.sandbox.cgroups import remove_tree

_CGROUPS = "cgroups.json"


def _start_time(pid: int) -> str | None:
    """Ticks since boot, which with the process id name a process for ever; proc_pid_stat(5). None: no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None
    return text.rpartition(")")[2].split()[19]


class Instance:
    """`name` is unique on this host; `directory` is removed by `remove`."""

    def __init__(self, scratch: Path, serial: int) -> None:
        pid = os.getpid()
        self.name = f"lambdad-{pid}-{_start_time(pid) or 0}-{serial}"
        self.directory = scratch / self.name

    def prepare(self, cgroups: Sequence[Path]) -> None:
        self.directory.mkdir(parents=True)
        for name in ("root", "tmp", "runtime"):
            (self.directory / name).mkdir()
        (self.directory / _CGROUPS).write_text(json.dumps([str(path) for path in cgroups]), encoding="utf-8")

    def remove(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


def clean(scratch: Path) -> list[str]:
    """Remove what lambdads that are dead have left; answers their names."""
    cleaned = []
    for directory in sorted(scratch.glob("lambdad-*-*-*")):
        _lambdad, pid, started, _serial = directory.name.split("-")
        if not pid.isdigit() or _start_time(int(pid)) == started:
            continue
        listed = directory / _CGROUPS
        groups = json.loads(listed.read_text(encoding="utf-8") or "[]") if listed.exists() else []
        for group in groups:
            _kill(Path(group))
            remove_tree(Path(group))
        egress.clean(directory)
        shutil.rmtree(directory, ignore_errors=True)
        cleaned.append(directory.name)
    return cleaned


def _kill(group: Path) -> None:
    for procs in group.glob("*/cgroup.procs"):
        for pid in procs.read_text().split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
