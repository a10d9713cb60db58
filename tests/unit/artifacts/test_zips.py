"""What is taken in, and what is refused."""

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from lambdad.artifacts.layout import Leaf, Package, Tree, merge, read_package, verify
from lambdad.artifacts.zips import ENTRIES, BadZip, Kind, Member, TooLarge, inflate
from lambdad.domain.limits import UNZIPPED
from tests.unit.artifacts.packages import Raw, archived, info, link, raw_zip, zip64, zipped


def taken(data: bytes) -> Package:
    package = read_package(data)
    verify(data, package)
    return package


def flat(tree: Tree, prefix: str = "") -> dict[str, Leaf | None]:
    found: dict[str, Leaf | None] = {}
    for name, node in tree.items():
        if isinstance(node, Leaf):
            found[prefix + name] = node
        else:
            found[f"{prefix}{name}/"] = None
            found.update(flat(node, f"{prefix}{name}/"))
    return found


def member(data: bytes, path: str) -> Member:
    leaf = flat(taken(data).tree)[path]
    assert leaf is not None
    return leaf.member


def content(data: bytes, path: str) -> bytes:
    return b"".join(inflate(data, member(data, path), UNZIPPED))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_and_the_directories_that_they_imply(compression: int) -> None:
    data = zipped({"a.py": b"x = 1\n", "p/q/r.txt": b"r" * 200_000, "empty": b"", "d/": b""}, compression=compression)
    package = taken(data)
    assert set(flat(package.tree)) == {"a.py", "p/", "p/q/", "p/q/r.txt", "empty", "d/"}
    assert package.unpacked == 6 + 200_000
    assert content(data, "p/q/r.txt") == b"r" * 200_000
    assert content(data, "empty") == b""


def test_zip64_is_read() -> None:
    data = zip64(b"big.txt", b"hello")
    assert content(data, "big.txt") == b"hello"


def test_a_streamed_zip_with_data_descriptors_is_read() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"streamed")
    assert content(pipe.data, "a") == b"streamed"


def test_what_stands_before_a_zip_and_a_comment_behind_it() -> None:
    data = b"#!/bin/sh\nexit\n" + raw_zip(Raw(b"a", b"content"), comment=b"a comment")
    assert content(data, "a") == b"content"


@pytest.mark.parametrize(
    ("mode", "kept"),
    [(0o644, 0o644), (0o755, 0o755), (0o600, 0o600), (0o777, 0o755), (0o666, 0o644), (0o4755, 0o755), (0o2755, 0o755)],
)
def test_modes_are_kept_without_the_dangerous_bits(mode: int, kept: int) -> None:
    assert member(zipped({"a": b""}, mode=mode), "a").mode == kept


@pytest.mark.parametrize("raw", [Raw(b"a", attributes=0), Raw(b"a", system=0, attributes=0x20), Raw(b"a", system=0)])
def test_without_a_unix_mode_a_file_is_0644(raw: Raw) -> None:
    assert member(raw_zip(raw), "a").mode == 0o644


def test_the_time_is_kept_and_nonsense_is_tolerated() -> None:
    assert member(zipped({"a": b""}), "a").mtime == 1709209858
    assert member(raw_zip(Raw(b"a", date=0)), "a").mtime == 315532800
    stamp = struct.pack("<HHBl", 0x5455, 5, 1, 1_700_000_001)
    assert member(raw_zip(Raw(b"a", extra=stamp)), "a").mtime == 1_700_000_001


def test_names_in_unicode_and_in_older_codes() -> None:
    data = zipped({"prüfung/日本.txt": b"x"})
    assert "prüfung/日本.txt" in flat(taken(data).tree)
    assert "grün" in flat(taken(raw_zip(Raw("grün".encode()))).tree)
    assert "grün" in flat(taken(raw_zip(Raw("grün".encode("cp437")))).tree)
    with pytest.raises(BadZip, match="UTF-8"):
        taken(raw_zip(Raw(b"gr\x81n", flags=0x800)))


def test_paths_are_made_plain() -> None:
    data = raw_zip(Raw(b"./a", b"1"), Raw(b"b//c", b"2"), Raw(b"./", attributes=0o40755 << 16), Raw(b"d/./e", b"3"))
    assert {name for name in flat(taken(data).tree) if not name.endswith("/")} == {"a", "b/c", "d/e"}


@pytest.mark.parametrize(
    "name", [b"../a", b"a/../../b", b"a/..", b"..", b"/etc/passwd", b"//a", b"a\0b", b"", b".", b"x" * 256, b"y/" * 200 + b"y",
             b"z" * 200 + b"/" + b"/".join([b"z" * 200] * 12)],
)  # fmt: skip
def test_names_that_are_refused(name: bytes) -> None:
    with pytest.raises(BadZip):
        taken(raw_zip(Raw(name, b"x")))


def test_a_name_made_long_by_its_code_is_refused() -> None:
    with pytest.raises(BadZip):
        taken(raw_zip(Raw(b"\xff\xb0" * 100)))


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_devices_pipes_and_sockets_are_refused(kind: int) -> None:
    with pytest.raises(BadZip, match="kind"):
        taken(archived((info("dev", 0o666, kind), b"")))


@pytest.mark.parametrize("flags", [1, 0x41, 0x2000])
def test_encrypted_members_are_refused(flags: int) -> None:
    with pytest.raises(BadZip, match="encrypted"):
        taken(raw_zip(Raw(b"a", b"x", flags=flags)))


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99])
def test_other_methods_are_refused(method: int) -> None:
    with pytest.raises(BadZip, match="method"):
        taken(raw_zip(Raw(b"a", b"x", method=method)))


@pytest.mark.parametrize(
    "raw",
    [
        Raw(b"a", b"content", size=6),
        Raw(b"a", b"content", size=8),
        Raw(b"a", b"content", crc=1),
        Raw(b"a", b"content", packed=3),
        Raw(b"a", b"content", method=0, size=6),
        Raw(b"a", b"content", packed=50),
        Raw(b"a", b"content", local_name=b"b"),
        Raw(b"a", b"content", offset=9999),
        Raw(b"a", b"content", offset=1),
        Raw(b"a", b"content", size=0xFFFFFFFF),
    ],
)
def test_members_that_lie_are_refused(raw: Raw) -> None:
    with pytest.raises(BadZip):
        taken(raw_zip(raw))


def test_overlapping_members_are_refused() -> None:
    kernel = Raw(b"a", b"\0" * 100_000)
    with pytest.raises(BadZip, match="overlap"):
        taken(raw_zip(kernel, Raw(b"a", b"\0" * 100_000, offset=0)))


def test_a_bomb_is_refused_by_what_it_says() -> None:
    with pytest.raises(TooLarge):
        read_package(raw_zip(*[Raw(f"{n}".encode(), b"", size=UNZIPPED // 10, method=8) for n in range(11)]))


def test_too_many_members_are_refused_before_they_are_read() -> None:
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, ENTRIES + 1, ENTRIES + 1, 0, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0, 0, 0)
    with pytest.raises(BadZip, match="too many"):
        taken(end64 + locator + end)


def test_too_many_implied_directories_are_refused() -> None:
    members = [Raw(f"{n}/".encode() + b"d/" * 120 + b"f", method=0) for n in range(1200)]
    with pytest.raises(BadZip, match="too many"):
        taken(raw_zip(*members))


@pytest.mark.parametrize("data", [b"x", b"PK", b"PK\5\6", b"not a zip at all" * 100, b"\x1f\x8b" + bytes(100)])
def test_what_is_no_zip(data: bytes) -> None:
    with pytest.raises(BadZip):
        taken(data)


def test_a_zip_cut_off_anywhere_is_refused() -> None:
    data = zipped({"a.py": b"x = 1\n", "b/c": b"y" * 500})
    for length in range(len(data)):
        with pytest.raises(BadZip):
            taken(data[:length])


def test_the_later_of_two_members_of_one_name_wins() -> None:
    data = raw_zip(Raw(b"a", b"first"), Raw(b"a", b"second"))
    assert content(data, "a") == b"second"
    assert taken(data).unpacked == 11


@pytest.mark.parametrize("names", [(b"a", b"a/b"), (b"a/b", b"a"), (b"a/", b"a"), (b"a", b"a/")])
def test_a_name_is_a_file_or_a_directory(names: tuple[bytes, bytes]) -> None:
    with pytest.raises(BadZip, match="both"):
        taken(raw_zip(*[Raw(name) for name in names]))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("l", "a"),
        ("p/l", "../a"),
        ("p/l", "../p/../a"),
        ("l", "."),
        ("l", "missing/../still/inside"),
        ("l", "l"),
        ("l", "/tmp/cache"),
        ("l", "/opt/lib/x.so"),
        ("l", "/var/task"),
    ],
)
def test_links_that_stay_inside_are_kept(name: str, target: str) -> None:
    data = archived((info("a"), b"x"), link(name, target))
    leaf = flat(taken(data).tree)[name]
    assert leaf is not None and leaf.member.kind is Kind.LINK and leaf.target == target


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("l", ".."),
        ("l", "../outside"),
        ("p/l", "../../x"),
        ("p/l", "../p/../../x"),
        ("l", "/etc/passwd"),
        ("l", "/"),
        ("l", "/optical"),
        ("l", "/tmp/../etc/passwd"),
        ("l", "/var/task/../../etc"),
        ("l", ""),
        ("l", "x" * 4096),
        ("l", "a\0b"),
    ],
)
def test_links_that_lead_out_are_refused(name: str, target: str) -> None:
    with pytest.raises(BadZip):
        taken(archived((info("a"), b"x"), link(name, target)))


def test_links_that_lead_out_together_are_refused() -> None:
    # Each alone looks harmless by its letters: x is a/b/etc, but a/b/c/up is a.
    data = archived(link("a/b/c/up", "../.."), link("x", "a/b/c/up/../../etc"))
    with pytest.raises(BadZip, match="leads out"):
        taken(data)


def test_nothing_is_put_below_a_link() -> None:
    for entries in ([link("d", "p"), (info("d/f"), b"x")], [(info("d/f"), b"x"), link("d", "p")]):
        with pytest.raises(BadZip, match="both"):
            taken(archived(*entries))


def test_a_thicket_of_links_is_refused_in_time() -> None:
    deep = "/".join(["d"] * 100)
    around = (deep + "/" + "../" * 100) * 6
    links = [link(f"l{n}", around + f"l{n + 1}") for n in range(200)]
    with pytest.raises(BadZip, match="links"):
        taken(archived((info(deep + "/f"), b""), *links))


def merged(*packages: bytes) -> dict[str, Leaf | None]:
    return flat(merge([taken(data) for data in packages]))


def test_the_later_layer_wins() -> None:
    found = merged(zipped({"bin/a": b"1", "lib/x": b"1"}), zipped({"bin/a": b"2", "bin/b": b"2"}))
    assert {name: leaf and leaf.package for name, leaf in found.items()} == {
        "bin/": None,
        "bin/a": 1,
        "bin/b": 1,
        "lib/": None,
        "lib/x": 0,
    }


def test_layers_that_disagree_whether_a_name_is_a_directory() -> None:
    assert set(merged(zipped({"a/b/c": b""}), zipped({"a": b""}))) == {"a"}
    assert set(merged(zipped({"a": b""}), zipped({"a/b/c": b""}))) == {"a/", "a/b/", "a/b/c"}
    assert set(merged(archived(link("a", "b")), zipped({"a/": b""}))) == {"a/"}


def test_nothing_is_put_below_another_layers_link() -> None:
    found = merged(archived(link("python", "lib"), (info("lib/x"), b"")), zipped({"python/m.py": b""}))
    assert found["python/"] is None and set(found) == {"python/", "python/m.py", "lib/", "lib/x"}


def test_the_packages_of_the_standard_library_are_read_alike(tmp_path: Path) -> None:
    files = {f"d{n % 7}/f{n}.bin": bytes([n]) * (n * 997) for n in range(60)}
    data = zipped(files)
    package = taken(data)
    assert {name: content(data, name) for name in flat(package.tree) if not name.endswith("/")} == files
