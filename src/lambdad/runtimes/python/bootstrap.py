"""lambdad's Python runtime: the program, and the door for the launcher.

The launcher imports this module once (the *zygote*) and calls `main` in every forked child. As a program it is what a wrapper
script (AWS_LAMBDA_EXEC_WRAPPER) executes; it then goes on where the process that executed the wrapper stopped.
Runs on every Python from 3.9 on. The protocol is in docs/design/channel.md, what a function sees in docs/runtimes.md.
"""

from __future__ import annotations

import os
import sys

_FILE = os.path.abspath(__file__)
_ROOT = os.path.dirname(_FILE)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from lambdad_runtime import loop, rehearsal, sdk, start  # noqa: E402
from lambdad_runtime.channel import Channel  # noqa: E402
from lambdad_runtime.telemetry import Telemetry  # noqa: E402

# A program started for one function pays for each import; a zygote pays once for all its children.
_PRELOADED = frozenset() if __name__ == "__main__" else start.preload()
if _PRELOADED:
    sdk.keep()
    _REHEARSAL = rehearsal.Rehearsal(_ROOT)
    for _ in range(rehearsal.TIMES):
        _REHEARSAL.run()


def main(channel_fd: int = 3, telemetry_fd: int = 4, rehearse: bool = False) -> None:
    """Be the function's process: read START, load the handler, answer invocations. Never returns. `rehearse`: START will be a
    while in coming, and this is a fork of the zygote.

    Ends the process itself: with the function's status on `sys.exit`, 1 after a failed INIT, 0 when lambdad is gone.
    """
    for descriptor in (channel_fd, telemetry_fd):
        os.set_blocking(descriptor, True)
        os.set_inheritable(descriptor, False)
    channel, telemetry = Channel(channel_fd), Telemetry(telemetry_fd)
    start.leave_zygote(_FILE)
    start.add_site_builtins()
    if rehearse:
        _REHEARSAL.run()
    try:
        head = start.receive_start(channel)
    except EOFError:
        os._exit(0)  # a stem that nobody needed
    start.become(head)
    argv = start.replacement(head, _FILE)
    if argv is not None:
        os._exit(start.execute(argv, head, (channel_fd, telemetry_fd)))
    start.be_born()
    runtime = loop.Runtime(channel, telemetry)
    try:
        snapshot = _snapshot(head)
        function = runtime.load(head, start.import_path(head, _ROOT), _PRELOADED)
        if snapshot is not None:
            runtime.be_restored(snapshot, (channel_fd, telemetry_fd))
        runtime.serve(function)
    except loop.InitFailed as failed:
        runtime.end_lines()
        os._exit(failed.status)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # lambdad is gone
    except BaseException as error:
        status = 1
        try:
            status = loop.exit_status(error)
            _finish()
            runtime.end_lines()
        finally:
            os._exit(status)


def _snapshot(head: dict):
    """What SnapStart needs to know from before INIT, in a process that is to be a template for it."""
    if not head.get("snapshot"):
        return None
    from lambdad_runtime.snapshot import Snapshot

    return Snapshot()


def _finish() -> None:
    """What an interpreter does before it exits, while the launcher's frames below stay untouched."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()


if __name__ == "__main__":
    main()
