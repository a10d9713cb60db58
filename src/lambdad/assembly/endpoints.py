"""lambdad's AWS endpoint inside sandboxes, where every signature is verified.

A sandbox has a listening socket of its own for it, so that a function reaches lambdad's services although its network reaches
nothing else. A caller there is who its credentials say: the function's execution role, or what it was given or has assumed.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from lambdad.domain.functions import Version
from lambdad.edge.authenticate import SignedRequests
from lambdad.edge.server import Server
from lambdad.edge.service import Edge

PORT = 4566
"""Inside a sandbox, on its own loopback."""
_CONNECTIONS = 256
"""Of one environment, which itself may have 1,024 files open; each costs lambdad one of its own."""
_BODIES = 128 * 1024 * 1024
"""Bytes of requests that one environment may have lambdad hold: one of the largest, and some."""


class FunctionEndpoints:
    """Serves sockets inside sandboxes. Costs one watched descriptor until a function calls for the first time."""

    def __init__(self, signed: SignedRequests) -> None:
        self._signed = signed
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
            server = Server(self._edge.seen_by(self._signed), most_connections=_CONNECTIONS, body_budget=_BODIES, peers=False)
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
