"""Zips for tests, good and hostile."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass


def zipped(files: Mapping[str, bytes | str], *, mode: int = 0o644, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """As the standard library makes it; a name with a slash at its end is a directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(info(name, mode), content)
    return buffer.getvalue()


def info(name: str, mode: int = 0o644, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (2024, 2, 29, 12, 30, 58))
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_DEFLATED
    if name.endswith("/"):
        kind, mode = stat.S_IFDIR, mode | 0o111
    entry.external_attr = (kind | mode) << 16
    return entry


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    return info(name, 0o777, stat.S_IFLNK), target.encode()


def archived(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return buffer.getvalue()


@dataclass
class Raw:
    """One member as bytes say it, so that a test can lie."""

    name: bytes
    content: bytes = b""
    method: int = 8
    flags: int = 0
    size: int | None = None
    packed: int | None = None
    crc: int | None = None
    system: int = 3
    attributes: int = (stat.S_IFREG | 0o644) << 16
    extra: bytes = b""
    local_name: bytes | None = None
    offset: int | None = None
    date: int = (2024 - 1980) << 9 | 1 << 5 | 1


def raw_zip(*members: Raw, comment: bytes = b"", count: int | None = None) -> bytes:
    body = b""
    directory = b""
    for member in members:
        data = member.content
        if member.method == 8:
            deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = deflater.compress(data) + deflater.flush()
        size = len(member.content) if member.size is None else member.size
        packed = len(data) if member.packed is None else member.packed
        crc = zlib.crc32(member.content) if member.crc is None else member.crc
        name = member.name if member.local_name is None else member.local_name
        offset = len(body) if member.offset is None else member.offset
        head = (20, member.flags, member.method, 0, member.date, crc, packed, size)
        body += struct.pack("<4s5H3L2H", b"PK\3\4", *head, len(name), 0) + name + data
        directory += struct.pack("<4sBBHHHHHLLL", b"PK\1\2", 20, member.system, *head)
        directory += struct.pack("<HHHHHLL", len(member.name), len(member.extra), 0, 0, 0, member.attributes, offset)
        directory += member.name + member.extra
    number = len(members) if count is None else count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, len(directory), len(body), len(comment))
    return body + directory + end + comment


def zip64(name: bytes, content: bytes) -> bytes:
    """One stored member, every number of it in its 64-bit place."""
    crc = zlib.crc32(content)
    wide = 0xFFFFFFFF
    local_extra = struct.pack("<HHQQ", 1, 16, len(content), len(content))
    body = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 33, crc, wide, wide, len(name), len(local_extra))
    body += name + local_extra + content
    extra = struct.pack("<HHQQQ", 1, 24, len(content), len(content), 0)
    directory = struct.pack("<4sBBHHHHHLLL", b"PK\1\2", 45, 3, 45, 0, 0, 0, 33, crc, wide, wide)
    directory += struct.pack("<HHHHHLL", len(name), len(extra), 0, 0, 0, (stat.S_IFREG | 0o644) << 16, wide) + name + extra
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), len(body))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(body) + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, wide, wide, 0)
    return body + directory + end64 + locator + end
