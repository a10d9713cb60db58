"""From a fresh fork of the launcher to the inside of a sandbox: namespaces, /proc, network, and every privilege gone.

The order matters: whatever needs the launcher's privileges first, then the user, then the capabilities. Facts:
namespaces(7), user_namespaces(7), capabilities(7), proc(5).
"""

import os
import socket
from typing import List, Optional, Sequence

from . import kernel, landlock, links

UID = 993
GID = 990
"""What AWS's own environments run as: sbx_user1051."""
HOST_NAME = "lambda"
TMP_MB = 512
"""The size of /tmp that nearly every function has, so it is made ahead."""
_FILES_PER_MB = 256
"""Of /tmp, at most: one for each block of 4 KiB, as mke2fs(8) has it on a file system of this size."""


def isolate(ports: Sequence[int], host_uid: Optional[int], way_out: "Optional[links.Ends]") -> List[socket.socket]:
    """Own mounts, IPC, host name, network, cgroup root, /proc and /tmp; answers listening sockets on the new loopback.
    `way_out`: to the hub, where the caller is."""
    hub = None if way_out is None else links.Routes()
    kernel.unshare(kernel.NEWNS | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWNET | kernel.NEWCGROUP)
    mount_proc()
    owner = 0 if host_uid is None else host_uid
    mount_tmp(TMP_MB, owner, owner)
    socket.sethostname(HOST_NAME)
    kernel.loopback_up()
    if hub is not None and way_out is not None:
        links.settle(way_out.ipv6)
        hub.apply(way_out.hub)
        hub.close()
        take_way_out(way_out)
    return [listen(port) for port in ports]


def take_way_out(way_out: links.Ends) -> None:
    """Inside, once the hub's side is done."""
    own = links.Routes()
    own.apply(way_out.inside)
    own.close()


def mount_proc() -> None:
    kernel.mount("proc", "/proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def mount_tmp(size_mb: int, uid: int, gid: int) -> None:
    """A /tmp that belongs to the sandbox's user, as the present user namespace calls it. Its files are limited in number, too,
    since each takes a kilobyte of the kernel's memory, which nothing else limits where there are no control groups."""
    kernel.mount("tmpfs", "/tmp", kernel.MS_NOSUID | kernel.MS_NODEV, f"{_size(size_mb)},mode=0700,uid={uid},gid={gid}")


def resize_tmp(size_mb: int) -> None:
    """The same directory stays, which is what Landlock's rule is about."""
    kernel.mount("tmpfs", "/tmp", kernel.MS_REMOUNT | kernel.MS_NOSUID | kernel.MS_NODEV, _size(size_mb))


def _size(size_mb: int) -> str:
    return f"size={size_mb}m,nr_inodes={size_mb * _FILES_PER_MB}"


def listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def map_user(uid: int, gid: int) -> None:
    """Inside a user namespace of its own this process is 993 and nobody else exists."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{UID} {uid} 1"), ("gid_map", f"{GID} {gid} 1")):
        _write(f"/proc/self/{name}", text)


def forbid_user_namespaces() -> None:
    """None below this one: they are where many kernel bugs begin. As the namespace's own limit it holds for whatever runs
    inside, whatever the host's is."""
    allow_user_namespaces(0)


def allow_user_namespaces(most: int) -> None:
    """Below the present one, at a time."""
    _write("/proc/sys/user/max_user_namespaces", str(most))


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)


def drop_privileges(
    host_uid: Optional[int], user_namespaces: bool, calls: kernel.Filter, writes: "Optional[landlock.Ruleset]"
) -> None:
    """For good. `host_uid`: become this user of the host first; None where the launcher is an ordinary user's."""
    if host_uid is not None:
        os.setgroups([])
        kernel.keep_capabilities()
        os.setresgid(host_uid, host_uid, host_uid)
        os.setresuid(host_uid, host_uid, host_uid)
        kernel.raise_permitted()
        kernel.set_dumpable(True)  # the change of user had unset it, and /proc/self belonged to root
    if user_namespaces:
        kernel.unshare(kernel.NEWUSER)
        map_user(0 if host_uid is None else host_uid, 0 if host_uid is None else host_uid)
        forbid_user_namespaces()
    give_up(calls, writes)


def give_up(calls: kernel.Filter, writes: "Optional[landlock.Ruleset]") -> None:
    """The capabilities, out of every set, what `writes` does not let be written, and the system calls that `calls` does not
    allow: for this process and whatever comes of it."""
    kernel.drop_bounding_set()
    kernel.clear_ambient()
    kernel.drop_capabilities()
    kernel.no_new_privileges()
    kernel.set_dumpable(False)
    if writes is not None:
        writes.enforce()
    calls.install()
