"""The snapshot: records in memory, kept current by a watch of the substrate."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lambdad.domain.functions import CodeSigningConfig, DeletedFunction, Function, LayerName, LayerVersion
from lambdad.domain.mappings import EventSourceMapping
from lambdad.records.api import FunctionListener, MappingListener
from lambdad.records.encoding import PREFIXES, Record, decode
from lambdad.records.news import News
from lambdad.substrate.api import Entry, KeyValue

T = TypeVar("T")
K = TypeVar("K", str, int)


class Shelf(Generic[K, T]):
    """Records in the order of their names. A list is made once per change, not once per reading; nothing is sorted anew."""

    __slots__ = ("_listed", "_names", "items")

    def __init__(self) -> None:
        self.items: dict[K, T] = {}
        self._names: list[K] = []
        self._listed: tuple[T, ...] | None = ()

    def put(self, name: K, item: T | None) -> None:
        """`item=None` removes."""
        self._listed = None
        if item is None:
            if self.items.pop(name, None) is not None:
                del self._names[bisect_left(self._names, name)]
            return
        if name not in self.items:
            insort(self._names, name)
        self.items[name] = item

    def listed(self) -> tuple[T, ...]:
        if self._listed is None:
            self._listed = tuple([self.items[name] for name in self._names])
        return self._listed


Scope = tuple[str, ...]


class Snapshot:
    """`lambdad.records.api.Records` over a key-value store. `start` it before use; `close` ends its watches."""

    def __init__(self, key_values: KeyValue) -> None:
        self._key_values = key_values
        self._current: dict[str, tuple[Record, int]] = {}
        self._by_name: dict[tuple[str, str, str], Function] = {}
        self._functions: dict[Scope, Shelf[str, Function]] = {}
        self._deleted: dict[tuple[str, str, str], DeletedFunction] = {}
        self._layers: dict[Scope, Shelf[str, LayerName]] = {}
        self._layer_versions: dict[Scope, Shelf[int, LayerVersion]] = {}
        self._code_signing: dict[Scope, Shelf[str, CodeSigningConfig]] = {}
        self._mappings: dict[Scope, Shelf[str, EventSourceMapping]] = {}
        self._code_sizes: Counter[Scope] = Counter()
        self._all: tuple[Function, ...] | None = ()
        self._function_news: News[Function] = News()
        self._mapping_news: News[EventSourceMapping] = News()
        self._ends: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Snapshot [{len(self._by_name)} functions, {len(self._current)} records]>"

    async def start(self) -> None:
        """Read what there is, and watch. Raises PlatformError for a stored record that can't be read."""
        for prefix in PREFIXES:
            self._ends.append(await self._key_values.watch(prefix, self._changed))

    async def close(self) -> None:
        for end in self._ends:
            end()
        self._ends.clear()

    def current(self, key: str) -> tuple[Record, int] | None:
        """The record under a substrate key and its revision; for the writer."""
        return self._current.get(key)

    # The reading half, as in the door.

    def function(self, account: str, region: str, name: str) -> Function | None:
        return self._by_name.get((account, region, name))

    def functions(self, account: str, region: str) -> Sequence[Function]:
        return _listed(self._functions.get((account, region)))

    def all_functions(self) -> Sequence[Function]:
        if self._all is None:
            self._all = tuple(_all(self._functions))
        return self._all

    def deleted_function(self, account: str, region: str, name: str) -> DeletedFunction | None:
        return self._deleted.get((account, region, name))

    def layer(self, account: str, region: str, name: str) -> LayerName | None:
        return _item(self._layers.get((account, region)), name)

    def layer_versions(self, account: str, region: str, name: str) -> Sequence[LayerVersion]:
        return _listed(self._layer_versions.get((account, region, name)))

    def all_layer_versions(self) -> Sequence[LayerVersion]:
        return _all(self._layer_versions)

    def layers(self, account: str, region: str) -> Sequence[LayerName]:
        return _listed(self._layers.get((account, region)))

    def code_signing_configs(self, account: str, region: str) -> Sequence[CodeSigningConfig]:
        return _listed(self._code_signing.get((account, region)))

    def mapping(self, account: str, region: str, id: str) -> EventSourceMapping | None:
        return _item(self._mappings.get((account, region)), id)

    def mappings(self, account: str, region: str) -> Sequence[EventSourceMapping]:
        return _listed(self._mappings.get((account, region)))

    def all_mappings(self) -> Sequence[EventSourceMapping]:
        return _all(self._mappings)

    def code_size(self, account: str, region: str) -> int:
        return self._code_sizes[account, region]

    def listen(self, listener: FunctionListener) -> Callable[[], None]:
        return self._function_news.listen(listener)

    def listen_mappings(self, listener: MappingListener) -> Callable[[], None]:
        return self._mapping_news.listen(listener)

    # News from the substrate

    def _changed(self, key: str, entry: Entry | None) -> None:
        held = self._current.get(key)
        before = held[0] if held else None
        after: Record | None = None
        if entry is not None:
            after = decode(key, entry.value)
            self._current[key] = (after, entry.revision)
        elif self._current.pop(key, None) is None:
            return
        subject = after if after is not None else before
        assert subject is not None, f"news of {key} without a record"
        self._code_sizes[subject.account, subject.region] += _code_size(after) - _code_size(before)
        match subject:
            case Function():
                assert before is None or isinstance(before, Function)
                self._put_function(subject, before, None if after is None else subject)
            case DeletedFunction():
                self._put_deleted(subject, gone=after is None)
            case LayerName():
                _put(self._layers, (subject.account, subject.region), subject.name, None if after is None else subject)
            case LayerVersion():
                scope = (subject.account, subject.region, subject.name)
                _put(self._layer_versions, scope, subject.version, None if after is None else subject)
            case CodeSigningConfig():
                _put(self._code_signing, (subject.account, subject.region), subject.id, None if after is None else subject)
            case EventSourceMapping():
                assert before is None or isinstance(before, EventSourceMapping)
                self._put_mapping(subject, before, None if after is None else subject)

    def _put_deleted(self, subject: DeletedFunction, *, gone: bool) -> None:
        name = (subject.account, subject.region, subject.name)
        if gone:
            del self._deleted[name]
        else:
            self._deleted[name] = subject

    def _put_function(self, subject: Function, before: Function | None, after: Function | None) -> None:
        _put(self._functions, (subject.account, subject.region), subject.name, after)
        self._all = None
        name = (subject.account, subject.region, subject.name)
        if after is None:
            self._by_name.pop(name, None)
        else:
            self._by_name[name] = after
        self._function_news.tell(subject.arn, before, after)

    def _put_mapping(
        self, subject: EventSourceMapping, before: EventSourceMapping | None, after: EventSourceMapping | None
    ) -> None:
        _put(self._mappings, (subject.account, subject.region), subject.id, after)
        self._mapping_news.tell(subject.arn, before, after)


def _code_size(record: Record | None) -> int:
    match record:
        case Function():
            return record.code_size
        case LayerVersion():
            return record.code.size
        case _:
            return 0


def _item(shelf: Shelf[K, T] | None, name: K) -> T | None:
    return None if shelf is None else shelf.items.get(name)


def _all(shelves: dict[Scope, Shelf[K, T]]) -> list[T]:
    return [each for scope in sorted(shelves) for each in shelves[scope].listed()]


def _listed(shelf: Shelf[K, T] | None) -> Sequence[T]:
    return () if shelf is None else shelf.listed()


def _put(shelves: dict[Scope, Shelf[K, T]], scope: Scope, name: K, item: T | None) -> None:
    shelf = shelves.get(scope)
    if shelf is None:
        shelf = shelves[scope] = Shelf()
    shelf.put(name, item)
    if not shelf.items:
        del shelves[scope]
