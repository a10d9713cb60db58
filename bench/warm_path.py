"""What a warm invoke costs lambdad itself: microseconds of CPU from the request's bytes to the answer's, in one process.

    python -m bench.warm_path            the best of several rounds, and what Python functions it called
    python -m bench.warm_path --calls 40 the 40 functions that take most

The whole path with its real parts, from the connection's bytes to a frame on a runtime's socket and back, the log included; the
runtime at the other end is this program itself, so that nobody has to be woken and no processor changes hands.
"""

import argparse
import asyncio
import cProfile
import gc
import itertools
import json
import pstats
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from lambdad.artifacts.api import Prepared
from lambdad.assembly.credentials import Keyring
from lambdad.assembly.root_keys import RootKeys
from lambdad.assembly.run import GARBAGE, loop_factory
from lambdad.counter.service import LocalCounter
from lambdad.domain.functions import Code
from lambdad.edge.authenticate import AnyCredentials, SignedRequests
from lambdad.edge.connection import Connection
from lambdad.edge.downloads import CodeLinks
from lambdad.edge.hosts import Hosts
from lambdad.edge.server import Server
from lambdad.edge.service import Edge
from lambdad.frontend.service import LocalFrontend
from lambdad.iam.access import Access
from lambdad.iam.directory import Directory
from lambdad.iam.execution import ExecutionRoles
from lambdad.logs.service import Logs
from lambdad.metering.registry import Registry
from lambdad.placement.service import LocalPlacement
from lambdad.runtime_api import frames
from lambdad.testing.artifacts import NoArtifacts
from lambdad.testing.events import AcceptedEvents
from lambdad.testing.sandbox import ScriptedRuntime, ScriptedSandboxes
from lambdad.testing.snapshots import SnapshotRecords, make_function, make_version
from lambdad.testing.substrate import MemorySubstrate
from lambdad.worker.service import LocalWorker
from lambdad.worker_manager.service import LocalWorkerManager

BODY = b'{"data":"' + b"x" * 1000 + b'"}'
REQUEST = (
    b"POST /2015-03-31/functions/fn/invocations HTTP/1.1\r\nHost: 127.0.0.1:4566\r\nContent-Type: application/json\r\n"
    b"Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20261121/us-east-1/lambda/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64 + b"\r\nX-Amz-Date: 20261121T000000Z\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
) + BODY


class Packages(NoArtifacts):
    """Every package is prepared."""

    def prepared(self, code: Code, layers: Sequence[Code]) -> Prepared | None:
        return Prepared(Path("/nowhere"), None)


class Client:
    """The transport of a client that counts its answers."""

    def __init__(self) -> None:
        self.answers = 0
        self.last = b""

    def write(self, data: bytes) -> None:
        self.answers += 1
        self.last = data

    def is_closing(self) -> bool:
        return False


SOCKETS: list[socket.socket] = []
"""Of the runtime that has started."""


async def runtime(inside: ScriptedRuntime) -> None:
    """Starts; the program goes on from there with its socket."""
    await inside.start()
    SOCKETS.append(inside._channel)
    inside.send(frames.NEXT)
    await inside.forever()


async def turns(done: Callable[[], bool]) -> None:
    """Of the loop, until it is done."""
    while not done():  # noqa: ASYNC110 – nothing else would tell
        await asyncio.sleep(0)


class Rooms:
    """Everything that stands between the two."""

    async def open(self) -> None:
        substrate = MemorySubstrate()
        self.sandboxes = ScriptedSandboxes(runtime)
        records = SnapshotRecords(make_function(latest=make_version(runtime="python3.12", handler="app.handler", timeout=3)))
        self.logs = Logs(substrate.key_values, substrate.timeline, time.time)
        await self.logs.start()
        ids = itertools.count(1)
        registry = Registry()
        self.worker = LocalWorker(
            self.sandboxes, Packages(), self.logs, wall=time.time, new_id=lambda: f"{next(ids):032x}",
            credentials=lambda _: {}, measured=registry.invoked, freeze_after=0,
        )  # fmt: skip
        self.manager = LocalWorkerManager(LocalPlacement([self.worker]), records)
        directory = Directory(substrate.key_values)
        access = Access(directory, time.time)
        roles = ExecutionRoles(directory, access, {}, time.time)
        keyring = Keyring(directory, roles, b"", RootKeys(Path("/nowhere")), 0.0)
        signed = SignedRequests(keyring.find, time.time)
        counter = LocalCounter(records, per_unit=0)
        self.frontend = LocalFrontend(records, counter, self.manager, AcceptedEvents(), access.require)
        edge = Edge(
            services=[], frontend=self.frontend, authenticator=AnyCredentials(signed=signed), artifacts=Packages(),
            links=CodeLinks(b"", lambda: "", time.time), hosts=Hosts(), require=access.require, health=dict, state=dict,
        )  # fmt: skip
        self.client = Client()
        self.connection = Connection(Server(edge, peers=False), asyncio.get_running_loop())
        self.connection.connection_made(cast(Any, self.client))
        self.connection.data_received(REQUEST)
        self.decoder = frames.Decoder(frames.TO_RUNTIME)
        await turns(lambda: bool(SOCKETS))
        found: list[frames.Frame] = []

        def arrived() -> bool:
            found.extend(self._received())
            return bool(found)

        await turns(arrived)
        self._respond(found)
        await turns(lambda: bool(self.client.answers))
        assert BODY in self.client.last and b" 200 " in self.client.last, self.client.last

    def _received(self) -> list[frames.Frame]:
        try:
            data = SOCKETS[0].recv(65536)
        except BlockingIOError:
            return []
        return [frame for frame in self.decoder.feed(data) if frame.kind == frames.INVOKE]

    def _respond(self, found: list[frames.Frame]) -> None:
        answer = frames.encode(frames.RESPONSE, {"id": json.loads(found[0].head)["id"]}, found[0].body)
        SOCKETS[0].sendall(answer + frames.encode(frames.NEXT))

    async def once(self) -> float:
        """Seconds of CPU of lambdad's part."""
        client, clock = self.client, time.perf_counter
        answers = client.answers
        begin = clock()
        self.connection.data_received(REQUEST)
        spent = clock() - begin
        self._respond(self._received())
        begin = clock()
        await turns(lambda: client.answers > answers)
        return spent + clock() - begin

    async def close(self) -> None:
        self.connection.connection_lost(None)
        await self.frontend.close()
        await self.manager.close()
        await self.worker.close()
        await self.sandboxes.close()
        await self.logs.close()


async def measure(rounds: int, each: int, calls: int) -> None:
    rooms = Rooms()
    await rooms.open()
    try:
        for _ in range(each):
            await rooms.once()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        found = sorted([sum([await rooms.once() for _ in range(each)]) / each * 1e6 for _ in range(rounds)])
        print(f"{found[0]:.1f} us at best, {found[len(found) // 2]:.1f} us in the middle of {rounds} rounds")
        if calls:
            profile = cProfile.Profile()
            profile.enable()
            for _ in range(each):
                await rooms.once()
            profile.disable()
            show(profile, each, calls)
    finally:
        await rooms.close()


def show(profile: cProfile.Profile, each: int, calls: int) -> None:
    rows = [
        (counts[2] / each * 1e6, counts[1] / each, counts[3] / each * 1e6, name)
        for name, counts in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
        if "bench" not in name[0]
    ]
    print(f"{sum(row[1] for row in rows):.0f} calls")
    for own, count, all_of_it, (file, line, function) in sorted(rows, reverse=True)[:calls]:
        place = f"{file.rpartition('lambdad/')[2]}:{line} {function}"
        print(f"{own:7.2f} us own {all_of_it:7.2f} us in all {count:6.2f} calls  {place}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--each", type=int, default=2000, help="invokes in a round")
    arguments.add_argument("--calls", type=int, default=0, help="functions to show")
    options = arguments.parse_args()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(measure(options.rounds, options.each, options.calls))


if __name__ == "__main__":
    main()
