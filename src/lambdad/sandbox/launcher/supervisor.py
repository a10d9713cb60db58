"""The first process of a sandbox: starts the runtime process, reaps what is orphaned, reports exits, restarts, kills.

Between it and user code stand: no capabilities, not dumpable (nobody inside can trace it or read its descriptors), and
the kernel's rule that signals from inside never kill the first process of a PID namespace; pid_namespaces(7).
"""

import os
import select
import signal
import socket
from typing import Any, Callable, Dict, List, NoReturn, Optional

from . import forks, messages

Start = Callable[[List[int], bool], NoReturn]
"""Becomes the runtime process, given the channel, output and telemetry descriptors, and whether nobody waits for it yet."""


class Supervisor:
    """`kill_all` sends SIGKILL to every process of the sandbox but this one; `signal_all` any other signal."""

    def __init__(
        self,
        control: socket.socket,
        start: Start,
        kill_all: "Callable[[Optional[int]], None]",
        signal_all: "Callable[[Optional[int], int], None]",
    ) -> None:
        self._control = control
        self._start = start
        self._kill_all = kill_all
        self._signal_all = signal_all
        self._runtime: "Optional[int]" = None
        self._reports_orphans = False
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)

    def run(self, fds: "List[int]", ahead: bool) -> NoReturn:
        """Start the runtime process, then look after it."""
        self._notice_ends()
        self._fork(fds, ahead)
        self._attend()

    def _notice_ends(self) -> None:
        """The handler of SIGCHLD is inherited from the launcher."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def _attend(self) -> NoReturn:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = [fd for fd, _events in poll.poll()]
            if self._wake in ready:
                self._drain()
                self._reap()
            if self._control.fileno() in ready:
                self._obey()

    def _drain(self) -> None:
        try:
            while os.read(self._wake, 256):
                pass
        except BlockingIOError:
            return

    def _obey(self) -> None:
        try:
            message, fds, _pid = messages.receive(self._control)
        except messages.Closed:
            self._kill_all(self._runtime)
            os._exit(0)
        self._follow(message, fds)

    def _follow(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        if message["op"] == "kill":
            self._kill_all(self._runtime)
        elif message["op"] == "stop":
            self._signal_all(self._runtime, signal.SIGSTOP)
        elif message["op"] == "continue":
            self._signal_all(self._runtime, signal.SIGCONT)
        elif message["op"] == "template":
            self._reports_orphans = True
        elif message["op"] == "restart":
            self._kill_all(self._runtime)
            self._reap_all()
            self._fork(fds, ahead=False)

    def _fork(self, fds: "List[int]", ahead: bool) -> None:
        try:
            pid = forks.fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            messages.send(self._control, {"op": "failed", "error": f"fork: {error.strerror}"})
            return
        if pid == 0:
            # Its own process id, as lambdad sees it, goes with the message; see SO_PASSCRED.
            messages.send(self._control, {"op": "started"})
            self._start(fds, ahead)
        self._runtime = pid
        for fd in fds:
            os.close(fd)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid, status)

    def _reap_all(self) -> None:
        """Wait until nobody else is left, so that nothing of the past can meet the new runtime."""
        while True:
            try:
                self._ended(*os.waitpid(-1, 0))
            except ChildProcessError:
                return

    def _ended(self, pid: int, status: int) -> None:
        if pid != self._runtime and not self._reports_orphans:
            return
        code = os.waitstatus_to_exitcode(status)
        report: "Dict[str, object]" = {
            "op": "exited",
            "status": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
        }
        if pid == self._runtime:
            self._runtime = None
        else:
            report.update(op="reaped", pid=pid)
        try:
            messages.send(self._control, report)
        except messages.Closed:
            os._exit(0)
