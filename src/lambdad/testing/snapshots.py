"""Records of functions in memory, for tests that need no storage, and short ways to make them."""

from collections.abc import Callable, Sequence
from typing import Any

from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.errors import ResourceNotFound
from lambdad.domain.functions import Code, CodeSigningConfig, DeletedFunction, Function, LayerName, LayerVersion, Version
from lambdad.domain.mappings import EventSourceMapping
from lambdad.records.api import FunctionListener, MappingListener

ACCOUNT = "000000000000"
REGION = "us-east-1"


def make_version(name: str = "fn", version: str = LATEST, build: str = "build-1", **members: Any) -> Version:
    """A version that can be invoked."""
    required: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "revision_id": "r",
        "last_modified_ms": 0,
        "role": f"arn:aws:iam::{ACCOUNT}:role/r",
        "code": Code("0" * 64, 1),
        "state": "Active",
    }
    return Version(**(required | {"name": name, "version": version, "build": build} | members))


def make_function(name: str = "fn", latest: Version | None = None, **members: Any) -> Function:
    latest = latest or make_version(name)
    return Function(account=latest.account, region=latest.region, name=name, latest=latest, **members)


class SnapshotRecords:
    """Implements `lambdad.records.api.Records` for functions; `put` and `delete` stand for what control would commit."""

    def __init__(self, *functions: Function) -> None:
        self._functions = {(f.account, f.region, f.name): f for f in functions}
        self._listeners: list[FunctionListener] = []

    def put(self, function: Function) -> None:
        key = (function.account, function.region, function.name)
        before = self._functions.get(key)
        self._functions[key] = function
        self._tell(before, function)

    def delete(self, function: Function) -> None:
        before = self._functions.pop((function.account, function.region, function.name))
        self._tell(before, None)

    def function(self, account: str, region: str, name: str) -> Function | None:
        return self._functions.get((account, region, name))

    def functions(self, account: str, region: str) -> Sequence[Function]:
        here = [f for f in self._functions.values() if (f.account, f.region) == (account, region)]
        return sorted(here, key=lambda function: function.name)

    def all_functions(self) -> Sequence[Function]:
        return list(self._functions.values())

    def deleted_function(self, account: str, region: str, name: str) -> DeletedFunction | None:
        return None

    def layer(self, account: str, region: str, name: str) -> LayerName | None:
        return None

    def layer_versions(self, account: str, region: str, name: str) -> Sequence[LayerVersion]:
        return []

    def all_layer_versions(self) -> Sequence[LayerVersion]:
        return []

    def layers(self, account: str, region: str) -> Sequence[LayerName]:
        return []

    def code_signing_configs(self, account: str, region: str) -> Sequence[CodeSigningConfig]:
        return []

    def mapping(self, account: str, region: str, id: str) -> EventSourceMapping | None:
        return None

    def mappings(self, account: str, region: str) -> Sequence[EventSourceMapping]:
        return []

    def all_mappings(self) -> Sequence[EventSourceMapping]:
        return []

    def code_size(self, account: str, region: str) -> int:
        return sum(function.code_size for function in self.functions(account, region))

    def resolve(self, name: FunctionName, draw: float) -> Version:
        function = self.function(name.account, name.region, name.name)
        if function is None:
            raise ResourceNotFound(f"Function not found: {name.arn}")
        qualifier = name.qualifier or LATEST
        if qualifier in function.aliases:
            alias = function.aliases[qualifier]
            other = next((version for version, weight in alias.weights.items() if draw < weight), alias.version)
            return function.versions[other]
        if qualifier == LATEST:
            return function.serving or function.latest
        if qualifier not in function.versions:
            raise ResourceNotFound(f"Function not found: {name.arn}")
        return function.versions[qualifier]

    def listen(self, listener: FunctionListener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def listen_mappings(self, listener: MappingListener) -> Callable[[], None]:
        return lambda: None

    def _tell(self, before: Function | None, after: Function | None) -> None:
        for listener in list(self._listeners):
            listener(before, after)
