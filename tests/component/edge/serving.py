"""The server of the edge on a real loopback socket, and clients that send it bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from lambdad.edge.server import Server, Timeouts
from lambdad.wire.messages import Request, Response


class Echo:
    """Answers with what it was asked; `hold` keeps answers back until it is set."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.hold: asyncio.Event | None = None
        self.started = asyncio.Event()
        self.held: list[asyncio.Task[None]] = []
        self.finished = 0
        self.answer: Callable[[Request], Response] | None = None

    def body_limit(self, request: Request) -> int:
        return 1000

    def too_large(self, request: Request, size: int) -> Response:
        return Response(413, [("Content-Type", "text/plain")], f"{size} is too large".encode())

    def handle(self, request: Request, respond: Callable[[Response], None]) -> None:
        self.seen.append(request)
        self.started.set()
        if self.hold is None:
            self.respond(request, respond)
        else:
            self.held.append(asyncio.create_task(self.respond_later(request, respond, self.hold)))

    async def respond_later(self, request: Request, respond: Callable[[Response], None], hold: asyncio.Event) -> None:
        await hold.wait()
        self.respond(request, respond)

    def respond(self, request: Request, respond: Callable[[Response], None]) -> None:
        self.finished += 1
        if self.answer is not None:
            respond(self.answer(request))
        else:
            respond(Response(200, [("X-Method", request.method)], request.path.encode() + b" " + request.body))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), headers

    async def answer(self) -> tuple[int, bytes]:
        status, headers = await self.head()
        return status, await self.reader.readexactly(int(headers.get("Content-Length", 0)))

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await self.reader.read()


Connect = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def served(echo: Echo, timeouts: Timeouts | None = None) -> AsyncIterator[tuple[Server, Connect]]:
    server = Server(echo, timeouts=timeouts, now=lambda: 0.0)
    host, port = await server.listen("127.0.0.1", 0)
    clients: list[Client] = []

    async def connect() -> Client:
        client = Client(*await asyncio.open_connection(host, port))
        clients.append(client)
        return client

    try:
        yield server, connect
    finally:
        if echo.hold is not None:
            echo.hold.set()
        await server.close()
        for client in clients:
            client.writer.close()
        assert not server.connections and not server.busy and not server.held


async def quiet(server: Server) -> None:
    """Until no request is in progress."""
    while server.busy:  # noqa: ASYNC110 – a turn of the loop, no time
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 – turns of the loop, no time
        await asyncio.sleep(0)


async def settled(count: Callable[[], int]) -> None:
    """Until it does not change any more."""
    before = -1
    while count() > before:
        before = count()
        for _ in range(200):
            await asyncio.sleep(0)


GET = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
