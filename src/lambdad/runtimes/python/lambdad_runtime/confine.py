"""What a template and its copies may not ask of the kernel, from before the function's code is there.

A copy enters its namespaces from within the process that holds the function's code, so that code could do the same and would
have every capability over those namespaces: what an unprivileged user namespace gives, which no sandbox has otherwise. This
filter takes away what such capabilities are good for: mounts, further namespaces, packet filters and the like, where many of
the kernel's bugs have been. It stays for the life of the process and of all that come of it; seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_DENIED = {
    "x86_64": {
        "mount": 165, "umount2": 166, "pivot_root": 155, "unshare": 272, "bpf": 321, "perf_event_open": 298,
        "add_key": 248, "request_key": 249, "keyctl": 250, "quotactl": 179, "userfaultfd": 323,
    },
    "aarch64": {
        "mount": 40, "umount2": 39, "pivot_root": 41, "unshare": 97, "bpf": 280, "perf_event_open": 241,
        "add_key": 217, "request_key": 218, "keyctl": 219, "quotactl": 60, "userfaultfd": 282,
    },
}  # fmt: skip
_DENIED_EVERYWHERE = {
    "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "mount_setattr": 442, "quotactl_fd": 443,
}  # fmt: skip
"""System calls that have one number on every architecture, as all since 424."""
_CLONE3 = 435
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_SETSOCKOPT = {"x86_64": 54, "aarch64": 208}

_NEW_NAMESPACES = 0x7E020000 | 0x80
"""Flags of clone(2): every CLONE_NEW*."""
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK, _AF_ALG = 1, 2, 10, 16, 38
_NETLINK_SOCK_DIAG = 4
_TABLES = {0: (64, 65, 96, 97, 128, 129), 41: (64, 65)}
"""Options of IPPROTO_IP and IPPROTO_IPV6 that replace tables of iptables, arptables and ebtables."""
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data; of an argument the lower half is looked at."""
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


def confine() -> None:
    """From now on, for good. Needs no privilege, since `no_new_privs` is set. Raises OSError."""
    filters = b"".join([struct.pack("=HBBI", *each) for each in program(platform.machine())])
    instructions = ctypes.create_string_buffer(filters, len(filters))
    described = struct.pack("@HP", len(filters) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


Instruction = "tuple[int, int, int, int]"


def program(machine: str) -> list[Instruction]:
    """Code, instructions to skip if true, if false, operand."""
    deny = _answer(errno.EPERM)
    found = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _ARCHITECTURES[machine]), deny]
    found += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), deny]
    for number in sorted((*_DENIED[machine].values(), *_DENIED_EVERYWHERE.values())):
        found += [(_EQUAL, 0, 1, number), deny]
    # Its flags are in memory, where a filter can't look; the C library then calls clone.
    found += [(_EQUAL, 0, 1, _CLONE3), _answer(errno.ENOSYS)]
    found += _only(_CLONE[machine], [_argument(0), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), deny])
    found += _only(_SOCKET[machine], _sockets())
    found += _only(_SETSOCKOPT[machine], _options(deny))
    return [*found, (_RETURN, 0, 0, _ALLOW)]


def _sockets() -> list[Instruction]:
    """Families that functions use, and of netlink what only answers questions."""
    allow = (_RETURN, 0, 0, _ALLOW)
    found = [_argument(0)]
    for family in (_AF_UNIX, _AF_INET, _AF_INET6, _AF_ALG):
        found += [(_EQUAL, 0, 1, family), allow]
    refuse = _answer(errno.EAFNOSUPPORT)
    return [*found, (_EQUAL, 1, 0, _AF_NETLINK), refuse, _argument(2), (_EQUAL, 1, 0, _NETLINK_SOCK_DIAG), refuse]


def _options(deny: Instruction) -> list[Instruction]:
    found = []
    for level, options in _TABLES.items():
        checks = [_argument(2)]
        for option in options:
            checks += [(_EQUAL, 0, 1, option), deny]
        found += [_argument(1), (_EQUAL, 0, len(checks), level), *checks]
    return found


def _only(number: int, instructions: list[Instruction]) -> list[Instruction]:
    """`instructions` for this system call, which is allowed unless they return."""
    body = [*instructions, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]


def _argument(place: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * place)


def _answer(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)
