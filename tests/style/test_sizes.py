"""Sizes that keep the house readable: files under 600 lines, functions under 60. An exception needs its reason here."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lambdad"
FILES = sorted(SOURCE.rglob("*.py"))

LONG_FUNCTIONS: dict[str, str] = {}
"""`path:function` → why it is better long."""
BANNED_NAMES = {"utils", "util", "helpers", "common", "base", "misc"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_is_short_and_named_for_a_noun(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 600
    assert path.stem not in BANNED_NAMES


def functions_of(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text())
    return [
        (f"{path.relative_to(SOURCE)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_functions_are_short() -> None:
    lengths = [function for path in FILES for function in functions_of(path)]
    assert len(lengths) > 100, "the walk found the source"
    assert [(name, length) for name, length in lengths if length > 60 and name not in LONG_FUNCTIONS] == []


def test_every_room_explains_itself() -> None:
    rooms = [path for path in SOURCE.rglob("__init__.py") if "runtimes" not in path.parts]
    silent = [str(path.relative_to(SOURCE)) for path in rooms if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
