import os
import socket
from collections.abc import Iterator

import pytest

from lambdad.sandbox.launcher import messages


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        yield left, right


def test_packets_stay_whole_and_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    messages.send(pair[0], {"op": "one", "text": "ü"})
    messages.send(pair[0], {"op": "two"})
    assert messages.receive(pair[1]) == ({"op": "one", "text": "ü"}, [], 0)
    assert messages.receive(pair[1]) == ({"op": "two"}, [], 0)


def test_descriptors_and_the_sender_travel_along(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    reader, writer = os.pipe()
    messages.send(pair[0], {"op": "take"}, [reader, writer])
    message, fds, pid = messages.receive(pair[1])
    assert (message, pid) == ({"op": "take"}, os.getpid())
    os.write(fds[1], b"x")
    assert os.read(reader, 1) == b"x"
    for fd in (reader, writer, *fds):
        os.close(fd)


def test_a_closed_socket_says_so_both_ways(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    with pytest.raises(messages.Closed):
        messages.receive(pair[1])
    with pytest.raises(messages.Closed):
        messages.send(pair[1], {"op": "x"})


def test_a_message_that_is_too_long_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(ValueError, match="longer than"):
        messages.send(pair[0], {"op": "x" * messages.LONGEST})
