"""A connection to moto's process, for one request, since its server keeps none alive: the answer comes back whole."""

import asyncio
from typing import Any, Final, cast

import httptools

from lambdad.domain.errors import PlatformError
from lambdad.wire.messages import Request, Response

LARGEST: Final = 128 * 1024 * 1024
"""Bytes of an answer; what is larger can be read in ranges."""

_DROPPED: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"date", b"server", b"content-length"})


class CompanionFailed(PlatformError):
    """The companion did not answer."""

    code = "ServiceUnavailable"
    status = 503


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._bodiless = False
        self._headers: list[tuple[str, str]] = []
        self._length: str | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    async def exchange(self, request: Request) -> Response:
        """Raises CompanionFailed where the connection ends first."""
        self._bodiless = request.method == "HEAD"
        try:
            if self._transport is not None:
                self._transport.writelines((_head(request), request.body))
            return await self._answer
        finally:
            if self._transport is not None:
                self._transport.abort()

    # --- the transport's side ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class does not inherit from asyncio's.

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail("The companion ended before it answered; lambdad's log says more.")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("The companion's answer is no HTTP.")

    # --- the parser's side ------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"content-length":
            self._length = value.decode("latin-1")
        if lower not in _DROPPED:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._bodiless:
            if self._length is not None:
                self._headers.append(("Content-Length", self._length))
            self._done()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > LARGEST:
            self._chunks.clear()
            self._fail(f"The companion's answer is larger than {LARGEST} bytes; ask for it in ranges.")
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._done()

    def _done(self) -> None:
        if not self._answer.done():
            self._answer.set_result(Response(self._parser.get_status_code(), self._headers, b"".join(self._chunks)))

    def _fail(self, message: str) -> None:
        if not self._answer.done():
            self._answer.set_exception(CompanionFailed(message))


def _head(request: Request) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    lines.append(f"content-length: {len(request.body)}\r\nconnection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
