"""What is said to the kernel; what comes of it is in tests/security."""

import struct

import pytest

from lambdad.sandbox.launcher.landlock import (
    IOCTL_DEV,
    MAKE_BLOCK,
    MAKE_CHAR,
    REFER,
    TRUNCATE,
    WRITE_FILE,
    description,
    handled,
    permitted,
)

_READS = 1 << 0 | 1 << 2 | 1 << 3
"""LANDLOCK_ACCESS_FS_EXECUTE, READ_FILE, READ_DIR."""


@pytest.mark.parametrize(
    ("abi", "known", "unknown"),
    [
        (2, REFER, TRUNCATE | IOCTL_DEV),
        (3, TRUNCATE, IOCTL_DEV),
        (4, TRUNCATE, IOCTL_DEV),
        (5, IOCTL_DEV, 0),
        (7, IOCTL_DEV, 0),
    ],
)
def test_what_an_abi_does_not_know_is_not_asked_for(abi: int, known: int, unknown: int) -> None:
    assert handled(abi) & known == known
    assert handled(abi) & unknown == 0
    assert handled(abi) < 1 << 16


@pytest.mark.parametrize("abi", range(2, 9))
def test_every_way_to_write_is_handled_and_reading_is_not(abi: int) -> None:
    assert handled(abi) & _READS == 0
    assert handled(abi) & 0b1_1111_1111_0010 == 0b1_1111_1111_0010, "write, remove, make: known since the first ABI"


@pytest.mark.parametrize(
    ("abi", "size", "last"), [(2, 8, None), (3, 8, None), (4, 16, 0), (5, 16, 0), (6, 24, 3), (7, 24, 3), (12, 24, 3)]
)
def test_the_description_is_as_long_as_the_abi_has_it(abi: int, size: int, last: int | None) -> None:
    """A kernel refuses what is longer than it knows, unless that is zero."""
    members = struct.unpack(f"={size // 8}Q", description(abi))
    assert members[0] == handled(abi)
    assert members[1:2] in ((), (0,)), "ports are not restricted"
    assert last is None or members[-1] == last


@pytest.mark.parametrize("abi", range(2, 9))
def test_a_rule_permits_only_what_is_handled(abi: int) -> None:
    """Else the kernel refuses it."""
    rules = dict(permitted(abi))
    assert set(rules) == {"/tmp", "/dev"}
    assert all(accesses and accesses & ~handled(abi) == 0 for accesses in rules.values())
    assert rules["/tmp"] == handled(abi) & ~(MAKE_CHAR | MAKE_BLOCK)
    assert rules["/dev"] & ~(WRITE_FILE | TRUNCATE | IOCTL_DEV) == 0
