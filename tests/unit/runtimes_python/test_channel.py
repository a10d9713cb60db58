"""Frames, in whatever pieces they come."""

import json
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lambdad_runtime.channel import BODY_LIMIT, Channel

HEADER = struct.Struct(">BBHI")
heads = st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(), max_size=4)
frames = st.tuples(st.integers(0, 255), heads, st.binary(max_size=300))


def encoded(kind: int, head: dict[str, object], body: bytes) -> bytes:
    text = json.dumps(head).encode() if head else b""
    return HEADER.pack(kind, 0, len(text), len(body)) + text + body


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Channel]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Channel(theirs.fileno())


@given(frames, st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_a_frame_may_come_in_any_pieces(frame: tuple[int, dict[str, object], bytes], cuts: list[int]) -> None:
    # Sequenced packets keep the pieces apart, which a stream would join.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        data = encoded(*frame)
        for length in cuts:
            if data:
                ours.send(data[:length])
                data = data[length:]
        if data:
            ours.send(data)
        assert Channel(theirs.fileno()).receive() == frame


@given(st.lists(frames, min_size=1, max_size=5))
def test_frames_that_come_together_are_taken_one_by_one(several: list[tuple[int, dict[str, object], bytes]]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"".join([encoded(*frame) for frame in several]))
        channel = Channel(theirs.fileno())
        assert [channel.receive() for _ in several] == several


def test_the_end_of_the_socket(pair: tuple[socket.socket, Channel]) -> None:
    ours, channel = pair
    ours.sendall(encoded(2, {"id": "r"}, b"body")[:-1])
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        channel.receive()


@pytest.mark.parametrize("request_id", ["r-1", 'quoted " and \\ and é'])
def test_answers(pair: tuple[socket.socket, Channel], request_id: str) -> None:
    ours, channel = pair
    next_frame = HEADER.pack(16, 0, 0, 0)
    channel.respond(request_id, b"1", "application/json")
    assert reread(ours.recv(9999)) == [(17, {"id": request_id}, b"1"), (16, {}, b"")]
    channel.respond(request_id, b"2", "application/unknown")
    assert reread(ours.recv(9999))[0] == (17, {"id": request_id, "content_type": "application/unknown"}, b"2")
    channel.error(request_id, "Some" * 1000, b"{}")
    assert reread(ours.recv(9999)) == [(18, {"id": request_id, "type": "Some" * 256}, b"{}"), (16, {}, b"")]
    channel.init_error("T", b"{}")
    assert reread(ours.recv(9999)) == [(19, {"type": "T"}, b"{}")]
    channel.next()
    assert ours.recv(9999) == next_frame


def reread(data: bytes) -> list[tuple[int, dict[str, object], bytes]]:
    found = []
    while data:
        kind, _, head, body = HEADER.unpack_from(data)
        found.append((kind, json.loads(data[8 : 8 + head] or b"{}"), data[8 + head : 8 + head + body]))
        data = data[8 + head + body :]
    return found


def test_the_limit_of_a_body_is_that_of_a_response_and_one_byte() -> None:
    assert BODY_LIMIT == 6_291_557
