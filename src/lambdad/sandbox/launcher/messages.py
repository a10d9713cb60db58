"""What lambdad, its launchers and their sandboxes say to each other: one JSON object per packet, descriptors beside it.

Over AF_UNIX SOCK_SEQPACKET, which keeps packets whole and in order; unix(7). Runs on Python 3.9 and later.

To a launcher:   {"op": "stem", "id", "uid", "ahead"}         + [control, channel, output, telemetry, cgroup.procs…]
                 {"op": "specialise", "id", "task", "opt", "tmp_mb"}
                 {"op": "nest", "id", "template", "tmp_mb"}         + [control]
                 {"op": "destroy", "id"}
From a launcher: {"op": "launched"}; {"op": "specialised", "id"} + [tmp]; {"op": "failed", "id", "error"}
To a sandbox:    {"op": "restart"} + [channel, output, telemetry]; {"op": "kill"}; {"op": "stop"}; {"op": "continue"}
From a sandbox:  {"op": "ready"} + [runtime api, endpoint]; {"op": "started"}; {"op": "exited", "status", "signal"};
                 {"op": "failed", "error"}
To a template's: {"op": "template"}, and from then on also from it: {"op": "reaped", "pid", "status", "signal"}
To a nest:       {"op": "kill"}; {"op": "stop"}; {"op": "continue"}; {"op": "clear"}
From a nest:     {"op": "ready"} + [its namespaces, in the order of `nests.SPACES`; tmp; runtime api, endpoint];
                 {"op": "cleared"}; {"op": "failed", "error"}
From a runtime process that was forked from a template, on a socket for this alone: {"op": "started", "pid"};
                 {"op": "failed", "error"}
"""

import array
import json
import socket
import struct
from typing import Any, Dict, List, Sequence, Tuple

LONGEST = 65536
MOST_DESCRIPTORS = 16

_SPACE = socket.CMSG_SPACE(MOST_DESCRIPTORS * 4) + socket.CMSG_SPACE(12)
_CREDENTIALS = 2
"""SCM_CREDENTIALS; the socket module only names it on some builds."""


class Closed(Exception):
    """The other side is gone."""


def send(sock: socket.socket, message: Dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Raises Closed, or BlockingIOError where a non-blocking socket is full."""
    data = json.dumps(message).encode()
    if len(data) > LONGEST:
        raise ValueError(f"a message of {len(data)} bytes is longer than {LONGEST}")
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        sock.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)
    except (BrokenPipeError, ConnectionError) as error:
        raise Closed from error


def receive(sock: socket.socket) -> Tuple[Dict[str, Any], List[int], int]:
    """The message, its descriptors, and the sender's process id as the receiver sees it (0 unless SO_PASSCRED is set).

    Raises Closed, or BlockingIOError where a non-blocking socket has nothing.
    """
    try:
        data, ancillary, _flags, _address = sock.recvmsg(LONGEST, _SPACE)
    except ConnectionError as error:
        raise Closed from error
    if not data:
        raise Closed
    fds: List[int] = []
    pid = 0
    for level, kind, payload in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_RIGHTS:
            fds.extend(struct.unpack(f"={len(payload) // 4}i", payload[: len(payload) // 4 * 4]))
        elif kind == _CREDENTIALS:
            pid = struct.unpack("=iII", payload[:12])[0]
    return json.loads(data), fds, pid
