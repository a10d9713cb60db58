"""Memory of a sandbox where there are no control groups: what its processes have for themselves, looked up in /proc.

Best effort: somebody has to look, so a function can have more for a moment; shared memory that nobody has mapped is not seen,
and files in /tmp are rightly not counted.
Facts: proc_pid_status(5) (RssAnon: pages of no file; RssShmem: of shared memory and of a tmpfs), proc_pid_task(5) (children).
"""

from pathlib import Path


def resident(supervisor: int, tmp: int, proc: Path = Path("/proc")) -> int:
    """Bytes that all descendants of this process have, without itself. Those that end meanwhile count 0.

    `tmp`: bytes of files in /tmp, any of which may be mapped. Of shared memory the process counts that has the most of it.
    """
    return _used(_children(supervisor, proc), tmp, proc)


def resident_tree(root: int, tmp: int, proc: Path = Path("/proc")) -> int:
    """The same with the process itself."""
    return _used([root], tmp, proc)


def _used(queue: list[int], tmp: int, proc: Path) -> int:
    anonymous = shared = 0
    while queue:
        pid = queue.pop()
        own, common = _memory(pid, proc)
        anonymous += own
        shared = max(shared, common)
        queue.extend(_children(pid, proc))
    return anonymous + max(0, shared - tmp)


def _memory(pid: int, proc: Path) -> tuple[int, int]:
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    found = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))
    return _bytes(found.get("RssAnon")), _bytes(found.get("RssShmem"))


def _bytes(kib: str | None) -> int:
    return 0 if kib is None else int(kib.split()[0]) * 1024


def _children(pid: int, proc: Path) -> list[int]:
    found: list[int] = []
    try:
        for thread in (proc / str(pid) / "task").iterdir():
            found.extend(int(child) for child in (thread / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found
