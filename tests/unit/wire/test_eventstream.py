import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.wire import eventstream
from lambdad.wire.eventstream import Byte, Decoder, Long, MalformedFrame, Message, Short, Timestamp, Uuid
from lambdad.wire.models import Models
from lambdad.wire.serialise import answer

NAMES = st.text(min_size=1, max_size=20).filter(lambda text: len(text.encode()) < 256)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.binary(max_size=40),
    st.text(max_size=20),
    st.integers(-128, 127).map(Byte),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.integers(0, 2**62).map(Timestamp),
    st.binary(min_size=16, max_size=16).map(Uuid),
)
MESSAGES = st.builds(Message, st.dictionaries(NAMES, VALUES, max_size=5), st.binary(max_size=200))
UNTIMED = settings(deadline=None, database=None, max_examples=60)


def plain(value: object) -> object:
    match value:
        case Byte(inner) | Short(inner) | Long(inner) | Timestamp(inner) | Uuid(inner):
            return inner
        case _:
            return value


@UNTIMED
@given(MESSAGES)
def test_botocore_reads_our_frames(message: Message) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.encode(message))
    (read,) = list(buffer)
    assert read.payload == message.payload
    assert read.headers == {name: plain(value) for name, value in message.headers.items()}


@UNTIMED
@given(st.lists(MESSAGES, max_size=4), st.integers(1, 50))
def test_frames_survive_any_cutting(messages: list[Message], size: int) -> None:
    data = b"".join(map(eventstream.encode, messages))
    decoder = Decoder()
    read = [message for start in range(0, len(data), size) for message in decoder.feed(data[start : start + size])]
    assert read == messages
    assert decoder.complete


@UNTIMED
@given(MESSAGES, st.data())
def test_a_changed_bit_is_noticed(message: Message, data: st.DataObject) -> None:
    frame = bytearray(eventstream.encode(message))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(MalformedFrame):
        Decoder().feed(bytes(frame))


def test_a_chunk_and_the_end_as_lambda_sends_them() -> None:
    chunk, end = Decoder().feed(eventstream.payload_chunk(b"abc") + eventstream.complete("Unhandled", "{}", "bG9n"))
    assert chunk.payload == b"abc"
    assert chunk.headers == {
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    assert end.headers[":event-type"] == "InvokeComplete"
    assert json.loads(end.payload) == {"ErrorCode": "Unhandled", "ErrorDetails": "{}", "LogResult": "bG9n"}


def test_names_and_values_that_do_not_fit_are_refused() -> None:
    for message in (Message({"n" * 256: 1}), Message({"": 1}), Message({"n": "v" * 32768})):
        with pytest.raises(ValueError, match="header"):
            eventstream.encode(message)


def test_the_json_protocol_starts_a_stream_with_its_initial_response() -> None:
    model = Models().load("logs")
    operation = model.operation("StartLiveTail")
    assert operation is not None

    async def events() -> AsyncIterator[dict[str, dict[str, object]]]:
        yield {"sessionStart": {"sessionId": "s"}}

    response = answer(model, operation, {"responseStream": events()}, "id", "json")

    async def collect() -> bytes:
        assert not isinstance(response.body, bytes)
        return b"".join([frame async for frame in response.body])

    first, second = Decoder().feed(asyncio.run(collect()))
    assert (first.headers[":event-type"], first.payload) == ("initial-response", b"{}")
    assert json.loads(second.payload) == {"sessionId": "s"}


def test_a_handler_streams_events_of_the_model() -> None:
    model = Models().load("lambda")
    operation = model.operation("InvokeWithResponseStream")
    assert operation is not None

    async def events() -> AsyncIterator[dict[str, dict[str, object]]]:
        yield {"PayloadChunk": {"Payload": b"abc"}}
        yield {"InvokeComplete": {"LogResult": "x", "ErrorCode": None}}

    response = answer(model, operation, {"EventStream": events(), "ExecutedVersion": "1"}, "id", "rest-json")
    assert ("X-Amz-Executed-Version", "1") in response.headers
    assert ("Content-Type", "application/vnd.amazon.eventstream") in response.headers

    async def collect() -> bytes:
        assert not isinstance(response.body, bytes)
        return b"".join([frame async for frame in response.body])

    first, second = Decoder().feed(asyncio.run(collect()))
    assert first.payload == b"abc"
    assert json.loads(second.payload) == {"LogResult": "x"}
