import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import PlatformError, ResourceNotFound
from lambdad.domain.functions import Code, CodeSigningConfig, Function, LayerName, LayerVersion, Version
from lambdad.domain.mappings import EventSourceMapping
from lambdad.records.encoding import key_of
from lambdad.records.resolve import resolve
from lambdad.records.service import Snapshot
from lambdad.records.write import Stale, Writer
from lambdad.substrate.api import Change, StorageFull
from lambdad.testing.substrate import MemoryKeyValues


def function(name: str, account: str = "1", region: str = "r", build: str = "b", **members: object) -> Function:
    latest = Version(
        account=account,
        region=region,
        name=name,
        version="$LATEST",
        build=build,
        revision_id="r",
        last_modified_ms=0,
        role="role",
        code=Code("0" * 64, 1),
    )
    return Function(account=account, region=region, name=name, latest=latest, **members)  # type: ignore[arg-type]


def layer_version(name: str, version: int) -> LayerVersion:
    return LayerVersion(account="1", region="r", name=name, version=version, code=Code("d", 1), created_ms=0)


def mapping(number: int, region: str = "r", **members: object) -> EventSourceMapping:
    required = {"account": "1", "id": f"uuid-{number}", "source": "arn:q", "function": "f", "state": "Enabled"}
    return EventSourceMapping(region=region, last_modified_ms=0, **required, **members)  # type: ignore[arg-type]


@pytest.fixture
def key_values() -> MemoryKeyValues:
    return MemoryKeyValues()


@pytest.fixture
async def snapshot(key_values: MemoryKeyValues) -> AsyncIterator[Snapshot]:
    snapshot = Snapshot(key_values)
    await snapshot.start()
    yield snapshot
    await snapshot.close()


@pytest.fixture
def writer(key_values: MemoryKeyValues, snapshot: Snapshot) -> Writer:
    return Writer(key_values, snapshot.current)


def resolved(snapshot: Snapshot) -> Version:
    """What serves an invoke of the function `f`."""
    return resolve(snapshot.function("1", "r", "f"), FunctionName("1", "r", "f"), 0.0)


async def test_a_written_function_is_visible_at_once(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("f")))
    assert snapshot.function("1", "r", "f") == function("f")
    assert snapshot.function("1", "other", "f") is None
    assert snapshot.function("2", "r", "f") is None
    assert resolved(snapshot).build == "b"


async def test_a_new_process_reads_what_was_written(snapshot: Snapshot, writer: Writer, key_values: MemoryKeyValues) -> None:
    await writer.commit((None, function("f")), (None, LayerName("1", "r", "l")), (None, layer_version("l", 1)))
    later = Snapshot(key_values)
    await later.start()
    assert later.functions("1", "r") == (function("f"),)
    assert later.layers("1", "r") == (LayerName("1", "r", "l"),)
    held = later.function("1", "r", "f")
    assert held is not None
    await Writer(key_values, later.current).commit((held, function("f", build="2")))
    # The first process hears of it too.
    assert resolved(snapshot).build == "2"
    await later.close()


async def test_listings_are_sorted_and_kept_apart(snapshot: Snapshot, writer: Writer) -> None:
    for name in ("b", "a-b", "c", "a", "B"):
        await writer.commit((None, function(name)))
    await writer.commit((None, function("z", account="0")), (None, function("y", region="q")))
    assert [each.name for each in snapshot.functions("1", "r")] == ["B", "a", "a-b", "b", "c"]
    assert [each.name for each in snapshot.all_functions()] == ["z", "y", "B", "a", "a-b", "b", "c"]
    assert snapshot.functions("1", "nowhere") == ()
    await writer.commit((snapshot.function("1", "r", "a"), None))
    assert [each.name for each in snapshot.functions("1", "r")] == ["B", "a-b", "b", "c"]
    assert len(snapshot.all_functions()) == 6


async def test_a_listing_that_was_answered_does_not_change(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("a")))
    listing = snapshot.functions("1", "r")
    assert snapshot.functions("1", "r") is listing
    await writer.commit((None, function("b")))
    assert [each.name for each in listing] == ["a"]


async def test_layers_and_their_versions(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, LayerName("1", "r", "l", 2)), (None, layer_version("l", 1)))
    for number in (2, 10, 9):
        await writer.commit((None, layer_version("l", number)))
    assert [each.version for each in snapshot.layer_versions("1", "r", "l")] == [1, 2, 9, 10]
    for each in snapshot.layer_versions("1", "r", "l"):
        await writer.commit((each, None))
    assert snapshot.layer_versions("1", "r", "l") == ()
    assert snapshot.layer("1", "r", "l") == LayerName("1", "r", "l", 2)
    assert snapshot.layers("1", "r") == (LayerName("1", "r", "l", 2),)
    assert snapshot.layer("1", "r", "none") is None
    assert snapshot.layer("9", "r", "l") is None


async def test_the_size_of_all_code_is_kept_current(snapshot: Snapshot, writer: Writer, key_values: MemoryKeyValues) -> None:
    first = function("f")
    await writer.commit((None, first), (None, layer_version("l", 1)), (None, LayerName("1", "r", "l", 2)))
    assert snapshot.code_size("1", "r") == 2
    assert snapshot.code_size("1", "elsewhere") == 0
    numbered = {"1": replace(first.latest, code=Code("1" * 64, 10)), "2": replace(first.latest, code=Code("2" * 64, 100))}
    await writer.commit((snapshot.function("1", "r", "f"), replace(first, versions=numbered)))
    assert snapshot.code_size("1", "r") == 112
    later = Snapshot(key_values)
    await later.start()
    assert later.code_size("1", "r") == 112
    await later.close()
    await writer.commit((snapshot.function("1", "r", "f"), None), (snapshot.layer_versions("1", "r", "l")[0], None))
    assert snapshot.code_size("1", "r") == 0


async def test_code_signing_configs(snapshot: Snapshot, writer: Writer) -> None:
    for number in (2, 1):
        config = CodeSigningConfig(account="1", region="r", id=f"csc-{number}", last_modified_ms=0, publishers=())
        await writer.commit((None, config))
    assert [each.id for each in snapshot.code_signing_configs("1", "r")] == ["csc-1", "csc-2"]


async def test_event_source_mappings(snapshot: Snapshot, writer: Writer, key_values: MemoryKeyValues) -> None:
    full = mapping(1, filters=('{"body":[1]}',), stored={"MetricsConfig": {"Metrics": ["EventCount"]}}, tags={"a": "1"})
    for each in (mapping(2), full, mapping(3, region="q")):
        await writer.commit((None, each))
    assert snapshot.mappings("1", "r") == (full, mapping(2))
    assert snapshot.mapping("1", "r", "uuid-1") == full
    assert snapshot.mapping("1", "q", "uuid-1") is None and snapshot.mappings("2", "r") == ()
    later = Snapshot(key_values)
    await later.start()
    assert later.all_mappings() == [mapping(3, region="q"), full, mapping(2)]
    await later.close()


async def test_listeners_of_mappings_hear_of_mappings_only(snapshot: Snapshot, writer: Writer) -> None:
    news: list[tuple[str | None, str | None]] = []
    end = snapshot.listen_mappings(lambda old, new: news.append((old and old.state, new and new.state)))
    functions: list[Function | None] = []
    snapshot.listen(lambda old, new: functions.append(new))
    await writer.commit((None, mapping(1)))
    await writer.commit((snapshot.mapping("1", "r", "uuid-1"), mapping(1, enabled=False)))
    await writer.commit((None, function("f")))
    await writer.commit((snapshot.mapping("1", "r", "uuid-1"), None))
    assert news == [(None, "Enabled"), ("Enabled", "Enabled"), ("Enabled", None)]
    assert functions == [function("f")]
    end()
    await writer.commit((None, mapping(1)))
    assert len(news) == 3


async def test_a_name_can_be_created_once(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("f")))
    with pytest.raises(Stale):
        await writer.commit((None, function("f", build="other")))
    assert resolved(snapshot).build == "b"


async def test_of_two_updates_of_the_same_record_one_wins(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("f")))
    held = snapshot.function("1", "r", "f")
    updates = [writer.commit((held, function("f", build=build))) for build in ("x", "y")]
    results = await asyncio.gather(*updates, return_exceptions=True)
    assert results[0] is None and isinstance(results[1], Stale)
    assert resolved(snapshot).build == "x"
    with pytest.raises(Stale):
        await writer.commit((held, None))


async def test_a_commit_is_all_or_nothing(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("f")))
    with pytest.raises(Stale):
        await writer.commit((None, function("g")), (None, function("f")))
    assert snapshot.function("1", "r", "g") is None


async def test_only_the_object_that_was_read_counts(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("f")))
    with pytest.raises(Stale):
        await writer.commit((function("f"), function("f", build="2")))
    with pytest.raises(Stale):
        await writer.commit((function("absent"), None))


async def test_changes_that_make_no_sense_are_refused(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("f")))
    held = snapshot.function("1", "r", "f")
    with pytest.raises(ValueError, match="before or after"):
        await writer.commit((None, None))
    with pytest.raises(ValueError, match="can't become"):
        await writer.commit((held, function("g")))


async def test_a_full_disk_leaves_everything_as_it_was(snapshot: Snapshot, writer: Writer, key_values: MemoryKeyValues) -> None:
    await writer.commit((None, function("f")))
    key_values.full = True
    with pytest.raises(StorageFull):
        await writer.commit((snapshot.function("1", "r", "f"), function("f", build="2")))
    key_values.full = False
    await writer.commit((snapshot.function("1", "r", "f"), function("f", build="2")))
    assert resolved(snapshot).build == "2"


async def test_listeners_hear_what_was_and_what_is(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("before")))
    news: list[tuple[str | None, str | None]] = []
    end = snapshot.listen(lambda old, new: news.append((old.latest.build if old else None, new.latest.build if new else None)))
    await writer.commit((None, function("f")))
    await writer.commit((snapshot.function("1", "r", "f"), function("f", build="2")))
    await writer.commit((snapshot.function("1", "r", "f"), None))
    await writer.commit((None, LayerName("1", "r", "l")))
    assert news == [(None, "b"), ("b", "2"), ("2", None)]
    end()
    end()
    await writer.commit((None, function("f")))
    assert len(news) == 3


async def test_a_listener_sees_the_snapshot_of_its_news(snapshot: Snapshot, writer: Writer) -> None:
    seen: list[Function | None] = []
    snapshot.listen(lambda old, new: seen.append(snapshot.function("1", "r", "f")))
    await writer.commit((None, function("f")))
    await writer.commit((snapshot.function("1", "r", "f"), None))
    assert seen == [function("f"), None]


async def test_a_listener_that_fails_harms_no_other(snapshot: Snapshot, writer: Writer) -> None:
    failures: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["message"]))
    heard: list[str] = []

    def fails(old: Function | None, new: Function | None) -> None:
        raise RuntimeError("no")

    snapshot.listen(fails)
    snapshot.listen(lambda old, new: heard.append("yes"))
    await writer.commit((None, function("f")))
    assert heard == ["yes"]
    assert len(failures) == 1 and "function:f" in failures[0]


async def test_a_closed_snapshot_hears_nothing(snapshot: Snapshot, writer: Writer) -> None:
    await snapshot.close()
    await writer.commit((None, function("f")))
    assert snapshot.function("1", "r", "f") is None


async def test_a_deleted_function_does_not_resolve(snapshot: Snapshot, writer: Writer) -> None:
    await writer.commit((None, function("f")))
    await writer.commit((snapshot.function("1", "r", "f"), None))
    with pytest.raises(ResourceNotFound, match="Function not found: arn:aws:lambda:r:1:function:f"):
        resolved(snapshot)


async def test_a_record_that_cannot_be_read_stops_the_start_and_is_named(key_values: MemoryKeyValues) -> None:
    await key_values.commit([Change(key_of(function("f")), b"{broken")])
    with pytest.raises(PlatformError, match="function/1/r/f"):
        await Snapshot(key_values).start()
