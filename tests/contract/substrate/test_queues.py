import asyncio

import pytest

from lambdad.substrate.api import ONCE_MS, Counts, Delivery, NewMessage, Queues

from .conftest import Clock

T0 = 1_795_255_203_000


def message(text: str, **how: object) -> NewMessage:
    return NewMessage(text.encode(), **{"time_ms": T0, "due_ms": T0, **how})  # type: ignore[arg-type]


def texts(found: list[Delivery]) -> list[str]:
    return [each.payload.decode() for each in found]


async def fetch(queues: Queues, limit: int = 10, lease_ms: int = 30_000) -> list[str]:
    return texts(await queues.fetch("q", limit, lease_ms=lease_ms))


async def test_messages_are_given_out_in_order_and_once(queues: Queues) -> None:
    positions = await queues.append("q", [message("a", header=b"h"), message("b")])
    positions += await queues.append("q", [message("c")])
    assert positions == sorted(set(positions))
    first = await queues.fetch("q", 2, lease_ms=30_000)
    assert texts(first) == ["a", "b"]
    assert first[0] == Delivery(positions[0], T0, None, b"h", b"a", 1, T0)
    assert await fetch(queues) == ["c"]
    assert await fetch(queues) == []


async def test_queues_that_hold_something_are_named(queues: Queues) -> None:
    for queue in ("a/2", "a/1", "b/1", "a/3"):
        (position,) = await queues.append(queue, [message("x")])
    await queues.ack("a/3", [position])
    assert queues.names("a/") == ["a/1", "a/2"]
    await queues.purge("a/1")
    assert queues.names("") == ["a/2", "b/1"]


async def test_queues_do_not_meet(queues: Queues) -> None:
    (one,) = await queues.append("q", [message("a")])
    (two,) = await queues.append("r", [message("b")])
    assert two > one
    await queues.ack("r", [one])
    assert queues.held("r", one) is None
    await queues.purge("r")
    assert await fetch(queues) == ["a"]
    assert await queues.fetch("r", 1, lease_ms=1) == []


async def test_what_is_not_due_waits(queues: Queues, now: Clock) -> None:
    await queues.append("q", [message("later", due_ms=T0 + 5_000), message("now")])
    assert queues.counts("q") == Counts(1, 0, 1, T0)
    assert await fetch(queues) == ["now"]
    now.pass_ms(4_999)
    assert await fetch(queues) == []
    now.pass_ms(1)
    assert await fetch(queues) == ["later"]
    await queues.append("q", [message("past", due_ms=T0 - 7)])
    assert await fetch(queues) == ["past"]
    assert queues.counts("q") == Counts(0, 3, 0, T0)


async def test_a_lease_ends(queues: Queues, now: Clock) -> None:
    (position,) = await queues.append("q", [message("a")])
    assert queues.held("q", position) is None
    (first,) = await queues.fetch("q", 1, lease_ms=100)
    assert (first.number, queues.held("q", position)) == (1, 1)
    now.pass_ms(99)
    assert await fetch(queues) == []
    now.pass_ms(1)
    assert queues.held("q", position) == 0
    assert queues.counts("q") == Counts(1, 0, 0, T0)
    (second,) = await queues.fetch("q", 1, lease_ms=100)
    assert (second.number, second.first_ms, second.payload) == (2, T0, b"a")


async def test_a_lease_is_extended_and_cut_short(queues: Queues, now: Clock) -> None:
    (position,) = await queues.append("q", [message("a")])
    await fetch(queues, lease_ms=100)
    assert queues.extend("q", position, 500)
    now.pass_ms(499)
    assert await fetch(queues) == []
    assert queues.extend("q", position, 0)
    assert not queues.extend("q", position, 500)
    assert await fetch(queues) == ["a"]
    assert not queues.extend("q", position + 1, 500)


async def test_what_is_acknowledged_is_gone(queues: Queues, now: Clock) -> None:
    positions = await queues.append("q", [message(text) for text in "abcd"])
    await fetch(queues, 2, lease_ms=100)
    await queues.ack("q", [positions[0], positions[2]])
    assert queues.held("q", positions[0]) is None
    now.pass_ms(100)
    assert await fetch(queues) == ["b", "d"]
    await queues.ack("q", [*positions, 12_345])
    await queues.ack("q", [])
    now.pass_ms(30_000)
    assert await fetch(queues) == []
    assert queues.counts("q") == Counts(0, 0, 0, None)


async def test_what_is_retried_comes_back_when_it_is_due(queues: Queues, now: Clock) -> None:
    (position,) = await queues.append("q", [message("a")])
    await fetch(queues)
    assert await queues.retry("q", position, T0 + 60_000, b"once")
    assert queues.counts("q") == Counts(0, 0, 1, T0)
    assert not await queues.retry("q", position, T0 + 60_000, b"twice")
    now.pass_ms(59_999)
    assert await fetch(queues) == []
    now.pass_ms(1)
    (again,) = await queues.fetch("q", 1, lease_ms=10)
    assert (again.payload, again.header, again.number, again.first_ms) == (b"a", b"once", 2, T0)
    assert await queues.retry("q", position, T0, b"")
    assert await fetch(queues) == ["a"]
    await queues.ack("q", [position])
    assert not await queues.retry("q", position, T0, b"")


async def test_a_group_keeps_its_order_and_blocks(queues: Queues, now: Clock) -> None:
    a1, a2, _ = await queues.append("q", [message(text, group=text[0]) for text in ("a1", "a2", "b1")])
    await queues.append("q", [message("a3", group="a"), message("b2", group="b")])
    assert await fetch(queues, 2) == ["a1", "a2"]
    assert await fetch(queues, 1) == ["b1"]
    assert await fetch(queues) == []
    await queues.ack("q", [a1])
    assert await fetch(queues) == []
    assert queues.extend("q", a2, 0)
    assert await fetch(queues) == ["a2", "a3"]
    await queues.append("q", [message("c1", group="c")])
    assert await fetch(queues) == ["c1"]
    now.pass_ms(30_000)
    assert await fetch(queues, 100) == ["a2", "a3", "b1", "b2", "c1"]
    with pytest.raises(ValueError):
        await queues.retry("q", a2, T0, b"")


async def test_a_group_keeps_its_order_when_delays_shrink(queues: Queues, now: Clock) -> None:
    await queues.append("q", [message("a1", group="a", due_ms=T0 + 10_000)])
    await queues.append("q", [message("a2", group="a", due_ms=T0)])
    assert await fetch(queues) == []
    now.pass_ms(10_000)
    assert await fetch(queues) == ["a1", "a2"]


async def test_once_in_five_minutes(queues: Queues, now: Clock) -> None:
    first, again, other = await queues.append("q", [message(text, once=text) for text in "aab"])
    assert first == again != other
    assert await fetch(queues) == ["a", "b"]
    await queues.ack("q", [first])
    now.pass_ms(ONCE_MS - 1)
    assert await queues.append("q", [message("a", once="a")]) == [first]
    (elsewhere,) = await queues.append("r", [message("a", once="a")])
    now.pass_ms(1)
    (anew,) = await queues.append("q", [message("a", once="a")])
    assert len({first, elsewhere, anew}) == 3
    await queues.purge("q")
    assert await queues.append("q", [message("a", once="a")]) == [anew]
    assert await fetch(queues) == []


async def test_moving(queues: Queues, now: Clock) -> None:
    positions = await queues.append("q", [message(text) for text in "abc"])
    await fetch(queues)
    await queues.ack("q", [positions[1]])
    moved = await queues.move("q", positions[:2], "r", [message("A", group="g"), message("B")])
    assert moved[0] is not None
    assert moved[0] > positions[2]
    assert moved[1] is None
    assert texts(await queues.fetch("r", 5, lease_ms=1)) == ["A"]
    now.pass_ms(30_000)
    assert await fetch(queues) == ["c"]


async def test_trimming_by_age(queues: Queues) -> None:
    await queues.append("q", [message("old", time_ms=T0 - 9, due_ms=T0 - 9), message("young")])
    await queues.append("q", [message("older", time_ms=T0 - 10)])
    assert queues.counts("q") == Counts(3, 0, 0, T0 - 10)
    assert await queues.trim("q", T0) == 2
    assert queues.counts("q") == Counts(1, 0, 0, T0)
    assert await fetch(queues) == ["young"]
    assert await queues.trim("absent", T0) == 0


async def test_purging(queues: Queues, now: Clock) -> None:
    positions = await queues.append("q", [message(str(number)) for number in range(1200)])
    await fetch(queues)
    await queues.purge("q")
    assert queues.counts("q") == Counts(0, 0, 0, None)
    await queues.append("q", [message("next")])
    now.pass_ms(30_000)
    assert await fetch(queues) == ["next"]
    await queues.ack("q", positions)
    assert queues.counts("q") == Counts(0, 1, 0, T0)


async def test_a_long_queue_of_large_messages_is_given_out_in_order(queues: Queues) -> None:
    body = "x" * 50_000
    for start in range(0, 600, 100):
        await queues.append("q", [message(f"{number} {body}") for number in range(start, start + 100)])
    await queues.append("q", [message(f"{number}") for number in range(600, 3000)])
    assert queues.counts("q").ready == 3000
    found: list[str] = []
    while page := await fetch(queues, 70):
        found += [text.partition(" ")[0] for text in page]
    assert found == [str(number) for number in range(3000)]
    assert queues.counts("q") == Counts(0, 3000, 0, T0)


async def test_a_fetch_waits_for_what_comes(queues: Queues) -> None:
    waiting = [asyncio.create_task(queues.fetch("q", 1, lease_ms=1000, wait=30)) for _ in range(3)]
    await asyncio.sleep(0)
    await queues.append("q", [message("a"), message("b")])
    assert texts(await waiting[0]) + texts(await waiting[1]) == ["a", "b"]
    await queues.append("q", [message("c")])
    assert texts(await waiting[2]) == ["c"]


async def test_a_fetch_that_nobody_waits_for_takes_nothing(queues: Queues) -> None:
    first, second = (asyncio.create_task(queues.fetch("q", 1, lease_ms=1000, wait=30)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await queues.append("q", [message("a")])
    assert texts(await second) == ["a"]


async def test_a_fetch_waits_for_a_group(queues: Queues) -> None:
    one, _ = await queues.append("q", [message("a1", group="a"), message("a2", group="a")])
    assert await fetch(queues, 1) == ["a1"]
    waiting = asyncio.create_task(queues.fetch("q", 1, lease_ms=1000, wait=30))
    await asyncio.sleep(0)
    await queues.ack("q", [one])
    assert texts(await waiting) == ["a2"]


async def test_a_fetch_waits_over_a_purge(queues: Queues) -> None:
    await queues.append("q", [message("delayed", due_ms=T0 + 900_000)])
    waiting = asyncio.create_task(queues.fetch("q", 1, lease_ms=1000, wait=30))
    await asyncio.sleep(0)
    await queues.purge("q")
    await queues.append("q", [message("next")])
    assert texts(await waiting) == ["next"]
