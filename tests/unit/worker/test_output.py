"""Output cut into log events."""

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from lambdad.worker.output import EVENT_LIMIT, Lines, Record, Telemetry, pieces


def frame(message: bytes, kind: int = 0xA55A0003, time_us: int = 7) -> bytes:
    return struct.pack(">IIQ", kind, len(message), time_us) + message


def fed(splitter: Lines | Telemetry, data: bytes, cuts: list[int]) -> list[Record]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    records: list[Record] = []
    for start, end in itertools.pairwise(edges):
        records += splitter.feed(data[start:end])
    return records


CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=20), max_size=6), CUTS)
def test_lines_survive_any_cut(sent: list[str], cuts: list[int]) -> None:
    lines = Lines()
    records = fed(lines, "".join(f"{line}\n" for line in sent).encode() + b"rest", cuts)
    assert [record.message for record in records] == sent
    assert lines.flush() == [Record(0, "rest")] and lines.flush() == []


@given(st.lists(st.text(max_size=20), max_size=6), CUTS)
def test_records_survive_any_cut_and_stay_whole(sent: list[str], cuts: list[int]) -> None:
    telemetry = Telemetry()
    records = fed(telemetry, b"".join(frame(message.encode()) for message in sent), cuts)
    assert records == [Record(7, message.removesuffix("\n")) for message in sent]
    assert telemetry.flush() == []


def test_every_level_is_a_frame() -> None:
    for base in (0xA55A0002, 0xA55A0003):
        for level in (0, 4, 8, 12, 16, 20, 24):
            assert Telemetry().feed(frame(b"x", base + level)) == [Record(7, "x")]


def test_what_is_no_frame_is_shown_as_lines() -> None:
    telemetry = Telemetry()
    assert telemetry.feed(frame(b"fine") + b"just some text that is long\nmore") == [
        Record(7, "fine"),
        Record(0, "just some text that is long"),
    ]
    assert telemetry.flush() == [Record(0, "more")]


def test_long_events_are_cut_between_characters() -> None:
    text = "é" * EVENT_LIMIT
    assert all(len(piece.encode()) <= EVENT_LIMIT for piece in pieces(text.encode()))
    assert "".join(pieces(text.encode())) == text
    assert "".join(pieces(b"x" + text.encode())) == "x" + text
    records = Lines().feed(b"y" * (3 * EVENT_LIMIT + 5) + b"\n")
    assert [len(record.message) for record in records] == [EVENT_LIMIT] * 3 + [5]
    records = Telemetry().feed(frame(b"z" * (EVENT_LIMIT + 1)))
    assert [len(record.message) for record in records] == [EVENT_LIMIT, 1]


def test_a_line_without_end_does_not_grow_without_end() -> None:
    lines = Lines()
    shown = sum(len(record.message) for _ in range(40) for record in lines.feed(b"x" * 100_000))
    assert shown >= 4_000_000 - EVENT_LIMIT
    shown += sum(len(record.message) for record in lines.flush())
    assert shown == 4_000_000
    broken = Lines()
    assert sum(len(r.message) for r in broken.feed(b"\x80" * (EVENT_LIMIT * 2))) >= EVENT_LIMIT
