"""The host's side of a runtime: starts the program as a sandbox would and speaks the channel with it, blocking."""

import fcntl
import json
import os
import select
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

RUNTIMES = Path(__file__).parents[2] / "src" / "lambdad" / "runtimes"

START, INVOKE, NEXT, RESPONSE, ERROR, INIT_ERROR, STREAM, CHUNK, END = 1, 2, 16, 17, 18, 19, 20, 21, 22
_PATIENCE = 60.0
"""Seconds until a silent runtime counts as stuck. Reached only by a test that fails."""


@dataclass(frozen=True)
class Frame:
    kind: int
    head: dict[str, Any]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Event:
    """One log event as framed on the telemetry socket."""

    type: int
    time_us: int
    message: bytes

    @property
    def text(self) -> str:
        return self.message.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.message)


def _pair() -> tuple[socket.socket, int]:
    """A host's end, and the child's end as a number above those that the child will use."""
    ours, theirs = socket.socketpair()
    ours.settimeout(_PATIENCE)
    number = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD_CLOEXEC, 10)
    theirs.close()
    return ours, number


class Host:
    """One runtime process. Use as a context manager: what still runs at the end is killed."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.channel, channel = _pair()
        self.output, output = _pair()
        self.telemetry, telemetry = _pair()
        self.logged = bytearray()
        self._status: int | None = None
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
            (os.POSIX_SPAWN_DUP2, channel, 3),
            (os.POSIX_SPAWN_DUP2, telemetry, 4),
        ]
        self.pid = os.posix_spawn(argv[0], list(argv), environment or {"PATH": "/usr/bin:/bin"}, file_actions=actions)
        for number in (channel, output, telemetry):
            os.close(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        for end in (self.channel, self.output, self.telemetry):
            end.close()

    def send(self, kind: int, head: dict[str, Any], body: bytes = b"") -> None:
        encoded = json.dumps(head).encode() if head else b""
        self.channel.sendall(struct.pack(">BBHI", kind, 0, len(encoded), len(body)) + encoded + body)

    def receive(self) -> Frame:
        """The next frame; log frames that come meanwhile are kept, so that a full socket blocks nobody."""
        kind, _, head_length, body_length = struct.unpack(">BBHI", self._exactly(8))
        head = json.loads(self._exactly(head_length)) if head_length else {}
        return Frame(kind, head, self._exactly(body_length))

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            ready, _, _ = select.select([self.channel, self.telemetry], [], [], _PATIENCE)
            assert ready, f"the runtime is silent; it has logged {bytes(self.logged)!r} and written {self.written()!r}"
            if self.telemetry in ready:
                self.logged += self.telemetry.recv(65_536)
            if self.channel in ready:
                piece = self.channel.recv(length - len(data))
                if not piece:
                    raise EOFError(f"the runtime is gone; it has logged {bytes(self.logged)!r}, written {self.written()!r}")
                data += piece
        return bytes(data)

    def start(self, handler: str, task: Path, environment: dict[str, str] | None = None, **head: Any) -> None:
        variables = {
            "PATH": "/usr/bin:/bin",
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]0",
            "TZ": ":UTC",
            "_HANDLER": handler,
            **(environment or {}),
        }
        self.send(START, {"handler": handler, "environment": variables, "cwd": str(task), **head})

    def expect(self, kind: int) -> Frame:
        frame = self.receive()
        assert frame.kind == kind, frame
        return frame

    def post(self, event: Any = None, request_id: str = "r-1", **head: Any) -> None:
        """An INVOKE; `event` is encoded unless it is bytes."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        defaults = {"id": request_id, "deadline_ms": 4_000_000_000_000, "arn": "arn:f", "trace": "Root=1-2-3"}
        self.send(INVOKE, {**defaults, **head}, body)

    def invoke(self, event: Any = None, request_id: str = "r-1", **head: Any) -> Frame:
        """One invocation: its answer, which NEXT has to follow."""
        self.post(event, request_id, **head)
        answer = self.receive()
        self.expect(NEXT)
        return answer

    def events(self) -> list[Event]:
        """Log events since the last call, of what has been written so far."""
        while select.select([self.telemetry], [], [], 0)[0]:
            piece = self.telemetry.recv(65_536)
            if not piece:
                break
            self.logged += piece
        events, at = [], 0
        while len(self.logged) - at >= 16:
            kind, length, time_us = struct.unpack_from(">IIQ", self.logged, at)
            assert len(self.logged) >= at + 16 + length, "a frame is cut short"
            events.append(Event(kind, time_us, bytes(self.logged[at + 16 : at + 16 + length])))
            at += 16 + length
        del self.logged[:at]
        return events

    def log(self) -> list[str]:
        return [event.text for event in self.events()]

    def written(self) -> bytes:
        """What went to fd 1 and 2 directly, so far."""
        data = bytearray()
        while select.select([self.output], [], [], 0)[0]:
            piece = self.output.recv(65_536)
            if not piece:
                break
            data += piece
        return bytes(data)

    def exit_status(self) -> int:
        """Wait for the end of the process; negative for a signal, as in subprocess."""
        while not self._gone():
            self.logged += self.telemetry.recv(65_536)
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def _gone(self) -> bool:
        """True once the process has closed its telemetry socket."""
        ready, _, _ = select.select([self.telemetry], [], [], _PATIENCE)
        assert ready, "the runtime does not end"
        return not self.telemetry.recv(1, socket.MSG_PEEK)
