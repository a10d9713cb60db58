"""Memory of a sandbox where there are no control groups: what its processes have for themselves, looked up in /proc.

Best effort: somebody has to look, so a function can have more for a moment, and files in /tmp are rightly not counted.
Facts: proc_pid_status(5) (RssAnon: pages of no file), proc_pid_task(5) (children).
"""

from pathlib import Path


def resident(supervisor: int, proc: Path = Path("/proc")) -> int:
    """Bytes of anonymous memory of all descendants of this process, without itself. Those that end meanwhile count 0."""
    total = 0
    queue = _children(supervisor, proc)
    while queue:
        pid = queue.pop()
        total += _anonymous(pid, proc)
        queue.extend(_children(pid, proc))
    return total


def resident_tree(root: int, proc: Path = Path("/proc")) -> int:
    """The same with the process itself."""
    return _anonymous(root, proc) + resident(root, proc)


def _anonymous(pid: int, proc: Path) -> int:
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:")), 0)


def _children(pid: int, proc: Path) -> list[int]:
    found: list[int] = []
    try:
        for thread in (proc / str(pid) / "task").iterdir():
            found.extend(int(child) for child in (thread / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found
