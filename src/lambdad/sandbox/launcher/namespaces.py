"""A launcher whose stems have namespaces: their own mounts, processes, IPC, host name, network and users."""

import itertools
import os
import platform
import socket
from typing import Any, Callable, Dict, List, Optional

from . import forks, isolation, kernel, landlock, links, loop, messages, nests, seccomp

_PRIVATE = "/.lambdad"
_HOST = _PRIVATE + "/host"


class NamespaceLauncher(loop.Launcher):
    def enter(self) -> None:
        """Live where nothing of the host is seen; the way back to where it is stays open as a descriptor."""
        self._outer = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        kernel.unshare(kernel.NEWNS)
        kernel.detach(_PRIVATE)
        self._inner = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._writes = landlock.best()
        self._numbers = itertools.count(1)
        self._way_out: "Optional[links.Ends]" = None
        machine = platform.machine()
        self._calls = [kernel.Filter(seccomp.packed(seccomp.program(machine, template))) for template in (False, True)]

    def stem(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        to_hub = self._to_hub()
        self._way_out = to_hub and to_hub(1)
        kernel.unshare(kernel.NEWPID)
        try:
            pid = forks.fork()
            if pid == 0:
                self.become_supervisor(message, fds)
            self.stems[message["id"]] = pid
        finally:
            kernel.setns(self._pids, kernel.NEWPID)

    def _to_hub(self) -> "Optional[Callable[[int], links.Ends]]":
        """What connects the next sandbox, made before a fork: for the process, by its id, whose network that is."""
        if self.order["hub"] is None:
            return None
        number, ipv6 = next(self._numbers) % links.MOST, self.order["hub"]["ipv6"]
        return lambda pid: links.ends(number, pid, ipv6)

    def settle_supervisor(self, message: "Dict[str, Any]") -> "List[socket.socket]":
        for fd in (self._outer, self._inner, self._pids):
            os.close(fd)
        listeners = isolation.isolate(self.order["ports"], message["uid"], self._way_out)
        # A template's copies write to a /tmp of their own, which no rule of its can name.
        writes = None if message["template"] else self._writes
        isolation.drop_privileges(message["uid"], self.order["user_namespaces"], self._calls[message["template"]], writes)
        return listeners

    def nest(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        """Answers on the control socket that came with the message, not on the launcher's."""
        template = self.stems.get(message["template"])
        if template is None:
            raise ProcessLookupError(3, "the template is gone")
        to_hub = self._to_hub()
        if os.fork() == 0:
            nests.become_nest(fds[0], template, message["tmp_mb"], self.order["ports"], self._calls[False], to_hub)

    def settle_runtime(self) -> None:
        kernel.set_dumpable(True)

    def signal_all(self, runtime_pid: "Optional[int]", number: int) -> None:
        """Everything in this PID namespace but its first process, which is the caller; kill(2)."""
        try:
            os.kill(-1, number)
        except ProcessLookupError:
            return

    def specialise(self, message: "Dict[str, Any]") -> None:
        identity = message["id"]
        pid = self.stems.get(identity)
        if pid is None:
            raise ProcessLookupError(3, "the sandbox is gone")
        stem = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        trees: "Dict[str, int]" = {}
        read_only = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV
        try:
            kernel.setns(self._outer, kernel.NEWNS)
            for target, source in (("/var/task", message["task"]), ("/opt", message["opt"])):
                if source is not None:
                    trees[target] = kernel.clone_tree(_HOST + source, read_only)
            kernel.setns(stem, kernel.NEWNS)
            while trees:
                target, tree = trees.popitem()
                kernel.attach_tree(tree, target)
            if message["tmp_mb"] != isolation.TMP_MB:
                isolation.resize_tmp(message["tmp_mb"])
            tmp = os.open("/tmp", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            kernel.setns(self._inner, kernel.NEWNS)
            os.close(stem)
            for tree in trees.values():
                os.close(tree)
        try:
            messages.send(self.control, {"op": "specialised", "id": identity}, [tmp])
        finally:
            os.close(tmp)
