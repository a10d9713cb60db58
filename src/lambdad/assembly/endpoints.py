"""lambdad's AWS endpoint inside sandboxes: who calls there is known by the socket, not by what the call says.

A sandbox has a listening socket of its own for it, so that a function reaches lambdad's services although its network reaches
nothing else. Each caller there is the function's execution role, in the function's account.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from lambdad.domain.caller import Caller
from lambdad.domain.functions import Version
from lambdad.edge.server import Server
from lambdad.edge.service import Edge
from lambdad.wire.messages import Request
from lambdad.wire.signature import Credential

PORT = 4566
"""Inside a sandbox, on its own loopback."""


class ExecutionRole:
    """Authenticates every request as the version's execution role; region as the request was signed for."""

    def __init__(self, version: Version) -> None:
        self._account = version.account
        role = version.role.rpartition("/")[2]
        self._principal = f"arn:aws:sts::{version.account}:assumed-role/{role}/{version.name}"

    def authenticate(self, request: Request, credential: Credential, request_id: str) -> Caller:
        host, trace_id = request.headers.get("host", ""), request.headers.get("x-amzn-trace-id")
        key = credential.access_key_id
        return Caller(self._account, credential.region, request_id, key, self._principal, host, trace_id)


class FunctionEndpoints:
    """Serves sockets inside sandboxes. Costs one watched descriptor until a function calls for the first time."""

    def __init__(self) -> None:
        self._edge: Edge | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    def open(self, edge: Edge) -> None:
        """What answers from now on."""
        self._edge = edge

    def serve(self, listener: socket.socket, version: Version) -> Callable[[], None]:
        """See `lambdad.worker.service.EndpointServer`."""
        loop = asyncio.get_running_loop()
        servers: list[Server] = []

        def first_call() -> None:
            loop.remove_reader(listener)
            if self._edge is None:
                listener.close()
                return
            server = Server(self._edge.seen_by(ExecutionRole(version)))
            servers.append(server)
            self._spawn(server.listen_on(listener))

        def stop() -> None:
            if servers:
                self._spawn(servers[0].close(0))
            elif listener.fileno() >= 0:
                loop.remove_reader(listener)
                listener.close()

        loop.add_reader(listener, first_call)
        return stop

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
