"""The bare path: what a warm invoke would cost with nothing around it.

A uvloop + httptools server hands each request's body over a Unix socket to one of 64 blocking Python processes, which parse
it as JSON and send it back. No authentication, no names, no limits, no logs. lambdad's warm figures are ratios against this
program, measured in the same run.
"""

import asyncio
import json
import os
import socket
import struct
import sys
from collections import deque

import httptools
import uvloop

WORKERS = 64
SIZE = struct.Struct("!I")


def work(connection: socket.socket) -> None:
    """One blocking process: length-prefixed JSON in, length-prefixed JSON out."""
    reader = connection.makefile("rb")
    while head := reader.read(4):
        event = json.loads(reader.read(SIZE.unpack(head)[0]))
        answer = json.dumps(event).encode()
        connection.sendall(SIZE.pack(len(answer)) + answer)
    os._exit(0)


def spawn() -> list[socket.socket]:
    parents: list[socket.socket] = []
    for _ in range(WORKERS):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.fork() == 0:
            ours.close()
            for other in parents:
                other.close()
            work(theirs)
        theirs.close()
        parents.append(ours)
    return parents


class Channel(asyncio.Protocol):
    """Our end of one process."""

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.buffer = b""
        self.client: Client | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, client: "Client", body: bytes) -> None:
        self.client = client
        self.transport.write(SIZE.pack(len(body)) + body)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) < 4 or len(self.buffer) < 4 + SIZE.unpack_from(self.buffer)[0]:
            return
        answer, self.buffer, client = self.buffer[4:], b"", self.client
        assert client is not None
        client.answer(answer)
        self.pool.give_back(self)


class Pool:
    def __init__(self) -> None:
        self.idle: list[Channel] = []
        self.waiting: deque[tuple[Client, bytes]] = deque()

    def run(self, client: "Client", body: bytes) -> None:
        if self.idle:
            self.idle.pop().send(client, body)
        else:
            self.waiting.append((client, body))

    def give_back(self, channel: Channel) -> None:
        if self.waiting:
            channel.send(*self.waiting.popleft())
        else:
            self.idle.append(channel)


class Client(asyncio.Protocol):
    """One HTTP connection."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        self.pool.run(self, body)

    def answer(self, body: bytes) -> None:
        if self.transport.is_closing():
            return
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)  # type: ignore[attr-defined]


async def serve(sockets: list[socket.socket]) -> None:
    loop, pool = asyncio.get_running_loop(), Pool()
    for connection in sockets:
        _, channel = await loop.create_unix_connection(lambda: Channel(pool), sock=connection)
        pool.idle.append(channel)
    server = await loop.create_server(lambda: Client(pool), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    sockets = spawn()  # before there is a loop
    uvloop.run(serve(sockets))
