"""The list of families is whole: whatever can be measured is run by the one command."""

from pathlib import Path

import bench
from bench.suite import FAMILIES, name_of, title_of


def test_every_module_that_measures_is_listed() -> None:
    (folder,) = bench.__path__
    measuring = {path.stem for path in Path(folder).glob("*.py") if "def measure(context: Context)" in path.read_text()}
    assert {name_of(family) for family in FAMILIES} == measuring


def test_every_family_has_a_title_of_a_line() -> None:
    assert [name_of(family) for family in FAMILIES if not 10 < len(title_of(family)) < 110] == []
