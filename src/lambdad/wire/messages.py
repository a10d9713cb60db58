"""A request and an answer of HTTP, as values. `edge.server` makes the one and writes the other."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from msgspec import Struct


class Request(Struct):
    """One HTTP request, complete."""

    method: str
    path: str
    """As sent: still percent-encoded, without the query."""
    query: str
    """As sent, without the question mark."""
    headers: dict[str, str]
    """Names in lower case; values of a repeated header are joined by a comma, without a blank, as signatures have them."""
    body: bytes = b""
    peer: str = ""
    """Address of the client's end of the connection; empty where that means nothing, as inside sandboxes."""
    _pairs: list[tuple[str, str]] | None = None

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """Decoded, in their order, repetitions included."""
        if self._pairs is None:
            self._pairs = parse_qsl(self.query, keep_blank_values=True) if self.query else []
        return self._pairs


class Response(Struct):
    """One answer. `Content-Length`, `Date` and the connection's headers are the server's business."""

    status: int
    headers: list[tuple[str, str]] = []
    body: bytes | AsyncIterator[bytes] = b""
