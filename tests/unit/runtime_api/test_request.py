"""Requests of the Runtime API, decoded from raw bytes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.runtime_api.request import BadRequest, Finished, Head, Part, Piece, RequestDecoder

STREAM = (
    b"POST /a?b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX: 1\r\nx:2\r\n\r\n"
    b"5;ext=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nLambda-Runtime-Function-Error-Type: E\r\nB: C\r\n\r\n"
    b"GET /next HTTP/1.0\r\n\r\n"
    b"POST /c HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
)


def decode(data: bytes, cuts: list[int]) -> list[Part]:
    decoder = RequestDecoder()
    parts: list[Part] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        decoder.feed(data[start:end])
        while (part := decoder.take()) is not None:
            if isinstance(part, Piece) and parts and isinstance(parts[-1], Piece):
                part = Piece(parts.pop().data + part.data)  # type: ignore[union-attr]
            parts.append(part)
    assert decoder.between
    return parts


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_requests_survive_any_cut(cuts: list[int]) -> None:
    assert decode(STREAM, cuts) == [
        Head("POST", "/a?b", {"host": "x", "transfer-encoding": "chunked", "x": "1, 2"}, True),
        Piece(b"hello0123456789"),
        Finished({"lambda-runtime-function-error-type": "E", "b": "C"}),
        Head("GET", "/next", {}, False),
        Finished({}),
        Head("POST", "/c", {"content-length": "3", "connection": "close"}, False),
        Piece(b"abc"),
        Finished({}),
    ]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"G\x00T / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nnocolon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 1000 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused(data: bytes, status: int) -> None:
    decoder = RequestDecoder()
    decoder.feed(data)
    with pytest.raises(BadRequest) as raised:
        while decoder.take() is not None:
            pass
    assert raised.value.status == status


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    decoder = RequestDecoder()
    decoder.feed(data)
    try:
        while decoder.take() is not None:
            pass
    except BadRequest:
        pass
