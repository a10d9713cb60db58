"""What a zip holds, and whether it may be unpacked: pure, and distrustful of every byte.

Format: PKWARE APPNOTE 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), of which the stored and deflated
methods are accepted, zip64 included. Written anew rather than on `zipfile`, which reads a hostile directory of any length
into memory, knows no overlaps, and decides about names and kinds only while it writes.
"""

import calendar
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from lambdad.domain.limits import UNZIPPED

ENTRIES = 131_072
"""Files, links and directories of one package. AWS names no limit; node_modules of 50,000 files exist."""
PATH_BYTES = 2048
"""Half of PATH_MAX (4,096, limits.h), which leaves room for where the cache lies."""
DEPTH = 128
"""Parts of a path. Removing a tree recurses, and holds a file descriptor per level."""
NAME_BYTES = 255
"""NAME_MAX of limits.h."""
TARGET_BYTES = 4095
"""Of a symbolic link: PATH_MAX without its NUL."""
CHUNK = 65_536

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4sBBHHHHHLLLHHHHHLL")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF8 = 0x0800
_UNIX_SYSTEMS = (3, 19)
"""Made on Unix or macOS: the upper half of the external attributes is st_mode (APPNOTE 4.4.2)."""


class BadZip(Exception):
    """The package can't be unpacked; the text says why, for lambdad's own log."""


class TooLarge(Exception):
    """Unpacked it would be larger than Lambda allows."""


class Kind(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Member:
    path: tuple[str, ...]
    """Never empty; no part is empty, `.` or `..`."""
    kind: Kind
    mode: int
    mtime: int
    """Epoch seconds."""
    deflated: bool
    crc: int
    start: int
    """Where its bytes begin in the package."""
    packed: int
    size: int


def members(data: bytes) -> list[Member]:
    """The package's members as its directory tells them. Raises BadZip; TooLarge where it says so itself."""
    try:
        found = _members(data)
    except struct.error as error:
        raise BadZip("a header is cut off") from error
    if sum(member.size for member in found) >= UNZIPPED:
        raise TooLarge
    return found


def _members(data: bytes) -> list[Member]:
    start, end, count = _directory(data)
    found: list[Member] = []
    ranges: list[tuple[int, int]] = []
    shift = start[1]
    position = start[0]
    for _ in range(count):
        entry = _Central.read(data, position, end, shift)
        position = entry.end
        data_start = _check_local(data, entry)
        ranges.append((entry.offset, data_start + entry.packed))
        member = _member(entry, data_start)
        if member is not None:
            found.append(member)
    ranges.sort()
    last = 0
    for begin, finish in ranges:
        if begin < last:
            raise BadZip("members overlap")
        last = finish
    if last > start[0]:
        raise BadZip("a member reaches into the directory")
    return found


def _directory(data: bytes) -> tuple[tuple[int, int], int, int]:
    """((where the directory starts, what has to be added to its offsets), where it ends, its number of entries)."""
    position = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_535 - _END.size))
    if position < 0:
        raise BadZip("no end of central directory")
    _, disk, first_disk, here, count, size, offset, comment = _END.unpack_from(data, position)
    if position + _END.size + comment > len(data):
        raise BadZip("the comment is cut off")
    end = position
    if 0xFFFF in (here, count, disk, first_disk) or 0xFFFFFFFF in (size, offset):
        located = position - _END64_LOCATOR.size
        if located >= 0 and data[located : located + 4] == b"PK\x06\x07":
            _, _, end64, _ = _END64_LOCATOR.unpack_from(data, located)
            end, disk, first_disk, here, count, size, offset = _read_end64(data, located, end64)
    if disk or first_disk or here != count:
        raise BadZip("of several disks")
    if count > ENTRIES:
        raise BadZip("too many members")
    start = end - size
    # What stands before a zip (a self-extracting program) shifts all its offsets.
    shift = start - offset
    if start < 0 or shift < 0:
        raise BadZip("the directory lies outside")
    return (start, shift), end, count


def _read_end64(data: bytes, located: int, said: int) -> tuple[int, int, int, int, int, int, int]:
    # Right before its locator where nothing extends it; else where the locator says.
    for position in (located - _END64.size, said):
        if 0 <= position <= located - _END64.size and data[position : position + 4] == b"PK\x06\x06":
            _, _, _, _, disk, first_disk, here, count, size, offset = _END64.unpack_from(data, position)
            return position, disk, first_disk, here, count, size, offset
    raise BadZip("no zip64 end of central directory")


@dataclass(frozen=True, slots=True)
class _Central:
    """One entry of the central directory."""

    system: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int
    name: bytes
    stamp: int | None
    """Epoch seconds of the extended timestamp."""
    end: int

    @classmethod
    def read(cls, data: bytes, position: int, limit: int, shift: int) -> "_Central":
        (
            signature, _, system, _, flags, method, time, date, crc, packed, size, named, extended, commented, disk, _,
            attributes, offset,
        ) = _CENTRAL.unpack_from(data, position)  # fmt: skip
        name_at = position + _CENTRAL.size
        extra_at = name_at + named
        end = extra_at + extended + commented
        if signature != b"PK\x01\x02" or end > limit:
            raise BadZip("the directory is broken")
        wide, stamp = _extra(data[extra_at : extra_at + extended])
        numbers = iter(wide)
        try:
            size = next(numbers) if size == 0xFFFFFFFF else size
            packed = next(numbers) if packed == 0xFFFFFFFF else packed
            offset = next(numbers) if offset == 0xFFFFFFFF else offset
        except StopIteration:
            raise BadZip("zip64 sizes are missing") from None
        if disk not in (0, 0xFFFF):
            raise BadZip("of several disks")
        name = data[name_at:extra_at]
        return cls(system, flags, method, time, date, crc, packed, size, attributes, offset + shift, name, stamp, end)


def _extra(extra: bytes) -> tuple[tuple[int, ...], int | None]:
    """The zip64 numbers (APPNOTE 4.5.3) and the extended timestamp (`UT`), where they are there."""
    wide: tuple[int, ...] = ()
    stamp: int | None = None
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == 0x0001:
            count = min(len(body) // 8, 3)
            wide = struct.unpack_from(f"<{count}Q", body)
        elif kind == 0x5455 and len(body) >= 5 and body[0] & 1:
            (stamp,) = struct.unpack_from("<l", body, 1)
        position += 4 + length
    return wide, stamp


def _check_local(data: bytes, entry: _Central) -> int:
    """Where the entry's bytes begin."""
    if entry.offset + _LOCAL.size > len(data):
        raise BadZip("a member lies outside")
    signature, _, flags, method, _, _, _, _, _, named, extended = _LOCAL.unpack_from(data, entry.offset)
    name_at = entry.offset + _LOCAL.size
    start: int = name_at + named + extended
    if signature != b"PK\x03\x04" or start + entry.packed > len(data):
        raise BadZip("a member lies outside")
    if data[name_at : name_at + named] != entry.name or method != entry.method:
        raise BadZip("a member contradicts the directory")
    if (flags | entry.flags) & _ENCRYPTED:
        raise BadZip("encrypted")
    return start


def _member(entry: _Central, start: int) -> Member | None:
    """None for the root itself (`./`)."""
    if entry.method not in (_STORED, _DEFLATED):
        raise BadZip(f"compression method {entry.method}")
    if entry.method == _STORED and entry.packed != entry.size:
        raise BadZip("a stored member of two sizes")
    unix = entry.attributes >> 16 if entry.system in _UNIX_SYSTEMS else 0
    path, slash = _path(entry)
    kind = Kind.DIRECTORY if slash or (entry.system == 0 and entry.attributes & 0x10) else _kind(unix)
    if not path:
        if kind is Kind.DIRECTORY:
            return None
        raise BadZip("a member without a name")
    # Without set-uid, set-gid and sticky bits; the tree is shared by all environments, so it is never writable for others.
    mode = stat.S_IMODE(unix) & 0o755 if unix else 0o644
    if kind is Kind.LINK and not 0 < entry.size <= TARGET_BYTES:
        raise BadZip("a link without a sane target")
    mtime = entry.stamp if entry.stamp is not None else _dos_time(entry.date, entry.time)
    size = 0 if kind is Kind.DIRECTORY else entry.size
    return Member(path, kind, mode, mtime, entry.method == _DEFLATED, entry.crc, start, entry.packed, size)


def _kind(unix: int) -> Kind:
    match stat.S_IFMT(unix):
        case 0 | stat.S_IFREG:
            return Kind.FILE
        case stat.S_IFDIR:
            return Kind.DIRECTORY
        case stat.S_IFLNK:
            return Kind.LINK
        case other:
            raise BadZip(f"a member of kind {other:o}")


def _path(entry: _Central) -> tuple[tuple[str, ...], bool]:
    """The parts of its path, and whether it ends in a slash."""
    try:
        name = entry.name.decode()
    except UnicodeDecodeError:
        if entry.flags & _UTF8:
            raise BadZip("a name is not UTF-8") from None
        # The format's own default; all of its 256 codes have a character.
        name = entry.name.decode("cp437")
    if name.startswith("/") or "\0" in name:
        raise BadZip("a path is absolute or has a NUL")
    parts = tuple([part for part in name.split("/") if part not in ("", ".")])
    if ".." in parts:
        raise BadZip("a path leads out of the package")
    lengths = [len(part.encode()) for part in parts]
    if len(lengths) > DEPTH or sum(lengths) + len(lengths) > PATH_BYTES or max(lengths, default=0) > NAME_BYTES:
        raise BadZip("a path is too long")
    return parts, name.endswith("/")


def _dos_time(date: int, time: int) -> int:
    """Local time of who knows where, so taken as UTC. Nonsense becomes the epoch of the format."""
    year, month, day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    hour, minute, second = time >> 11, time >> 5 & 63, (time & 31) * 2
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        year, month, day, hour, minute, second = 1980, 1, 1, 0, 0, 0
    return calendar.timegm((year, month, day, hour, minute, second))


def inflate(data: bytes, member: Member, budget: int) -> Iterator[bytes | memoryview]:
    """The member's bytes in chunks. Raises BadZip where they are not what was promised, TooLarge beyond `budget` bytes.

    A member that is longer than it says is read on up to the budget, since Lambda tells bombs from broken packages.
    """
    crc = total = 0
    for chunk in _chunks(data, member):
        total += len(chunk)
        if total > budget:
            raise TooLarge
        if total <= member.size:
            crc = zlib.crc32(chunk, crc)
            yield chunk
    if total != member.size or crc != member.crc:
        raise BadZip("a member is not what the directory says")


def _chunks(data: bytes, member: Member) -> Iterator[bytes | memoryview]:
    packed = memoryview(data)[member.start : member.start + member.packed]
    if not member.deflated:
        for position in range(0, len(packed), CHUNK * 16):
            yield packed[position : position + CHUNK * 16]
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # The input in pieces, because zlib copies what it has not consumed yet at each call.
        for position in range(0, len(packed), CHUNK):
            if inflater.eof:
                raise BadZip("a member ends before its bytes do")
            piece: bytes | memoryview = packed[position : position + CHUNK]
            while piece and not inflater.eof:
                yield inflater.decompress(piece, CHUNK * 16)
                piece = inflater.unconsumed_tail
        while not inflater.eof and (rest := inflater.decompress(b"", CHUNK * 16)):
            yield rest
    except zlib.error as error:
        raise BadZip(f"a member is broken: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise BadZip("a member is cut off, or longer than it says")
