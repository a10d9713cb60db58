"""Landlock, beneath the mounts and beside the filter of system calls: what a sandbox's processes may write, and whom they may
signal.

Only what is to be refused is handled: writing. Facts: landlock(7), landlock_create_ruleset(2), include/uapi/linux/landlock.h,
Documentation/userspace-api/landlock.rst. Runs on Python 3.9 and later.
"""

import ctypes
import os
import struct
from typing import Optional, Tuple

WRITE_FILE, REMOVE_DIR, REMOVE_FILE = 1 << 1, 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1, 2
QUIET = 1 | 4
"""Neither what is refused to this domain nor to those below it is in the host's audit log, which functions could flood."""

OLDEST = 2
"""Without REFER, which is new in it, no file can be moved from one directory to another."""
_SINCE = {REFER: 2, TRUNCATE: 3, IOCTL_DEV: 5}
_NET, _SCOPES, _FLAGS = 4, 6, 7
"""ABIs that made the description longer, and the one that first takes flags."""
_DEVICES = MAKE_CHAR | MAKE_BLOCK

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def abi() -> int:
    """0 where the kernel has none, or it is off."""
    return max(0, int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)))


def handled(version: int) -> int:
    """Every access that writes, as far as this ABI knows it."""
    every = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | _DEVICES
    for access, since in _SINCE.items():
        every |= access if version >= since else 0
    return every


def description(version: int) -> bytes:
    """struct landlock_ruleset_attr: as long as this ABI has it. Ports of the network are not restricted."""
    members = [handled(version)]
    if version >= _NET:
        members.append(0)
    if version >= _SCOPES:
        members.append(SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL)
    return struct.pack(f"={len(members)}Q", *members)


def permitted(version: int) -> "Tuple[Tuple[str, int], ...]":
    """What may be written: all of /tmp but devices, and the devices that there are."""
    devices = (WRITE_FILE | TRUNCATE | IOCTL_DEV) & handled(version)
    return ("/tmp", handled(version) & ~_DEVICES), ("/dev", devices)


class Ruleset:
    """Made in the launcher, so that a stem only has to ask for it. `version`: OLDEST at least."""

    def __init__(self, version: int) -> None:
        self._description = description(version)
        self._size = ctypes.c_size_t(len(self._description))
        self._permitted = permitted(version)
        self._flags = QUIET if version >= _FLAGS else 0

    def enforce(self) -> None:
        """For good, for this process and all that come of it, upon the /tmp that is mounted now. After `no_new_privileges`."""
        ruleset = _call(_CREATE, self._description, self._size, 0)
        for path, accesses in self._permitted:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            _call(_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", accesses, place), 0)
            os.close(place)
        _call(_RESTRICT, ruleset, self._flags)
        os.close(ruleset)


def _call(*arguments: object) -> int:
    result = int(_libc.syscall(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: landlock {arguments[0]}")
    return result


def best() -> "Optional[Ruleset]":
    """None where there is nothing to be had."""
    version = abi()
    return Ruleset(version) if version >= OLDEST else None
