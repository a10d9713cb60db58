import json
import os
from pathlib import Path

from lambdad.sandbox.instance import Instance, clean


def test_the_living_are_left_alone(tmp_path: Path) -> None:
    instance = Instance(tmp_path, 0)
    instance.prepare([])
    assert clean(tmp_path) == []
    assert instance.directory.is_dir()
    instance.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_the_dead_have_left_is_removed(tmp_path: Path) -> None:
    group = tmp_path / "groups/lambdad-1"
    (group / "s0").mkdir(parents=True)
    scratch = tmp_path / "scratch"
    # A process of the same number that started at another time is another process.
    dead = scratch / f"lambdad-{os.getpid()}-1-0"
    dead.mkdir(parents=True)
    (dead / "cgroups.json").write_text(json.dumps([str(group)]))
    (scratch / "something-else").mkdir()
    assert clean(scratch) == [dead.name]
    assert not group.exists()
    assert [path.name for path in scratch.iterdir()] == ["something-else"]


def test_a_half_made_one_is_removed_too(tmp_path: Path) -> None:
    (tmp_path / "lambdad-999999999-1-0").mkdir()
    assert clean(tmp_path) == ["lambdad-999999999-1-0"]


def test_two_of_one_process_have_different_names(tmp_path: Path) -> None:
    assert Instance(tmp_path, 0).name != Instance(tmp_path, 1).name
