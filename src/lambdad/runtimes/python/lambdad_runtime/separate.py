"""What a fork shares with its parent and an execution environment must not share: open files, pipes, sockets, shared memory.

A snapshot of a machine has them all as they were; a fork has the very same ones, so that a byte written by one environment
would be read by another. So each is made anew, under the same number or address: files with their position, pipes and socket
pairs whose ends are all in this process, event counters, epoll sets, shared memory with its content. What leads elsewhere is
broken afterwards, as connections are on AWS: a socket reads its end, and writing fails.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import stat
import struct

_MAP_SHARED, _MAP_FIXED, _MAP_ANONYMOUS = 1, 16, 32
_PROT_READ, _PROT_WRITE, _PROT_EXEC = 1, 2, 4
_REOPEN = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_PATH
"""Of a file's flags those that are given when it is opened again: not those that create or empty it."""
_DELETED = " (deleted)"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)


class Survey:
    """What there is to separate, looked up once in the template; `separate` is for its forks."""

    def __init__(self, keep: tuple[int, ...]) -> None:
        self._sockets: list[int] = []
        self._pairs: list[tuple[int, int]] = []
        self._pipes: dict[int, list[int]] = {}
        self._events: list[tuple[int, int]] = []
        self._epolls: list[tuple[int, list[tuple[int, int]]]] = []
        self._files: list[tuple[int, str, int, int]] = []
        self._others: list[int] = []
        sockets: dict[int, int] = {}
        for descriptor in _open_descriptors():
            if descriptor not in keep:
                self._note(descriptor, sockets)
        self._find_pairs(sockets)
        self._memory = _shared_memory()

    def _note(self, descriptor: int, sockets: dict[int, int]) -> None:
        status = os.fstat(descriptor)
        name = os.readlink("/proc/self/fd/%d" % descriptor)
        if stat.S_ISSOCK(status.st_mode):
            sockets[status.st_ino] = descriptor
            self._sockets.append(descriptor)
        elif stat.S_ISFIFO(status.st_mode):
            self._pipes.setdefault(status.st_ino, []).append(descriptor)
        elif name.startswith("anon_inode:"):
            self._note_anonymous(descriptor, name)
        else:
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            readable = stat.S_ISREG(status.st_mode) and not flags & os.O_PATH
            position = os.lseek(descriptor, 0, os.SEEK_CUR) if readable else 0
            self._files.append((descriptor, name, flags, position))

    def _note_anonymous(self, descriptor: int, name: str) -> None:
        with open("/proc/self/fdinfo/%d" % descriptor, encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
        if "eventfd" in name:
            count = [int(line[1], 16) for line in lines if line and line[0] == "eventfd-count:"]
            self._events.append((descriptor, count[0] if count else 0))
        elif "eventpoll" in name:
            # tfd:        5 events:       19 data:                5 …
            self._epolls.append(
                (descriptor, [(int(line[1]), int(line[3], 16)) for line in lines if line and line[0] == "tfd:"])
            )
        else:
            self._others.append(descriptor)

    def _find_pairs(self, sockets: dict[int, int]) -> None:
        for one, other in _peers().items():
            if one < other and one in sockets and other in sockets:
                self._pairs.append((sockets[one], sockets[other]))
                self._sockets.remove(sockets[one])
                self._sockets.remove(sockets[other])

    def separate(self) -> None:
        """In a fork, once its own /tmp is there."""
        for descriptor in (*self._sockets, *self._others):
            dead, other = socket.socketpair()
            other.close()
            _replace(descriptor, dead.detach())
        for pair in self._pairs:
            one, other = socket.socketpair(socket.AF_UNIX, _type_of(pair[0]))
            _replace(pair[0], one.detach())
            _replace(pair[1], other.detach())
        for ends in self._pipes.values():
            _renew_pipe(ends)
        for descriptor, count in self._events:
            _replace(descriptor, _libc.eventfd(count, os.O_CLOEXEC))
        for descriptor, name, flags, position in self._files:
            _reopen(descriptor, name, flags, position)
        for descriptor, watched in self._epolls:
            _renew_epoll(descriptor, watched)
        for region in self._memory:
            region.renew()


def _open_descriptors() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            continue  # the one with which the directory was read
        found.append(int(name))
    return found


def _replace(descriptor: int, new: int) -> None:
    """`new` takes the place and the flags of `descriptor`."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    if flags & os.O_NONBLOCK:
        os.set_blocking(new, False)
    os.dup2(new, descriptor, inheritable=os.get_inheritable(descriptor))
    os.close(new)


def _type_of(descriptor: int) -> int:
    with socket.socket(fileno=os.dup(descriptor)) as end:
        return end.type


def _renew_pipe(ends: list[int]) -> None:
    reading, writing = os.pipe()
    for descriptor in ends:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        _replace(descriptor, os.dup(reading if mode == os.O_RDONLY else writing))
    os.close(reading)
    os.close(writing)


def _renew_epoll(descriptor: int, watched: list[tuple[int, int]]) -> None:
    with select.epoll() as new:
        for target, events in watched:
            try:
                new.register(target, events)
            except OSError:
                continue  # closed since, while another descriptor of the same file kept it in the set
        _replace(descriptor, os.dup(new.fileno()))


def _reopen(descriptor: int, name: str, flags: int, position: int) -> None:
    """By its name, in the fork's own mounts; a file without one is copied."""
    try:
        if name.endswith(_DELETED) or name.startswith("/memfd:"):
            new = _copy(descriptor)
        else:
            new = os.open(name, flags & _REOPEN)
        if position:
            os.lseek(new, position, os.SEEK_SET)
    except OSError:
        new = os.open("/dev/null", os.O_RDWR)  # gone: there is nothing to read
    _replace(descriptor, new)


def _copy(descriptor: int) -> int:
    new = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)
    offset = 0
    while True:
        data = os.pread(descriptor, 1 << 20, offset)
        if not data:
            return new
        offset += os.pwrite(new, data, offset)


class _Region:
    """One mapping of shared memory."""

    def __init__(self, start: int, end: int, protection: int, offset: int, name: str) -> None:
        self._start, self._size, self._protection, self._offset, self._name = start, end - start, protection, offset, name

    def renew(self) -> None:
        """At the same address with the same content: of the fork's own file of that name, or of no file."""
        content = ctypes.string_at(self._start, self._size)
        descriptor, flags = -1, _MAP_SHARED | _MAP_FIXED
        if self._name.startswith("/tmp/") and not self._name.endswith(_DELETED):
            descriptor = os.open(self._name, os.O_RDWR)
        else:
            flags |= _MAP_ANONYMOUS
        try:
            place = _libc.mmap(
                self._start, self._size, self._protection, flags, descriptor, self._offset if descriptor >= 0 else 0
            )
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        if place != self._start:
            raise MemoryError("shared memory could not be made anew")
        if descriptor < 0:
            ctypes.memmove(self._start, content, self._size)


def _shared_memory() -> list[_Region]:
    """That which can be written; proc_pid_maps(5)."""
    found = []
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            addresses, permissions, offset, _device, _inode, *name = line.rstrip("\n").split(None, 5)
            if permissions[3] != "s" or permissions[1] != "w":
                continue
            start, end = (int(each, 16) for each in addresses.split("-"))
            protection = _PROT_WRITE | _PROT_READ * (permissions[0] == "r") | _PROT_EXEC * (permissions[2] == "x")
            found.append(_Region(start, end, protection, int(offset, 16), name[0] if name else ""))
    return found


_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_NLM_F_REQUEST, _NLM_F_DUMP, _NLMSG_ERROR, _NLMSG_DONE = 1, 0x300, 2, 3
_UDIAG_SHOW_PEER, _UNIX_DIAG_PEER = 4, 2


def _peers() -> dict[int, int]:
    """Inode of each connected Unix socket here, and that of the one at its other end; sock_diag(7). {} where the kernel can't
    tell, so that pairs are broken like everything else."""
    request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _UDIAG_SHOW_PEER, 0xFFFFFFFF, 0xFFFFFFFF)
    flags = _NLM_F_REQUEST | _NLM_F_DUMP
    message = struct.pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, flags, 1, 0) + request
    found: dict[int, int] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as asking:
            asking.send(message)
            while _read_peers(asking.recv(1 << 16), found):
                pass
    except OSError:
        return {}
    return found


def _read_peers(data: bytes, found: dict[int, int]) -> bool:
    """False at the end."""
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < 16:
            return False
        inode = struct.unpack_from("=I", data, at + 20)[0]
        attribute, end = at + 32, at + length
        while attribute + 8 <= end:
            size, name = struct.unpack_from("=HH", data, attribute)
            if name == _UNIX_DIAG_PEER:
                found[inode] = struct.unpack_from("=I", data, attribute + 4)[0]
            attribute += max(4, size + 3 & ~3)
        at += length + 3 & ~3
    return True
