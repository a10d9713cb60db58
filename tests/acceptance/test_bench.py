"""The command that measures; what it finds is no matter of tests."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def test_list_names_the_families() -> None:
    result = run("--list")
    assert result.returncode == 0, result.stderr
    names = [line.split()[0] for line in result.stdout.splitlines()]
    assert {"latency", "cold", "burst", "memory", "density", "placement"} <= set(names)


def test_an_unknown_family_is_refused_with_the_names_of_all() -> None:
    result = run("--only", "everything")
    assert result.returncode == 2
    assert "latency" in result.stderr
