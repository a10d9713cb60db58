"""The bare fork: what a process in new namespaces costs with nothing in it. Prints milliseconds, one per line.

Each round forks a child that enters new mount, IPC, UTS, PID and network namespaces (and a user namespace where the caller
is not root), forks once more so as to be PID 1 there, and exits; the parent's wait ends the round. unshare(2), fork(2).
"""

import ctypes
import os
import sys
import time

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000


def child(libc: ctypes.CDLL, flags: int) -> None:
    if libc.unshare(flags) != 0:
        os._exit(1)
    inner = os.fork()
    if inner == 0:
        os._exit(0)
    os.waitpid(inner, 0)
    os._exit(0)


def main(rounds: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET | (NEWUSER if os.geteuid() else 0)
    for _ in range(rounds):
        begin = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            child(libc, flags)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            sys.exit("this host does not let us make namespaces")
        print(round((time.perf_counter() - begin) * 1000, 3))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
