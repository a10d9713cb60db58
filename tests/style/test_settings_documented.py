"""Every setting has its reason and stands in docs/settings.md."""

import dataclasses
from pathlib import Path

from lambdad.assembly.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


def test_every_setting_is_documented() -> None:
    undocumented = [
        field.name
        for field in dataclasses.fields(Settings)
        if not field.metadata.get("reason") or f"`{field.name}`" not in DOCUMENT
    ]
    assert undocumented == []
