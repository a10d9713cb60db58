"""What a queue answered survives a kill at any moment, and a torn end of its log."""

import random
from pathlib import Path

import pytest

from lambdad.substrate.api import Delivery, NewMessage
from lambdad.substrate.local import LocalSubstrate

from .kills import answers_until_killed, torn_copies


def queue_and_kill(directory: Path, lines: int) -> list[tuple[str, int, str]]:
    """What a process answered before it was killed, some time after its `lines`th answer."""
    answers = answers_until_killed("queuer.py", directory, lines)
    return [(what, int(position), text) for what, position, text in answers]


async def drained(substrate: LocalSubstrate, queue: str) -> list[Delivery]:
    found: list[Delivery] = []
    while page := await substrate.queues.fetch(queue, 100, lease_ms=3_600_000):
        found += page
        await substrate.queues.ack(queue, [each.position for each in page])
    return found


@pytest.mark.parametrize("round_", range(3))
async def test_a_kill_at_any_moment(tmp_path: Path, round_: int) -> None:
    directory = tmp_path / "data"
    answered = queue_and_kill(directory, random.randint(1, 300))
    appended = {position: text for what, position, text in answered if what == "appended"}
    gone = {position for what, position, _ in answered if what != "appended"}
    async with LocalSubstrate(directory) as substrate:
        (again,) = await substrate.queues.append("q", [NewMessage(b"-", 0, 0, "0", next(iter(appended.values())))])
        assert again == next(iter(appended)), "`once` is remembered"
        total = substrate.queues.counts("q").ready
        left, moved = await drained(substrate, "q"), await drained(substrate, "r")
    positions = [each.position for each in left]
    assert total == len(left)
    assert not gone & set(positions), "what was acknowledged does not come back"
    here, there = {each.payload.split()[0].decode() for each in left}, [each.payload.split()[0].decode() for each in moved]
    assert len(there) == len(set(there))
    assert not here & set(there), "moved, and not copied"
    assert {int(text) for what, _, text in answered if what == "moved"} <= {each.position for each in moved}
    lost = [text for place, text in appended.items() if place not in positions and place not in gone and text not in there]
    assert len(lost) <= 2, "at most what each of the two workers was about to say"
    for writer in "0123":
        numbers = [int(each.payload.split()[0].decode().split("/")[1]) for each in left if each.group == writer]
        assert numbers == sorted(numbers)


async def test_a_torn_end_of_the_log_is_cut_off(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    answered = queue_and_kill(directory, 200)
    newest = max(position for what, position, _ in answered if what == "appended")
    for cut, torn in torn_copies(directory, "queues"):
        async with LocalSubstrate(torn) as substrate:
            total = substrate.queues.counts("q").ready
            left = await drained(substrate, "q")
            assert len(left) == total
            for each in left:
                words = set(each.payload.split())
                assert len(words) == 1, "each message is whole"
                assert each.group == words.pop().decode().split("/")[0]
            (position,) = await substrate.queues.append("q", [NewMessage(b"next", 0, 0)])
            assert position > max((each.position for each in left), default=0)
            if cut == 1:
                assert position > newest - 4, "only the last commit is gone, which has one append of each writer at most"


async def test_deliveries_are_counted_over_a_restart(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        positions = await substrate.queues.append("q", [NewMessage(text, 0, 0) for text in (b"a", b"b", b"c")])
        first = await substrate.queues.fetch("q", 2, lease_ms=3_600_000)
        assert substrate.queues.extend("q", positions[0], 0)
        await substrate.queues.fetch("q", 1, lease_ms=3_600_000)
    async with LocalSubstrate(tmp_path) as substrate:
        found = await substrate.queues.fetch("q", 10, lease_ms=1000)
    assert [(each.payload, each.number) for each in found] == [(b"a", 3), (b"b", 2), (b"c", 1)]
    assert found[0].first_ms == first[0].first_ms


async def test_a_purge_is_finished_after_a_restart(tmp_path: Path) -> None:
    async with LocalSubstrate(tmp_path) as substrate:
        await substrate.queues.append("q", [NewMessage(bytes(100), 0, 0)] * 5000)
        await substrate.queues.purge("q")
    async with LocalSubstrate(tmp_path) as substrate:
        assert substrate.queues.counts("q").ready == 0
        await substrate.queues.append("q", [NewMessage(b"next", 0, 0)])
        assert [each.payload for each in await drained(substrate, "q")] == [b"next"]
