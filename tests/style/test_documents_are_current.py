"""Documents that are written by the code are what the code writes now; the README stays a page."""

import re
from pathlib import Path

import pytest

from lambdad.assembly import compatibility

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])


def test_compatibility_is_current() -> None:
    assert (PROJECT / "docs" / "compatibility.md").read_text() == compatibility.text(), "make docs"


def test_the_readme_is_a_page() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []
