"""Whatever is done to both engines, both answer the same."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.substrate.api import ONCE_MS, Change, KeyValue, NewMessage, NewRecord, Queues, RevisionMismatch, Timeline
from lambdad.substrate.local import LocalSubstrate
from lambdad.testing.substrate import MemorySubstrate

from .conftest import Clock

KEYS = st.sampled_from(["a", "a/b", "a/c", "b", "é"])
CHANGES = st.lists(
    st.builds(Change, KEYS, st.none() | st.binary(max_size=3), st.none() | st.integers(0, 6)),
    max_size=4,
    unique_by=lambda change: change.key,
)
PARTITIONS = st.lists(st.sampled_from("pqr"), max_size=3)
TIMES = st.integers(-3, 12)
RECORDS = st.lists(st.builds(NewRecord, st.sampled_from("pqr"), TIMES, st.binary(max_size=3)), max_size=5)
READS = st.fixed_dictionaries(
    {"limit": st.integers(0, 6), "newest_first": st.booleans()},
    optional={"start_ms": TIMES, "end_ms": TIMES, "after": st.tuples(TIMES, st.integers(0, 15))},
)
STEPS = st.one_of(
    st.tuples(st.just("append"), RECORDS, st.integers(0, 20)),
    st.tuples(st.just("drop"), PARTITIONS, st.none()),
    st.tuples(st.just("trim"), PARTITIONS, TIMES),
    st.tuples(st.just("read"), PARTITIONS, READS),
)

QUEUE = st.sampled_from("qr")
POSITION = st.integers(1, 12)
MESSAGES = st.lists(
    st.builds(
        NewMessage,
        st.binary(max_size=3),
        st.integers(0, 30),
        st.integers(0, 30),
        st.sampled_from([None, None, "g", "h"]),
        st.sampled_from([None, None, "once", "twice"]),
    ),
    max_size=4,
)
QUEUE_STEPS = st.one_of(
    st.tuples(st.just("append"), QUEUE, MESSAGES),
    st.tuples(st.just("fetch"), QUEUE, st.tuples(st.integers(1, 4), st.integers(0, 12))),
    st.tuples(st.just("ack"), QUEUE, st.lists(POSITION, max_size=3)),
    st.tuples(st.just("extend"), QUEUE, st.tuples(POSITION, st.integers(0, 12))),
    st.tuples(st.just("retry"), QUEUE, st.tuples(POSITION, st.integers(0, 40))),
    st.tuples(st.just("move"), QUEUE, st.tuples(st.lists(POSITION, min_size=2, max_size=2, unique=True), QUEUE)),
    st.tuples(st.just("trim"), QUEUE, st.integers(0, 30)),
    st.tuples(st.just("purge"), QUEUE, st.none()),
    st.tuples(st.just("pass"), QUEUE, st.sampled_from([1, 5, 20, ONCE_MS])),
)


async def commits(key_values: KeyValue, script: list[list[Change]]) -> list[Any]:
    heard: list[Any] = []
    await key_values.watch("a", lambda key, entry: heard.append((key, entry)))
    for changes in script:
        try:
            heard.append(await key_values.commit(changes))
        except RevisionMismatch as error:
            heard.append(str(error))
        heard.append(await key_values.scan("a"))
        heard.append(await key_values.get("b"))
    return heard


async def logs(timeline: Timeline, script: list[tuple[str, Any, Any]]) -> list[Any]:
    answers: list[Any] = []
    for what, subject, how in script:
        match what:
            case "append":
                await timeline.append(subject, how)
            case "drop":
                await timeline.drop(subject)
            case "trim":
                await timeline.trim(subject, how)
            case "read":
                answers.append(await timeline.read(subject, **how))
        answers.append(await timeline.bounds(["p", "q", "r"]))
    return answers


async def tell(queues: Queues, now: Clock, what: str, queue: str, how: Any) -> Any:
    match what:
        case "append":
            return await queues.append(queue, how)
        case "fetch":
            # One by one: how many of a group are at hand at once is the engine's own matter.
            return [await queues.fetch(queue, 1, lease_ms=how[1]) for _ in range(how[0])]
        case "ack":
            return await queues.ack(queue, how)
        case "extend":
            return queues.extend(queue, *how)
        case "retry":
            try:
                return await queues.retry(queue, *how, b"again")
            except ValueError as error:
                return str(error)
        case "move":
            return await queues.move(queue, how[0], how[1], [NewMessage(b"m", 3, 4), NewMessage(b"n", 5, 6, "g")])
        case "trim":
            return await queues.trim(queue, how)
        case "purge":
            return await queues.purge(queue)
        case "pass":
            now.pass_ms(how)


async def messages(queues: Queues, now: Clock, script: list[tuple[str, str, Any]]) -> list[Any]:
    answers: list[Any] = []
    now.ms = 10
    for what, queue, how in script:
        answers.append(await tell(queues, now, what, queue, how))
        for each in "qr":
            counts = queues.counts(each)
            answers.append(
                (counts.ready + counts.delayed, counts.leased, [queues.held(each, place) or 0 for place in range(13)])
            )
    return answers


@settings(max_examples=150, deadline=None)
@given(st.lists(QUEUE_STEPS, max_size=25))
def test_queues_agree(script: list[tuple[str, str, Any]]) -> None:
    async def compare(directory: Path) -> None:
        now, other = Clock(), Clock()
        now.ms = other.ms = 10
        async with LocalSubstrate(directory, now=now) as local:
            assert await messages(local.queues, now, script) == await messages(MemorySubstrate(other).queues, other, script)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(compare(Path(directory)))


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, max_size=12), st.lists(STEPS, max_size=12))
def test_engines_agree(changes: list[list[Change]], steps: list[tuple[str, Any, Any]]) -> None:
    async def compare(directory: Path) -> None:
        memory = MemorySubstrate()
        async with LocalSubstrate(directory) as local:
            assert await commits(local.key_values, changes) == await commits(memory.key_values, changes)
            assert await logs(local.timeline, steps) == await logs(memory.timeline, steps)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(compare(Path(directory)))
