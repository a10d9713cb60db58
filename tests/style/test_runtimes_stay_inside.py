"""Programs that run inside a sandbox are files to be executed there, never imported by the rest."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "lambdad"


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_nothing_outside_imports_a_runtime() -> None:
    outside = [path for path in SOURCE.rglob("*.py") if "runtimes" not in path.relative_to(SOURCE).parts[:1]]
    assert len(outside) > 50
    assert [path for path in outside if any(name.startswith("lambdad.runtimes") for name in imported(path))] == []


def test_nothing_inside_imports_lambdad() -> None:
    inside = list((SOURCE / "runtimes").rglob("*.py"))
    assert inside
    assert [path for path in inside if any(name.split(".")[0] == "lambdad" for name in imported(path))] == []
