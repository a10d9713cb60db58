"""One execution environment: the shell around `runtime_api.machine`.

It owns the sandbox, the transports to the runtime, the timer and the log; it turns what happens into events of the machine and
performs the effects, in order, one event at a time. It decides nothing: which effect follows which event stands in the machine.

The warm path: `invoke` → Begin, Arm, Deliver (one `send`) → the runtime's frames (one `recv`) → Answer (the caller is called,
who writes to his client) → Finish: output is drained and REPORT is written after the answer has left.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from lambdad.domain.functions import Version
from lambdad.logs import lines
from lambdad.runtime_api import effects, events, machine
from lambdad.runtime_api.channel import Channel
from lambdad.runtime_api.events import Event, Refused, RuntimeEvent
from lambdad.runtime_api.failures import Result
from lambdad.runtime_api.frames import BadFrame
from lambdad.runtime_api.http import RuntimeApi
from lambdad.runtime_api.transport import Handover, Transport
from lambdad.sandbox.api import Exit, Process, Sandbox, SandboxFailure
from lambdad.worker.api import Completion, EndReason, Invocation, Outcome, Stream
from lambdad.worker.beginnings import Init
from lambdad.worker.log import EnvironmentLog, OutputReader
from lambdad.worker.stream import AnswerStream

_DEADLINE: Final = events.Deadline()
_NEXT: Final = events.Next()
_MIB: Final = 1024 * 1024
_LOOK: Final = 0.02
_SHORT_MS: Final = 2.0
"""Seconds between two looks at the memory that invocations shorter than this, in milliseconds, have used."""
_TRACE_LIMIT: Final = 8192
"""Characters of a trace header that are passed on. X-Ray's have some hundred; the client chooses them, and they have to fit
beside everything else in a frame's head and in what HTTP clients take as one header."""


Measured = Callable[[str, str, str, float, bool], None]
"""Account, region and function of an invocation that is over, what it took in milliseconds, and whether it failed."""


def unmeasured(account: str, region: str, function: str, duration_ms: float, failed: bool) -> None:
    """Where nobody counts."""


class Call:
    """An invocation on its way through this environment; what the machine knows as a Job."""

    __slots__ = ("collected", "completion", "done", "held", "invocation", "request_id", "stream", "streaming", "tail")

    def __init__(
        self, invocation: Invocation, streaming: bool, done: "Callable[[Outcome | Stream | SandboxFailure], None]"
    ) -> None:
        """`done` is called once."""
        self.invocation = invocation
        self.request_id = invocation.request_id
        self.streaming = streaming
        self.held = invocation.want_log
        self.done = done
        self.stream: AnswerStream | None = None
        self.completion: Completion | None = None
        self.collected: bytearray | None = None
        """A streamed answer for a caller who takes it whole."""
        self.tail = b""

    def outcome(self, result: Result) -> Outcome:
        payload = result.payload
        if payload is None:
            payload = bytes(self.collected or b"")
        if result.failed:
            return Outcome(payload, "Unhandled", self.tail, result.error_type)
        return Outcome(payload, None, self.tail)


class ExecutionEnvironment:
    """Implements worker.api.Environment."""

    def __init__(
        self,
        id: str,
        version: Version,
        sandbox: Sandbox,
        log: EnvironmentLog,
        start_head: Mapping[str, Any],
        *,
        loop: asyncio.AbstractEventLoop,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        scratch: bytearray,
        plan: machine.Plan,
        beginning: Init | None = None,
        ended: "Callable[[ExecutionEnvironment], None]" = lambda _: None,
        measured: Measured = unmeasured,
        thawed: "Callable[[ExecutionEnvironment], None]" = lambda _: None,
    ) -> None:
        """`sandbox` is specialised, its process waits for START; `wall`: seconds since the epoch; `monotonic`: seconds, for
        durations and deadlines (not `loop.time`, which under uvloop counts whole milliseconds); `ended` is called once."""
        self.id = id
        self.version = version
        self._sandbox = sandbox
        self._log = log
        self._start_head = start_head
        self._loop = loop
        self._now = monotonic
        self._wall = wall
        self._scratch = scratch
        self._beginning = beginning or Init()
        self._ended = ended
        self._measured = measured
        self._thawed = thawed
        self._frozen = False
        self._begun = 0
        self._gone: Callable[[], None] | None = None
        self._init: asyncio.Future[bool] = loop.create_future()
        self._mail: deque[Event] = deque()
        self._busy = False
        self._process: Process | None = None
        self.channel: Channel | None = None
        self._output: OutputReader | None = None
        self._parked: Transport | None = None
        self._undelivered: tuple[Handover, bytes] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._peak = 0
        self._look_at = 0.0
        self._restarting: asyncio.Task[None] | None = None
        self._restarts = 0
        self._destroying: asyncio.Task[None] | None = None
        listener = sandbox.runtime_api
        self.api = RuntimeApi(loop, listener, self, scratch) if listener is not None else None
        self._log.platform(self._beginning.start(version, "init"))
        self._attach(sandbox.process)
        self._state, first = machine.begin(plan, self._beginning.began(self._now()))
        self._perform(first)

    def __repr__(self) -> str:
        return f"<ExecutionEnvironment {self.version.name}:{self.version.version} {self.id} {type(self._state).__name__}>"

    # --- the door -------------------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Of the runtime process, on the host; None while there is none."""
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        return type(self._state) is not machine.Ended

    @property
    def memory_used(self) -> int:
        """Bytes, as measured last."""
        return self._peak

    @property
    def busy(self) -> bool:
        """INIT or an invocation runs."""
        return type(self._state) not in (machine.Idle, machine.Cold, machine.Ended)

    @property
    def rest(self) -> int | None:
        """How many invocations there have been; None unless the runtime waits for the next one."""
        return self._begun if type(self._state) is machine.Idle else None

    def freeze(self) -> None:
        """Until the next invocation."""
        self._sandbox.freeze()
        self._frozen = True

    async def ready(self) -> bool:
        if not self._init.done():
            await asyncio.shield(self._init)
        if not self.alive:
            raise SandboxFailure("The execution environment has ended.")
        self._beginning.check()
        return self._init.result()

    def invoke(self, invocation: Invocation, done: Callable[[Outcome | SandboxFailure], None]) -> None:
        self.receive(events.Invoke(Call(invocation, False, cast(Any, done))))

    async def invoke_stream(self, invocation: Invocation) -> Stream | Outcome:
        answer: asyncio.Future[Outcome | Stream | SandboxFailure] = self._loop.create_future()

        def done(result: Outcome | Stream | SandboxFailure) -> None:
            if not answer.done():
                answer.set_result(result)
            elif call.stream is not None:
                call.stream.abandon()

        call = Call(invocation, True, done)
        self.receive(events.Invoke(call))
        result = await answer
        if isinstance(result, SandboxFailure):
            raise result
        return result

    def watch(self, gone: Callable[[], None]) -> None:
        self._gone = gone

    def _tell_gone(self) -> None:
        gone, self._gone = self._gone, None
        if gone is not None:
            self._loop.call_soon(gone)

    async def end(self, reason: EndReason) -> None:
        if self.alive:
            self.receive(events.End())
        if self._destroying is not None:
            await asyncio.shield(self._destroying)

    # --- the mailbox ----------------------------------------------------------------------------------------------------------

    def receive(self, event: Event) -> None:
        """Handle an event to its end. One that comes while another is handled waits for its turn.

        Raises Refused for a runtime's event that can't be now, unless it had to wait.
        """
        if self._busy:
            self._mail.append(event)
            return
        self._busy = True
        try:
            self._advance(event)
            while self._mail:
                try:
                    self._advance(self._mail.popleft())
                except Refused as error:
                    self._advance(events.Violation(error.message))
        finally:
            self._busy = False

    def refusal(self, event: RuntimeEvent) -> Refused | None:
        return machine.refusal(self._state, event)

    def _advance(self, event: Event) -> None:
        if self._undelivered is not None and type(event) is events.Next:
            self._hand_over(*self._undelivered)
            return
        self._state, wanted = machine.step(self._state, event, self._now())
        if wanted:
            self._perform(wanted)

    def _perform(self, wanted: effects.Effects) -> None:
        rest = iter(wanted)
        try:
            for effect in rest:
                _PERFORM[type(effect)](self, effect)
        except BaseException:
            # Whatever went wrong with one effect, the caller's answer may be among the others.
            self._perform(tuple(rest))
            raise

    def waits(self, transport: Transport) -> None:
        if self._parked is not None:
            self.receive(_NEXT)
            return
        self._parked = transport
        try:
            self.receive(_NEXT)
        except Refused:
            self._parked = None
            raise

    # --- the runtime ----------------------------------------------------------------------------------------------------------

    def _attach(self, process: Process) -> None:
        self._process = process
        self.channel = Channel(self._loop, process.channel, self, self._scratch)
        if self._output is not None:
            self._output.close()
        self._output = OutputReader(self._loop, process.output, process.telemetry, self._log, self._scratch)
        self._frozen = False
        process.exited.add_done_callback(lambda exited: self._exited(process, exited))

    def _exited(self, process: Process, exited: "asyncio.Future[Exit]") -> None:
        how = Exit(None, 9, lost=True) if exited.cancelled() else exited.result()
        if how.lost and self.alive:
            self.receive(events.Lost())
        elif process is self._process:
            assert self.channel is not None
            self.channel.drain()
            if self.api is not None:
                self.api.drain()
            if process is self._process:
                self._process = None
                waited = type(self._state) is machine.Idle
                self.receive(events.Exited(how))
                if waited:
                    self._tell_gone()

    def _start(self, _: effects.Start) -> None:
        assert self.channel is not None
        try:
            self.channel.start(self._start_head)
        except BadFrame as error:
            self._loop.call_soon(self.receive, events.Violation(str(error)))

    def _restart(self, _: effects.Restart) -> None:
        self._restarts += 1
        self._restarting = self._loop.create_task(self._replace(self._restarts, self._restarting))

    async def _replace(self, number: int, earlier: "asyncio.Task[None] | None") -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        if number != self._restarts or not self.alive:
            return
        try:
            process = await self._sandbox.restart()
        except (SandboxFailure, TimeoutError, OSError) as error:
            if self.alive:
                self.receive(events.Lost(f"The runtime could not be restarted: {error}"))
            return
        if number != self._restarts or type(self._state) is not machine.Reinitialising:
            # Its invocation is over (timeout, end): nobody will start this process any more.
            for sock in (process.channel, process.output, process.telemetry):
                sock.close()
            return
        self._log.platform(self._beginning.start(self.version, "invoke"))
        self._attach(process)
        self._start(effects.Start())

    def _kill(self, _: effects.Kill) -> None:
        self._detach()
        self._sandbox.kill()

    def _detach(self) -> None:
        """Nothing that this runtime still says counts."""
        self._process = None
        self._parked = None
        self._undelivered = None
        if self.channel is not None:
            self.channel.close()
        if self.api is not None:
            self.api.reset()

    def _burst(self, effect: effects.Burst) -> None:
        self._sandbox.burst(effect.on)

    def _destroy(self, _: effects.Destroy) -> None:
        self._detach()
        if self.api is not None:
            self.api.close()
        if self._output is not None:
            self._output.drain()
            self._output.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._init.done():
            self._init.set_result(False)
        self._destroying = self._loop.create_task(self._remove())
        self._ended(self)
        self._tell_gone()

    async def _remove(self) -> None:
        if self._restarting is not None:
            await self._restarting
        await self._sandbox.destroy()

    def _init_ended(self, effect: effects.InitEnded) -> None:
        if self._output is not None:
            self._output.drain()
        self._log.platform(*self._beginning.ended(effect))
        if not self._init.done():
            self._init.set_result(effect.status == "success")

    # --- time -----------------------------------------------------------------------------------------------------------------

    def _arm(self, effect: effects.Arm) -> None:
        """One timer for all invocations: it is left alone while it wakes us no later than asked, and looks again then."""
        self._deadline = effect.at
        if self._timer is not None:
            if self._timer_at <= effect.at:
                return
            self._timer.cancel()
        self._wake_at(effect.at)

    def _wake_at(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._now()), self._tick)

    def _disarm(self, _: effects.Disarm) -> None:
        self._deadline = None

    def _tick(self) -> None:
        self._timer = None
        deadline = self._deadline
        if deadline is None:
            return
        if self._now() < deadline:
            # Armed anew since; or the loop's clock is coarser than ours and woke us a little early.
            self._wake_at(deadline)
        else:
            self._deadline = None
            self.receive(_DEADLINE)

    # --- invocations ----------------------------------------------------------------------------------------------------------

    def _begin(self, effect: effects.Begin) -> None:
        call = cast(Call, effect.job)
        self._begun += 1
        if self._frozen:
            self._frozen = False
            self._sandbox.thaw()
            self._thawed(self)
        trace = call.invocation.trace_id
        traced = _trace(trace) if "Sampled=1" in trace else None
        self._log.begin(lines.Start(call.request_id, self.version.version, traced), call.held)

    def _deliver(self, effect: effects.Deliver) -> None:
        invocation = cast(Call, effect.job).invocation
        handover = Handover(
            invocation.request_id,
            int((self._wall() + effect.deadline - self._now()) * 1000),
            invocation.invoked_arn,
            invocation.trace_id if len(invocation.trace_id) <= _TRACE_LIMIT else "",
            invocation.client_context,
            invocation.cognito_identity,
        )
        self._hand_over(handover, invocation.payload)

    def _hand_over(self, handover: Handover, payload: bytes) -> None:
        transport, self._parked = self._parked, None
        if transport is None or not transport.deliver(handover, payload):
            # An HTTP client that hung up while it waited: it gets the event when it asks again.
            self._undelivered = (handover, payload)
        else:
            self._undelivered = None

    def _answer(self, effect: effects.Answer) -> None:
        call = cast(Call, effect.job)
        call.done(call.outcome(effect.result))

    def _fail(self, effect: effects.Fail) -> None:
        call = cast(Call, effect.job)
        call.done(SandboxFailure(effect.text))

    def _open_stream(self, effect: effects.OpenStream) -> None:
        call = cast(Call, effect.job)
        call.stream = AnswerStream(self._pause, self._resume)
        call.completion = Completion()
        call.done(Stream(effect.content_type, call.stream, call.completion))

    def _forward(self, effect: effects.Forward) -> None:
        call = cast(Call, effect.job)
        if call.stream is not None:
            call.stream.put(effect.data)
        elif call.collected is None:
            call.collected = bytearray(effect.data)
        else:
            call.collected += effect.data

    def _close_stream(self, effect: effects.CloseStream) -> None:
        call = cast(Call, effect.job)
        assert call.stream is not None and call.completion is not None
        call.completion.outcome = call.outcome(effect.result)
        call.stream.close()

    def _pause(self) -> None:
        if self.channel is not None:
            self.channel.pause()
        if self.api is not None:
            self.api.pause()

    def _resume(self) -> None:
        if self.channel is not None:
            self.channel.resume()
        if self.api is not None:
            self.api.resume()

    def _finish(self, effect: effects.Finish) -> None:
        if self._output is not None:
            self._output.drain()
        call = cast(Call, effect.job)
        version = self.version
        self._measured(version.account, version.region, version.name, effect.duration_ms, effect.result.status != "success")
        self._log.platform(*self._closing_lines(effect, call))
        call.tail = self._log.end()

    def _memory_used(self, duration_ms: float) -> int:
        """Bytes. Short invocations in quick succession share a look: what one of them adds is told a moment later."""
        now = self._now()
        if duration_ms >= _SHORT_MS or now >= self._look_at:
            self._look_at = now + _LOOK
            try:
                self._peak = self._sandbox.max_memory_used()
            except OSError:
                return self._peak  # the sandbox was lost together with its counters: what was measured last stands
        return self._peak

    def _closing_lines(self, effect: effects.Finish, call: Call) -> list[lines.Event]:
        result, id, version = effect.result, call.request_id, self.version
        trace = call.invocation.trace_id
        traced = _trace(trace) if "Sampled=1" in trace else None
        closing: list[lines.Event] = []
        if result.status == "timeout":
            closing.append(lines.Timeout(id, version.timeout))
        elif result.line is not None:
            closing.append(lines.ExitLine(id, result.line, result.error_type or ""))
        produced = len(result.payload) if result.payload is not None else None
        error_type = result.reported_type or result.error_type
        # The report's Status: timeout says it all; AWS names no type beside it.
        error_type = None if result.status == "timeout" else error_type
        used = -(-self._memory_used(effect.duration_ms) // _MIB)
        if self._log.format == "JSON":
            closing.append(lines.RuntimeDone(id, result.status, error_type, effect.duration_ms, produced, traced))
        else:
            closing.append(lines.End(id))
        report = lines.Report(
            id,
            effect.duration_ms,
            lines.billed(effect.duration_ms, effect.init_ms),
            version.memory_size,
            used,
            effect.init_ms,
            result.status,
            error_type,
            traced,
        )
        closing.append(self._beginning.report(report))
        return closing


def _trace(header: str) -> lines.Trace | None:
    """Of `Root=1-…;Parent=…;Sampled=1`; None where a part is missing."""
    parts = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
    if "Root" not in parts or "Parent" not in parts:
        return None
    return lines.Trace(parts["Root"], parts["Parent"])


_PERFORM: Final[Mapping[type, Callable[[ExecutionEnvironment, Any], None]]] = {
    effects.Start: ExecutionEnvironment._start,
    effects.Restart: ExecutionEnvironment._restart,
    effects.Kill: ExecutionEnvironment._kill,
    effects.Destroy: ExecutionEnvironment._destroy,
    effects.Begin: ExecutionEnvironment._begin,
    effects.Deliver: ExecutionEnvironment._deliver,
    effects.Answer: ExecutionEnvironment._answer,
    effects.OpenStream: ExecutionEnvironment._open_stream,
    effects.Forward: ExecutionEnvironment._forward,
    effects.CloseStream: ExecutionEnvironment._close_stream,
    effects.Fail: ExecutionEnvironment._fail,
    effects.Finish: ExecutionEnvironment._finish,
    effects.InitEnded: ExecutionEnvironment._init_ended,
    effects.Arm: ExecutionEnvironment._arm,
    effects.Disarm: ExecutionEnvironment._disarm,
    effects.Burst: ExecutionEnvironment._burst,
}
