"""A worker with scripted sandboxes and a log in memory, for the tests of this directory."""

import asyncio
import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from lambdad.artifacts.api import Prepared, Taken
from lambdad.domain.functions import Code, Logging, Version
from lambdad.logs.api import LogEvent, May, StreamName, anything
from lambdad.sandbox.api import Interpreter
from lambdad.testing.sandbox import Script, ScriptedSandbox, ScriptedSandboxes
from lambdad.worker.api import Environment, Invocation, Outcome
from lambdad.worker.service import LocalWorker
from tests.component.callbacks import told

EPOCH = 1_767_225_600.0
"""2026-01-01T00:00:00Z"""


class Written:
    """Implements LogWriter in memory."""

    def __init__(self) -> None:
        self.events: list[tuple[StreamName, LogEvent]] = []

    def write(self, stream: StreamName, events: Sequence[LogEvent], may: May = anything) -> None:
        self.events.extend((stream, event) for event in events)


class OneArtifact:
    """Implements Artifacts: every package is prepared already."""

    def prepared(self, code: Code, layers: Sequence[Code]) -> Prepared | None:
        return Prepared(Path("/nowhere"), None)

    async def prepare(self, code: Code, layers: Sequence[Code], runtime: str | None) -> Prepared:
        raise AssertionError("it is prepared")

    async def take_zip(self, data: bytes) -> Taken:
        raise NotImplementedError

    async def unpacked_size(self, codes: Sequence[Code]) -> int:
        raise NotImplementedError

    async def read(self, code: Code) -> bytes:
        raise NotImplementedError

    async def sweep(self, live: Collection[str]) -> int:
        raise NotImplementedError


class Bench:
    def __init__(self, script: Script, *, http: bool = False, epoch: float = EPOCH, makes_templates: bool = False) -> None:
        self.memory_short = False
        self.sandboxes = ScriptedSandboxes(
            script,
            runtimes=(Interpreter("python3.12", None, "3.12.1"), Interpreter("provided.al2023", None, "")),
            http=http,
            makes_templates=makes_templates,
        )
        self.written = Written()
        loop = asyncio.get_running_loop()
        started = loop.time()
        ids = itertools.count(1)
        self.worker = LocalWorker(
            self.sandboxes,
            OneArtifact(),
            self.written,
            wall=lambda: epoch + loop.time() - started,
            monotonic=loop.time,
            new_id=lambda: f"{next(ids):032x}",
            credentials=lambda _: {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "token"},
            memory_short=lambda: self.memory_short,
        )

    @property
    def sandbox(self) -> ScriptedSandbox:
        """The latest one."""
        return self.sandboxes.taken[-1]

    def lines(self) -> list[str]:
        return [event.message for _, event in self.written.events]

    async def __aenter__(self) -> "Bench":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.worker.close()
        await self.sandboxes.close()


def version(
    *, runtime: str = "python3.12", timeout: int = 3, format: Literal["Text", "JSON"] = "Text", **members: Any
) -> Version:
    return Version(
        account="000000000000",
        region="us-east-1",
        name="f",
        version="$LATEST",
        build="b1",
        revision_id="r",
        last_modified_ms=0,
        role="arn:aws:iam::000000000000:role/r",
        runtime=runtime,
        handler="app.handler",
        code=Code("0" * 64, 1),
        timeout=timeout,
        logging=Logging(format=format, group="/aws/lambda/f"),
        runtime_version_arn="arn:runtime",
        **members,
    )


async def invoke(environment: Environment, invocation: Invocation) -> Outcome:
    """The outcome, or the failure raised."""
    outcome: Outcome = await told(environment.invoke, invocation)
    return outcome


def invocation(request_id: str, payload: bytes = b"{}", *, want_log: bool = False, **members: Any) -> Invocation:
    return Invocation(
        request_id,
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        payload,
        "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
        want_log=want_log,
        **members,
    )
