"""The Runtime API over HTTP, on the socket that listens inside the sandbox: what the official runtime clients speak.

Paths, headers and errors: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and, for streamed answers,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html ("implementing response streaming in a custom runtime").

What may be asked when is decided by `machine`; this file turns requests into its events and back. The peer is user code, so
everything is bounded: connections, fields, bodies (kept only when they can still be an answer), and what waits to be sent.
"""

import asyncio
import base64
import binascii
import re
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec

from lambdad.domain.limits import RESPONSE_PAYLOAD
from lambdad.runtime_api.events import (
    Chunk,
    Error,
    InitError,
    Refused,
    Response,
    RuntimeEvent,
    StreamEnd,
    StreamHead,
    TooLarge,
)
from lambdad.runtime_api.failures import TRUNCATED
from lambdad.runtime_api.outbox import Outbox
from lambdad.runtime_api.request import BadRequest, Finished, Head, Piece, RequestDecoder
from lambdad.runtime_api.transport import Handover, Supervisor

CONNECTIONS: Final = 64
"""Of one environment at a time; runtimes use one or two, user code may look at the API as well."""
_HELD_WHILE_PARKED: Final = 65_536
"""Bytes that a client may send ahead while its GET next waits."""

_INVOCATION = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_NEXT_PATH: Final = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR_PATH: Final = "/2018-06-01/runtime/init/error"
_RESTORE_NEXT_PATH: Final = "/2018-06-01/runtime/restore/next"
_RESTORE_ERROR_PATH: Final = "/2018-06-01/runtime/restore/error"

_ACCEPTED: Final = b'{"status":"OK"}'
_BREAKS = re.compile(r"[\x00-\x1f\x7f]")


class RuntimeApi:
    """The server of one environment. Owns the listening socket and every connection on it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listener: socket.socket, supervisor: Supervisor, scratch: bytearray
    ) -> None:
        self.loop = loop
        self.supervisor = supervisor
        self.scratch = scratch
        self._listener = listener
        self._connections: set[_Connection] = set()
        self._parked: _Connection | None = None
        self._paused = False
        self._closed = False
        listener.setblocking(False)
        loop.add_reader(listener, self._acceptable)

    def deliver(self, handover: Handover, payload: bytes) -> bool:
        parked, self._parked = self._parked, None
        return parked is not None and parked.answer_next(handover, payload)

    def pause(self) -> None:
        self._paused = True
        for connection in self._connections:
            connection.update()

    def resume(self) -> None:
        self._paused = False
        for connection in tuple(self._connections):
            connection.update()
            connection.go_on()

    @property
    def paused(self) -> bool:
        return self._paused

    def drain(self) -> None:
        """Handle what the runtime sent before it ended."""
        self._acceptable()
        for connection in tuple(self._connections):
            connection.drain()

    def reset(self) -> None:
        """The runtime is gone, and so are its connections; the next one will open its own."""
        for connection in tuple(self._connections):
            connection.close()
        self._parked = None
        self._paused = False

    def close(self) -> None:
        """Calling it twice is no error."""
        if not self._closed:
            self._closed = True
            self.reset()
            self.loop.remove_reader(self._listener)
            self._listener.close()

    def park(self, connection: "_Connection") -> None:
        """The latest GET next gets the event: an earlier one of a runtime that is one process is a connection it gave up."""
        self._parked = connection

    def unpark(self, connection: "_Connection") -> None:
        if self._parked is connection:
            self._parked = None

    def forget(self, connection: "_Connection") -> None:
        self.unpark(connection)
        self._connections.discard(connection)

    def _acceptable(self) -> None:
        if self._closed:
            return
        while True:
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                return  # the peer gave up before we came, or this process has no descriptor left: it will ask again
            if len(self._connections) >= CONNECTIONS:
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.add(_Connection(self, sock))


class _Connection:
    """One keep-alive connection: one request at a time, the next one only after the answer has left."""

    def __init__(self, server: RuntimeApi, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock
        self._decoder = RequestDecoder()
        self._exchange: _Exchange | None = None
        self._parked = False
        self._outbox = Outbox(server.loop, sock, sent=self._sent, lost=self.close)
        self._keep_alive = True
        self._reading = False
        self._closed = False
        self.update()

    # reading

    def update(self) -> None:
        """Read only while there is nobody to wait for: the client, to take an answer; the invocation's caller, a stream."""
        wanted = not (self._closed or self._server.paused or self._outbox.waiting)
        if wanted and not self._reading:
            self._server.loop.add_reader(self._sock, self._readable)
        elif self._reading and not wanted:
            self._server.loop.remove_reader(self._sock)
        self._reading = wanted

    def drain(self) -> None:
        while not self._closed and self._readable():
            pass

    def _readable(self) -> bool:
        try:
            size = self._sock.recv_into(self._server.scratch)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            size = 0
        if not size:
            self._hung_up()
            return False
        self._decoder.feed(memoryview(self._server.scratch)[:size].tobytes())
        if self._parked and self._decoder.held > _HELD_WHILE_PARKED:
            self.close()
            return False
        self.go_on()
        return True

    def go_on(self) -> None:
        """Handle what has been read, as far as it can be now."""
        try:
            while not (self._closed or self._parked or self._outbox.waiting or self._server.paused):
                part = self._decoder.take()
                if part is None:
                    return
                if isinstance(part, Head):
                    self._begin(part)
                    continue
                assert self._exchange is not None
                if isinstance(part, Piece):
                    self._exchange.piece(part.data)
                else:
                    exchange, self._exchange = self._exchange, None
                    exchange.finished(part)
        except BadRequest as error:
            self._break_off()
            self._keep_alive = False
            self.refuse(error.status, "InvalidRequest", str(error))

    def _begin(self, head: Head) -> None:
        self._keep_alive = head.keep_alive
        self._exchange = _route(self, self._server.supervisor, head)
        if head.fields.get("expect", "").lower() == "100-continue" and self._decoder.held == 0:
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hung_up(self) -> None:
        self._break_off()
        self.close()

    def _break_off(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.broken()

    # answering

    def park(self) -> None:
        self._parked = True
        self._server.park(self)

    def unpark(self) -> None:
        self._parked = False
        self._server.unpark(self)

    def answer_next(self, handover: Handover, payload: bytes) -> bool:
        if self._closed:
            return False
        self._parked = False
        self._send(_next_head(handover, len(payload), self._keep_alive) + payload)
        delivered = not self._closed  # before it is closed because the client asked for that
        self._after()
        if self._decoder.held and not self._closed:
            self._server.loop.call_soon(self.go_on)
        return delivered

    def answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{'' if self._keep_alive else 'Connection: close' + chr(13) + chr(10)}\r\n"
        )
        self._send(head.encode() + body)
        self._after()

    def refuse(self, status: int, error_type: str, message: str) -> None:
        self.answer(status, msgspec.json.encode({"errorMessage": message, "errorType": error_type}))

    def _after(self) -> None:
        if not self._keep_alive and not self._outbox.waiting:
            self.close()

    def _send(self, data: bytes) -> None:
        if self._closed:
            return
        self._outbox.send(data)
        if self._outbox.waiting:
            self.update()

    def _sent(self) -> None:
        self._after()
        self.update()
        self.go_on()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.update()
        self._outbox.drop()
        self._sock.close()
        self._server.forget(self)


# --- requests -----------------------------------------------------------------------------------------------------------------


class _Exchange:
    """One request on its way to its answer. This one swallows the body and answers what it was made with."""

    def __init__(self, connection: _Connection, answer: Callable[[], None]) -> None:
        self._connection = connection
        self._answer = answer

    def piece(self, data: bytes) -> None:
        pass

    def finished(self, end: Finished) -> None:
        self._answer()

    def broken(self) -> None:
        """The client hung up, or sent nonsense, before the end."""


def _route(connection: _Connection, supervisor: Supervisor, head: Head) -> _Exchange:
    path = head.target.partition("?")[0]
    if path == _NEXT_PATH:
        return _only("GET", head, connection, lambda: _next(connection, supervisor))
    match = _INVOCATION.fullmatch(path)
    if match is not None or path == _INIT_ERROR_PATH:
        if head.method != "POST":
            return _only("POST", head, connection, _nothing)
        if match is not None and match[2] == "response":
            return _response(connection, supervisor, head, match[1])
        return _error(connection, supervisor, head, match[1] if match is not None else None)
    if path == "/ping":
        return _only("GET", head, connection, lambda: connection.answer(200, b"pong", "text/plain"))
    if path in (_RESTORE_NEXT_PATH, _RESTORE_ERROR_PATH):
        target = "RestoreReady" if path == _RESTORE_NEXT_PATH else "RestoreError"
        message = f"State transition to {target} failed for runtime. Error: State transition is not allowed"
        return _Exchange(connection, lambda: connection.refuse(403, "InvalidStateTransition", message))
    return _Exchange(connection, lambda: connection.answer(404, b"404 page not found\n", "text/plain; charset=utf-8"))


def _nothing() -> None:
    pass


def _only(method: str, head: Head, connection: _Connection, answer: Callable[[], None]) -> _Exchange:
    if head.method != method:
        return _Exchange(connection, lambda: connection.answer(405, b"", "text/plain; charset=utf-8"))
    return _Exchange(connection, answer)


def _next(connection: _Connection, supervisor: Supervisor) -> None:
    connection.park()
    try:
        supervisor.waits(connection._server)
    except Refused as error:
        connection.unpark()
        connection.refuse(error.status, error.error_type, error.message)


def _refusing(connection: _Connection, error: Refused) -> _Exchange:
    return _Exchange(connection, lambda: connection.refuse(error.status, error.error_type, error.message))


def _response(connection: _Connection, supervisor: Supervisor, head: Head, id: str) -> _Exchange:
    mode = head.fields.get("lambda-runtime-function-response-mode", "")
    if mode not in ("", "buffered", "streaming"):
        message = "Invalid function response mode"
        return _Exchange(connection, lambda: connection.refuse(400, "InvalidFunctionResponseMode", message))
    if mode == "streaming":
        opening = StreamHead(id, head.fields.get("content-type", "application/octet-stream"))
        try:
            supervisor.receive(opening)
        except Refused as error:
            return _refusing(connection, error)
        return _Stream(connection, supervisor, id)
    refused = supervisor.refusal(Response(id, b""))
    if refused is not None:
        return _refusing(connection, refused)
    content_type = head.fields.get("content-type")
    return _Upload(connection, supervisor, lambda body: Response(id, body, content_type), TooLarge(id))


def _error(connection: _Connection, supervisor: Supervisor, head: Head, id: str | None) -> _Exchange:
    kind = head.fields.get("lambda-runtime-function-error-type", "")
    sample: RuntimeEvent = InitError(kind, b"") if id is None else Error(id, kind, b"")
    refused = supervisor.refusal(sample)
    if refused is not None:
        return _refusing(connection, refused)
    if id is None:
        return _Upload(connection, supervisor, lambda body: InitError(kind, body), None)
    return _Upload(connection, supervisor, lambda body: Error(id, kind, body), None)


class _Upload(_Exchange):
    """A body that counts only as a whole."""

    def __init__(
        self,
        connection: _Connection,
        supervisor: Supervisor,
        event: Callable[[bytes], RuntimeEvent],
        too_large: RuntimeEvent | None,
    ) -> None:
        self._connection = connection
        self._supervisor = supervisor
        self._event = event
        self._too_large = too_large
        self._body = bytearray()
        self._size = 0

    def piece(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= RESPONSE_PAYLOAD:
            self._body += data
        else:
            self._body.clear()

    def finished(self, end: Finished) -> None:
        fits = self._size <= RESPONSE_PAYLOAD
        event = self._event(bytes(self._body)) if fits else self._too_large
        try:
            if event is not None:
                self._supervisor.receive(event)
        except Refused as error:
            self._connection.refuse(error.status, error.error_type, error.message)
            return
        if fits:
            self._connection.answer(202, _ACCEPTED)
        else:
            message = f"Exceeded maximum allowed payload size ({RESPONSE_PAYLOAD} bytes)."
            self._connection.refuse(413, "RequestEntityTooLarge", message)


class _Stream(_Exchange):
    """A streamed answer: each piece counts at once."""

    def __init__(self, connection: _Connection, supervisor: Supervisor, id: str) -> None:
        self._connection = connection
        self._supervisor = supervisor
        self._id = id
        self._refused: Refused | None = None

    def piece(self, data: bytes) -> None:
        self._report(Chunk(self._id, data))

    def finished(self, end: Finished) -> None:
        error_type = end.trailers.get("lambda-runtime-function-error-type")
        body = b"" if error_type is None else _decoded(end.trailers.get("lambda-runtime-function-error-body", ""))
        self._report(StreamEnd(self._id, error_type, body))
        if self._refused is not None:
            self._connection.refuse(self._refused.status, self._refused.error_type, self._refused.message)
        else:
            self._connection.answer(202, _ACCEPTED)

    def broken(self) -> None:
        message = {"errorType": TRUNCATED, "errorMessage": "Response was truncated"}
        self._report(StreamEnd(self._id, TRUNCATED, msgspec.json.encode(message)))

    def _report(self, event: RuntimeEvent) -> None:
        if self._refused is not None:
            return
        try:
            self._supervisor.receive(event)
        except Refused as error:
            self._refused = error


def _decoded(text: str) -> bytes:
    """The trailer's error JSON; what is no base64 is passed on as it is, since it is user code's to get right."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode("latin-1")


def _next_head(handover: Handover, length: int, keep_alive: bool) -> bytes:
    lines = [
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        f"Lambda-Runtime-Aws-Request-Id: {handover.id}",
        f"Lambda-Runtime-Deadline-Ms: {handover.deadline_ms}",
        f"Lambda-Runtime-Invoked-Function-Arn: {handover.arn}",
        f"Lambda-Runtime-Trace-Id: {_one_line(handover.trace)}",
    ]
    if handover.client_context is not None:
        lines.append(f"Lambda-Runtime-Client-Context: {_one_line(handover.client_context)}")
    if handover.cognito_identity is not None:
        lines.append(f"Lambda-Runtime-Cognito-Identity: {_one_line(handover.cognito_identity)}")
    if handover.tenant is not None:
        lines.append(f"Lambda-Runtime-Aws-Tenant-Id: {_one_line(handover.tenant)}")
    if not keep_alive:
        lines.append("Connection: close")
    lines.append(f"Content-Length: {length}\r\n\r\n")
    return "\r\n".join(lines).encode()


def _one_line(value: str) -> str:
    """Line breaks between the tokens of a JSON text mean nothing; in a header they would end it."""
    return _BREAKS.sub(" ", value)
