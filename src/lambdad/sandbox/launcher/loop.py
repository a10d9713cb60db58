"""What launchers of both levels share: they obey lambdad's messages one after the other and reap what they forked."""

import os
import select
import signal
import socket
from types import ModuleType
from typing import Any, Dict, List, Optional

from . import messages


class Launcher:
    """One runtime's. `zygote` is the imported bootstrap of a Python runtime."""

    def __init__(self, control: socket.socket, order: "Dict[str, Any]", zygote: "Optional[ModuleType]") -> None:
        self.control = control
        self.order = order
        self.zygote = zygote
        self.stems: "Dict[str, int]" = {}
        self.uids: "Dict[str, Optional[int]]" = {}

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

    def stem(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        raise NotImplementedError

    def specialise(self, message: "Dict[str, Any]") -> None:
        raise NotImplementedError

    def destroy(self, identity: str) -> None:
        self.uids.pop(identity, None)
        pid = self.stems.get(identity)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)  # with it, the kernel ends everything in its PID namespace


def _noted(_number: int, _frame: object) -> None:
    """Only its arrival counts: it wakes the poll."""
