"""Packages of somebody who looks for a way out, unpacked: what the kernel finds there lies inside."""

import os
import stat
import tempfile
import warnings
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdad.artifacts.layout import OWN_PLACES, read_package, verify
from lambdad.artifacts.trees import UNFINISHED, TreeCache
from lambdad.artifacts.zips import BadZip, TooLarge
from tests.unit.artifacts.packages import archived, info, link
from tests.unit.fuzz.test_mutations import CHANGES, Change, changed

PARTS = st.sampled_from(["a", "b", "c", "..", ".", "", "tmp", "etc"])
PATHS = st.tuples(st.sampled_from(["", "", "", "/"]), st.lists(PARTS, min_size=1, max_size=4)).map(
    lambda parts: parts[0] + "/".join(parts[1])
)
ENTRIES = st.lists(
    st.tuples(PATHS.filter(bool), st.sampled_from(["file", "directory", "link"]), PATHS.filter(bool)), min_size=1, max_size=6
)
"""Name, kind and, of a link, its target."""


def package(entries: list[tuple[str, str, str]]) -> bytes:
    made = []
    for name, kind, target in entries:
        if kind == "link":
            made.append(link(name.rstrip("/") or "x", target))
        else:
            made.append((info(name.rstrip("/") + "/" if kind == "directory" else name), b"" if kind == "directory" else b"x"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        return archived(*made)


@settings(max_examples=500, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(ENTRIES, st.lists(st.just(()), max_size=0) | CHANGES)
def test_what_is_accepted_stays_inside(entries: list[tuple[str, str, str]], changes: list[Change]) -> None:
    data = changed(package(entries), changes)
    try:
        accepted = read_package(data)
        verify(data, accepted)
    except (BadZip, TooLarge):
        return
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "outside" / "cache"
        home.mkdir(parents=True)
        cache = TreeCache(home, "boot")
        cache.open()
        root = cache.make("key", accepted.tree, [data], ["digest"], "/var/task", None).path
        assert [each.name for each in Path(place).iterdir()] == ["outside"]
        assert [each.name for each in home.parent.iterdir()] == ["cache"]
        assert {each.name for each in home.iterdir()} - {"key"} == {UNFINISHED}
        for path in root.rglob("*"):  # which follows no links
            mode = path.lstat().st_mode
            assert stat.S_IFMT(mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
            if stat.S_ISLNK(mode):
                end = os.path.realpath(path)
                own = any(f"{end}/".startswith(f"/{each}/") for each in OWN_PLACES) and not end.startswith(place)
                assert own or f"{end}/".startswith(f"{root}/"), (entries, path, end)
            else:
                assert stat.S_IMODE(mode) & ~0o755 == 0
