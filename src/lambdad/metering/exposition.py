"""Prometheus's text format, version 0.0.4. Pure. https://prometheus.io/docs/instrumenting/exposition_formats/"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(slots=True)
class Family:
    """Samples of one name. A summary's samples are its `_sum` and its `_count`."""

    name: str
    kind: Literal["counter", "gauge", "summary"]
    help: str
    """One line."""
    samples: list[tuple[str, Mapping[str, str], float]] = field(default_factory=list)
    """Suffix of the name, labels, value."""

    def add(self, value: float, suffix: str = "", /, **labels: str) -> None:
        self.samples.append((suffix, labels, value))


def text(families: Iterable[Family]) -> str:
    """Families without samples are left out."""
    return "".join(line for family in families if family.samples for line in _lines(family))


def _lines(family: Family) -> Iterable[str]:
    yield f"# HELP {family.name} {family.help}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for suffix, labels, value in family.samples:
        inside = ",".join(f'{key}="{label.translate(_ESCAPES)}"' for key, label in labels.items())
        yield f"{family.name}{suffix}{{{inside}}} {value:.15g}\n" if inside else f"{family.name}{suffix} {value:.15g}\n"
