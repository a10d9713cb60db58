"""The runtimes that AWS Lambda knows in November 2026, and how lambdad runs each.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal["python", "nodejs", "provided", "java", "dotnet", "ruby"]


@dataclass(frozen=True, slots=True)
class Runtime:
    identifier: str
    """As in CreateFunction, e.g. `python3.12`."""
    family: Family
    version: str
    """The language's version, e.g. `3.12` or `22`; "" for `provided.*`."""
    blocked: bool = False
    """AWS refuses to create functions with it."""


def _all() -> tuple[Runtime, ...]:
    python = [Runtime(f"python3.{minor}", "python", f"3.{minor}") for minor in (10, 11, 12, 13, 14, 15)]
    python_blocked = [
        Runtime(name, "python", name.removeprefix("python"), blocked=True)
        for name in ("python2.7", "python3.6", "python3.7", "python3.8", "python3.9")
    ]
    node = [Runtime(f"nodejs{major}.x", "nodejs", str(major)) for major in (20, 22, 24, 26)]
    node_blocked = [
        Runtime(f"nodejs{major}", "nodejs", major.removesuffix(".x"), blocked=True)
        for major in ("4.3", "6.10", "8.10", "10.x", "12.x", "14.x", "16.x", "18.x")
    ]
    others = [
        Runtime("provided.al2023", "provided", ""),
        Runtime("provided.al2", "provided", ""),
        Runtime("provided", "provided", "", blocked=True),
        Runtime("go1.x", "provided", "", blocked=True),
        *[Runtime(name, "java", name.removeprefix("java").split(".")[0]) for name in (
            "java25", "java21", "java17.al2023", "java11.al2023", "java8.al2023", "java17", "java11", "java8.al2",
        )],
        *[Runtime(f"dotnet{major}", "dotnet", major) for major in ("10", "8")],
        *[Runtime(f"ruby{number}", "ruby", number) for number in ("4.0", "3.4", "3.3", "3.2")],
        Runtime("nodejs", "nodejs", "0.10", blocked=True),
        Runtime("nodejs4.3-edge", "nodejs", "4.3", blocked=True),
        Runtime("java8", "java", "8", blocked=True),
        Runtime("dotnet6", "dotnet", "6", blocked=True),
        *[Runtime(f"dotnetcore{number}", "dotnet", number, blocked=True) for number in ("1.0", "2.0", "2.1", "3.1")],
        *[Runtime(f"ruby{number}", "ruby", number, blocked=True) for number in ("2.5", "2.7")],
    ]  # fmt: skip
    return (*python, *python_blocked, *node, *node_blocked, *others)


RUNTIMES: dict[str, Runtime] = {runtime.identifier: runtime for runtime in _all()}
