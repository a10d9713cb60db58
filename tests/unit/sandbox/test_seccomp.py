"""The filter of system calls: the programs as they are, and what they say to calls."""

import errno
import platform
import re
from pathlib import Path

import pytest

from lambdad.sandbox.launcher import calls
from lambdad.sandbox.launcher.seccomp import (
    ALLOW,
    ANY_BIT,
    AT_LEAST,
    AUDIT_ARCHITECTURES,
    EQUAL,
    KILL,
    SKIP,
    Choice,
    Decision,
    assemble,
    packed,
    program,
    refuse,
)
from tests.unit.sandbox.bpf import LONGEST, MACHINES, golden, listing, run

FORBIDDEN = {
    # Name: number on x86-64, on arm64; None where there is none.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "quotactl": (179, 60), "acct": (163, 89), "clock_settime": (227, 112), "settimeofday": (164, 170),
    "adjtimex": (159, 171), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None), "lookup_dcookie": (212, 18),
    "syslog": (103, 116), "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58),
    "move_pages": (279, 239), "migrate_pages": (256, 238), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "quotactl_fd": (443, 443), "statmount": (457, 457), "listmount": (458, 458),
    "open_tree_attr": (467, 467),
}  # fmt: skip
EPERM, ENOSYS = refuse(errno.EPERM), refuse(errno.ENOSYS)
NO_FAMILY, NO_PROTOCOL = refuse(errno.EAFNOSUPPORT), refuse(errno.EPROTONOSUPPORT)

SAME_FOR_BOTH = [
    ("clone", (0x1200011,), ALLOW),  # fork
    ("clone", (0x3D0F00,), ALLOW),  # a thread
    *[("clone", (bit | 17,), EPERM) for bit in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 1 << 28, 1 << 29, 1 << 30)],
    ("clone3", (), ENOSYS),
    *[("socket", (family, 1, 0), ALLOW) for family in (1, 2, 10)],
    ("socket", (2, 0x80801, 6), ALLOW),
    ("socket", (2, 2, 1), ALLOW),  # ping
    ("socket", (10, 2, 58), ALLOW),
    *[("socket", (2, 1, protocol), NO_PROTOCOL) for protocol in (33, 115, 132, 262)],
    *[("socket", (family, 3, 0), NO_FAMILY) for family in (3, 4, 9, 17, 21, 29, 30, 31, 38, 40, 44)],
    ("socket", (16, 3, 4), ALLOW),  # which socket has which peer
    *[("socket", (16, 3, protocol), NO_FAMILY) for protocol in (6, 12, 15, 16)],
    ("socketpair", (1, 1, 0), ALLOW),
    ("socketpair", (30, 1, 0), NO_FAMILY),
    ("ioctl", (0, 0x5401), ALLOW),
    *[("ioctl", (0, request), EPERM) for request in (0x5412, 0x541C, 0x5423, 0x7_0000_5412)],
    *[("prctl", (option,), ALLOW) for option in (1, 4, 15, 22, 36, 38, 0x53564D41)],
    *[("prctl", (option,), EPERM) for option in (33, 35, 62)],
    *[("personality", (value,), ALLOW) for value in (0, 8, 0xFFFFFFFF)],
    *[("personality", (value,), EPERM) for value in (0x40000, 0x400000, 0x100000, 0x7)],
    *[("mknodat", (0, 0, mode | 0o600), ALLOW) for mode in (0, 0o010000, 0o100000, 0o140000)],
    *[("mknodat", (0, 0, mode | 0o600), EPERM) for mode in (0o020000, 0o060000)],
    *[(f"io_uring_{what}", (), ENOSYS) for what in ("setup", "enter", "register")],
    ("memfd_secret", (), ENOSYS),
]
DIFFERENT = [
    # For a function; for a template and its copies.
    ("setns", (3, 0), EPERM, ALLOW),
    ("capset", (), EPERM, ALLOW),
    ("socket", (16, 3, 0), ALLOW, NO_FAMILY),
    ("setsockopt", (3, 0, 64), ALLOW, EPERM),
    ("setsockopt", (3, 41, 65), ALLOW, EPERM),
    ("setsockopt", (3, 1, 65), ALLOW, ALLOW),
    ("setsockopt", (3, 6, 1), ALLOW, ALLOW),
]

both = pytest.mark.parametrize("template", [False, True], ids=["function", "template"])
everywhere = pytest.mark.parametrize("machine", MACHINES)


def asked(machine: str, template: bool, number: int, arguments: tuple[int, ...] = ()) -> int:
    return run(program(machine, template), number, arguments, AUDIT_ARCHITECTURES[machine])


@both
@everywhere
def test_the_programs_are_those_that_were_looked_at(machine: str, template: bool) -> None:
    """After a change: python -m tests.unit.sandbox.bpf, and read the difference."""
    assert listing(machine, template) == golden(machine, template).read_text()


@both
@everywhere
def test_what_is_ordinary_is_allowed_whatever_its_arguments(machine: str, template: bool) -> None:
    made = program(machine, template)
    for name, number in calls.allowed(machine).items():
        for arguments in ((), (2**64 - 1,) * 6):
            assert run(made, number, arguments, AUDIT_ARCHITECTURES[machine]) == ALLOW, name


@both
@everywhere
def test_what_is_for_administrators_is_not_permitted(machine: str, template: bool) -> None:
    for name, numbers in FORBIDDEN.items():
        number = numbers[MACHINES.index(machine)]
        if number is not None:
            assert asked(machine, template, number) == EPERM, name


@both
@everywhere
def test_nothing_else_is_allowed(machine: str, template: bool) -> None:
    known = {*calls.allowed(machine).values(), *calls.checked(machine).values()}
    others = [number for number in range(calls.LAST + 1) if number not in known]
    assert {asked(machine, template, number) for number in others} == {EPERM}


@both
@everywhere
def test_what_a_later_kernel_has_does_not_exist(machine: str, template: bool) -> None:
    for number in (calls.LAST + 1, 511, 0x3FFFFFFF):
        assert asked(machine, template, number) == ENOSYS


@both
@everywhere
@pytest.mark.parametrize(("name", "arguments", "answer"), SAME_FOR_BOTH)
def test_arguments(machine: str, template: bool, name: str, arguments: tuple[int, ...], answer: int) -> None:
    assert asked(machine, template, calls.checked(machine)[name], arguments) == answer


@everywhere
@pytest.mark.parametrize(("name", "arguments", "function", "template"), DIFFERENT)
def test_a_template_may_enter_and_nothing_more(
    machine: str, name: str, arguments: tuple[int, ...], function: int, template: int
) -> None:
    number = calls.checked(machine)[name]
    assert [asked(machine, kind, number, arguments) for kind in (False, True)] == [function, template]


@both
def test_other_doors_to_the_same_calls_kill(template: bool) -> None:
    i386, arm = 0x40000003, 0x40000028
    for machine in MACHINES:
        others = {i386, arm, *AUDIT_ARCHITECTURES.values()} - {AUDIT_ARCHITECTURES[machine]}
        assert {run(program(machine, template), 0, (), other) for other in others} == {KILL}
    for number in (0x40000000, 0x40000000 | 59, 0xFFFFFFFF):
        assert asked("x86_64", template, number) == KILL


@both
@everywhere
def test_the_kernel_can_load_it(machine: str, template: bool) -> None:
    made = program(machine, template)
    assert 0 < len(made) <= LONGEST
    assert len(packed(made)) == 8 * len(made)
    for place, (code, yes, no, operand) in enumerate(made):
        assert 0 <= yes <= 0xFF and 0 <= no <= 0xFF
        if code == SKIP:
            assert place + 1 + operand < len(made)
        elif code in (EQUAL, AT_LEAST, ANY_BIT):
            assert place + 1 + max(yes, no) < len(made)


@everywhere
def test_no_call_meets_many_comparisons(machine: str) -> None:
    made = program(machine, False)
    for number in calls.allowed(machine).values():
        assert _steps(made, number, AUDIT_ARCHITECTURES[machine]) <= 14


def _steps(made: list[tuple[int, int, int, int]], number: int, architecture: int) -> int:
    class Counting(list[tuple[int, int, int, int]]):
        count = 0

        def __getitem__(self, place):  # type: ignore[no-untyped-def]
            self.count += 1
            return super().__getitem__(place)

    counting = Counting(made)
    run(counting, number, (), architecture)
    return counting.count


def test_far_jumps() -> None:
    decision: Decision = refuse(1)
    for value in range(300):
        decision = Choice(0, EQUAL, value, refuse(value + 2), decision)
    decision = Choice(0, AT_LEAST, 1000, ALLOW, decision)
    made = assemble(decision)
    assert [run(made, number) for number in (1000, 299, 0, 500)] == [ALLOW, refuse(301), refuse(2), refuse(1)]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="for the headers of x86-64")
def test_numbers_are_those_of_this_hosts_headers() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers here")
    known = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
    ours = {**calls.allowed("x86_64"), **calls.checked("x86_64")}
    assert {name: number for name, number in ours.items() if known.get(name, number) != number} == {}
    assert len(ours.keys() & known.keys()) > 200
