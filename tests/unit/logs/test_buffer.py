"""The bound on what waits to be stored."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.logs.api import LogEvent, StreamName
from lambdad.logs.buffer import EVENT_OVERHEAD, MAX_EVENT, Buffer, split

LOUD = StreamName("0", "r", "g", "loud")
QUIET = StreamName("0", "r", "g", "quiet")


def _events(count: int, size: int = 74, first: int = 0) -> list[LogEvent]:
    return [LogEvent(first + number, f"{first + number}".ljust(size, ".")) for number in range(count)]


def test_the_loudest_stream_loses_its_oldest_events_and_says_so() -> None:
    buffer = Buffer(1_000)  # ten events of 100
    buffer.add(QUIET, _events(2))
    for number in range(12):
        buffer.add(LOUD, _events(1, first=number))
    assert buffer.size <= 1_000
    assert buffer.count == sum(len(waiting.events) for waiting in buffer.streams.values())
    taken = buffer.take()
    assert len(taken[QUIET].events) == 2
    stored = list(taken[LOUD].to_store(99))
    kept = [event.time_ms for event in taken[LOUD].events]
    assert kept == list(range(12 - len(kept), 12))
    lost = 12 - len(kept)
    assert stored[0].message == f"LOGS_DROPPED Records: {lost}\tBytes: {lost * 100}\tReason: storage could not keep up"
    assert stored[1:] == list(taken[LOUD].events)
    assert buffer.dropped == lost


def test_what_was_put_back_comes_before_what_came_meanwhile() -> None:
    buffer = Buffer(100_000)
    buffer.add(LOUD, _events(2))
    taken = buffer.take()
    buffer.add(LOUD, _events(2, first=2))
    buffer.add(QUIET, _events(1))
    buffer.put_back(taken)
    assert buffer.count == 5
    assert buffer.size == 500
    assert [event.time_ms for event in buffer.take()[LOUD].events] == [0, 1, 2, 3]


def test_putting_back_keeps_the_bound() -> None:
    buffer = Buffer(1_000)
    buffer.add(LOUD, _events(9))
    taken = buffer.take()
    buffer.add(LOUD, _events(9, first=9))
    buffer.put_back(taken)
    assert buffer.size <= 1_000
    assert [event.time_ms for event in buffer.take()[LOUD].events][-1] == 17


def test_an_event_larger_than_everything_is_lost() -> None:
    buffer = Buffer(1_000)
    buffer.add(LOUD, _events(1, size=5_000))
    assert (buffer.size, buffer.count, buffer.dropped) == (0, 0, 1)
    assert [event.message for event in buffer.take()[LOUD].to_store(7)] == [
        "LOGS_DROPPED Records: 1\tBytes: 5026\tReason: storage could not keep up"
    ]


def test_forgetting_a_stream() -> None:
    buffer = Buffer(1_000)
    buffer.add(LOUD, _events(2))
    buffer.add(QUIET, _events(1))
    buffer.forget([LOUD, LOUD])
    assert (buffer.size, buffer.count, list(buffer.streams)) == (100, 1, [QUIET])


@settings(max_examples=8, deadline=None)
@given(st.text(st.sampled_from("aé€𐍈"), min_size=1, max_size=4), st.integers(0, 10))
def test_splitting_keeps_every_character(unit: str, more: int) -> None:
    message = unit * (2 * MAX_EVENT // len(unit.encode()) + more)
    pieces = split(message)
    assert "".join(pieces) == message
    assert all(0 < len(piece.encode()) <= MAX_EVENT - EVENT_OVERHEAD for piece in pieces)
    assert len(pieces) == 3


def test_long_messages_are_stored_in_pieces() -> None:
    buffer = Buffer(10_000_000)
    buffer.add(LOUD, [LogEvent(5, "x" * (MAX_EVENT + 1)), LogEvent(6, "y" * (MAX_EVENT // 2))])
    stored = list(buffer.take()[LOUD].to_store(0))
    assert [(event.time_ms, len(event.message)) for event in stored] == [(5, MAX_EVENT - 26), (5, 27), (6, MAX_EVENT // 2)]
