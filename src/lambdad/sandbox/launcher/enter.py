"""First half of a launcher with namespaces: become the first process of new ones, build the base root, execute the second half.

Usage: python -I -S enter.py CONTROL_FD, with the order {"user_namespace", "mount_point", "plan", "execute", "environment",
"hub"} waiting on that socket. The plan is a list of steps, see `lambdad.sandbox.root`; for the hub see `hub.make`, None: no way
out.
"""

import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any, List

_HERE = os.path.dirname(os.path.abspath(__file__))
if __package__ in (None, ""):
    sys.path.insert(0, _HERE)
    import hub  # type: ignore[import-not-found, unused-ignore]
    import kernel  # type: ignore[import-not-found, unused-ignore]
    import messages  # type: ignore[import-not-found, unused-ignore]
else:
    from lambdad.sandbox.launcher import hub, kernel, messages

PRIVATE = "/.lambdad"
"""Only the launcher sees it: the host's files at `host`, its own program and interpreter."""

_READ_ONLY = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV


def take_step(root: str, step: "List[Any]") -> None:
    kind, path = step[0], root + step[1]
    if kind == "directory":
        os.makedirs(path, exist_ok=True)
        os.chmod(path, step[2])
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if kind == "file":
        Path(path).write_text(step[2], encoding="utf-8")
        os.chmod(path, 0o644)
    elif kind == "link":
        os.symlink(step[2], path)
    elif kind == "copy":
        _copy(step[2], path)
    elif kind in ("bind", "device"):
        _mount_point(step[2], path)
        kernel.bind(step[2], path, _READ_ONLY if kind == "bind" else kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC)
    elif kind == "tmpfs":
        os.makedirs(path, exist_ok=True)
        kernel.mount("tmpfs", path, kernel.MS_NOSUID | kernel.MS_NODEV, step[2])
    elif kind == "cover":
        kernel.mount("tmpfs", path, kernel.MS_NOSUID | kernel.MS_NODEV, "size=4k,mode=0755")
        kernel.make_read_only(path)
    else:
        raise ValueError(f"unknown step {kind!r} at {step[1]}")


def _copy(source: str, path: str) -> None:
    if os.path.isdir(source):
        shutil.copytree(source, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        for directory, _names, files in os.walk(path):
            os.chmod(directory, 0o755)
            for name in files:
                os.chmod(os.path.join(directory, name), 0o755 if name.endswith(".sh") else 0o644)
    else:
        shutil.copyfile(source, path)
        os.chmod(path, 0o644)


def _mount_point(source: str, path: str) -> None:
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    else:
        Path(path).touch()


def build(mount_point: str, plan: "List[List[Any]]") -> None:
    """Make the base root and pivot into it; the host's files stay at /.lambdad/host for the launcher alone."""
    kernel.make_slave("/")
    kernel.mount("tmpfs", mount_point, kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=64m")
    take_step(mount_point, ["tmpfs", PRIVATE, "mode=0700,size=1m"])
    for step in plan:
        take_step(mount_point, step)
    os.makedirs(f"{mount_point}/proc", exist_ok=True)
    # Also where it is hidden later: in a user namespace the kernel lets a new proc be mounted only where one is seen whole.
    kernel.mount("proc", f"{mount_point}/proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    os.makedirs(f"{mount_point}{PRIVATE}/host")
    os.chdir(mount_point)
    kernel.pivot_root(".", f".{PRIVATE}/host")
    os.chdir("/")
    kernel.make_read_only("/")


def main(control_fd: int) -> None:
    kernel.die_with_parent(signal.SIGKILL)
    os.umask(0o022)
    control = socket.socket(fileno=control_fd)
    order, _fds, _pid = messages.receive(control)
    try:
        if order["user_namespace"]:
            kernel.become_root()
        kernel.unshare(kernel.NEWNS | kernel.NEWPID | kernel.NEWCGROUP)
        child = os.fork()
        if child:
            control.close()
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
        kernel.die_with_parent(signal.SIGKILL)
        if order["hub"]:
            hub.make(order["hub"], order["mount_point"])
        build(order["mount_point"], order["plan"])
        os.set_inheritable(control_fd, True)
        os.execve(order["execute"][0], [*order["execute"], str(control_fd)], order["environment"])
    except OSError as error:
        messages.send(control, {"op": "failed", "id": "", "error": str(error)})
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
