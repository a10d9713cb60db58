"""System calls without a library in between."""

import errno
import signal

from tests.acceptance.functions import Function

_NO_PRIVILEGE = {errno.EPERM, errno.EACCES}
_NO_FILE = {errno.ENOENT, errno.EACCES}
_NOT_THERE = {"clone3", "a call of the future", "io_uring_setup"}
_NO_FAMILY = {"packet socket", "vsock", "crypto socket", "netfilter"}
_OTHERS = {
    "SCTP": {errno.EPROTONOSUPPORT},
    "hard link": {errno.EXDEV},
    "connect to the host": {errno.ECONNREFUSED},
    "signal to the host": {errno.ESRCH},
    # There is no such user or group inside to become.
    "setuid": {errno.EINVAL},
    "setresuid": {errno.EINVAL},
    "x32": {-signal.SIGSYS},
    "i386": {-signal.SIGSYS},
}


def expected(attempt: str) -> set[int]:
    if attempt.startswith(("open /", "trace of")):
        return _NO_FILE
    if attempt in _NOT_THERE:
        return {errno.ENOSYS}
    return {errno.EAFNOSUPPORT} if attempt in _NO_FAMILY else _OTHERS.get(attempt, _NO_PRIVILEGE)


def test_none_of_it_succeeds(native: Function, victim: Function, bystander: int) -> None:
    seen = native.invoke()
    assert len(seen) > 70
    assert {attempt: how for attempt, how in seen.items() if how not in expected(attempt)} == {}
    assert native.invoke() == seen
