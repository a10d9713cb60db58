"""A pure interpreter of the filter of system calls, and its listing. Also a program: it writes the golden files anew.

python -m tests.unit.sandbox.bpf
"""

import errno
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from lambdad.sandbox.launcher import calls
from lambdad.sandbox.launcher.seccomp import (
    ALLOW,
    ANY_BIT,
    ARCHITECTURE,
    ARGUMENTS,
    AT_LEAST,
    AUDIT_ARCHITECTURES,
    EQUAL,
    KILL,
    LOAD,
    NUMBER,
    RETURN,
    SKIP,
    Instruction,
    program,
)

GOLDEN = Path(__file__).parent / "golden"
MACHINES = tuple(AUDIT_ARCHITECTURES)
LONGEST = 4096
"""BPF_MAXINSNS."""


def run(instructions: Sequence[Instruction], number: int, arguments: Sequence[int] = (), architecture: int = 0) -> int:
    """What the kernel would be told. `arguments`: of 64 bits."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(list(arguments) + [0] * 6)[:6])
    accumulator = place = 0
    while True:
        code, yes, no, operand = instructions[place]
        place += 1
        if code == LOAD:
            assert operand % 4 == 0
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == SKIP:
            place += operand
        elif code == RETURN:
            return operand
        else:
            compared = {EQUAL: accumulator == operand, AT_LEAST: accumulator >= operand, ANY_BIT: bool(accumulator & operand)}
            place += yes if compared[code] else no


def listing(machine: str, template: bool) -> str:
    """One line for each instruction, as text that can be compared and read."""
    names = {number: name for name, number in {**calls.allowed(machine), **calls.checked(machine)}.items()}
    return "".join(f"{line}\n" for line in _lines(program(machine, template), names))


def _lines(instructions: Sequence[Instruction], names: dict[int, str]) -> Iterator[str]:
    loaded = -1
    for place, (code, yes, no, operand) in enumerate(instructions):
        if code == LOAD:
            loaded = operand
            text = f"load {_place(operand)}"
        elif code == SKIP:
            text = f"go to {place + 1 + operand}"
        elif code == RETURN:
            text = _answer(operand)
        else:
            sign = {EQUAL: "==", AT_LEAST: ">=", ANY_BIT: "&"}[code]
            text = f"if {sign} {operand:#x} go to {place + 1 + yes} else {place + 1 + no}"
            if loaded == NUMBER:
                text += f"    {operand} {names.get(operand, '')}".rstrip()
        yield f"{place:4} {text}"


def _place(operand: int) -> str:
    if operand >= ARGUMENTS:
        return f"argument {(operand - ARGUMENTS) // 8}"
    return {NUMBER: "number", ARCHITECTURE: "architecture"}[operand]


def _answer(operand: int) -> str:
    if operand in (ALLOW, KILL):
        return "allow" if operand == ALLOW else "kill"
    return f"fail with {errno.errorcode[operand & 0xFFFF]}"


def golden(machine: str, template: bool) -> Path:
    return GOLDEN / f"{'template' if template else 'function'}-{machine}.txt"


if __name__ == "__main__":
    for each in MACHINES:
        for kind in (False, True):
            golden(each, kind).write_text(listing(each, kind))
