"""Whatever the bytes: taken in, or refused in Lambda's words, and what is taken in can be read again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.artifacts.layout import merge, read_package, verify
from lambdad.artifacts.zips import BadZip, TooLarge
from lambdad.domain.limits import UNZIPPED
from tests.unit.artifacts.packages import Raw, archived, info, link, raw_zip, zip64, zipped

SEEDS = [
    zipped({"a.py": b"x = 1\n", "p/q.txt": b"q" * 3000, "d/": b""}),
    zip64(b"big.txt", b"hello" * 50),
    archived((info("a"), b"x"), link("p/l", "../a"), link("m", "p/l")),
]


def intake(data: bytes) -> None:
    try:
        package = read_package(data)
        verify(data, package)
    except (BadZip, TooLarge):
        return
    merge([package, read_package(data)])


@settings(max_examples=300, deadline=None)
@given(seed=st.sampled_from(SEEDS), changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12))
def test_changed_bytes(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    intake(bytes(data))


@settings(max_examples=200, deadline=None)
@given(seed=st.sampled_from(SEEDS), cut=st.integers(0, 4000), gap=st.integers(0, 200), filling=st.binary(max_size=40))
def test_pieces_cut_out_and_put_in(seed: bytes, cut: int, gap: int, filling: bytes) -> None:
    place = cut % len(seed)
    intake(seed[:place] + filling + seed[place + gap :])


@settings(max_examples=200, deadline=None)
@given(seed=st.sampled_from(SEEDS), place=st.integers(0, 4000), number=st.sampled_from([0, 1, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF]))
def test_numbers_at_the_edge(seed: bytes, place: int, number: int) -> None:
    at = place % (len(seed) - 4)
    intake(seed[:at] + number.to_bytes(4, "little") + seed[at + 4 :])


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    intake(data)
    intake(data + b"PK\5\6" + data)


@settings(max_examples=100, deadline=None)
@given(files=st.dictionaries(st.from_regex(r"[a-c]{1,2}(/[a-c]){0,3}", fullmatch=True), st.binary(max_size=50), max_size=6))
def test_any_good_zip_is_taken_unless_its_names_clash(files: dict[str, bytes]) -> None:
    clash = any(other.startswith(f"{name}/") for name in files for other in files)
    data = zipped(dict(files))
    try:
        package = read_package(data)
        verify(data, package)
    except BadZip:
        assert clash
    else:
        assert not clash
        assert package.unpacked == sum(map(len, files.values()))


def test_a_bomb_that_lies_is_refused_by_what_it_is() -> None:
    bomb = bytes(UNZIPPED // 2)
    data = raw_zip(Raw(b"a", bomb), Raw(b"b", bomb, size=10))
    with pytest.raises(TooLarge):
        verify(data, read_package(data))


def test_the_limit_itself() -> None:
    half = UNZIPPED // 2
    data = raw_zip(Raw(b"a", bytes(half)), Raw(b"b", bytes(half - 1)))
    package = read_package(data)
    verify(data, package)
    assert package.unpacked == UNZIPPED - 1
    with pytest.raises(TooLarge):
        read_package(raw_zip(Raw(b"a", bytes(half)), Raw(b"b", bytes(half))))
