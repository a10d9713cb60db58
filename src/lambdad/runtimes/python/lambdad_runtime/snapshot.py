"""SnapStart: the process that has run INIT waits as a template, and each execution environment is a fork of it.

`Snapshot.take` is called in the template and returns only in a fork: by then that is a process of its own, in the namespaces
that lambdad made for it (the launcher's `nests` has how the kernel lets it in), with the environment's channel and streams,
without capabilities, and with no open file, pipe, socket or memory in common with the template (`separate`).
The frames are in docs/design/channel.md; hooks and uniqueness are as AWS documents them:
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html, …/snapstart-uniqueness.html
"""

from __future__ import annotations

import array
import ctypes
import gc
import json
import os
import shutil
import socket
import stat
import sys
import threading

from lambdad_runtime import separate, start
from lambdad_runtime.channel import RESTORE, Channel

_ORDER = 4096
"""Bytes of an order, at most; they come in one piece."""
_DESCRIPTORS = 16
_SPACES = (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000)
"""What setns(2) calls a nest's namespaces, in the order in which they are entered: user, mnt, pid, net, ipc, uts, cgroup."""
_STREAMS = 4
"""Descriptors before the namespaces in an order: for the news of the new process; channel, output, telemetry."""
_PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 4, 23, 24, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class NoSnapshot(Exception):
    """This process can't be forked into execution environments; the text says why."""


def check() -> None:
    """Raises NoSnapshot."""
    if threading.active_count() > 1:
        names = sorted(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
        raise NoSnapshot("threads that INIT started are still running: %s" % ", ".join(names))
    if [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]:
        raise NoSnapshot("processes that INIT started are still running")
    pid = os.fork()  # libraries that know about forks end their own threads for one, and start them again when needed
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    if len(os.listdir("/proc/self/task")) > 1:
        raise NoSnapshot("a library has started threads that do not survive a fork")


class Snapshot:
    """Of this process, from before the function's code is loaded."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)

    def before(self) -> None:
        """Run the hooks, the last one registered first."""
        for function, args, kwargs in reversed(_hooks("before_snapshot")):
            function(*args, **kwargs)

    def after(self) -> None:
        for function, args, kwargs in _hooks("after_restore"):
            function(*args, **kwargs)

    def take(self, channel: Channel, fds: tuple[int, int]) -> None:
        """Say that this process is a template, and fork on orders. Returns in the forks, which have read their START.

        `fds`: of the channel and of the telemetry. Raises EOFError when lambdad is gone, which it is soon for a process that
        can't be a template.
        """
        try:
            check()
            shared = separate.Survey(keep=(0, 1, 2, *fds))
        except (NoSnapshot, OSError) as reason:
            channel.snapshot(str(reason))
            channel.receive()
        _wait(channel, fds, shared)
        for name, value in start.receive_start(channel)["environment"].items():
            if self._environment.get(name) != value and name != start.TELEMETRY:
                os.environ[name] = value  # what INIT itself has set stays
        be_unique()


def _wait(channel: Channel, fds: tuple[int, int], shared: separate.Survey) -> None:
    gc.collect()
    gc.freeze()  # a collection would write to every object, and so copy every page that is shared
    _libc.fflush(None)
    channel.snapshot(None)
    orders = socket.socket(fileno=os.dup(fds[0]))
    while True:
        copy_tmp, descriptors = _order(orders)
        if os.fork() == 0:
            _become_copy(descriptors, fds, copy_tmp, shared)
            orders.close()
            return
        for descriptor in descriptors:
            os.close(descriptor)
        _reap()


def be_unique() -> None:
    """What the template's forks must not have in common. (OpenSSL sees by the process id that it was forked.)"""
    start.be_born()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = uuid._generate_time_safe = None


def _hooks(name: str) -> list:
    """The registered (function, arguments, keyword arguments): `before_snapshot` or `after_restore`, in registration order."""
    module = sys.modules.get("snapshot_restore_py")
    return [] if module is None else list(getattr(module, "get_" + name)())


def _order(orders: socket.socket) -> tuple[bool, list[int]]:
    descriptors = array.array("i")
    room = socket.CMSG_SPACE(_DESCRIPTORS * descriptors.itemsize)
    data, ancillary, _flags, _address = orders.recvmsg(_ORDER, room, socket.MSG_CMSG_CLOEXEC)
    if not data:
        raise EOFError("lambdad closed the channel")
    for _level, _kind, payload in ancillary:
        descriptors.frombytes(payload[: len(payload) // descriptors.itemsize * descriptors.itemsize])
    if data[0] != RESTORE:
        raise ValueError("expected RESTORE, got a frame of kind %d" % data[0])
    return json.loads(data[8:])["copy_tmp"], list(descriptors)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _become_copy(descriptors: list[int], fds: tuple[int, int], copy_tmp: bool, shared: separate.Survey) -> None:
    """The fork goes into its namespaces; since only a child of its is in the new one for processes, that is the copy."""
    news = socket.socket(fileno=descriptors[0])
    try:
        groups = descriptors[_STREAMS + len(_SPACES) :]
        tmp = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for place, kind in enumerate(_SPACES):
            _check(_libc.setns(descriptors[_STREAMS + place], kind), "setns(%#x)" % kind)
        told, tell = os.pipe()
        pid = os.fork()
        if pid:
            os.write(tell, b"%d" % pid)
            os._exit(0)
        pid = int(os.read(told, 16))
        for group in groups:
            os.write(group, b"0")  # the writer itself, before anything of this environment is here
        os.setsid()
        _give_up_capabilities()
        channel, output, telemetry = descriptors[1:_STREAMS]
        os.dup2(channel, fds[0], inheritable=False)
        os.dup2(telemetry, fds[1], inheritable=False)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if copy_tmp:
            _copy_tmp(tmp)
        for descriptor in (*descriptors[1:], tmp, told, tell):
            os.close(descriptor)
        shared.separate()
        news.sendall(b'{"op": "started", "pid": %d}' % pid)
        news.close()
    except BaseException as error:  # whatever it was, this process must not go on as a second template
        try:
            news.sendall(json.dumps({"op": "failed", "error": "%s: %s" % (type(error).__name__, error)}).encode())
        finally:
            os._exit(1)


def _copy_tmp(descriptor: int) -> None:
    os.fchdir(descriptor)
    shutil.copytree(".", "/tmp", symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)
    os.chdir(start.task_root())


def _copy_file(source: str, target: str) -> None:
    """Sockets and named pipes are left out: nobody is at their other end."""
    if stat.S_ISREG(os.lstat(source).st_mode) or os.path.islink(source):
        shutil.copy2(source, target, follow_symlinks=False)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (os.strerror(number), what))


def _give_up_capabilities() -> None:
    """As every runtime process is without them; entering a user namespace gave all of them, over this nest alone."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) < 0:
            break  # beyond the last one that this kernel knows
        _check(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl(PR_CAPBSET_DROP)")
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl(PR_CAP_AMBIENT)")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")
