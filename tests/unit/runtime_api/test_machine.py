"""The execution environment's machine: each row of its table, and whatever order things come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdad.runtime_api import effects as ef
from lambdad.runtime_api import events as ev
from lambdad.runtime_api import machine as m
from lambdad.runtime_api.failures import Result
from lambdad.sandbox.api import Exit

PLAN = m.Plan(timeout=3.0)


@dataclass
class Job:
    request_id: str = "r"
    streaming: bool = False
    held: bool = False


def kinds(effects: Sequence[ef.Effect]) -> list[type]:
    return [type(effect) for effect in effects]


def one(effects: Sequence[ef.Effect], kind: type) -> Any:
    (found,) = [effect for effect in effects if type(effect) is kind]
    return found


def busy(job: Job | None = None, init_ms: float | None = None) -> m.Busy:
    return m.Busy(PLAN, job or Job(), 0.0, 3.0, init_ms)


def streaming(job: Job | None = None) -> m.Streaming:
    return m.Streaming(PLAN, job or Job(), 0.0, 3.0, None)


def answered(job: Job | None = None, **members: Any) -> m.Answered:
    return m.Answered(PLAN, job or Job(), 0.0, 3.0, None, Result(b"1"), **members)


def test_a_new_environment_starts_its_runtime_within_ten_seconds() -> None:
    state, effects = m.begin(PLAN, 5.0)
    assert state == m.Initialising(PLAN, 5.0)
    assert effects == (ef.Arm(15.0), ef.Start())


def test_init_ends_with_the_first_next() -> None:
    state, effects = m.step(m.Initialising(PLAN, 5.0), ev.Next(), 5.25)
    assert state == m.Idle(PLAN, 250.0)
    assert effects == (ef.Disarm(), ef.Burst(False), ef.InitEnded(250.0, "success"))


@pytest.mark.parametrize(
    ("event", "status", "error_type"),
    [
        (ev.InitError("Runtime.ImportModuleError", b"{}"), "error", "Runtime.ImportModuleError"),
        (ev.InitError("odd", b"{}"), "error", "Runtime.Unknown"),
        (ev.Exited(Exit(1, None)), "error", "Runtime.ExitError"),
        (ev.Exited(Exit(None, 9, out_of_memory=True)), "error", "Runtime.OutOfMemory"),
        (ev.Violation("?"), "error", "Runtime.Unknown"),
        (ev.Deadline(), "timeout", None),
    ],
)
def test_an_init_that_fails_leaves_the_environment_cold(event: ev.Event, status: str, error_type: str | None) -> None:
    state, effects = m.step(m.Initialising(PLAN, 0.0), event, 1.0)
    assert state == m.Cold(PLAN)
    assert kinds(effects) == [ef.Disarm, ef.Kill, ef.Burst, ef.InitEnded]
    assert one(effects, ef.InitEnded) == ef.InitEnded(1000.0, status, error_type)  # type: ignore[arg-type]


def test_an_invocation_waits_for_init() -> None:
    job = Job()
    state, effects = m.step(m.Initialising(PLAN, 0.0), ev.Invoke(job), 1.0)
    assert effects == ()
    after, effects = m.step(state, ev.Next(), 2.0)
    assert after == m.Busy(PLAN, job, 2.0, 5.0, 2000.0)
    assert kinds(effects)[-3:] == [ef.Begin, ef.Arm, ef.Deliver]
    after, effects = m.step(state, ev.Deadline(), 10.0)
    assert after == m.Reinitialising(PLAN, job, 10.0, 13.0)
    assert kinds(effects)[-4:] == [ef.Begin, ef.Arm, ef.Burst, ef.Restart]
    with pytest.raises(m.IllegalTransition):
        m.step(state, ev.Invoke(Job("other")), 1.5)


def test_the_warm_path() -> None:
    job = Job()
    state, effects = m.step(m.Idle(PLAN, 250.0), ev.Invoke(job), 10.0)
    assert effects == (ef.Begin(job), ef.Arm(13.0), ef.Deliver(job, 13.0))
    state, effects = m.step(state, ev.Response("r", b"1"), 10.5)
    assert effects == (ef.Answer(job, Result(b"1")),)
    state, effects = m.step(state, ev.Next(), 10.5)
    assert effects == (ef.Disarm(), ef.Finish(job, Result(b"1"), 500.0, 250.0))
    assert state == m.Idle(PLAN, None), "only the first report tells how long INIT took"


def test_a_held_answer_comes_after_the_log() -> None:
    job = Job(held=True)
    state, effects = m.step(busy(job), ev.Response("r", b"1"), 1.0)
    assert effects == ()
    _, effects = m.step(state, ev.Next(), 1.0)
    assert kinds(effects) == [ef.Disarm, ef.Finish, ef.Answer]
    _, effects = m.step(state, ev.Deadline(), 3.0)
    assert kinds(effects) == [ef.Disarm, ef.Kill, ef.Finish, ef.Answer]
    assert one(effects, ef.Answer).result == Result(b"1"), "the runtime had answered in time"
    assert one(effects, ef.Finish).result.status == "timeout"


def test_errors_of_handlers() -> None:
    state, effects = m.step(busy(), ev.Error("r", "Function.Odd", b"{}"), 1.0)
    assert one(effects, ef.Answer).result == Result(b"{}", "failure", "Function.Odd")
    assert isinstance(m.step(state, ev.Next(), 1.0)[0], m.Idle)
    _, effects = m.step(busy(), ev.TooLarge("r"), 1.0)
    assert one(effects, ef.Answer).result.error_type == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize(
    "event",
    [
        ev.Response("x", b""),
        ev.Error("x", "", b""),
        ev.TooLarge("x"),
        ev.StreamHead("x", ""),
    ],
)
def test_an_answer_to_another_invocation_is_refused(event: ev.RuntimeEvent) -> None:
    with pytest.raises(ev.Refused, match="Invalid request ID") as raised:
        m.step(busy(), event, 1.0)
    assert raised.value.status == 400
    told = m.refusal(busy(), event)
    assert told is not None and told.status == 400


@pytest.mark.parametrize("event", [ev.Chunk("x", b"1"), ev.StreamEnd("x")])
def test_a_piece_for_another_invocation_is_refused(event: ev.RuntimeEvent) -> None:
    for state in (streaming(), answered(draining=True)):
        with pytest.raises(ev.Refused, match="Invalid request ID"):
            m.step(state, event, 1.0)


@pytest.mark.parametrize("job", [Job(), Job(held=True), Job(streaming=True), Job(streaming=True, held=True)])
def test_streams(job: Job) -> None:
    state, effects = m.step(busy(job), ev.StreamHead("r", "text/html"), 1.0)
    assert kinds(effects) == ([ef.OpenStream] if job.streaming else [])
    state, effects = m.step(state, ev.Chunk("r", b"ab"), 1.0)
    assert effects == (ef.Forward(job, b"ab"),)
    state, first = m.step(state, ev.StreamEnd("r"), 1.0)
    state, second = m.step(state, ev.Next(), 1.5)
    settlement = ef.CloseStream if job.streaming else ef.Answer
    assert one(first + second, settlement).result == Result(None)
    assert kinds(second)[:2] == [ef.Disarm, ef.Finish]
    assert bool(first) is not job.held
    assert isinstance(state, m.Idle)


def test_a_stream_that_grows_too_large_is_cut_and_drained() -> None:
    for job, limit in ((Job(), 6_291_556), (Job(streaming=True), 209_715_200)):
        state = m.Streaming(PLAN, job, 0.0, 3.0, None, size=limit)
        after, effects = m.step(state, ev.Chunk("r", b"x"), 1.0)
        (settled,) = effects
        assert isinstance(settled, ef.CloseStream if job.streaming else ef.Answer)
        assert settled.result.error_type == "Function.ResponseSizeTooLarge"  # type: ignore[union-attr]
        after, effects = m.step(after, ev.Chunk("r", b"y"), 1.0)
        assert effects == ()
        after, effects = m.step(after, ev.StreamEnd("r"), 1.0)
        assert effects == ()
        with pytest.raises(ev.Refused):
            m.step(after, ev.Chunk("r", b"z"), 1.0)
        assert isinstance(m.step(after, ev.Next(), 1.0)[0], m.Idle)


def test_a_stream_that_breaks_says_why() -> None:
    _, effects = m.step(streaming(Job(streaming=True)), ev.StreamEnd("r", "Function.Broken", b"{}"), 1.0)
    assert one(effects, ef.CloseStream).result == Result(b"{}", "failure", "Function.Broken")


@pytest.mark.parametrize("event", [ev.Exited(Exit(1, None)), ev.Deadline(), ev.Violation("?")])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("kind", ["busy", "streaming", "reinitialising"])
def test_what_ends_a_runtime_answers_and_resets(event: ev.Event, held: bool, kind: str) -> None:
    job = Job(held=held)
    state: m.State = {
        "busy": busy(job),
        "streaming": streaming(job),
        "reinitialising": m.Reinitialising(PLAN, job, 0.0, 3.0),
    }[kind]
    after, effects = m.step(state, event, 2.0)
    assert after == m.Cold(PLAN)
    assert kinds(effects)[:2] == [ef.Disarm, ef.Kill]
    assert kinds(effects)[-2:] == ([ef.Finish, ef.Answer] if held else [ef.Answer, ef.Finish])
    assert one(effects, ef.Answer).result.failed
    assert one(effects, ef.Finish).duration_ms == 2000.0


def test_an_exit_while_nobody_waits_is_quiet() -> None:
    after, effects = m.step(m.Idle(PLAN, None), ev.Exited(Exit(0, None)), 1.0)
    assert (after, kinds(effects)) == (m.Cold(PLAN), [ef.Kill])


def test_init_runs_again_inside_an_invocation() -> None:
    job = Job()
    state, effects = m.step(m.Cold(PLAN), ev.Invoke(job), 10.0)
    assert effects == (ef.Begin(job), ef.Arm(13.0), ef.Burst(True), ef.Restart())
    running, effects = m.step(state, ev.Next(), 11.0)
    assert running == m.Busy(PLAN, job, 10.0, 13.0, None)
    assert effects == (ef.Burst(False), ef.Deliver(job, 13.0))
    _, effects = m.step(state, ev.InitError("Runtime.Bad", b"{}"), 11.0)
    assert one(effects, ef.Answer).result == Result(b"{}", "error", "Runtime.Bad")


def test_an_invocation_that_comes_before_next_waits_for_it() -> None:
    later = Job("later")
    state, effects = m.step(answered(), ev.Invoke(later), 1.0)
    assert effects == ()
    after, effects = m.step(state, ev.Next(), 2.0)
    assert after == m.Busy(PLAN, later, 2.0, 5.0, None)
    assert kinds(effects) == [ef.Disarm, ef.Finish, ef.Begin, ef.Arm, ef.Deliver]
    after, effects = m.step(state, ev.Deadline(), 3.0)
    assert after == m.Reinitialising(PLAN, later, 3.0, 6.0)
    after, effects = m.step(state, ev.Lost(), 3.0)
    assert one(effects, ef.Fail).job is later


def test_the_end_of_everything() -> None:
    for event in (ev.End(), ev.Lost()):
        after, effects = m.step(m.Reinitialising(PLAN, Job(), 0.0, 3.0), event, 1.0)
        assert kinds(effects) == [ef.Disarm, ef.Fail, ef.Destroy], "it never reached the runtime"
        after, effects = m.step(busy(), event, 1.0)
        assert one(effects, ef.Answer).result.error_type == "Sandbox.Failure"
        assert kinds(m.step(m.Idle(PLAN, None), event, 1.0)[1]) == [ef.Disarm, ef.Destroy]
        after, effects = m.step(after, ev.Invoke(Job()), 2.0)
        assert kinds(effects) == [ef.Fail]
        assert m.step(after, event, 2.0) == (m.Ended(), ())


STATES: tuple[m.State, ...] = (
    m.Initialising(PLAN, 0.0), m.Idle(PLAN, None), m.Cold(PLAN), m.Reinitialising(PLAN, Job(), 0.0, 3.0),
    busy(), streaming(), answered(), m.Ended(),
)  # fmt: skip
EVENTS: tuple[ev.Event, ...] = (
    ev.Next(), ev.Response("r", b""), ev.Error("r", "", b""), ev.TooLarge("r"), ev.InitError("", b""),
    ev.StreamHead("r", ""), ev.Chunk("r", b""), ev.StreamEnd("r"), ev.Violation(""), ev.Invoke(Job()),
    ev.Exited(Exit(0, None)), ev.Lost(), ev.Deadline(), ev.End(),
)  # fmt: skip


def test_every_pair_is_in_the_table_or_refused_by_name() -> None:
    for state in STATES:
        for event in EVENTS:
            if (type(state), type(event)) in m.TABLE:
                continue
            wanted = ev.Refused if isinstance(event, ev.RuntimeEvent) else m.IllegalTransition
            with pytest.raises(wanted) as raised:
                m.step(state, event, 1.0)
            if isinstance(raised.value, m.IllegalTransition):
                assert type(state).__name__ in str(raised.value) and type(event).__name__ in str(raised.value)
            if isinstance(event, ev.RuntimeEvent):
                told = m.refusal(state, event)
                assert told is not None and str(told) == str(raised.value)


def test_the_refusal_names_both_states() -> None:
    with pytest.raises(ev.Refused) as raised:
        m.step(busy(), ev.Next(), 1.0)
    assert (raised.value.status, raised.value.error_type) == (403, "InvalidStateTransition")
    assert raised.value.message == (
        "State transition from Running to Ready failed for runtime. Error: State transition is not allowed"
    )


ACTIONS = st.sampled_from(
    ["next", "response", "error", "large", "init_error", "head", "chunk", "end_stream", "wrong", "violation", "invoke", "exit"]
)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(ACTIONS, st.floats(0, 2)), max_size=40),
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=40, max_size=40),
    st.sampled_from(["end", "lost"]),
)
def test_whatever_happens_each_invocation_is_settled_once(
    script: list[tuple[str, float]], wishes: list[tuple[bool, bool]], last: str
) -> None:
    """A world that plays runtime, caller and clock: nothing is stuck, answered twice, or answered for another."""
    world = World(wishes)
    for action, pause in script:
        world.wait(pause)
        world.act(action)
    world.wait(100.0)
    assert isinstance(world.state, m.Idle | m.Cold), "without news an environment comes to rest"
    assert world.unsettled == []
    world.step(ev.Invoke(world.new_job()))
    world.step(ev.End() if last == "end" else ev.Lost())
    assert isinstance(world.state, m.Ended) and world.unsettled == [] and world.armed is None


class World:
    def __init__(self, wishes: list[tuple[bool, bool]]) -> None:
        self.now = 0.0
        self.wishes = list(wishes)
        self.jobs: list[Job] = []
        self.settled: set[str] = set()
        self.finished: set[str] = set()
        self.streams: set[str] = set()
        self.armed: float | None = None
        self.state, first = m.begin(PLAN, 0.0)
        self.perform(first)

    @property
    def unsettled(self) -> list[str]:
        return [job.request_id for job in self.jobs if job.request_id not in self.settled]

    def new_job(self) -> Job:
        streaming, held = self.wishes[len(self.jobs) % len(self.wishes)]
        job = Job(f"r{len(self.jobs)}", streaming, held)
        self.jobs.append(job)
        return job

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.armed is not None and self.armed <= until:
            self.now, self.armed = self.armed, None
            self.step(ev.Deadline())
        self.now = until

    def step(self, event: ev.Event) -> None:
        try:
            self.state, effects = m.step(self.state, event, self.now)
        except ev.Refused:
            return
        self.perform(effects)

    def act(self, action: str) -> None:
        current = self.state.job.request_id if hasattr(self.state, "job") else "none"
        match action:
            case "invoke":
                if self.unsettled or getattr(self.state, "waiting", None) is not None:
                    return  # the lease's holder: one at a time
                self.step(ev.Invoke(self.new_job()))
            case "exit":
                if isinstance(self.state, m.Initialising | m.Idle | m.Reinitialising | m.Busy | m.Streaming | m.Answered):
                    self.step(ev.Exited(Exit(1, None)))
            case "wrong":
                self.step(ev.Response("nobody", b""))
            case _:
                self.step({
                    "next": ev.Next(), "response": ev.Response(current, b"1"), "error": ev.Error(current, "x", b"{}"),
                    "large": ev.TooLarge(current), "init_error": ev.InitError("x", b"{}"),
                    "head": ev.StreamHead(current, "t"), "chunk": ev.Chunk(current, b"c" * 4_000_000),
                    "end_stream": ev.StreamEnd(current), "violation": ev.Violation("?"),
                }[action])  # fmt: skip

    def perform(self, effects: Sequence[ef.Effect]) -> None:
        for effect in effects:
            match effect:
                case ef.Arm(at):
                    assert at >= self.now
                    self.armed = at
                case ef.Disarm():
                    self.armed = None
                case ef.OpenStream(job):
                    assert job.streaming and job.request_id not in self.streams
                    self.streams.add(job.request_id)
                case ef.Forward(job):
                    assert job.request_id not in self.settled
                    assert not job.streaming or job.request_id in self.streams
                case ef.Answer(job) | ef.Fail(job):
                    assert job.request_id not in self.streams, "an opened stream is closed, not answered"
                    self.settle(job)
                case ef.CloseStream(job):
                    assert job.request_id in self.streams
                    self.settle(job)
                case ef.Finish(job):
                    assert job.request_id not in self.finished
                    self.finished.add(job.request_id)
                case ef.Deliver(job):
                    assert job.request_id not in self.settled
                case _:
                    pass

    def settle(self, job: ev.Job) -> None:
        assert job.request_id not in self.settled, "nobody is answered twice"
        if job.held and job.request_id in self.streams:
            assert job.request_id in self.finished
        self.settled.add(job.request_id)
