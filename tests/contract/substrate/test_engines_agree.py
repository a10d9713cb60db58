"""Whatever is done to both engines, both answer the same."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.substrate.api import Change, KeyValue, NewRecord, RevisionMismatch, Timeline
from lambdad.substrate.local import LocalSubstrate
from lambdad.testing.substrate import MemorySubstrate

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
