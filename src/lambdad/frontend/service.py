"""The invoke path of one process."""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from lambdad.counter.api import Counter
from lambdad.domain.access import Require
from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError, PlatformError, RecursiveInvocation
from lambdad.domain.functions import Function, Version
from lambdad.frontend import checks
from lambdad.frontend.api import INVOKE, Accept, Answer, Invoke, StreamedAnswer
from lambdad.frontend.checks import Target
from lambdad.frontend.grace import finish
from lambdad.frontend.run import OTHERS, Done, Run
from lambdad.frontend.streams import Chunks, Pipe
from lambdad.frontend.traces import BITS, new_trace_id, onward, too_many_rounds
from lambdad.records.api import Records
from lambdad.records.policies import policy_of
from lambdad.records.resolve import resolve
from lambdad.sandbox.api import SandboxFailure
from lambdad.worker.api import Completion, Invocation, Outcome, Stream
from lambdad.worker_manager.api import WorkerManager

GRACE = 30.0
"""Seconds that streams are given at shutdown."""

_TARGETS = 4096
"""Spellings of function names whose meaning is remembered; some 300 bytes each."""

_log = logging.getLogger("lambdad.frontend")


class _Admitted(Struct):
    """A request that passed every check."""

    target: Target
    function: Function
    version: Version
    invocation: Invocation


class LocalFrontend:
    """Implements `lambdad.frontend.api.Frontend`. To be made inside the running loop.

    `now` answers epoch seconds, `draw` a number in [0, 1) for weighted aliases, `random_bits` a number of that many bits;
    `recursed` is told account, region and name of a function of which an invocation was stopped.
    """

    def __init__(
        self,
        records: Records,
        counter: Counter,
        workers: WorkerManager,
        events: Accept,
        require: Require,
        *,
        now: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
        random_bits: Callable[[int], int] = random.getrandbits,
        recursed: Callable[[str, str, str], None] = lambda account, region, name: None,
        grace: float = GRACE,
    ) -> None:
        self._records = records
        self._counter = counter
        self._workers = workers
        self._events = events
        self._require = require
        self._now = now
        self._draw = draw
        self._random_bits = random_bits
        self._recursed = recursed
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._targets: dict[tuple[str, str | None, str, str], Target] = {}
        self._streams: set[asyncio.Task[None]] = set()
        self._accepting: set[asyncio.Task[None]] = set()

    def invoke(self, request: Invoke, done: Callable[[Answer | LambdadError], None]) -> None:
        """See `Frontend.invoke`."""
        try:
            admitted = self._admit(request, streaming=False)
            invocation = admitted.invocation
            match request.invocation_type:
                case "RequestResponse":
                    self._run(admitted.function, admitted.version, invocation, _answering(admitted, done), paced=True)
                    return
                case "Event":
                    task = self._loop.create_task(self._accept(admitted, done))
                    self._accepting.add(task)
                    task.add_done_callback(self._accepting.discard)
                    return
                case _:
                    pass
        except LambdadError as error:
            done(error)
        else:
            done(Answer(204, b"", None, None, None, invocation.trace_id))

    async def invoke_stream(self, request: Invoke) -> StreamedAnswer | Answer:
        """See `Frontend.invoke_stream`. Lease and slot are held until the function is done, even if the reader goes away."""
        admitted = self._admit(request, streaming=True)
        invocation = admitted.invocation
        if request.invocation_type == "DryRun":
            return Answer(204, b"", None, None, None, invocation.trace_id)
        head: asyncio.Future[Stream | Outcome] = self._loop.create_future()
        pipe = Pipe()
        chunks = Chunks(pipe)
        task = self._loop.create_task(self._run_stream(admitted, head, pipe))
        self._streams.add(task)
        task.add_done_callback(lambda task: self._stream_over(task, head, pipe))
        answer = await head
        content_type, completion = "application/json", Completion()
        if isinstance(answer, Stream):
            content_type, completion = answer.content_type, answer.completion
        else:
            completion.outcome = answer
        return StreamedAnswer(
            admitted.version.version, content_type, chunks, completion, invocation.trace_id, invocation.want_log
        )

    async def close(self) -> None:
        """See `Frontend.close`."""
        if self._accepting:
            await asyncio.wait(self._accepting)
        await finish(tuple(self._streams), self._grace)

    def _admit(self, request: Invoke, *, streaming: bool) -> _Admitted:
        """Everything that is checked before anything runs."""
        kind = request.invocation_type
        checks.types(kind, request.log_type, streaming=streaming)
        target = self._target(request)
        payload = checks.payload(request.payload, kind)
        context = checks.client_context(request.client_context)
        function = self._function(target.name)
        policy = policy_of(function, target.name.qualifier) if function is not None and function.policies else None
        need = target.need if request.action is INVOKE else replace(target.need, action=request.action)
        self._require(request.caller, need, policy)
        version = resolve(function, target.name, self._draw())
        assert function is not None, "a version that resolves has a function"
        checks.tenant(version, request.tenant_id)
        checks.invocable(version)
        trace_id = request.trace_id
        if trace_id is None:
            trace_id = new_trace_id(self._now(), self._random_bits(BITS))
        else:
            trace_id = onward(trace_id, function.arn)
            if kind != "Event":
                self._check_rounds(function, trace_id)
        invocation = Invocation(
            request.caller.request_id,
            target.need.resource,
            payload,
            trace_id,
            # An event's client context is not passed on.
            None if kind == "Event" else context,
            None,
            streaming,
            kind == "RequestResponse" and request.log_type == "Tail",
        )
        return _Admitted(target, function, version, invocation)

    def _target(self, request: Invoke) -> Target:
        caller = request.caller
        key = (request.function, request.qualifier, caller.account, caller.region)
        target = self._targets.get(key)
        if target is None:
            target = checks.target(request.function, request.qualifier, caller)
            if len(self._targets) >= _TARGETS:
                self._targets.clear()
            self._targets[key] = target
        return target

    def _function(self, name: FunctionName) -> Function | None:
        return self._records.function(name.account, name.region, name.name)

    def _check_rounds(self, function: Function, trace_id: str) -> None:
        if function.recursion == "Terminate" and too_many_rounds(trace_id, function.arn):
            self._recursed(function.account, function.region, function.name)
            raise RecursiveInvocation

    def _run(self, function: Function, version: Version, invocation: Invocation, done: Done, *, paced: bool) -> None:
        """Count, lease, run; `done` is called once. Raises TooManyRequests."""
        slot = self._counter.take(function, version, paced=paced)
        Run(self._workers, slot, version, invocation, done).begin()

    async def _accept(self, admitted: _Admitted, done: Callable[[Answer | LambdadError], None]) -> None:
        invocation = admitted.invocation
        told: Answer | LambdadError = Answer(202, b"", None, None, None, invocation.trace_id)
        try:
            await self._events.accept(admitted.target.name, invocation)
        except LambdadError as error:
            told = error
        except Exception as error:
            _log.error("request %s could not be accepted", invocation.request_id, exc_info=error)
            told = PlatformError()
        done(told)

    async def run_accepted(self, name: FunctionName, invocation: Invocation) -> Answer:
        """See `RunAccepted`."""
        function = self._function(name)
        version = resolve(function, name, self._draw())
        assert function is not None, "a version that resolves has a function"
        checks.invocable(version)
        self._check_rounds(function, invocation.trace_id)
        ended: asyncio.Future[Outcome | LambdadError] = self._loop.create_future()

        def done(result: Outcome | LambdadError) -> None:
            if not ended.cancelled():
                ended.set_result(result)

        self._run(function, version, invocation, done, paced=False)
        result = await ended
        if isinstance(result, LambdadError):
            raise result
        return Answer(200, result.payload, version.version, result.error, None, invocation.trace_id)

    async def _run_stream(self, admitted: _Admitted, head: "asyncio.Future[Stream | Outcome]", pipe: Pipe) -> None:
        with self._counter.take(admitted.function, admitted.version):
            for _ in range(OTHERS):
                try:
                    return await self._stream_once(admitted, head, pipe)
                except SandboxFailure as failure:
                    if head.done():
                        raise
                    _log.warning("request %s is tried on another environment: %s", admitted.invocation.request_id, failure)
            await self._stream_once(admitted, head, pipe)

    async def _stream_once(self, admitted: _Admitted, head: "asyncio.Future[Stream | Outcome]", pipe: Pipe) -> None:
        with self._workers.take(admitted.version) or await self._workers.wait(admitted.version) as environment:
            answer = await environment.invoke_stream(admitted.invocation)
            if head.done():
                # The request was cancelled: the function goes on, nobody listens.
                pipe.abandon()
            else:
                head.set_result(answer)
            if isinstance(answer, Stream):
                async for chunk in answer.chunks:
                    await pipe.put(chunk)
            else:
                pipe.give(answer.payload)

    def _stream_over(self, task: "asyncio.Task[None]", head: "asyncio.Future[Stream | Outcome]", pipe: Pipe) -> None:
        self._streams.discard(task)
        error = PlatformError("lambdad is shutting down.") if task.cancelled() else task.exception()
        if error is not None and not head.done():
            head.set_exception(error)
        else:
            pipe.end(error)


def _answering(admitted: _Admitted, done: Callable[[Answer | LambdadError], None]) -> Done:
    """The outcome as an answer."""

    def ended(result: Outcome | LambdadError) -> None:
        if isinstance(result, Outcome):
            invocation = admitted.invocation
            tail = result.log_tail if invocation.want_log else None
            done(Answer(200, result.payload, admitted.version.version, result.error, tail, invocation.trace_id))
        else:
            done(result)

    return ended
