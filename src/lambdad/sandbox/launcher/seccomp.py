"""The filter of system calls that every process of a sandbox has: an allow-list, as a program for the kernel.

A decision is a tree of tests on the call's number and arguments; `assemble` makes classic BPF of it. Numbers are found by a
balanced search over ranges, some six comparisons; what is allowed whatever its arguments costs nothing at all from Linux 5.11
on, since the kernel works that out once, when the filter is installed, and keeps it in a bitmap.
Facts: seccomp(2), bpf(4), include/uapi/linux/{seccomp,filter,audit}.h. Pure. Runs on Python 3.9 and later.
docs/design/sandbox.md, "System calls", has the reasons and how to add one.
"""

import errno
import struct
from typing import Dict, List, NamedTuple, Sequence, Tuple, Union

from . import calls

ALLOW, KILL = 0x7FFF0000, 0x80000000
"""KILL ends the whole process, by SIGSYS."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, SKIP, RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
"""Load a word; compare it (jump if true, jump if false); skip instructions; end."""
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data. Of an argument, 8 bytes, the lower half is looked at: the kernel's own parameters that are
tested here have no more than 32 bits (clone's flags have 64, of which it ignores the upper half)."""

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
"""On x86-64 the numbers from here on are a second door to the same calls."""

_NEW_NAMESPACES = 0x7E020000 | 0x80
"""Every CLONE_NEW*; clone(2)."""
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_INTERNET_PROTOCOLS = (0, 1, 6, 17, 58)
"""The default, ICMP, TCP, UDP, ICMPv6: to ask for another one makes the kernel load its module."""
_NETLINK_ROUTE, _NETLINK_SOCK_DIAG = 0, 4
_TIOCSTI, _TIOCSETD, _TIOCLINUX = 0x5412, 0x5423, 0x541C
"""Input in the name of somebody else, line disciplines (which are loaded modules), the console's clipboard."""
_PR_MCE_KILL, _PR_SET_MM, _PR_SCHED_CORE = 33, 35, 62
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
"""Linux, with a 32-bit uname, with version 2.6; and the question which it is. None that makes data executable or addresses
predictable."""
_DEVICE = 0o020000
"""Of a mode: set for character and block devices, and for nothing else that mknod makes."""
_TABLES = {0: (64, 65, 96, 97, 128, 129), 41: (64, 65)}
"""Options of IPPROTO_IP and IPPROTO_IPV6 that replace tables of iptables, arptables and ebtables."""


class Choice(NamedTuple):
    """By the word at `place`, by one of the comparisons with `operand`."""

    place: int
    how: int
    operand: int
    yes: "Decision"
    no: "Decision"


Decision = Union[int, Choice]
"""In the end always an answer: ALLOW, KILL, or `refuse(…)`."""
Instruction = Tuple[int, int, int, int]
"""Code, instructions to jump if true, if false, operand."""


def refuse(number: int) -> int:
    """The call is not made and fails with this errno."""
    return 0x00050000 | number


def program(machine: str, template: bool) -> "List[Instruction]":
    """For a processor architecture as uname(2) names it (KeyError for an unknown one).

    `template`: for a process that will be copied. Its copies enter their namespaces and give up what capabilities they have
    over those; so they may do that, and may do nothing else that is good for something with such capabilities only.
    """
    return assemble(_decide(machine, template))


def packed(instructions: "Sequence[Instruction]") -> bytes:
    """As the kernel reads them: struct sock_filter, one after the other."""
    return b"".join([struct.pack("=HBBI", *instruction) for instruction in instructions])


def assemble(decision: Decision, loaded: int = -1) -> "List[Instruction]":
    """`loaded`: the place whose word is there already."""
    if isinstance(decision, int):
        return [(RETURN, 0, 0, decision)]
    no, yes = assemble(decision.no, decision.place), assemble(decision.yes, decision.place)
    load = [] if decision.place == loaded else [(LOAD, 0, 0, decision.place)]
    if len(no) <= 0xFF:
        jump = [(decision.how, len(no), 0, decision.operand)]
    else:  # farther than a comparison can jump
        jump = [(decision.how, 0, 1, decision.operand), (SKIP, 0, 0, len(no))]
    return [*load, *jump, *no, *yes]


def _decide(machine: str, template: bool) -> Decision:
    decision = _search(_ranges(_decisions(machine, template)))
    if machine == "x86_64":
        decision = Choice(NUMBER, AT_LEAST, _X32, KILL, decision)
    return Choice(ARCHITECTURE, EQUAL, AUDIT_ARCHITECTURES[machine], decision, KILL)


def _decisions(machine: str, template: bool) -> "Dict[int, Decision]":
    decisions: "Dict[int, Decision]" = dict.fromkeys(calls.allowed(machine).values(), ALLOW)
    checks = _checks(template)
    for name, number in calls.checked(machine).items():
        decisions[number] = checks[name]
    return decisions


def _ranges(decisions: "Dict[int, Decision]") -> "List[Tuple[int, Decision]]":
    """(first number, what is decided from there up to the next one's). What was left out is not permitted; what did not exist
    when the list was made does not exist, so that a program falls back on what it did before."""
    ranges: "List[Tuple[int, Decision]]" = []
    for number in range(calls.LAST + 2):
        decision = decisions.get(number, refuse(errno.EPERM if number <= calls.LAST else errno.ENOSYS))
        if not ranges or ranges[-1][1] != decision:
            ranges.append((number, decision))
    return ranges


def _search(ranges: "Sequence[Tuple[int, Decision]]") -> Decision:
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    return Choice(NUMBER, AT_LEAST, ranges[middle][0], _search(ranges[middle:]), _search(ranges[:middle]))


def _checks(template: bool) -> "Dict[str, Decision]":
    """What becomes of the calls that are not simply allowed."""
    deny, missing = refuse(errno.EPERM), refuse(errno.ENOSYS)
    return {
        "clone": Choice(_argument(0), ANY_BIT, _NEW_NAMESPACES, deny, ALLOW),
        # Its flags are in memory, where a filter can't look; the C library then calls clone.
        "clone3": missing,
        "socket": _sockets(template),
        "socketpair": Choice(_argument(0), EQUAL, _AF_UNIX, ALLOW, refuse(errno.EAFNOSUPPORT)),
        "setsockopt": _options() if template else ALLOW,
        "ioctl": _one_of(_argument(1), (_TIOCSTI, _TIOCSETD, _TIOCLINUX), deny, ALLOW),
        "prctl": _one_of(_argument(0), (_PR_MCE_KILL, _PR_SET_MM, _PR_SCHED_CORE), deny, ALLOW),
        "personality": _one_of(_argument(0), _PERSONALITIES, ALLOW, deny),
        "mknod": Choice(_argument(1), ANY_BIT, _DEVICE, deny, ALLOW),
        "mknodat": Choice(_argument(2), ANY_BIT, _DEVICE, deny, ALLOW),
        "setns": ALLOW if template else deny,
        "capset": ALLOW if template else deny,
        # Programs try these and do without.
        "io_uring_setup": missing,
        "io_uring_enter": missing,
        "io_uring_register": missing,
        "memfd_secret": missing,
    }


def _sockets(template: bool) -> Decision:
    """Families that functions use; of netlink what answers questions: who has which address, which socket has which peer."""
    internet = _one_of(_argument(2), _INTERNET_PROTOCOLS, ALLOW, refuse(errno.EPROTONOSUPPORT))
    no_family = refuse(errno.EAFNOSUPPORT)
    questions = (_NETLINK_SOCK_DIAG,) if template else (_NETLINK_ROUTE, _NETLINK_SOCK_DIAG)
    decision: Decision = Choice(_argument(0), EQUAL, _AF_NETLINK, _one_of(_argument(2), questions, ALLOW, no_family), no_family)
    for family, then in ((_AF_INET6, internet), (_AF_INET, internet), (_AF_UNIX, ALLOW)):
        decision = Choice(_argument(0), EQUAL, family, then, decision)
    return decision


def _options() -> Decision:
    decision: Decision = ALLOW
    for level, options in _TABLES.items():
        refused = _one_of(_argument(2), options, refuse(errno.EPERM), ALLOW)
        decision = Choice(_argument(1), EQUAL, level, refused, decision)
    return decision


def _one_of(place: int, values: "Sequence[int]", yes: Decision, no: Decision) -> Decision:
    for value in values:
        no = Choice(place, EQUAL, value, yes, no)
    return no


def _argument(number: int) -> int:
    return ARGUMENTS + 8 * number
