"""The life of an execution environment, as one table of transitions. Pure: `step(state, event, now) -> (state, effects)`.

                        Next                  Invoke                Next
    Initialising ───────────────▶ Idle ─────────────────▶ Busy ◀──────────── Reinitialising
         │ InitError, Exited,      ▲                       │  │ StreamHead        ▲   │ InitError, Exited,
         │ Deadline                │ Next      Response,   │  ▼                   │   │ Deadline, Violation
         ▼                         │           Error, …    │ Streaming            │   ▼
        Cold ◀─────────────────────┼─────────── Answered ◀─┴──┘ StreamEnd         │  Cold
         │  ▲  Exited, Deadline    └───────────────┘                              │
         │  └──────────────────────  Busy, Streaming, Answered                    │
         └──────────────── Invoke (INIT runs again: a suppressed init) ───────────┘

- **Initialising**: the first INIT, at full CPU and bounded by ten seconds. It ends with the runtime's first Next. If it fails
  or takes too long the runtime is killed, INIT_REPORT says so, and the environment is **Cold**: it has a sandbox but no
  runtime. An invocation that comes in the meantime waits for whichever of the two it will be.
- **Reinitialising**: an invocation found the environment Cold. The runtime is started afresh in the same sandbox (/tmp is
  kept), INIT runs again, inside the invocation and bounded by the function's own timeout, with no report of its own. If
  it fails, its error is the invocation's answer.
- **Busy**: the runtime has the event. **Streaming**: it has begun to answer in pieces. **Answered**: it has answered, but
  has not asked for the next event: the caller is served, the environment is not free yet and the timeout still runs. A
  runtime on the channel says both in one write; one on HTTP asks later. An invocation that comes here waits.
- Whatever ends a process inside an invocation (exit, signal, timeout, memory, nonsense on the channel) ends every process
  of the sandbox, and leaves it Cold, as AWS resets an environment. The loss of the sandbox itself ends everything.

Facts: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (phases, timeouts, suppressed init) and
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (calls and their errors).

A pair that the table does not have is a mistake: `IllegalTransition` for lambdad's own events, `Refused` (with the Runtime
API's answer, a 403 or 400) for what a runtime sent.

States and effects are frozen msgspec structs, since one warm invocation makes a dozen of them. Times are seconds of one
monotonic clock; `now` comes in with each event.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from lambdad.domain.limits import INIT_TIMEOUT, RESPONSE_PAYLOAD, STREAMED_RESPONSE
from lambdad.runtime_api import failures
from lambdad.runtime_api.effects import (
    Answer,
    Arm,
    Begin,
    Burst,
    CloseStream,
    Deliver,
    Destroy,
    Disarm,
    Effect,
    Effects,
    Fail,
    Finish,
    Forward,
    InitEnded,
    Kill,
    OpenStream,
    Restart,
    Start,
)
from lambdad.runtime_api.events import (
    Chunk,
    Deadline,
    End,
    Error,
    Event,
    Exited,
    InitError,
    Invoke,
    Job,
    Lost,
    Next,
    Refused,
    Response,
    RuntimeEvent,
    Snapshot,
    StreamEnd,
    StreamHead,
    TooLarge,
    Violation,
)
from lambdad.runtime_api.failures import InitFailure, Result, Status


class Plan(Struct, frozen=True):
    """What the machine has to know of the function."""

    timeout: float
    """Seconds."""
    init_timeout: float = INIT_TIMEOUT
    """Seconds; longer with provisioned concurrency and SnapStart."""


# --- states -------------------------------------------------------------------------------------------------------------------


class Initialising(Struct, frozen=True):
    plan: Plan
    started: float
    waiting: Job | None = None


class Idle(Struct, frozen=True):
    plan: Plan
    init_ms: float | None
    """How long INIT took, until the first invocation's REPORT has said so."""


class Cold(Struct, frozen=True):
    plan: Plan


class Reinitialising(Struct, frozen=True):
    plan: Plan
    job: Job
    started: float
    deadline: float


class Busy(Struct, frozen=True):
    plan: Plan
    job: Job
    started: float
    deadline: float
    init_ms: float | None


class Streaming(Struct, frozen=True):
    plan: Plan
    job: Job
    started: float
    deadline: float
    init_ms: float | None
    size: int = 0
    """Bytes of the answer so far."""


class Answered(Struct, frozen=True):
    plan: Plan
    job: Job
    started: float
    deadline: float
    init_ms: float | None
    result: Result
    draining: bool = False
    """The answer was cut off (too large) while the runtime goes on sending the rest of it."""
    streamed: bool = False
    waiting: Job | None = None


class Ended(Struct, frozen=True):
    pass


State = Initialising | Idle | Cold | Reinitialising | Busy | Streaming | Answered | Ended
_Running = Busy | Streaming | Answered


Step = tuple[State, Effects]

_START: Final = Start()
_RESTART: Final = Restart()
_KILL: Final = Kill()
_DISARM: Final = Disarm()
_DESTROY: Final = Destroy()
_FULL_SPEED: Final = Burst(True)
_NORMAL_SPEED: Final = Burst(False)
_NONE: Final[Effects] = ()


class IllegalTransition(RuntimeError):
    """A pair of state and event that the table does not have."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{type(event).__name__} is not possible while {type(state).__name__}: {event!r} in {state!r}")


def begin(plan: Plan, now: float) -> Step:
    """A new sandbox, specialised, whose runtime waits for START. Its CPU is not limited yet.

    One that was restored from a snapshot is no different: its INIT is what is left of it, the RESTORE phase, and `now` is when
    the restoring began.
    """
    return Initialising(plan, now), (Arm(now + plan.init_timeout), _START)


def step(state: State, event: Event, now: float) -> Step:
    """Raises Refused for a runtime's mistake, IllegalTransition for ours."""
    row = TABLE.get((type(state), type(event)))
    if row is None:
        _impossible(state, event)
    return row(state, event, now)


def refusal(state: State, event: RuntimeEvent) -> Refused | None:
    """What `step` would refuse, known before the body of a request has come."""
    if (type(state), type(event)) not in TABLE:
        return _refused(state, event)
    match state, event:
        case ((Busy() | Streaming() | Answered()), (Response() | Error() | TooLarge() | StreamHead() | Chunk() | StreamEnd())):
            return _wrong_id() if event.id != state.job.request_id else None
        case _:
            return None


def _impossible(state: State, event: Event) -> NoReturn:
    if isinstance(event, RuntimeEvent):
        raise _refused(state, event)
    raise IllegalTransition(state, event)


_STATE_NAMES: Final[Mapping[type, str]] = MappingProxyType({
    Initialising: "Started", Reinitialising: "Started", Idle: "Ready", Busy: "Running", Streaming: "InvocationResponse",
    Answered: "ResponseSent", Cold: "Exited", Ended: "Exited",
})  # fmt: skip
_TARGET_NAMES: Final[Mapping[type, str]] = MappingProxyType({
    Next: "Ready", Response: "InvocationResponse", TooLarge: "InvocationResponse", StreamHead: "InvocationResponse",
    Chunk: "InvocationResponse", StreamEnd: "ResponseSent", Error: "InvocationErrorResponse", InitError: "InitError",
    Snapshot: "RestoreReady",
})  # fmt: skip


def _refused(state: State, event: Event) -> Refused:
    message = (
        f"State transition from {_STATE_NAMES[type(state)]} to {_TARGET_NAMES[type(event)]} failed for runtime. "
        "Error: State transition is not allowed"
    )
    return Refused(403, "InvalidStateTransition", message)


def _wrong_id() -> Refused:
    return Refused(400, "InvalidRequestID", "Invalid request ID")


# --- INIT ---------------------------------------------------------------------------------------------------------------------


def _initialised(state: Initialising, event: Next, now: float) -> Step:
    init_ms = (now - state.started) * 1000
    effects: Effects = (_DISARM, _NORMAL_SPEED, InitEnded(init_ms, "success"))
    return _then(Idle(state.plan, init_ms), effects, state.waiting, now)


def _init_error(state: Initialising, event: InitError, now: float) -> Step:
    return _init_ended(state, now, "error", failures.known_type(event.type, "Runtime.Unknown"))


def _init_exited(state: Initialising, event: Exited, now: float) -> Step:
    return _init_ended(state, now, "error", failures.OUT_OF_MEMORY if event.how.out_of_memory else failures.EXIT_ERROR)


def _init_violated(state: Initialising, event: Violation, now: float) -> Step:
    return _init_ended(state, now, "error", "Runtime.Unknown")


def _init_late(state: Initialising, event: Deadline, now: float) -> Step:
    return _init_ended(state, now, "timeout", None)


def _init_ended(state: Initialising, now: float, status: Status, error_type: str | None) -> Step:
    ended = InitEnded((now - state.started) * 1000, status, error_type)
    return _then(Cold(state.plan), (_DISARM, _KILL, _NORMAL_SPEED, ended), state.waiting, now)


def _init_wait(state: Initialising, event: Invoke, now: float) -> Step:
    if state.waiting is not None:
        raise IllegalTransition(state, event)
    return replace(state, waiting=event.job), _NONE


def _then(state: Idle | Cold, effects: Effects, waiting: Job | None, now: float) -> Step:
    """The environment is free; if somebody waits for that, not for long."""
    if waiting is None:
        return state, effects
    after, more = step(state, Invoke(waiting), now)
    return after, effects + more


# --- INIT again, inside an invocation -----------------------------------------------------------------------------------------


def _invoke_cold(state: Cold, event: Invoke, now: float) -> Step:
    deadline = now + state.plan.timeout
    after = Reinitialising(state.plan, event.job, now, deadline)
    return after, (Begin(event.job), Arm(deadline), _FULL_SPEED, _RESTART)


def _reinitialised(state: Reinitialising, event: Next, now: float) -> Step:
    after = Busy(state.plan, state.job, state.started, state.deadline, None)
    return after, (_NORMAL_SPEED, Deliver(state.job, state.deadline))


def _init_error_again(state: Reinitialising, event: InitError, now: float) -> Step:
    failure = InitFailure(failures.known_type(event.type, "Runtime.Unknown"), event.payload)
    return _reset(state, failures.init_failed(state.job.request_id, failure), now)


# --- invocations --------------------------------------------------------------------------------------------------------------


def _invoke(state: Idle, event: Invoke, now: float) -> Step:
    job = event.job
    deadline = now + state.plan.timeout
    after = Busy(state.plan, job, now, deadline, state.init_ms)
    return after, (Begin(job), Arm(deadline), Deliver(job, deadline))


def _responded(state: Busy, event: Response, now: float) -> Step:
    return _answered(state, event.id, Result(event.payload))


def _failed(state: Busy, event: Error, now: float) -> Step:
    result = Result(event.payload, "failure", failures.known_type(event.type, "Function.Unknown"))
    return _answered(state, event.id, result)


def _overflowed(state: Busy, event: TooLarge, now: float) -> Step:
    return _answered(state, event.id, failures.too_large())


def _answered(state: Busy, id: str, result: Result) -> Step:
    job = state.job
    if id != job.request_id:
        raise _wrong_id()
    after = Answered(state.plan, job, state.started, state.deadline, state.init_ms, result)
    return after, _NONE if job.held else (Answer(job, result),)


def _stream_opened(state: Busy, event: StreamHead, now: float) -> Step:
    job = state.job
    if event.id != job.request_id:
        raise _wrong_id()
    after = Streaming(state.plan, job, state.started, state.deadline, state.init_ms)
    return after, (OpenStream(job, event.content_type),) if job.streaming else _NONE


def _chunk(state: Streaming, event: Chunk, now: float) -> Step:
    job = state.job
    if event.id != job.request_id:
        raise _wrong_id()
    size = state.size + len(event.data)
    limit = STREAMED_RESPONSE if job.streaming else RESPONSE_PAYLOAD
    if size > limit:
        return _stream_answered(state, failures.too_large(limit), draining=True)
    return replace(state, size=size), (Forward(job, event.data),)


def _stream_ended(state: Streaming, event: StreamEnd, now: float) -> Step:
    if event.id != state.job.request_id:
        raise _wrong_id()
    if event.error_type is None:
        return _stream_answered(state, Result(None))
    result = Result(event.error, "failure", failures.known_type(event.error_type, "Function.Unknown"))
    return _stream_answered(state, result)


def _stream_answered(state: Streaming, result: Result, draining: bool = False) -> Step:
    job = state.job
    after = Answered(state.plan, job, state.started, state.deadline, state.init_ms, result, draining=draining, streamed=True)
    return after, _NONE if job.held else (_settlement(job, result, streamed=True),)


def _rest_of_stream(state: Answered, event: Chunk | StreamEnd, now: float) -> Step:
    if event.id != state.job.request_id:
        raise _wrong_id()
    if not state.draining:
        raise _refused(state, event)
    return (state if isinstance(event, Chunk) else replace(state, draining=False)), _NONE


def _settlement(job: Job, result: Result, streamed: bool) -> Answer | CloseStream:
    return CloseStream(job, result) if streamed and job.streaming else Answer(job, result)


def _wait_for_next(state: Answered, event: Invoke, now: float) -> Step:
    if state.waiting is not None:
        raise IllegalTransition(state, event)
    return replace(state, waiting=event.job), _NONE


def _done(state: Answered, event: Next, now: float) -> Step:
    job = state.job
    finish = Finish(job, state.result, (now - state.started) * 1000, state.init_ms)
    effects = (_DISARM, finish, _settlement(job, state.result, state.streamed)) if job.held else (_DISARM, finish)
    idle = Idle(state.plan, None)
    return (idle, effects) if state.waiting is None else _then(idle, effects, state.waiting, now)


# --- what ends a runtime ------------------------------------------------------------------------------------------------------


def _exited(state: Busy | Streaming | Answered | Reinitialising, event: Exited, now: float) -> Step:
    return _reset(state, failures.exited(state.job.request_id, event.how), now)


def _late(state: Busy | Streaming | Answered | Reinitialising, event: Deadline, now: float) -> Step:
    return _reset(state, failures.timed_out(state.job.request_id, state.plan.timeout), now)


def _violated(state: Busy | Streaming | Answered | Reinitialising, event: Violation, now: float) -> Step:
    return _reset(state, failures.faulted(state.job.request_id, event.text, "Runtime.Unknown"), now)


def _reset(state: Busy | Streaming | Answered | Reinitialising, result: Result, now: float) -> Step:
    """The invocation is over and so is the runtime. A caller who has an answer keeps it; the log tells what came after it."""
    init_ms = None if isinstance(state, Reinitialising) else state.init_ms
    effects: list[Effect] = [_DISARM, _KILL]
    if isinstance(state, Reinitialising):
        effects.append(_NORMAL_SPEED)
    _conclude(effects, state, result, Finish(state.job, result, (now - state.started) * 1000, init_ms))
    waiting = state.waiting if isinstance(state, Answered) else None
    return _then(Cold(state.plan), tuple(effects), waiting, now)


def _conclude(effects: list[Effect], state: _Running | Reinitialising, result: Result, finish: Finish) -> None:
    job = state.job
    if isinstance(state, Answered):
        effects.append(finish)
        if job.held:
            effects.append(_settlement(job, state.result, state.streamed))
        return
    settlement = _settlement(job, result, streamed=isinstance(state, Streaming))
    effects += (finish, settlement) if job.held else (settlement, finish)


def _quiet_exit(state: Idle, event: Exited | Violation, now: float) -> Step:
    """Nobody waits for this runtime: the next invocation starts another."""
    return Cold(state.plan), (_KILL,)


def _already(state: State, event: Event, now: float) -> Step:
    """News of what is so already: a second Next, the exit of a runtime that was killed."""
    return state, _NONE


# --- the end ------------------------------------------------------------------------------------------------------------------


def _over(state: State, event: Lost | End, now: float) -> Step:
    """Whoever is waiting hears of it: with an answer if the event had reached the runtime, else it can be tried elsewhere."""
    text = event.text if isinstance(event, Lost) else "The execution environment was shut down"
    effects: list[Effect] = [_DISARM]
    match state:
        case Initialising():
            effects.append(InitEnded((now - state.started) * 1000, "error", "Sandbox.Failure"))
        case Reinitialising():
            effects.append(Fail(state.job, text))
        case Busy() | Streaming() | Answered():
            result = failures.faulted(state.job.request_id, text, "Sandbox.Failure")
            _conclude(effects, state, result, Finish(state.job, result, (now - state.started) * 1000, state.init_ms))
        case Idle() | Cold() | Ended():
            pass
    if isinstance(state, Initialising | Answered) and state.waiting is not None:
        effects.append(Fail(state.waiting, text))
    effects.append(_DESTROY)
    return Ended(), tuple(effects)


def _gone(state: Ended, event: Invoke, now: float) -> Step:
    return state, (Fail(event.job, "The execution environment has ended"),)


Row = Callable[[Any, Any, float], Step]


def _table() -> dict[tuple[type, type], Row]:
    table: dict[tuple[type, type], Row] = {
        (Initialising, Next): _initialised,
        (Initialising, InitError): _init_error,
        (Initialising, Exited): _init_exited,
        (Initialising, Violation): _init_violated,
        (Initialising, Deadline): _init_late,
        (Initialising, Invoke): _init_wait,
        (Idle, Invoke): _invoke,
        (Idle, Next): _already,
        (Idle, Exited): _quiet_exit,
        (Idle, Violation): _quiet_exit,
        (Cold, Invoke): _invoke_cold,
        (Cold, Exited): _already,
        (Cold, Violation): _already,
        (Reinitialising, Next): _reinitialised,
        (Reinitialising, InitError): _init_error_again,
        (Busy, Response): _responded,
        (Busy, Error): _failed,
        (Busy, TooLarge): _overflowed,
        (Busy, StreamHead): _stream_opened,
        (Streaming, Chunk): _chunk,
        (Streaming, StreamEnd): _stream_ended,
        (Answered, Chunk): _rest_of_stream,
        (Answered, StreamEnd): _rest_of_stream,
        (Answered, Next): _done,
        (Answered, Invoke): _wait_for_next,
        (Ended, Invoke): _gone,
        (Ended, Exited): _already,
        (Ended, Violation): _already,
        (Ended, Lost): _already,
        (Ended, End): _already,
    }
    for running in (Reinitialising, Busy, Streaming, Answered):
        table |= {(running, Exited): _exited, (running, Deadline): _late, (running, Violation): _violated}
    for living in (Initialising, Idle, Cold, Reinitialising, Busy, Streaming, Answered):
        table |= {(living, Lost): _over, (living, End): _over}
    return table


TABLE: Final[Mapping[tuple[type, type], Row]] = MappingProxyType(_table())
"""Every pair of state and event that can be."""
