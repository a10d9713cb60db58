"""Zips: a tree that stays inside and within the limits, or BadZip or TooLarge."""

import io
import stat
import zipfile

from lambdad.artifacts import layout
from lambdad.artifacts.layout import Leaf, Tree, merge, read_package, verify
from lambdad.artifacts.zips import DEPTH, ENTRIES, NAME_BYTES, BadZip, Kind, TooLarge, inflate, members
from lambdad.domain.limits import UNZIPPED

_SPENT = 4 * 1024 * 1024
"""Bytes that are inflated of one input at most, which has to be quick."""


def _zip(*entries: tuple[str, int, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, mode, content in entries:
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr, entry.compress_type = 3, mode << 16, method
            archive.writestr(entry, content)
    return buffer.getvalue()


_FILE, _LINK = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777
SEEDS = [
    _zip(("app.py", _FILE, b"def handler(e, c): pass"), ("lib/x.so", _FILE, bytes(300))),
    _zip(("a/", stat.S_IFDIR | 0o755, b""), ("a/b", _LINK, b"../c"), ("c", _FILE, b"x"), method=zipfile.ZIP_STORED),
    _zip(("../out", _FILE, b"x"), ("/abs", _FILE, b"x"), ("a/../b", _LINK, b"/etc")),
    b"#!/bin/sh\n" + _zip(("bootstrap", _FILE | 0o111, b"#!/bin/sh")),
    _zip(),
]


def check(data: bytes) -> None:
    try:
        package = read_package(data)
    except (BadZip, TooLarge):
        return
    found = members(data)
    assert len(found) <= ENTRIES and package.unpacked == sum(member.size for member in found) < UNZIPPED
    for member in found:
        assert 0 < len(member.path) <= DEPTH and not {"", ".", ".."} & set(member.path)
        assert all("/" not in part and "\0" not in part and len(part.encode()) <= NAME_BYTES for part in member.path)
        assert member.mode & ~0o755 == 0
    _inside(package.tree, ())
    budget = _SPENT
    for member in package.files:
        if member.size > budget:
            return
        try:
            taken = sum(map(len, inflate(data, member, member.size)))
        except (BadZip, TooLarge):
            return
        assert taken == member.size
        budget -= taken
    verify(data, package)
    merge([package, package])


def _inside(tree: Tree, path: tuple[str, ...]) -> None:
    """No link leads out, one step at a time, as the kernel would go."""
    for name, node in tree.items():
        if not isinstance(node, Leaf):
            _inside(node, (*path, name))
        elif node.member.kind is Kind.LINK and node.target.startswith("/"):
            assert any(node.target.lstrip("/").startswith(place) for place in layout.OWN_PLACES), node.target
        elif node.member.kind is Kind.LINK:
            assert node.target and "\0" not in node.target
