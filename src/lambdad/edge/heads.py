"""What the head of a request may say, beyond what the parser refuses already; the head of an answer. Pure.

A request that two programs could read as two different ones is refused (RFC 9112, 11.2): with another transfer coding than
`chunked` alone, with one in HTTP/1.0, or for another host than its Host header names.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

from lambdad.wire.messages import Response

_ABSOLUTE = re.compile(r"(?i:https?)://([^/?#]+)([/?]?[^#]*)")
_LONGEST_LENGTH = 18
"""Digits of a Content-Length: less than 2**63, and few enough for int()."""
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


class BadHead(Exception):
    """The text says what is wrong with it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def body_length(version: str, headers: Mapping[str, str]) -> int | None:
    """Bytes that the body is said to have; None where it is in chunks, or not there. Raises BadHead.

    `version` is `1.1` or `1.0`. The parser has seen to it that there are not two lengths, and no length beside a coding.
    """
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if version == "1.0":
            raise BadHead("HTTP/1.0 has no transfer codings")  # RFC 9112, 6.1: its framing is to be treated as faulty.
        if coding.lower() != "chunked":
            raise BadHead("the only transfer coding known here is chunked", 501)
    length = headers.get("content-length")
    if length is None:
        return None
    if len(length) > _LONGEST_LENGTH:
        raise BadHead("Content-Length has too many digits")
    return int(length)


def origin_form(method: str, url: bytes, headers: Mapping[str, str]) -> str:
    """Path and query of a request target (RFC 9112, 3.2), as they were sent. Raises BadHead."""
    target = url.decode("latin-1")
    if target.startswith("/") and "#" not in target and method != "CONNECT":
        return target
    if method == "OPTIONS" and target == "*":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or method == "CONNECT":
        raise BadHead("unsupported request target")
    host, rest = absolute.groups()
    if host.lower() != headers.get("host", host).lower():
        # Who looks at the one must not be told something else than who looks at the other.
        raise BadHead("the target and the Host header name two hosts")
    return rest if rest.startswith("/") else f"/{rest}"


def answer_head(response: Response, date: str, keep: bool, length: str | None, chunked: bool = False) -> bytes:
    """Up to the empty line. `keep`: the connection goes on; `length`: the Content-Length, if there is to be one."""
    status = response.status
    text = f"{_STATUS_LINES.get(status) or _nameless(status)}Date: {date}\r\n"
    count = 2
    for name, value in response.headers:
        if name != "Content-Length":
            text += f"{name}: {value}\r\n"
            count += 1
    if text.count("\r") != count or text.count("\n") != count:
        return answer_head(Response(status, _on_one_line(response.headers)), date, keep, length, chunked)
    if length is not None:
        text += f"Content-Length: {length}\r\n"
    if chunked:
        text += "Transfer-Encoding: chunked\r\n"
    return f"{text}Connection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode("latin-1", "replace")


def _nameless(status: int) -> str:
    return f"HTTP/1.1 {status} \r\n"


def _on_one_line(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A line break in a value would begin another header."""
    return [
        (name.replace("\r", " ").replace("\n", " "), value.replace("\r", " ").replace("\n", " ")) for name, value in headers
    ]
