"""The channel's frames: what goes in comes out, however the bytes are cut; nonsense does not."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.runtime_api import frames
from lambdad.runtime_api.frames import BadFrame, Decoder, Frame

FRAMES = st.lists(
    st.tuples(
        st.sampled_from(sorted(frames.TO_LAMBDAD)),
        st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3),
        st.binary(max_size=200),
    ),
    max_size=6,
)


@given(FRAMES, st.lists(st.integers(0, 2000), max_size=8))
def test_frames_survive_any_cut(sent: list[tuple[int, dict[str, str], bytes]], cuts: list[int]) -> None:
    stream = b"".join(frames.encode(*frame) for frame in sent)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    decoder = Decoder()
    received: list[Frame] = []
    for start, end in itertools.pairwise(edges):
        received += decoder.feed(stream[start:end])
    assert [(frame.kind, frame.body) for frame in received] == [(kind, body) for kind, _, body in sent]
    assert decoder.clean


@given(st.binary(max_size=100))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    decoder = Decoder()
    try:
        for frame in decoder.feed(data):
            frames.head_of(frame)
    except BadFrame:
        pass


@pytest.mark.parametrize(
    "prefix",
    [
        struct.pack(">BBHI", 99, 0, 0, 0),
        struct.pack(">BBHI", frames.NEXT, 1, 0, 0),
        struct.pack(">BBHI", frames.START, 0, 0, 0),
        struct.pack(">BBHI", frames.RESPONSE, 0, 0, frames.BODY_LIMIT + 1),
    ],
)
def test_what_is_no_frame_of_this_direction_is_refused_at_its_prefix(prefix: bytes) -> None:
    with pytest.raises(BadFrame):
        Decoder().feed(prefix)


def test_heads() -> None:
    assert frames.head_of(Frame(frames.NEXT, b"", b"")) == frames.Head()
    assert frames.head_of(Frame(frames.ERROR, b'{"id":"r","type":"T","more":1}', b"")) == frames.Head("r", "T")
    for head in (b"[]", b"{", b'{"id":1}', b"\xff"):
        with pytest.raises(BadFrame):
            frames.head_of(Frame(frames.ERROR, head, b""))
    with pytest.raises(BadFrame):
        frames.encode(frames.START, {"environment": "x" * 70_000})
