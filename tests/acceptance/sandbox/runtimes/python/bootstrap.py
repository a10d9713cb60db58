"""A runtime for tests of the sandbox: START is ignored; every INVOKE's body is Python to execute; `answer` goes back as JSON.

Frames as in docs/design/channel.md. Code that raises answers {"error": "Type: text"}.
"""

import json
import os
import struct

HEADER = struct.Struct(">BBHI")


def _read(fd, count):
    data = b""
    while len(data) < count:
        part = os.read(fd, count - len(data))
        if not part:
            os._exit(0)
        data += part
    return data


def _send(fd, kind, body=b""):
    data = HEADER.pack(kind, 0, 0, len(body)) + body
    while data:
        data = data[os.write(fd, data) :]


def main(channel_fd=3, telemetry_fd=4, rehearse=False):
    names = {"telemetry_fd": telemetry_fd}
    while True:
        kind, _zero, head, body = HEADER.unpack(_read(channel_fd, 8))
        json.loads(_read(channel_fd, head) or b"{}")
        source = _read(channel_fd, body).decode()
        if kind == 1:
            _send(channel_fd, 16)
            continue
        names["answer"] = None
        try:
            exec(source, names)
            answer = names["answer"]
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        _send(channel_fd, 17, json.dumps(answer).encode())
