"""fork(2) without what the modules of a zygote do at every `os.fork`: no thread but this one runs here, and no lock is held.

The hooks of `random`, `logging`, `threading` and others write to 200 pages that the child shares with its parent. What a
function needs of them is done when it is born, see `lambdad_runtime.start`. Runs on Python 3.9 and later.
"""

import ctypes
import os

_libc = ctypes.PyDLL(None, use_errno=True)
"""PyDLL, not CDLL: the interpreter's lock is kept during the call, so that the child has it, too."""


def fork() -> int:
    """As `os.fork`."""
    pid: int = _libc.fork()
    if pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return pid
