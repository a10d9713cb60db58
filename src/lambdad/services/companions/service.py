"""The companions as the edge sees them: a bounded number of connections to one process."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.services.companions import access
from lambdad.services.companions.backends import Backends
from lambdad.services.companions.connection import CompanionFailed
from lambdad.services.companions.endpoint import Endpoint
from lambdad.services.companions.forward import for_moto, normal
from lambdad.services.companions.process import Process
from lambdad.wire.match import Match
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Model
from lambdad.wire.refusals import not_implemented
from lambdad.wire.serialise import request_id_header

CONNECTIONS: Final = 16
"""Requests that moto works on at a time; each has a thread there. The others wait."""
PATIENCE: Final = 60.0
"""Seconds for an answer, with the time that the request waits for others and for the process to start."""

_REQUEST_IDS: Final = frozenset({"x-amzn-requestid", "x-amz-request-id"})
_MISSING: Final = "`pip install 'lambdad[companions]'` adds many of AWS's services that lambdad does not have itself."
_OFF: Final = "The companions, which might have it, are switched off (`--no-companions`)."


class Companions:
    """Implements `lambdad.edge.companions.Companions`. `close` after its use.

    `directory`: the process's own; `command`: how it is started; `backends`: what moto has, None: companions are switched off;
    `endpoints`: of the services that are somewhere else, see `Endpoint`.
    """

    def __init__(
        self,
        directory: Path,
        command: Sequence[str],
        backends: Backends | None,
        *,
        installed: bool,
        endpoints: Mapping[str, str] | None = None,
        connections: int = CONNECTIONS,
        patience: float = PATIENCE,
    ) -> None:
        self._process = Process(directory, command)
        self._backends = backends
        self._installed = installed
        self._endpoints = {service: Endpoint(text) for service, text in (endpoints or {}).items()}
        self._patience = patience
        self._free = asyncio.Semaphore(connections)
        self._used: Counter[str] = Counter()

    def serves(self, service: str) -> bool:
        return service in self._endpoints or self._backend(service) is not None

    def _backend(self, service: str) -> str | None:
        return None if self._backends is None else self._backends.find(service)

    @property
    def remark(self) -> str:
        """What to say where a service is not served."""
        if self._backends is None:
            return _OFF
        return "" if self._installed else _MISSING

    def needs(self, service: str, operation: str, caller: Caller, params: dict[str, Any] | None) -> list[Need]:
        """What is another account's needs a policy of the resource, and none is evaluated: it is denied."""
        return access.needs(service, operation, caller, params)

    async def forward(self, caller: Caller, model: Model, operation: str, match: Match | None, request: Request) -> Response:
        """Raises CompanionFailed (503), NotImplementedOperation (501) and CallerError."""
        sent = normal(caller, model, operation, match, request)
        self._used[model.name] += 1
        endpoint = self._endpoints.get(model.name)
        try:
            async with asyncio.timeout(self._patience), self._free:
                if endpoint is not None:
                    response = await endpoint.exchange(sent, caller, model)
                else:
                    response = await self._ask_moto(sent, caller, model, operation)
        except TimeoutError:
            raise CompanionFailed(f"{operation} of {model.name} was not answered within {self._patience:g} seconds.") from None
        kept = [(name, value) for name, value in response.headers if name.lower() not in _REQUEST_IDS]
        response.headers = [*kept, (request_id_header(model), caller.request_id)]
        return response

    async def _ask_moto(self, request: Request, caller: Caller, model: Model, operation: str) -> Response:
        backend = self._backend(model.name)
        if backend is None:
            raise not_implemented(model.name, operation)
        connection = await self._process.connect()
        response = await connection.exchange(for_moto(request, caller, backend, model, operation))
        match response.status:
            case 501:
                raise not_implemented(model.name, operation)
            case 502:
                raise CompanionFailed(f"{operation} of {model.name} failed; lambdad's log has the details.")
        return response

    def introspect(self) -> dict[str, Any]:
        """For /_lambdad/state: whether the process runs, and how many requests each service has had."""
        return {
            "available": self._backends is not None and self._installed,
            "pid": self._process.pid,
            "requests": dict(sorted(self._used.items())),
        }

    async def close(self) -> None:
        await self._process.close()


def companions(
    directory: Path,
    command: Sequence[str],
    folder: Callable[[], Path | None],
    *,
    wanted: bool,
    endpoints: Mapping[str, str] | None = None,
) -> Companions:
    """`folder`: where moto is; asked only where companions are `wanted`."""
    place = folder() if wanted else None
    return Companions(directory, command, Backends(place) if wanted else None, installed=place is not None, endpoints=endpoints)
