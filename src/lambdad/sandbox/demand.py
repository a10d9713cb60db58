"""How many stems should be ready? Pure: recent demand, which fades.

A function that was just created will probably be invoked soon, and where one cold start happened more follow: every take
and every creation counts 1, and what was counted halves with every `HALF_LIFE`.
"""

import math
from dataclasses import dataclass

HALF_LIFE = 15.0
"""Seconds after which half of a demand is forgotten."""


@dataclass(slots=True)
class Demand:
    """Of one runtime. Times are seconds of a monotonic clock."""

    level: float = 0.0
    at: float = 0.0

    def note(self, now: float) -> None:
        self.level = self.left(now) + 1.0
        self.at = now

    def left(self, now: float) -> float:
        return self.level * math.exp2(-max(0.0, now - self.at) / HALF_LIFE)

    def wanted(self, now: float, least: int, most: int) -> int:
        """`least` where nothing happened lately, as many more as there was demand, up to `most`."""
        return max(least, min(most, least + round(self.left(now))))
