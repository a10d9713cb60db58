"""The Linux system calls of the launcher, through ctypes: namespaces, mounts, capabilities, process controls.

Facts: unshare(2), setns(2), mount(2), open_tree(2), move_mount(2), mount_setattr(2), pivot_root(2), prctl(2),
capset(2), capabilities(7), netdevice(7). Every function raises OSError with errno and the path or call it was about.
Runs on Python 3.9 and later.
"""

import ctypes
import fcntl
import os
import platform
import socket
import struct

NEWNS = 0x00020000
NEWCGROUP = 0x02000000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_REC = 16384
MS_SLAVE = 1 << 19
MNT_DETACH = 2

ATTR_RDONLY = 1
ATTR_NOSUID = 2
ATTR_NODEV = 4
ATTR_NOEXEC = 8

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4

# These three have one number on every architecture (all system calls since 424 do).
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_MOUNT_SETATTR = 442
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_KEEPCAPS = 8
_PR_SET_SECCOMP = 22
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_SECCOMP_MODE_FILTER = 2

_CAPABILITY_VERSION_3 = 0x20080522
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.unshare.argtypes = (ctypes.c_int,)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.capset.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: {what}")
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), f"unshare({flags:#x})")


def become_root() -> None:
    """Of a new user namespace. Only one's own user and group can be mapped without help from the host; user_namespaces(7)."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open("/proc/self/" + name, "w", encoding="ascii") as file:
            file.write(text)


def setns(fd: int, kind: int) -> None:
    _check(_libc.setns(fd, kind), f"setns({kind:#x})")


def mount(kind: str, target: str, flags: int = 0, options: str = "") -> None:
    """A new file system of this kind."""
    name = kind.encode()
    _check(_libc.mount(name, os.fsencode(target), name, flags, options.encode()), f"mount {kind} at {target}")


def make_slave(target: str) -> None:
    """What is mounted here later does not reach the host; what the host mounts later is seen here."""
    _check(_libc.mount(None, os.fsencode(target), None, MS_REC | MS_SLAVE, None), f"make {target} a slave")


def detach(target: str) -> None:
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def clone_tree(path: str, attributes: int) -> int:
    """A copy of the mounts at `path`, attached nowhere yet, with further attributes; returns its descriptor."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE
    fd = _check(_libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags), f"open_tree {path}")
    try:
        set_attributes(fd, "", attributes, recursive=True)
    except OSError:
        os.close(fd)
        raise
    return fd


def attach_tree(fd: int, target: str) -> None:
    """Mount what `clone_tree` made, also in another mount namespace than where it was made; closes it."""
    try:
        _check(
            _libc.syscall(_SYS_MOVE_MOUNT, fd, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH),
            f"move_mount to {target}",
        )
    finally:
        os.close(fd)


def bind(source: str, target: str, attributes: int) -> None:
    attach_tree(clone_tree(source, attributes), target)


def set_attributes(fd: int, path: str, attributes: int, recursive: bool = False) -> None:
    """Only ever adds: what the host has locked stays as it is, so this works in a user namespace too."""
    attr = struct.pack("=QQQQ", attributes, 0, 0, 0)
    flags = (_AT_EMPTY_PATH if not path else 0) | (_AT_RECURSIVE if recursive else 0)
    _check(
        _libc.syscall(_SYS_MOUNT_SETATTR, fd, os.fsencode(path), flags, attr, ctypes.c_size_t(len(attr))),
        f"mount_setattr {path or fd}",
    )


def make_read_only(path: str) -> None:
    set_attributes(_AT_FDCWD, path, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV)


def pivot_root(new_root: str, put_old: str) -> None:
    number = _SYS_PIVOT_ROOT[platform.machine()]
    _check(_libc.syscall(number, os.fsencode(new_root), os.fsencode(put_old)), f"pivot_root {new_root}")


def _prctl(option: int, argument: int = 0, second: int = 0) -> int:
    return _check(_libc.prctl(option, argument, second, 0, 0), f"prctl({option}, {argument})")


def die_with_parent(signal: int) -> None:
    _prctl(_PR_SET_PDEATHSIG, signal)


def set_dumpable(on: bool) -> None:
    """Off: no other process of the same user may trace this one or read its memory, descriptors or environment."""
    _prctl(_PR_SET_DUMPABLE, int(on))


def keep_capabilities() -> None:
    _prctl(_PR_SET_KEEPCAPS, 1)


def adopt_orphans() -> None:
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def no_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


_KNOWN = [capability for capability in range(64) if _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) >= 0]
"""The capabilities of this kernel, which has EINVAL for those beyond; asked for once, in the launcher."""


def drop_bounding_set() -> None:
    for capability in _KNOWN:
        _prctl(_PR_CAPBSET_DROP, capability)


def clear_ambient() -> None:
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)


def _capset(effective: int, permitted: int) -> None:
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low, high = 0xFFFFFFFF, 32
    data = struct.pack("=6I", effective & low, permitted & low, 0, effective >> high, permitted >> high, 0)
    _check(_libc.capset(header, data), "capset")


def _permitted_capabilities() -> int:
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    data = ctypes.create_string_buffer(24)
    _check(_libc.capget(header, data), "capget")
    words = struct.unpack("=6I", data.raw)
    return int(words[1] | words[4] << 32)


_PERMITTED = _permitted_capabilities()
"""Asked for once, in the launcher: a stem would copy the pages that asking writes to."""


def raise_permitted() -> None:
    """Make every permitted capability effective again, after a change of user that kept them."""
    _capset(_PERMITTED, _PERMITTED)


def drop_capabilities() -> None:
    _capset(0, 0)


class Filter:
    """Of system calls; made in the launcher, so that a stem only has to ask for it. `instructions`: struct sock_filter."""

    def __init__(self, instructions: bytes) -> None:
        self._instructions = ctypes.create_string_buffer(instructions, len(instructions))
        described = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(self._instructions))
        self._described = ctypes.create_string_buffer(described, len(described))
        self._address = ctypes.addressof(self._described)

    def install(self) -> None:
        """For good, for this process and all that come of it; seccomp(2). After `no_new_privileges`."""
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._address)


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(handle, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
