"""What a measurement says, and how it is printed. Pure."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Goal:
    """A bound on a row's figure, or on its ratio."""

    of: Literal["figure", "ratio"]
    relation: Literal["≤", "≥"]
    value: float


def at_most(value: float) -> Goal:
    return Goal("figure", "≤", value)


def at_least(value: float) -> Goal:
    return Goal("figure", "≥", value)


def ratio_at_most(value: float) -> Goal:
    return Goal("ratio", "≤", value)


def ratio_at_least(value: float) -> Goal:
    return Goal("ratio", "≥", value)


@dataclass(frozen=True)
class Beside:
    """What a figure is compared with: measured in the same run, in the same unit."""

    what: str
    figure: float
    samples: Sequence[float] = ()


@dataclass(frozen=True)
class Row:
    """One line of the table. Across runs `what` and what is beside it tell which."""

    what: str
    figure: float
    unit: str = ""
    beside: Beside | None = None
    goals: tuple[Goal, ...] = ()
    samples: Sequence[float] = ()
    """What the figure was made of, where it was made of several."""

    @property
    def ratio(self) -> float | None:
        return None if self.beside is None or self.beside.figure == 0 else self.figure / self.beside.figure

    def meets(self, goal: Goal) -> bool:
        value = self.figure if goal.of == "figure" else self.ratio
        return value is not None and (value <= goal.value if goal.relation == "≤" else value >= goal.value)

    @property
    def verdict(self) -> Literal["met", "missed"] | None:
        """On all goals together; None where there are none."""
        if not self.goals:
            return None
        return "met" if all(self.meets(goal) for goal in self.goals) else "missed"

    def goal_text(self) -> str:
        """`≤ 4 ms, ≤ 0.3x: met`; goals that came out differently are told apart: `≤ 4 ms: missed, ≤ 0.3x: met`."""
        texts = [self._bound(goal) for goal in self.goals]
        verdicts = ["met" if self.meets(goal) else "missed" for goal in self.goals]
        if len(set(verdicts)) > 1:
            return ", ".join(f"{text}: {verdict}" for text, verdict in zip(texts, verdicts, strict=True))
        return f"{', '.join(texts)}: {verdicts[0]}" if texts else "–"

    def _bound(self, goal: Goal) -> str:
        return f"{goal.relation} {with_unit(f'{goal.value:,g}', self.unit if goal.of == 'figure' else 'x')}"

    def cells(self) -> list[str]:
        """Of the table: what, measured, beside it, ratio, goal."""
        beside = f"{self.beside.what} {quantity(self.beside.figure, self.unit)}" if self.beside else "–"
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}x"
        return [self.what, quantity(self.figure, self.unit), beside, ratio, self.goal_text()]

    def __str__(self) -> str:
        return " | ".join(self.cells())


@dataclass(frozen=True)
class Section:
    """What became of one family."""

    family: str
    rows: Sequence[Row]
    failure: str = ""


def quantity(figure: float, unit: str) -> str:
    """Three digits, or all of a larger whole number."""
    whole = float(figure).is_integer()
    digits = 0 if whole or abs(figure) >= 100 else 1 if abs(figure) >= 10 else 2
    return with_unit(f"{figure:,.{digits}f}", unit)


def with_unit(number: str, unit: str) -> str:
    return f"{number}{unit}" if unit in ("", "x", "/s") else f"{number} {unit}"


def quantile(samples: Sequence[float], share: float) -> float:
    """The sample that `share` of them are below; the median, as usual, may lie between two."""
    if share == 0.5:
        return statistics.median(samples)
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]


def markdown(sections: Sequence[Section], facts: Mapping[str, Any]) -> str:
    """A table to paste into a document, and the machine it is of."""
    lines = ["| what | measured | beside it, same run | ratio | goal |", "|---|---:|---:|---:|---:|"]
    for section in sections:
        lines += [f"| {row} |" for row in section.rows]
        if section.failure:
            lines.append(f"| {section.family} | failed | {section.failure.splitlines()[0]} | – | – |")
    return "\n".join([*lines, "", "; ".join(f"{name}: {words(value)}" for name, value in facts.items())])


def words(value: Any) -> str:
    """`True` as `yes`, a mapping as its pairs."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case _:
            return str(value)


def document(sections: Sequence[Section], facts: Mapping[str, Any], *, quick: bool) -> str:
    """All of it as JSON, not rounded; a row a line."""
    rows = [json.dumps(plain(section.family, row), ensure_ascii=False) for section in sections for row in section.rows]
    head = {
        "machine": facts,
        "quick": quick,
        "failures": {section.family: section.failure for section in sections if section.failure},
    }
    return json.dumps(head, indent=2, ensure_ascii=False)[:-2] + ',\n  "rows": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}"


def plain(family: str, row: Row) -> dict[str, Any]:
    beside = row.beside and {"what": row.beside.what, "figure": row.beside.figure, "samples": list(row.beside.samples)}
    return {
        "family": family,
        "what": row.what,
        "figure": row.figure,
        "unit": row.unit,
        "samples": list(row.samples),
        "beside": beside,
        "ratio": row.ratio,
        "goals": [
            {"of": goal.of, "relation": goal.relation, "value": goal.value, "met": row.meets(goal)} for goal in row.goals
        ],
        "verdict": row.verdict,
    }
