"""The regular expressions of CloudWatch Logs' filter patterns, matched in linear time.

Syntax: letters, digits, `:_#=@/;,-` and blanks; `.`, `[…]`, `[^…]`, `\\d \\D \\s \\S \\w \\W \\xhh`, `\\` before an operator;
`?`, `*`, `+`, `{m}`, `{m,}`, `{m,n}` after one of those; `^` at the start, `$` at the end; `|` between whole alternatives.
There are no groups and no characters beyond ASCII. Blanks are not in AWS's list, but people write them. Source:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html, "Supported regular expressions syntax".

Who sends a pattern may be hostile, and so may be the message. A backtracking matcher needs n² steps for `a.*b` and more with
each further `*`; this one simulates all positions at once, as bits of an integer (Navarro and Raffinot, "Flexible Pattern
Matching in Strings", 2002, section 4.2: extended Shift-And), so its time is the length of the message times a constant.
"""

import re
from dataclasses import dataclass, field

MAX_POSITIONS = 4096
"""Characters that an alternative may stand for, repetitions counted out; `a{4096}` is that long."""
BACKTRACKING_BUDGET = 1_000_000
"""Steps that Python's faster matcher may need at worst before the linear one is used instead."""

_SYMBOLS = frozenset(":_#=@/;,- ")
_OPERATORS = frozenset("^$?[]{}|\\*+.()%")
_CLASSES = {"d": r"\d", "D": r"\D", "s": r"\s", "S": r"\S", "w": r"\w", "W": r"\W"}
_COUNT = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}", re.ASCII)
_HEX = re.compile(r"x[0-9a-fA-F]{2}", re.ASCII)


class InvalidRegex(ValueError):
    """The expression is not of CloudWatch's subset."""


@dataclass(frozen=True, slots=True)
class _Atom:
    """One character of the text: `source` is a Python expression for exactly one character."""

    source: str
    least: int = 1
    most: int | None = 1
    """None: without end."""

    @property
    def length(self) -> int:
        """Positions, optional ones included."""
        return max(self.least, self.most or 0, 1) if self.most != 0 else 0

    @property
    def python(self) -> str:
        if (self.least, self.most) == (1, 1):
            return self.source
        return f"{self.source}{{{self.least},{'' if self.most is None else self.most}}}"


@dataclass(frozen=True, slots=True)
class _Alternative:
    at_start: bool
    atoms: tuple[_Atom, ...]
    at_end: bool

    @property
    def python(self) -> str:
        return ("\\A" if self.at_start else "") + "".join(atom.python for atom in self.atoms) + ("\\Z" if self.at_end else "")


class Regex:
    """A compiled expression. `search` tells whether it matches anywhere in a text."""

    __slots__ = ("_length", "_machines", "_python", "_variable", "source")

    def __init__(self, source: str) -> None:
        """Raises InvalidRegex."""
        self.source = source
        alternatives = _parse(source)
        self._variable = max(sum(atom.least != atom.most for atom in alternative.atoms) for alternative in alternatives)
        self._length = sum(atom.length for alternative in alternatives for atom in alternative.atoms)
        self._python = re.compile("|".join(alternative.python for alternative in alternatives), re.ASCII)
        self._machines = tuple(_Machine(alternative) for alternative in alternatives)

    def __repr__(self) -> str:
        return f"<Regex %{self.source}%>"

    def search(self, text: str) -> bool:
        # Without quantifiers of variable length a start costs at most the pattern's length; with k of them, n to the k times.
        if (self._length + 1) * (len(text) + 1) ** (self._variable + 1) <= BACKTRACKING_BUDGET:
            return self._python.search(text) is not None
        return self.search_linear(text)

    def search_linear(self, text: str) -> bool:
        return any(machine.search(text) for machine in self._machines)


def _parse(source: str) -> list[_Alternative]:
    if not source or not source.isascii():
        raise InvalidRegex(source)
    alternatives = []
    position = 0
    while True:
        alternative, position = _alternative(source, position)
        alternatives.append(alternative)
        if position == len(source):
            return alternatives
        position += 1  # the |


def _alternative(source: str, position: int) -> tuple[_Alternative, int]:
    at_start = source[position : position + 1] == "^"
    position += at_start
    atoms: list[_Atom] = []
    at_end = False
    length = 0
    while position < len(source) and source[position] != "|":
        if source[position] == "$":
            if source[position + 1 : position + 2] not in ("", "|"):
                raise InvalidRegex(source)
            at_end = True
            position += 1
            continue
        character, position = _character(source, position)
        atom, position = _quantified(character, source, position)
        atoms.append(atom)
        length += max(1, atom.length)
        if length > MAX_POSITIONS:
            raise InvalidRegex(source)
    if not atoms and not at_start and not at_end:
        raise InvalidRegex(source)
    return _Alternative(at_start, tuple(atoms), at_end), position


def _character(source: str, position: int) -> tuple[str, int]:
    character = source[position]
    if character == ".":
        return r"[^\n\r]", position + 1
    if character == "\\":
        return _escape(source, position)
    if character == "[":
        return _class(source, position)
    if character.isalnum() or character in _SYMBOLS:
        return re.escape(character), position + 1
    raise InvalidRegex(source)


def _escape(source: str, position: int) -> tuple[str, int]:
    following = source[position + 1 : position + 2]
    if following in _CLASSES:
        return _CLASSES[following], position + 2
    if (code := _HEX.match(source, position + 1)) is not None:
        return re.escape(chr(int(code[0][1:], 16))), code.end()
    if following and (following in _OPERATORS or following in _SYMBOLS or not following.isalnum()):
        return re.escape(following), position + 2
    raise InvalidRegex(source)


def _class(source: str, position: int) -> tuple[str, int]:
    """`[abc]`, `[a-z]`, `[^…]`; an operator inside stands for itself, as does a `-` at either end."""
    position += 1
    negated = source[position : position + 1] == "^"
    position += negated
    members: list[str] = []
    while True:
        if position >= len(source):
            raise InvalidRegex(source)
        if source[position] == "]":
            break
        low, position = _class_member(source, position)
        if source[position : position + 1] == "-" and source[position + 1 : position + 2] not in ("", "]"):
            high, position = _class_member(source, position + 1)
            if low in _CLASSES.values() or high in _CLASSES.values() or _plain(low) > _plain(high):
                raise InvalidRegex(source)
            members.append(f"{low}-{high}")
        else:
            members.append(low)
    if not members:
        raise InvalidRegex(source)
    return f"[{'^' if negated else ''}{''.join(members)}]", position + 1


def _class_member(source: str, position: int) -> tuple[str, int]:
    character = source[position]
    if character == "\\":
        return _escape(source, position)
    if character == "[" or not (character.isalnum() or character in _SYMBOLS or character in _OPERATORS):
        raise InvalidRegex(source)
    return re.escape(character), position + 1


def _plain(escaped: str) -> str:
    return escaped.removeprefix("\\")


def _quantified(character: str, source: str, position: int) -> tuple[_Atom, int]:
    operator = source[position : position + 1]
    if operator == "?":
        return _Atom(character, 0, 1), position + 1
    if operator == "*":
        return _Atom(character, 0, None), position + 1
    if operator == "+":
        return _Atom(character, 1, None), position + 1
    if operator != "{":
        return _Atom(character), position
    count = _COUNT.match(source, position)
    if count is None:
        raise InvalidRegex(source)
    least = int(count[1])
    most = least if count[2] is None else None if count[3] is None else int(count[3])
    if most is not None and most < least:
        raise InvalidRegex(source)
    return _Atom(character, least, most), count.end()


@dataclass(slots=True)
class _Machine:
    """One alternative as bits: bit i stands for "the first i positions have been matched up to here"; bit 0 is the start."""

    alternative: _Alternative
    _sets: list[tuple[re.Pattern[str], int, int]] = field(init=False)
    """Per atom: its characters, the bits that they lead to, and those of them that may repeat."""
    _steps: dict[str, tuple[int, int]] = field(init=False, default_factory=dict)
    """Per character seen so far: the bits it may lead to, and those in which it may stay."""
    _optional: int = field(init=False, default=0)
    _block_starts: int = field(init=False, default=0)
    _block_ends: int = field(init=False, default=0)
    _final: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        bit = 1
        blocks: list[tuple[int, int]] = []
        self._sets = []
        for atom in self.alternative.atoms:
            entered = repeating = 0
            for index in range(atom.length):
                bit <<= 1
                entered |= bit
                if index >= atom.least:
                    if blocks and blocks[-1][1] == bit >> 1:
                        blocks[-1] = (blocks[-1][0], bit)
                    else:
                        blocks.append((bit >> 1, bit))
                    self._optional |= bit
            if atom.most is None:
                repeating = bit
            if entered:
                self._sets.append((re.compile(atom.source, re.ASCII), entered, repeating))
        self._final = bit
        self._block_starts = sum(start for start, _ in blocks)
        self._block_ends = sum(end for _, end in blocks)

    def search(self, text: str) -> bool:
        start = self._skip(1)
        state = start
        if state & self._final and (not self.alternative.at_end or not text):
            return True
        at_start, at_end = self.alternative.at_start, self.alternative.at_end
        steps, final = self._steps, self._final
        restart = 0 if at_start else start
        for character in text:
            if character > "\xff":
                character = "\u0100"  # beyond Latin-1 no expression can tell one from another
            step = steps.get(character)
            if step is None:
                step = steps[character] = self._step(character)
            state = self._skip(((state << 1) & step[0]) | (state & step[1])) | restart
            if not at_end and state & final:
                return True
            if at_start and not state:
                return False
        return bool(state & final)

    def _step(self, character: str) -> tuple[int, int]:
        entered = repeating = 0
        for pattern, into, stay in self._sets:
            if pattern.fullmatch(character):
                entered |= into
                repeating |= stay
        return entered, repeating

    def _skip(self, state: int) -> int:
        """Also every state that is reached by leaving out optional positions.

        Subtracting a block's start from its end borrows through the block up to the lowest bit that is set: the bits that
        change are those from the state to the block's end.
        """
        if not self._optional:
            return state
        ends = state | self._block_ends
        return state | (self._optional & (~(ends - self._block_starts) ^ ends))
