"""The memory of processes, MB; proc_pid_smaps_rollup(5) and proc_pid_status(5)."""

import re
from pathlib import Path


def _number(path: str, name: str) -> int:
    text = Path(path).read_text()
    found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    assert found, text
    return int(found[1])


def pss(pid: int) -> float:
    """What is its own, and its part of what it shares."""
    return _number(f"/proc/{pid}/smaps_rollup", "Pss") / 1024


def private(pid: int) -> float:
    """What nobody else has."""
    path = f"/proc/{pid}/smaps_rollup"
    return (_number(path, "Private_Clean") + _number(path, "Private_Dirty")) / 1024


def rss(pid: int) -> float:
    return _number(f"/proc/{pid}/smaps_rollup", "Rss") / 1024


def parent(pid: int) -> int:
    return _number(f"/proc/{pid}/status", "PPid")
