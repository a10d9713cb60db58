"""Every setting has its reason beside it, and stands in docs/settings.md."""

import ast
import dataclasses
import inspect
from pathlib import Path

from lambdad.assembly import settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


def reasons() -> set[str]:
    """Names of the fields that are followed by a string, which says why."""
    (made,) = [node for node in ast.parse(inspect.getsource(settings)).body if isinstance(node, ast.ClassDef)]
    pairs = zip(made.body, made.body[1:], strict=False)
    return {
        field.target.id
        for field, reason in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(reason, ast.Expr)
    }


def test_every_setting_is_documented() -> None:
    names = {field.name for field in dataclasses.fields(settings.Settings)}
    assert len(names) > 5
    assert names - reasons() == set()
    assert {name for name in names if f"`{name}`" not in DOCUMENT} == set()
