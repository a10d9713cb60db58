"""A launcher of the level `process`: no isolation, only processes of their own session with limits. For development.

Where the kernel has it (Linux), the supervisor adopts what its runtime leaves behind, so that killing reaches everything.
"""

import os
import signal
import socket
import sys
from typing import Any, Dict, List, Optional

from . import forks, loop, messages

if sys.platform == "linux":
    from . import kernel


class ProcessLauncher(loop.Launcher):
    def stem(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        pid = forks.fork()
        if pid == 0:
            self.become_supervisor(message, fds)
        self.stems[message["id"]] = pid

    def specialise(self, message: "Dict[str, Any]") -> None:
        """Nothing to mount: lambdad tells the runtime the real paths."""
        messages.send(self.control, {"op": "specialised", "id": message["id"]})

    def settle_supervisor(self, message: "Dict[str, Any]") -> "List[socket.socket]":
        os.setsid()
        if sys.platform == "linux":
            kernel.adopt_orphans()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        return [listener]

    def settle_runtime(self) -> None:
        if sys.platform == "linux":
            kernel.die_with_parent(signal.SIGKILL)

    def kill_all(self, runtime_pid: "Optional[int]") -> None:
        kill_descendants(runtime_pid)

    def signal_all(self, runtime_pid: "Optional[int]", number: int) -> None:
        signal_descendants(runtime_pid, number)


def kill_descendants(runtime_pid: "Optional[int]") -> None:
    """The runtime's process group, then whatever descends from the caller, until nothing that runs is left."""
    if runtime_pid is not None:
        try:
            os.killpg(runtime_pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # gone, or not yet the leader of a group: found below
        if sys.platform != "linux":
            try:
                os.kill(runtime_pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    while True:
        living = _descendants(os.getpid()) if sys.platform == "linux" else []
        if not living:
            return
        for pid in living:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def signal_descendants(runtime_pid: "Optional[int]", number: int) -> None:
    """Whatever descends from the caller; without /proc only the runtime's process group."""
    if sys.platform != "linux":
        if runtime_pid is not None:
            try:
                os.killpg(runtime_pid, number)
            except (ProcessLookupError, PermissionError):
                pass  # gone, or not yet the leader of a group
        return
    for pid in _descendants(os.getpid()):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _descendants(pid: int) -> "List[int]":
    """Those that are not dead already; proc_pid_task(5), proc_pid_stat(5)."""
    found: "List[int]" = []
    queue = [pid]
    while queue:
        parent = queue.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
            for thread in threads:
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as children:
                    queue.extend(int(child) for child in children.read().split())
            if parent != pid:
                with open(f"/proc/{parent}/stat", encoding="utf-8", errors="replace") as stat:
                    if stat.read().rpartition(")")[2].split()[0] not in ("Z", "X"):
                        found.append(parent)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
