"""The door of the records: reading. Writing is `lambdad.records.write`, for control only."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from lambdad.domain.functions import CodeSigningConfig, DeletedFunction, Function, LayerName, LayerVersion
from lambdad.domain.mappings import EventSourceMapping

T = TypeVar("T")

Listener = Callable[[T | None, T | None], None]
"""Called with (before, after): None before = created, None after = deleted."""
FunctionListener = Listener[Function]
MappingListener = Listener[EventSourceMapping]


class Records(Protocol):
    """A consistent snapshot in memory; no method does I/O. All answers are per account and region."""

    def function(self, account: str, region: str, name: str) -> Function | None: ...

    def functions(self, account: str, region: str) -> Sequence[Function]:
        """By name."""
        ...

    def all_functions(self) -> Sequence[Function]: ...

    def deleted_function(self, account: str, region: str, name: str) -> DeletedFunction | None:
        """What is kept of a function that is gone; None once there is one of this name again."""
        ...

    def layer(self, account: str, region: str, name: str) -> LayerName | None: ...

    def layer_versions(self, account: str, region: str, name: str) -> Sequence[LayerVersion]:
        """By version, rising; deleted ones are not there."""
        ...

    def all_layer_versions(self) -> Sequence[LayerVersion]: ...

    def layers(self, account: str, region: str) -> Sequence[LayerName]:
        """By name, also those whose versions are all deleted."""
        ...

    def code_signing_configs(self, account: str, region: str) -> Sequence[CodeSigningConfig]:
        """By id."""
        ...

    def mapping(self, account: str, region: str, id: str) -> EventSourceMapping | None:
        """The event source mapping with that uuid."""
        ...

    def mappings(self, account: str, region: str) -> Sequence[EventSourceMapping]:
        """By id."""
        ...

    def all_mappings(self) -> Sequence[EventSourceMapping]: ...

    def code_size(self, account: str, region: str) -> int:
        """`TotalCodeSize`: bytes of the packages of all functions, versions and layer versions, each counted for itself."""
        ...

    def listen(self, listener: FunctionListener) -> Callable[[], None]:
        """News of every later change of a function, in order, in the event loop. The answer ends it."""
        ...

    def listen_mappings(self, listener: MappingListener) -> Callable[[], None]:
        """The same for event source mappings."""
        ...
