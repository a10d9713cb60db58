"""One thing of a host that lambdad can use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    name: str
    met: bool
    found: str
    """What is there, in a few words."""
    remedy: str = ""
    """One sentence: how to get it. Empty where it is met."""
    needed_for: str = "namespaces"
    """The isolation level, the limit or the reach that goes without it."""
