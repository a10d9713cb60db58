"""Invokes over plain sockets, as lean as a client can be: it runs on the same processors as what it measures.

One thread, no HTTP library, a request that is one `sendall`, an answer that is one `recv`, most often: 30 to 65 µs of a
processor for each invocation, less than a hundredth of one at 120 invocations a second.
"""

import contextlib
import re
import selectors
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench.functions import FIRST

HEAD = (
    "POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 2\r\nX-Amz-Date: 20261121T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
    "000000000000/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=" + "0" * 64 + "\r\n\r\n{{}}"
)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    name: str
    body: bytes
    begun: float
    ended: float


class Connection:
    """One connection with one request on it at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, name: str) -> None:
        self.name, self.received, data = name, b"", HEAD.format(name=name).encode()
        self.begun = time.perf_counter()
        self.socket.sendall(data)

    def receive(self) -> Answer | None:
        """Reads what is there, or waits for something; the answer once all of it has come."""
        data = self.socket.recv(65536)
        assert data, f"lambdad hung up on {self.name}: {self.received!r}"
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return None
        length = LENGTH.search(head + b"\r\n")
        assert length, head
        if len(body) < int(length[1]):
            return None
        ended = time.perf_counter()
        assert head.startswith(b"HTTP/1.1 200") and b"x-amz-function-error" not in head.lower(), self.received
        return Answer(self.name, body, self.begun, ended)

    def cold_start(self, name: str, rest: float) -> float:
        """Milliseconds of the first invoke of a function that counts, after `rest` seconds for what lambdad has left to do."""
        time.sleep(rest)
        self.send(name)
        while (answer := self.receive()) is None:
            pass
        assert answer.body == FIRST, answer
        return (answer.ended - answer.begun) * 1000


def invoke_all(port: int, names: Iterable[str], connections: int) -> list[Answer]:
    """Invokes them in turn: a connection that has its answer sends the next one. In the order of the answers."""
    waiting, answers, busy = iter(names), [], 0
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        opened = [stack.enter_context(Connection(port)) for _ in range(connections)]
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        # Not with zip, which takes a name before it sees that there are no more connections.
        for connection in opened:
            if (name := next(waiting, None)) is not None:
                connection.send(name)
                busy += 1
        while busy:
            for key, _ in selector.select():
                if (answer := key.data.receive()) is None:
                    continue
                answers.append(answer)
                if (name := next(waiting, None)) is not None:
                    key.data.send(name)
                else:
                    busy -= 1
    return answers


def together(answers: Iterable[Answer]) -> float:
    """Milliseconds from the first request to the last answer."""
    answers = list(answers)
    return (max(each.ended for each in answers) - min(each.begun for each in answers)) * 1000
