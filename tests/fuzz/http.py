"""HTTP of the edge and of the Runtime API: the same bytes mean the same, however they are cut and whoever reads them."""

import random
from collections.abc import Callable, Iterator
from typing import Any, cast

from lambdad.edge.connection import Connection
from lambdad.edge.server import Server
from lambdad.runtime_api.request import BadRequest, Finished, Head, Piece, RequestDecoder
from lambdad.wire.messages import Request, Response

_HOST = b"Host: localhost\r\n"
SEEDS = [
    b"\0GET /a?b=c HTTP/1.1\r\n" + _HOST + b"X: 1\r\nx:2\r\n\r\n",
    b"\1POST / HTTP/1.1\r\n" + _HOST + b"Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"\2POST / HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;a=b\r\n0123456789abcdef\r\n0\r\nT: x\r\n\r\n",
    b"\3POST / HTTP/1.1\r\n" + _HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    b"\4GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\r\nHEAD /x HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n",
    b"\5GET http://localhost/x HTTP/1.1\r\n" + _HOST + b"\r\nOPTIONS * HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"\6GET / HTTP/1.1\r\n" + _HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"\7POST / HTTP/1.1\r\n" + _HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]

Seen = tuple[str, str, str, dict[str, str], bytes]


class _Transport:
    """Remembers what was written; takes everything at once."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, pieces: Iterator[bytes]) -> None:
        self.written += b"".join(pieces)

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class _Loop:
    @staticmethod
    def time() -> float:
        return 0.0


class _Application:
    """Answers at once. `seen`: what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def body_limit(self, request: Request) -> int:
        return 20

    def too_large(self, request: Request, size: int) -> Response:
        return Response(413)

    def handle(self, request: Request, respond: Callable[[Response], None]) -> None:
        self.seen.append((request.method, request.path, request.query, request.headers, request.body))
        respond(Response(200, [], b"ok"))


def _edge(pieces: Iterator[bytes]) -> tuple[list[Seen], list[bytes], bool]:
    """What the application saw, the first lines of the answers, and whether the connection was closed."""
    application, transport = _Application(), _Transport()
    server = Server(application, now=lambda: 0.0, peers=False)
    connection = Connection(server, cast(Any, _Loop()))
    connection.connection_made(cast(Any, transport))
    for piece in pieces:
        if transport.closed and not connection._lingering:
            break  # nothing is read from a transport that was closed
        connection.data_received(piece)
    connection.connection_lost(None)
    assert server.held == 0 and server.busy == 0 and not server.connections
    lines = [line for line in transport.written.split(b"\r\n") if b"HTTP/1.1 " in line]
    return application.seen, lines, transport.closed


def _runtime_api(pieces: Iterator[bytes]) -> tuple[list[Seen], int | None]:
    """The complete requests, and the status of the refusal."""
    decoder = RequestDecoder()
    seen: list[Seen] = []
    head, body = None, b""
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (part := decoder.take()) is not None:
                match part:
                    case Head():
                        head, body = part, b""
                    case Piece(data):
                        body += data
                    case Finished():
                        assert head is not None
                        path, _, query = head.target.partition("?")
                        seen.append((head.method, path, query, dict(head.fields), body))
    except BadRequest as error:
        return seen, error.status
    return seen, None


def _cuts(data: bytes, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    position = 0
    while position < len(data):
        length = chance.randint(1, 2 + seed)
        yield data[position : position + length]
        position += length


def check(data: bytes) -> None:
    """The first byte chooses the cuts."""
    if not data:
        return
    seed, text = data[0], data[1:]
    whole = _edge(iter([text]))
    inside = _runtime_api(iter([text]))
    for pieces in (1, seed):
        assert _edge(_cuts(text, pieces)) == whole, "how the edge reads depends on the cuts"
        assert _runtime_api(_cuts(text, pieces)) == inside, "how the Runtime API reads depends on the cuts"
    for one, other in zip(whole[0], inside[0], strict=False):
        if "://" in text.decode("latin-1"):
            break  # The Runtime API knows no absolute targets.
        assert (one[0], one[1], one[2], one[4]) == (other[0], other[1], other[2], other[4]), "two programs, two requests"
