"""The place for a copy of a template's runtime process: namespaces inside those of the template's sandbox, and a process 1.

Only a process itself can enter other namespaces, so the copy, a fork of the template's runtime process, has to do it; and it
has no capability to do it with. What the kernel lets it is this: whoever has the user that made a user namespace, and is in
that one's parent, has every capability over it (user_namespaces(7)). So the nest's user namespace is made *inside* the
template's and *by* its user 993, and owns all other namespaces of the nest. Entering it the copy has capabilities over the
nest and nothing else, and gives them up before it runs on.

    launcher ── X: enters the template's namespaces and becomes its user ── Y: makes the nest's ── process 1 of the nest
                └─ W: stays where the hub is, and connects Y's network to it

X ends when Y has a user namespace, W when Y is connected, Y when there is a process 1, which the template's supervisor then
adopts.
"""

import os
import signal
import socket
import time
from typing import Any, Callable, Dict, List, NoReturn, Optional, Sequence

from . import isolation, kernel, links, messages, supervisor

SPACES = (
    ("user", kernel.NEWUSER),
    ("mnt", kernel.NEWNS),
    ("pid", kernel.NEWPID),
    ("net", kernel.NEWNET),
    ("ipc", kernel.NEWIPC),
    ("uts", kernel.NEWUTS),
    ("cgroup", kernel.NEWCGROUP),
)
"""Of a nest, in the order in which they are entered."""
_ALL = 0
for _name, _kind in SPACES:
    _ALL |= _kind
_LOWEST_START, _HIGHEST_START = 300, 30_000
_ATTEMPTS = 50
"""At making a user namespace while another nest of this template is made, which may have forbidden it again."""


def become_nest(
    control_fd: int,
    template: int,
    tmp_mb: int,
    ports: Sequence[int],
    calls: kernel.Filter,
    to_hub: "Optional[Callable[[int], links.Ends]]",
) -> NoReturn:
    """A fork of the launcher's whole life. `template`: the process id of the template's supervisor, as the launcher sees it."""
    control = socket.socket(fileno=control_fd)
    try:
        os.closerange(3, control_fd)
        os.closerange(control_fd + 1, 65536)
        signal.set_wakeup_fd(-1)
        way_out = None if to_hub is None else WayOut(to_hub, control)
        _enter_sandbox(template)
        made, making = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(made)
            _make_namespaces(making, way_out)
            if os.fork() == 0:
                _keep(control, tmp_mb, ports, calls, way_out)
        else:
            os.close(making)
            os.read(made, 1)
            if way_out is not None:
                way_out.connect(child)
            isolation.forbid_user_namespaces()
    except BaseException as error:  # whatever it was, this process must not go on as a second launcher
        messages.send(control, {"op": "failed", "error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(0)


class WayOut:
    """Of a nest, to the hub. Made where the launcher's privileges over the hub are; its process W keeps them until it is told
    whom to connect."""

    def __init__(self, to_hub: "Callable[[int], links.Ends]", control: socket.socket) -> None:
        self._to_hub = to_hub
        self._mine, theirs = socket.socketpair()
        if os.fork() == 0:
            self._mine.close()
            self._serve(theirs, control)
        theirs.close()

    def _serve(self, asked: socket.socket, control: socket.socket) -> NoReturn:
        try:
            links.Routes().apply(self._to_hub(int(asked.recv(16))).hub)
            asked.send(b"1")
        except BaseException as error:  # whatever it was, this process must not go on as a second launcher
            messages.send(control, {"op": "failed", "error": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(0)

    def connect(self, pid: int) -> None:
        self._mine.send(str(pid).encode())

    def settle(self) -> None:
        """In the new network, first."""
        links.settle(self._to_hub(0).ipv6)

    def connected(self) -> bool:
        """Waits for it, in the process that has been connected."""
        return bool(self._mine.recv(1))

    def take(self) -> None:
        isolation.take_way_out(self._to_hub(0))
        self._mine.close()


def _enter_sandbox(template: int) -> None:
    """Into the template's mounts and users, as its user 993 with capabilities there; children are in its PID namespace."""
    spaces = {name: os.open(f"/proc/{template}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in ("user", "mnt", "pid")}
    if os.geteuid() == 0 and _may_set_groups():
        os.setgroups([])
    kernel.setns(spaces["mnt"], kernel.NEWNS)
    kernel.setns(spaces["pid"], kernel.NEWPID)
    kernel.setns(spaces["user"], kernel.NEWUSER)
    os.setresgid(isolation.GID, isolation.GID, isolation.GID)
    os.setresuid(isolation.UID, isolation.UID, isolation.UID)
    for fd in spaces.values():
        os.close(fd)


def _may_set_groups() -> bool:
    with open("/proc/self/setgroups", encoding="ascii") as file:
        return file.read().strip() == "allow"


def _make_namespaces(making: int, way_out: "Optional[WayOut]") -> None:
    """In the template's user namespace no further one is allowed but for this moment."""
    for attempt in range(_ATTEMPTS):
        isolation.allow_user_namespaces(1_000_000)
        try:
            kernel.unshare(_ALL)
        except OSError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.001)
        else:
            break
    if way_out is not None:
        way_out.settle()
    os.close(making)
    kernel.set_dumpable(True)  # the change of user had unset it, and /proc/self belonged to nobody here
    isolation.map_user(isolation.UID, isolation.GID)
    kernel.set_dumpable(False)
    isolation.forbid_user_namespaces()
    if way_out is not None and not way_out.connected():
        os._exit(1)  # W has said why


def _keep(
    control: socket.socket, tmp_mb: int, ports: Sequence[int], calls: kernel.Filter, way_out: "Optional[WayOut]"
) -> NoReturn:
    """Process 1 of the nest."""
    isolation.mount_proc()
    isolation.mount_tmp(tmp_mb, isolation.UID, isolation.GID)
    _skip_process_ids()
    kernel.loopback_up()
    if way_out is not None:
        way_out.take()
    listeners = [isolation.listen(port) for port in ports]
    spaces = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name, _kind in SPACES]
    tmp = os.open("/tmp", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    isolation.give_up(calls, None)
    shown = [*spaces, tmp, *[listener.fileno() for listener in listeners]]
    messages.send(control, {"op": "ready"}, shown)
    for listener in listeners:
        listener.close()
    for fd in (*spaces, tmp):
        os.close(fd)
    Keeper(control).run_empty()


def _skip_process_ids() -> None:
    """The copy's process id must not be the template's, nor that of its siblings: libraries that make random numbers (OpenSSL)
    see by it that they were forked."""
    try:
        last = int.from_bytes(os.urandom(4), "big") % (_HIGHEST_START - _LOWEST_START) + _LOWEST_START
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
            file.write(str(last))
    except OSError:  # a kernel without CONFIG_CHECKPOINT_RESTORE: then it only differs from the template's
        for _ in range(int.from_bytes(os.urandom(1), "big") % 16 + 2):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)


class Keeper(supervisor.Supervisor):
    """Reaps, kills and stops; the nest's runtime process comes from elsewhere, and the template's supervisor reaps it."""

    def __init__(self, control: socket.socket) -> None:
        super().__init__(control, _nothing, _kill_all, _signal_all)

    def run_empty(self) -> NoReturn:
        self._notice_ends()
        self._attend()

    def _follow(self, message: "Dict[str, Any]", fds: "List[int]") -> None:
        if message["op"] == "clear":
            self._clear()
        else:
            super()._follow(message, fds)

    def _clear(self) -> None:
        """Until nobody else is left, so that nothing of the past can meet the next runtime process."""
        while True:
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                break
            time.sleep(0.0005)
            self._reap()
        messages.send(self._control, {"op": "cleared"})


def _nothing(_fds: "List[int]", _ahead: bool) -> NoReturn:
    raise NotImplementedError


def _kill_all(_runtime: "Any") -> None:
    _signal_all(_runtime, signal.SIGKILL)


def _signal_all(_runtime: "Any", number: int) -> None:
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        return
