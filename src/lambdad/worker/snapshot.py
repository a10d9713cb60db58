"""The INIT of a template: from a sandbox whose process waits for START to one whose process waits to be copied.

Its log lines go to a stream of their own, as on AWS: INIT_START, what the function writes, INIT_REPORT.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec

from lambdad.domain.functions import SnapshotFailure, Version
from lambdad.logs import lines
from lambdad.runtime_api import failures
from lambdad.runtime_api.channel import Channel
from lambdad.runtime_api.effects import InitEnded
from lambdad.runtime_api.events import Event, Exited, InitError, Next, Refused, RuntimeEvent, Snapshot, Violation
from lambdad.runtime_api.frames import BadFrame
from lambdad.runtime_api.transport import Transport
from lambdad.sandbox.api import Exit, Sandbox, Sandboxes, Template
from lambdad.worker.beginnings import Init
from lambdad.worker.log import EnvironmentLog, OutputReader
from lambdad.worker.templates import NoTemplate

_Ending = Snapshot | InitError | Violation | Exited | None
"""How an INIT ends; None: the time was up."""
_CODES: Final = {
    "Runtime.InvalidWorkingDir": "FunctionError.InvalidWorkingDirectory",
    failures.INVALID_ENTRYPOINT: "FunctionError.InvalidEntryPoint",
    failures.OUT_OF_MEMORY: "FunctionError.InitResourceExhausted",
}
"""Error type → StateReasonCode; every other is `FunctionError.RuntimeInitError`."""
_LONGEST_REASON: Final = 1024
"""Characters of an error's text that are shown as StateReason."""


class SnapshotInit:
    """Of one sandbox, once. `run` ends with a template, or destroys the sandbox."""

    def __init__(
        self, version: Version, sandbox: Sandbox, log: EnvironmentLog, runtime_version: str, scratch: bytearray
    ) -> None:
        self._version = version
        self._sandbox = sandbox
        self._log = log
        self._beginning = Init("snap-start", runtime_version)
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Future[_Ending] = self._loop.create_future()
        process = sandbox.process
        self._orders = process.channel.dup()
        self._channel = Channel(self._loop, process.channel, self, scratch)
        self._output = OutputReader(self._loop, process.output, process.telemetry, log, scratch)
        process.exited.add_done_callback(self._exited)

    async def run(self, sandboxes: Sandboxes, start: Mapping[str, Any], seconds: float) -> Template | NoTemplate:
        """`start`: START's head; `seconds` that INIT may take, hooks included."""
        began = self._loop.time()
        self._log.platform(self._beginning.start(self._version, "init"))
        try:
            ended = await self._init(start, seconds)
            self._output.drain()
            self._report(ended, (self._loop.time() - began) * 1000)
            if isinstance(ended, Snapshot) and ended.obstacle is None:
                return sandboxes.template(self._sandbox, self._orders.dup())
        finally:
            self._close()
        await self._sandbox.destroy()
        return None if isinstance(ended, Snapshot) else failure_of(ended)

    def _close(self) -> None:
        self._channel.close()
        self._output.close()
        self._orders.close()
        if self._sandbox.runtime_api is not None:
            self._sandbox.runtime_api.close()

    async def _init(self, start: Mapping[str, Any], seconds: float) -> _Ending:
        try:
            self._channel.start(start)
        except BadFrame as error:
            return Violation(str(error))
        try:
            async with asyncio.timeout(seconds):
                return await self._heard
        except TimeoutError:
            return None

    def _report(self, ended: _Ending, duration_ms: float) -> None:
        status: lines.Status = "success" if isinstance(ended, Snapshot) else "timeout" if ended is None else "error"
        kind = None if status != "error" else _type_of(ended)
        entries = self._beginning.ended(InitEnded(duration_ms, status, kind))
        if isinstance(ended, Snapshot) and ended.obstacle is not None:
            entries += (lines.SnapshotSkipped(ended.obstacle),)
        self._log.platform(*entries)

    # --- what the channel sees of it ------------------------------------------------------------------------------------------

    def refusal(self, event: RuntimeEvent) -> Refused | None:
        return None if isinstance(event, Snapshot | InitError) and not self._heard.done() else _impossible(event)

    def receive(self, event: Event) -> None:
        if isinstance(event, RuntimeEvent) and (refused := self.refusal(event)) is not None:
            raise refused
        if isinstance(event, Snapshot | InitError | Violation) and not self._heard.done():
            self._heard.set_result(event)

    def waits(self, transport: Transport) -> NoReturn:
        raise _impossible(Next())

    def _exited(self, exited: "asyncio.Future[Exit]") -> None:
        if self._heard.done():
            return
        self._channel.drain()
        if not self._heard.done():
            self._heard.set_result(Exited(exited.result()))


def _impossible(event: RuntimeEvent) -> Refused:
    return Refused(403, "InvalidStateTransition", f"{type(event).__name__} is not possible before a snapshot")


def _type_of(ended: _Ending) -> str:
    match ended:
        case InitError():
            return failures.known_type(ended.type, "Runtime.Unknown")
        case Exited():
            return failures.OUT_OF_MEMORY if ended.how.out_of_memory else failures.EXIT_ERROR
        case _:
            return "Runtime.Unknown"


def failure_of(ended: InitError | Violation | Exited | None) -> SnapshotFailure:
    """As the version's StateReason and StateReasonCode."""
    if ended is None:
        return SnapshotFailure("The function's initialization timed out.", "FunctionError.InitTimeout")
    kind = _type_of(ended)
    match ended:
        case InitError():
            text = _message_of(ended.payload)
        case Exited():
            text = failures.exit_text(ended.how)
        case Violation():
            text = ended.text
    return SnapshotFailure(f"{kind}: {text}"[:_LONGEST_REASON], _CODES.get(kind, "FunctionError.RuntimeInitError"))


def _message_of(payload: bytes) -> str:
    try:
        return str(msgspec.json.decode(payload, type=dict[str, object]).get("errorMessage", ""))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "The function failed to initialize."
