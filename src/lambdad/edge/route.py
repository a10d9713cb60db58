"""The way of a request to a service: by the service that its signature names, else by `X-Amz-Target`, path or host.

Several services share a signing name (all four of Lambda's, for one); then the one whose model fits the request is taken. A
service that botocore knows and lambdad does not have is recognised too, so that its 501 can name it; its model is loaded only
then.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lambdad.edge.hosts import host_name
from lambdad.wire.api import Service
from lambdad.wire.match import Match, Operations, action_of, target_of
from lambdad.wire.messages import Request
from lambdad.wire.models import Model, Models

_VERSIONED_PATH = re.compile(r"/\d{4}-\d\d-\d\d/")

# Smithy's RPC v2 protocol, which no registered service speaks; https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
_RPC = "smithy-rpc-v2-cbor"
_RPC_PATH = re.compile(r"/service/[^/]+/operation/([^/]+)/?")


def is_rpc(request: Request, model: Model) -> bool:
    """Whether it is in that protocol, which the service has to speak: a bucket may be called `service`."""
    return _RPC in model.metadata.get("protocols", ()) and _RPC_PATH.fullmatch(request.path) is not None


@dataclass(frozen=True, slots=True)
class Found:
    """An operation that a service has; lambdad need not implement it."""

    model: Model
    match: Match
    service: Service


@dataclass(frozen=True, slots=True)
class Unimplemented:
    """A service of AWS that lambdad has not; `operation` where the request says it plainly."""

    service: str
    operation: str | None
    model: Model | None
    match: Match | None = None
    """None where only the operation's name can be read."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing fits. `model`: of the service that was meant, where that is clear."""

    model: Model | None


@dataclass(frozen=True, slots=True)
class _Registered:
    service: Service
    operations: Operations


class Routes:
    """The registered services."""

    def __init__(self, services: Sequence[Service], models: Models) -> None:
        self._models = models
        self._by_signing_name: dict[str, list[_Registered]] = {}
        self._by_target: dict[str, _Registered] = {}
        self._names = {service.name for service in services}
        self._others: dict[str, Operations] = {}
        for service in services:
            model = models.load(service.name)
            entry = _Registered(service, Operations(model))
            self._by_signing_name.setdefault(model.signing_name, []).append(entry)
            if model.target_prefix:
                self._by_target[model.target_prefix] = entry

    def find(self, request: Request, signing_name: str | None) -> Found | Unimplemented | Unknown:
        """`signing_name` is the service of the credential's scope; None for a request without one."""
        name = signing_name if signing_name is not None else self._guess(request)
        if name is None:
            return Unknown(None)
        registered = self._by_signing_name.get(name, ())
        for entry in registered:
            match = entry.operations.find(request)
            if match is not None:
                return Found(entry.operations.model, match, entry.service)
        # The service of that name first: rds before docdb, whose operations are among its own.
        others = sorted(
            (other for other in self._models.signed_as(name) if other not in self._names), key=lambda other: other != name
        )
        for other in others:
            operations = self._other(other)
            match = None if is_rpc(request, operations.model) else operations.find(request)
            if match is not None:
                return Unimplemented(other, match.operation.name, operations.model, match)
        if registered:
            return Unknown(registered[0].operations.model)
        if others:
            return Unimplemented(others[0], self._plain_name(request), self._other(others[0]).model)
        return Unknown(None)

    def has(self, signing_name: str) -> bool:
        """Whether a service of lambdad's own is signed as that."""
        return signing_name in self._by_signing_name

    def model_for(self, request: Request, signing_name: str | None) -> Model | None:
        """Of the service that was probably meant: for the shape of an error that comes before the operation is known."""
        name = signing_name if signing_name is not None else self._guess(request)
        registered = self._by_signing_name.get(name or "", ())
        if registered:
            return registered[0].operations.model
        others = self._models.signed_as(name) if name is not None else ()
        return self._other(others[0]).model if others else None

    def _guess(self, request: Request) -> str | None:
        target = target_of(request)
        if target is not None and target[0] in self._by_target:
            return self._by_target[target[0]].operations.model.signing_name
        if _VERSIONED_PATH.match(request.path):
            return "lambda"
        first = host_name(request.headers.get("host", "")).partition(".")[0]
        return first if first in self._by_signing_name else None

    def _other(self, name: str) -> Operations:
        operations = self._others.get(name)
        if operations is None:
            operations = self._others[name] = Operations(self._models.load(name))
        return operations

    @staticmethod
    def _plain_name(request: Request) -> str | None:
        target = target_of(request)
        if target is not None:
            return target[1]
        found = _RPC_PATH.fullmatch(request.path)
        if found is not None:
            return found[1]
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return action_of(request)
        return None
