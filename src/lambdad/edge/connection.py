"""One client's connection: its parser, the requests that wait, and the answer that is being written."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from math import inf
from typing import TYPE_CHECKING, Any, cast

import httptools

from lambdad.edge.heads import BadHead, answer_head, body_length, origin_form
from lambdad.wire.messages import Request, Response

if TYPE_CHECKING:
    from lambdad.edge.server import Server

log = logging.getLogger(__name__)

# Requests that may wait behind the one in progress before reading pauses, and the bytes of a body that pause it at once.
_PIPELINE, _LARGE = 8, 256 * 1024
# Bytes read and thrown away after a refusal: more than the largest body that any operation takes.
_LINGER_BYTES = 128 * 1024 * 1024
# Bytes of a piece of a body that is worth an object of its own.
_SMALL = 4096
# Below this, one copy is cheaper than a second system call.
_ONE_WRITE = 256 * 1024

_SINGLE = frozenset({"host", "authorization", "content-length", "content-type", "x-amz-target", "x-amz-date"})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """Made by the server for each client."""

    __slots__ = (
        "_application",
        "_began",
        "_body_limit",
        "_busy",
        "_can_write",
        "_current",
        "_discarded",
        "_ending",
        "_expects",
        "_head_size",
        "_header_error",
        "_headers",
        "_held",
        "_http_1_1",
        "_in_message",
        "_keep",
        "_lingering",
        "_loop",
        "_modern",
        "_parser",
        "_peer",
        "_pieces",
        "_queue",
        "_reading",
        "_refusal",
        "_request",
        "_server",
        "_size",
        "_starting",
        "_streaming",
        "_transport",
        "_unread",
        "_url",
        "deadline",
        "writer",
    )  # fmt: skip
    _current: Request
    """In progress. `_keep`: its connection may be kept; `_modern`: it speaks HTTP/1.1."""

    def __init__(self, server: "Server", loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._application = server.application
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Request, bool, bool]] = deque()
        self._busy = False
        self._ending = False
        self._reading = True
        self._lingering = False
        self._discarded = 0
        self._held = 0
        """Bytes of bodies, from the first one's arrival to the last one's answer."""
        self._refusal: Response | None = None
        self._can_write: asyncio.Future[None] | None = None
        self._peer = ""
        self._keep = self._modern = True
        self._starting = False
        self.writer: asyncio.Task[None] | None = None
        """Of the answer in progress, where that is a stream."""
        self._streaming: asyncio.Task[Any] | None = None
        """The same, once it has begun."""
        self.deadline = inf
        """In the loop's time; the server looks at it about once per second."""
        self._reset()

    def __repr__(self) -> str:
        state = "lingering" if self._lingering else "busy" if self._busy else "reading" if self._in_message else "idle"
        return f"<Connection {state}, {len(self._queue)} waiting>"

    @property
    def waits(self) -> bool:
        """For its client, which owes it a request or has not taken its answer."""
        return not self._busy

    def _reset(self) -> None:
        self._in_message = False
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_error = ""
        self._head_size = 0
        """What target, headers and trailers count for."""
        self._unread = -1
        """Bytes of pieces that held nothing but a part of these, or of the sizes of chunks; -1 in the piece it began in."""
        self._request: Request | None = None
        self._expects = False
        self._pieces: list[bytes | bytearray] = []
        """Of the body; small ones are gathered."""
        self._began = 0.0
        """The loop's time at which the rest of the head was first waited for, then that of the body; 0: not yet."""
        self._size = 0
        self._body_limit = 0
        self._http_1_1 = True

    # --- the transport's side ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class does not inherit from asyncio's.
        if self._server.peers:
            self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        self.deadline = self._loop.time() + self._server.timeouts.headers
        self._server.opened(self)
        if self._server.closing:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        # A request that runs goes on: AWS does not cancel a function because its caller hung up.
        self._transport = None
        self._server.connections.discard(self)
        self._queue.clear()
        self._hold((len(self._current.body) if self._busy else 0) - self._held)
        if self._streaming is not None:
            self._streaming.cancel()
        self.resume_writing()

    def eof_received(self) -> bool:
        """The client sends no more. Answers that are due still go out; one that is being streamed ends, for that is how a
        client hangs up, and whether it still reads can't be told until something is written."""
        self._ending = True
        if self._streaming is not None:
            return False
        return self._busy or bool(self._queue)

    def pause_writing(self) -> None:
        if self._can_write is None:
            self._can_write = self._loop.create_future()
        self.deadline = self._loop.time() + self._server.timeouts.write

    def resume_writing(self) -> None:
        if self._can_write is not None:
            if not self._can_write.done():
                self._can_write.set_result(None)
            self._can_write = None
            self._set_deadline()
            if self._transport is not None and not self._busy:
                self._start_waiting(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._lingering or self._refusal is not None:
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self.abort()
            return
        rest: bytes | memoryview = data
        while rest and self._refusal is None:
            rest = self._feed(rest)
        if self._in_message:
            self._wait()

    def _feed(self, data: bytes | memoryview) -> bytes | memoryview:
        """Answers what is left of it for a new parser: `Upgrade: h2c` and the like may be ignored (RFC 9110, 7.8), but llhttp
        stops there."""
        size = self._size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parser = httptools.HttpRequestParser(self)
            return memoryview(data)[upgrade.args[0] :]
        except httptools.HttpParserError as problem:
            if self._refusal is None and not self._ending:  # What follows a last request is nobody's.
                self._refuse(_plain(400, f"Bad request: {problem.args[0] if problem.args else 'malformed'}"))
            return b""
        if self._in_message and (self._request is None or self._size == size):
            # What has no end yet, the parser holds without telling: headers, trailers, extensions of chunks.
            self._unread += len(data) if self._unread >= 0 else 1
            if self._unread > 2 * self._server.header_limit:
                self._refuse_head()
        return b""

    # --- the parser's side ------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._reset()
        self._in_message = True

    def on_url(self, url: bytes) -> None:
        self._head_size += len(url)
        if self._head_size > self._server.header_limit:
            self._refuse_head()
        else:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        server, headers = self._server, self._headers
        self._head_size = size = self._head_size + len(name) + len(value) + server.header_cost
        if size > server.header_limit:
            self._refuse_head()
            return
        key = server.header_names.get(name) or server.header_name(name)
        if key not in headers:
            headers[key] = value.decode("latin-1")
            return
        if key in _SINGLE:
            self._header_error = f"repeated header {key}"
        # Without a blank: this is how signatures join them, and no way to tell two headers from one would be left.
        headers[key] = f"{headers[key]},{value.decode('latin-1')}"

    def on_headers_complete(self) -> None:
        if self._refusal is not None:
            return
        parser, headers = self._parser, self._headers
        method = parser.get_method().decode("latin-1")
        version = parser.get_http_version()
        self._http_1_1 = version == "1.1"
        try:
            if version not in ("1.1", "1.0"):
                raise BadHead("HTTP version not supported", 505)
            if self._header_error:
                raise BadHead(self._header_error)
            if self._http_1_1 and "host" not in headers:
                raise BadHead("missing Host header")
            length = body_length(version, headers)
            if "upgrade" in headers and (length or "transfer-encoding" in headers) and parser.should_upgrade():
                raise BadHead("an Upgrade with a body is not supported")  # llhttp would take it for the new protocol.
            target = origin_form(method, self._url, headers)
        except BadHead as problem:
            self._refuse(_plain(problem.status, f"Bad request: {problem}"))
            return
        # Trailers are kept from it: nothing of AWS's protocols that lambdad speaks is in one.
        self._headers, self._began = {}, 0.0
        path, _, query = target.partition("?")
        request = self._request = Request(method, path, query, headers, b"", self._peer)
        self._body_limit = self._application.body_limit(request)
        if length is not None and length > self._body_limit:
            self._refuse(self._application.too_large(request, length))
            return
        if "expect" in headers and headers["expect"].lower() == "100-continue" and self._http_1_1:
            self._expects = length != 0
            if self._expects and not self._busy and self._transport is not None:
                self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        if self._refusal is not None or self._request is None:
            return
        length, server = len(body), self._server
        size = self._size = self._size + length
        self._held += length
        server.held += length
        if size > self._body_limit:
            self._refuse(self._application.too_large(self._request, size))
            return
        if length >= _SMALL or size == length:
            self._pieces.append(body)
        elif isinstance(last := self._pieces[-1], bytearray):
            last += body
        else:
            self._pieces.append(bytearray(body))
        if server.held > server.body_budget:
            self._refuse(_plain(503, "Too much is being received at once"))

    def on_message_complete(self) -> None:
        request = self._request
        self._in_message = False
        if self._refusal is not None or request is None or self._lingering:
            return
        pieces = self._pieces
        if pieces:
            first = pieces[0]
            request.body = first if len(pieces) == 1 and isinstance(first, bytes) else b"".join(pieces)
        self._drop_body()
        keep, modern = self._parser.should_keep_alive(), self._http_1_1
        if not keep:
            self._ending = True
        if self._busy or self._can_write is not None:
            self._queue.append((request, keep, modern))
            full = len(self._queue) >= _PIPELINE or len(request.body) >= _LARGE
            if full and self._reading and self._transport is not None:
                self._reading = False
                self._transport.pause_reading()
        else:
            self._start(request, keep, modern)

    # --- requests and answers ---------------------------------------------------------------------------------------------

    def _start(self, request: Request, keep: bool, modern: bool) -> None:
        self._busy = True
        self._current, self._keep, self._modern = request, keep, modern
        self.deadline = inf
        self._server.busy += 1
        try:
            self._application.handle(request, self._respond)
        except Exception:  # The last place to catch what nobody expected; the connection must go on.
            log.exception("unexpected failure in %s %s", request.method, request.path)
            if self._busy and self._current is request:
                self._respond(_plain(500, "Internal server error"))

    def _respond(self, response: Response) -> None:
        keep = self._keep and not self._server.closing and not (self._ending and not self._queue)
        body = response.body
        if isinstance(body, bytes):
            self._write(response, body, keep, self._current.method)
            self._finished(keep)
        else:
            self.writer = self._loop.create_task(self._stream(response, body, keep and self._modern))

    def _finished(self, keep: bool) -> None:
        self._busy = False
        self._hold(-len(self._current.body))
        self._server.finished()
        transport = self._transport
        if transport is None:
            return
        if self._queue and keep:
            if not self._starting:
                self._start_waiting(transport)
        elif self._refusal is not None:
            self._send_refusal(self._refusal)
        elif not keep:
            self._close(transport)
        else:
            if self._expects and self._in_message:
                transport.write(_CONTINUE)
            self._set_deadline()

    def _start_waiting(self, transport: asyncio.Transport) -> None:
        """A loop, since each of them may be answered at once."""
        self._starting = True
        while self._queue and not self._busy and self._can_write is None and self._transport is not None:
            self._start(*self._queue.popleft())
        self._starting = False
        if not self._reading and not self._queue:
            self._reading = True
            transport.resume_reading()

    def _write(self, response: Response, body: bytes, keep: bool, method: str) -> None:
        transport = self._transport
        if transport is None:
            return
        status = response.status
        length = None if status in (204, 304) else str(len(body))
        if method == "HEAD" and not body and length is not None:
            # A handler may know how long the body of a GET would be, and not have made it.
            length = next((value for name, value in response.headers if name == "Content-Length"), length)
        head = answer_head(response, self._server.date(), keep, length)
        if method == "HEAD" or status in (204, 304) or not body:
            transport.write(head)
        elif len(body) < _ONE_WRITE:
            transport.write(head + body)
        else:
            transport.writelines((head, body))

    async def _stream(self, response: Response, body: AsyncIterator[bytes], keep: bool) -> None:
        """When the client has gone, the body is closed at once: a live tail ends with its reader, while an Invoke's body is
        only the reading end of a function that goes on."""
        method = self._current.method
        self._streaming = asyncio.current_task()
        try:
            await self._pump(response, body, keep, self._modern, method)
            if self._modern and self._transport is not None and method != "HEAD":
                self._transport.write(b"0\r\n\r\n")
        except asyncio.CancelledError:
            keep = False  # The client has gone.
        except Exception:  # Part of the answer is out: all that is left is to cut it short, which a client notices.
            log.exception("a streamed answer broke off")
            self.abort()
            keep = False
        finally:
            self._streaming = self.writer = None
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()
            self._finished(keep)

    async def _pump(self, response: Response, body: AsyncIterator[bytes], keep: bool, modern: bool, method: str) -> None:
        if self._transport is None:
            return
        self._transport.write(answer_head(response, self._server.date(), keep, None, chunked=modern))
        async for piece in body:
            transport = self._transport
            if transport is None or not piece or method == "HEAD":
                continue
            transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if modern else piece)
            if self._can_write is not None:
                await self._can_write

    # --- ends ---------------------------------------------------------------------------------------------------------------

    def _set_deadline(self) -> None:
        if self._lingering:
            return
        timeouts = self._server.timeouts
        now = self._loop.time()
        if self._can_write is not None:
            self.deadline = now + timeouts.write
        elif self._busy:
            self.deadline = inf
        else:
            self._began = now
            self.deadline = now + (timeouts.body if self._in_message else timeouts.idle)

    def _wait(self) -> None:
        """For the client to send more, unless it is the client that waits, or an answer waits for it."""
        if self._busy or self._can_write is not None or self._lingering:
            return
        timeouts, now = self._server.timeouts, self._loop.time()
        if not self._began:
            self._began = now
        if self._request is None:
            self.deadline = self._began + timeouts.headers
        else:
            # Neither silence, nor a byte now and then.
            self.deadline = min(now, self._began + self._size / timeouts.rate) + timeouts.body

    def _drop_body(self) -> None:
        self._pieces, self._size = [], 0

    def _hold(self, size: int) -> None:
        self._held += size
        self._server.held += size

    def _refuse(self, response: Response) -> None:
        """Answer without the rest of the request, and close. The requests before it get their answers first."""
        self._refusal = response
        self._hold(-self._size)
        self._drop_body()
        if not self._busy and not self._queue:
            self._send_refusal(response)

    def _refuse_head(self) -> None:
        if self._refusal is None:
            self._refuse(_plain(431, "Request header fields too large"))

    def _send_refusal(self, response: Response) -> None:
        body = response.body if isinstance(response.body, bytes) else b""
        method = self._request.method if self._request is not None else ""
        self._write(response, body, False, method)
        if self._transport is not None:
            self._close(self._transport, linger=True)

    def _close(self, transport: asyncio.Transport, linger: bool = False) -> None:
        """Closing with unread bytes resets the connection and may destroy the answer, so those are read for a while."""
        if linger and transport.can_write_eof() and not self._lingering:
            self._lingering = True
            self.deadline = self._loop.time() + self._server.timeouts.linger
            transport.write_eof()
        else:
            self.deadline = self._loop.time() + self._server.timeouts.write
            transport.close()

    def expire(self) -> None:
        """The deadline has passed."""
        if self._can_write is not None or self._lingering or (self._transport is not None and self._transport.is_closing()):
            self.abort()
        elif self._in_message and self._refusal is None:
            self._refuse(_plain(408, "Request timeout"))
        elif self._transport is not None:
            self.deadline = self._loop.time() + self._server.timeouts.linger
            self._transport.close()

    def wind_down(self) -> None:
        """The server closes: finish what is here, begin nothing new."""
        self._ending = True
        if not self._busy and not self._in_message and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _plain(status: int, text: str) -> Response:
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], text.encode())
