"""INIT, then one invocation after the other."""

from __future__ import annotations

import logging
import os
import sys

from lambdad_runtime import faults, handler, logs, payloads, start
from lambdad_runtime.channel import INVOKE, Channel
from lambdad_runtime.context import LambdaContext, fixed_attributes
from lambdad_runtime.telemetry import Lines, Telemetry, replace_standard_streams
from lambdad_runtime.trace import TraceVariable

_INIT_WARNING = "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."


class InitFailed(Exception):
    """The function can't be started; lambdad knows. The process has to exit with this status."""

    def __init__(self, status: int = 1) -> None:
        super().__init__(status)
        self.status = status


class Runtime:
    """One function's runtime: what INIT made, used by every invocation."""

    def __init__(self, channel: Channel, telemetry: Telemetry) -> None:
        self._channel = channel
        self._telemetry = telemetry
        self._current = logs.Current()
        self._as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        self._streams: tuple[Lines, Lines] = replace_standard_streams(telemetry)
        self._fixed = fixed_attributes(dict(os.environ))
        self._trace = TraceVariable()

    def load(self, head: dict, path: list[str], preloaded: frozenset):
        """INIT: the handler. Raises InitFailed, and lets exits (SystemExit and the like) through."""
        logs.install(self._telemetry, self._current, self._as_json, os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""))
        try:
            start.enter(head)
            start.take_path(path)
            start.forget_shadowed(preloaded, path[:3])
            return handler.resolve(head.get("handler") or os.environ.get("_HANDLER", ""))
        except Exception as error:
            self._fail_init(error)
            raise InitFailed from error

    def be_restored(self, snapshot, fds: tuple[int, int]) -> None:
        """Wait as a template for SnapStart; returns in each execution environment that is restored from it.

        Raises InitFailed where a hook fails, with the exit statuses of AWS's runtime.
        """
        self._run_hooks(snapshot.before, "Runtime.BeforeCheckpointError", 64)
        self.end_lines()
        snapshot.take(self._channel, fds)
        self._fixed = fixed_attributes(dict(os.environ))
        self._run_hooks(snapshot.after, "Runtime.AfterRestoreError", 65)

    def _run_hooks(self, run, error_type: str, status: int) -> None:
        try:
            run()
        except Exception as error:
            self._fail_init(error, error_type)
            raise InitFailed(status) from error

    def _fail_init(self, error: Exception, error_type: str = "") -> None:
        logging.getLogger().warning(_INIT_WARNING)
        self.end_lines()
        payload = faults.payload_of(error)
        logs.write_error(self._telemetry, payload, self._as_json)
        self._channel.init_error(error_type or payload["errorType"], payloads.encode(payload))

    def serve(self, function) -> None:
        """Answer invocations until lambdad closes the channel (EOFError) or the function ends the process."""
        channel = self._channel
        channel.next()
        while True:
            kind, head, body = channel.receive()
            if kind != INVOKE:
                raise ValueError("expected INVOKE, got a frame of kind %d" % kind)
            request_id = head["id"]
            self._current.request_id = request_id
            self._current.tenant_id = head.get("tenant")
            self._trace.set(head.get("trace"))
            try:
                context = LambdaContext(self._fixed, head)
                event = payloads.event_of(body)
                del body
                result, content_type = payloads.result_of(function(event, context))
            except Exception as error:
                self._fail(error, request_id)
            else:
                self.end_lines()
                channel.respond(request_id, result, content_type)
                # Nothing of an invocation is kept while the environment waits, as a caller's payload may be large.
                del result
            context = event = None

    def _fail(self, error: Exception, request_id: str) -> None:
        self.end_lines()
        payload = faults.payload_of(error, request_id)
        logs.write_error(self._telemetry, payload, self._as_json)
        self._channel.error(request_id, payload["errorType"], payloads.encode(payload))

    def end_lines(self) -> None:
        """Let out what was printed without a line end."""
        for stream in self._streams:
            if stream.partial:
                stream.end()


def exit_status(error: BaseException) -> int:
    """The status of a process that `error` ends, after saying on stderr what Python would say."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    # The first frame is the bootstrap's own.
    tb = faults.without_runtime(error.__traceback__.tb_next if error.__traceback__ else None)
    sys.excepthook(type(error), error.with_traceback(tb), tb)
    # 130 is what a shell reports for a process that an interrupt ended.
    return 130 if isinstance(error, KeyboardInterrupt) else 1
