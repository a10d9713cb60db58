"""What launchers of both levels share: they obey lambdad's messages one after the other and reap what they forked.

A fork becomes the supervisor of a stem, which forks again: that one becomes the runtime process. The levels differ in how
each of them settles, and in how everything of a sandbox is reached.
"""

import os
import select
import signal
import socket
from types import ModuleType
from typing import Any, Dict, List, NoReturn, Optional

from . import messages, runtime, supervisor


class Launcher:
    """One runtime's. `zygote` is the imported bootstrap of a Python runtime."""

    def __init__(self, control: socket.socket, order: "Dict[str, Any]", zygote: "Optional[ModuleType]") -> None:
        self.control = control
        self.order = order
        self.zygote = zygote
        self.stems: "Dict[str, int]" = {}
        self.filling: "List[object]" = []
        """Of the gaps between the zygote's objects; only kept."""

    def enter(self) -> None:
        """Go where stems are to be forked."""

    def run(self) -> None:
        """Until lambdad closes the control socket."""
        wake, waker = socket.socketpair()
        wake.setblocking(False)
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, _noted)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        messages.send(self.control, {"op": "launched"})
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            ready = [fd for fd, _events in poll.poll()]
            if wake.fileno() in ready:
                wake.recv(4096)
                self._reap()
            if self.control.fileno() in ready:
                try:
                    message, fds, _pid = messages.receive(self.control)
                except messages.Closed:
                    return
                self._obey(message, fds)

    def _obey(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        try:
            if message["op"] == "stem":
                self.stem(message, fds)
            elif message["op"] == "specialise":
                self.specialise(message)
            elif message["op"] == "nest":
                self.nest(message, fds)
            elif message["op"] == "destroy":
                self.destroy(message["id"])
        except OSError as error:
            messages.send(self.control, {"op": "failed", "id": message["id"], "error": str(error)})
        finally:
            for fd in fds:
                os.close(fd)

    def _reap(self) -> None:
        while True:
            try:
                pid, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for identity in [identity for identity, known in self.stems.items() if known == pid]:
                del self.stems[identity]

    def become_supervisor(self, message: "Dict[str, Any]", fds: "List[int]") -> NoReturn:
        """The fork's whole life. `fds`: control socket; channel, output, telemetry; files of the control groups to join."""
        control = socket.socket(fileno=fds[0])
        try:
            signal.set_wakeup_fd(-1)
            self.control.close()
            listeners = self.settle_supervisor(message)
            messages.send(control, {"op": "ready"}, [listener.fileno() for listener in listeners])
            for listener in listeners:
                listener.close()
            cgroups = fds[4:]

            def start(streams: "List[int]", ahead: bool) -> NoReturn:
                self._become_runtime(streams, cgroups, ahead)

            supervisor.Supervisor(control, start, self.kill_all, self.signal_all).run(fds[1:4], message["ahead"])
        except BaseException as error:  # whatever it was, this process must not go on as a second launcher
            messages.send(control, {"op": "failed", "error": f"{type(error).__name__}: {error}"})
        os._exit(1)

    def _become_runtime(self, streams: "List[int]", cgroups: "List[int]", ahead: bool) -> NoReturn:
        for fd in cgroups:
            os.write(fd, b"0")  # the writer itself; before anything of the function is here
        runtime.wire(*streams)
        os.setsid()
        self.settle_runtime()
        runtime.limit_resources(self.order["limit_processes"])
        runtime.forget_signals()
        runtime.become(self.order["kind"], self.order["execute"], self.order["environment"], self.zygote, ahead)

    def settle_supervisor(self, message: "Dict[str, Any]") -> "List[socket.socket]":
        """Take the place from which nothing of the host is within reach, for good; answers sockets that listen there."""
        raise NotImplementedError

    def settle_runtime(self) -> None:
        """The same for what only the runtime process needs."""
        raise NotImplementedError

    def kill_all(self, runtime_pid: "Optional[int]") -> None:
        """In the supervisor: SIGKILL to every process of the sandbox but itself."""
        self.signal_all(runtime_pid, signal.SIGKILL)

    def signal_all(self, runtime_pid: "Optional[int]", number: int) -> None:
        """The same with any signal."""
        raise NotImplementedError

    def stem(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        raise NotImplementedError

    def specialise(self, message: "Dict[str, Any]") -> None:
        raise NotImplementedError

    def nest(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        """Make the place for a copy of a template's runtime process."""
        raise NotImplementedError

    def destroy(self, identity: str) -> None:
        pid = self.stems.get(identity)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)  # with it, the kernel ends everything in its PID namespace


def _noted(_number: int, _frame: object) -> None:
    """Only its arrival counts: it wakes the poll."""
