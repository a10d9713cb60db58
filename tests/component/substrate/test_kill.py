"""What was acknowledged survives, and nothing is there by halves, whenever the process is killed."""

import hashlib
import random
from pathlib import Path

import pytest

from lambdad.substrate.local import LocalSubstrate

from .kills import answers_until_killed, torn_copies


def commit_and_kill(directory: Path, lines: int) -> list[tuple[int, str, str]]:
    """What a process acknowledged before it was killed, some time after its `lines`th answer."""
    answers = answers_until_killed("committer.py", directory, lines)
    return [(int(revision), text, digest) for revision, text, digest in answers]


async def check(directory: Path, acknowledged: list[tuple[int, str, str]]) -> None:
    async with LocalSubstrate(directory) as substrate:
        left = {entry.key.removeprefix("left/"): entry for entry in await substrate.key_values.scan("left/")}
        right = {entry.key.removeprefix("right/"): entry for entry in await substrate.key_values.scan("right/")}
        assert {key: (entry.value, entry.revision) for key, entry in left.items()} == {
            key: (entry.value, entry.revision) for key, entry in right.items()
        }, "each commit is whole"
        for entry in await substrate.key_values.scan("last/"):
            writer = entry.key.removeprefix("last/")
            newest = max(key for key in left if key.startswith(f"{writer}/"))
            assert entry.value == left[newest].value
        for revision, text, digest in acknowledged:
            assert left[text].revision == revision
            blob = await substrate.blobs.get(digest)
            assert blob == left[text].value
            assert hashlib.sha256(blob).hexdigest() == digest
            writer, number = text.split("/")
            log = await substrate.timeline.read([f"log/{writer}"], start_ms=int(number), end_ms=int(number) + 1, limit=9)
            assert [record.payload for record in log] == [blob, blob]
        for each in range(4):
            log = await substrate.timeline.read([f"log/{each:02}"], limit=100_000)
            assert len(log) % 2 == 0, "each append is whole"
        last = max(entry.revision for entry in left.values())
        assert await substrate.key_values.commit([]) == last


@pytest.mark.parametrize("round_", range(3))
async def test_a_kill_at_any_moment(tmp_path: Path, round_: int) -> None:
    directory = tmp_path / "data"
    acknowledged: list[tuple[int, str, str]] = []
    lines = random.randint(1, 80)
    acknowledged = commit_and_kill(directory, lines)
    assert len(acknowledged) >= lines
    await check(directory, acknowledged)


async def test_a_torn_end_of_the_log_is_cut_off(tmp_path: Path) -> None:
    """The last sectors that a power failure tears: the commits before them are there, and each is whole."""
    directory = tmp_path / "data"
    commit_and_kill(directory, 40)
    found: list[int] = []
    for _, torn in torn_copies(directory, "key-values"):
        async with LocalSubstrate(torn) as substrate:
            left = await substrate.key_values.scan("left/")
            right = await substrate.key_values.scan("right/")
            assert [(e.value, e.revision) for e in left] == [(e.value, e.revision) for e in right]
            found.append(len(left))
            last = await substrate.key_values.commit([])
            assert sorted(entry.revision for entry in left) == list(range(1, last + 1)), "an unbroken beginning"
    assert found == sorted(found, reverse=True)
