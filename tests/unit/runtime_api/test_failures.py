"""Lambda's words for what went wrong."""

import json

import pytest

from lambdad.runtime_api import failures
from lambdad.runtime_api.failures import InitFailure
from lambdad.sandbox.api import Exit


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (Exit(0, None), "Runtime exited without providing a reason"),
        (Exit(127, None), "Runtime exited with error: exit status 127"),
        (Exit(None, 6), "Runtime exited with error: signal: aborted"),
        (Exit(None, 11), "Runtime exited with error: signal: segmentation fault"),
        (Exit(None, 15), "Runtime exited with error: signal: terminated"),
        (Exit(None, 31), "Runtime exited with error: signal: bad system call"),
        (Exit(None, 40), "Runtime exited with error: signal: signal 40"),
    ],
)
def test_exits(how: Exit, text: str) -> None:
    result = failures.exited("r1", how)
    assert result.payload == f'{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r1 Error: {text}"}}'.encode()
    assert result.line == text and result.reported_type is None


def test_out_of_memory_is_an_exit_with_a_reason() -> None:
    result = failures.exited("r1", Exit(None, 9, out_of_memory=True))
    assert json.loads(result.payload or b"")["errorMessage"] == (
        "RequestId: r1 Error: Runtime exited with error: signal: killed"
    )
    assert (result.error_type, result.reported_type) == ("Runtime.ExitError", "Runtime.OutOfMemory")


def test_timeouts_name_the_configured_time() -> None:
    assert failures.timed_out("r1", 3).payload == (
        b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r1 Error: Task timed out after 3.00 seconds"}'
    )


@pytest.mark.parametrize(
    ("posted", "known"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.MyError", "Function.MyError"),
        ("Runtime.lower", "Runtime.Unknown"),
        ("Function.With1Digit", "Function.Unknown"),
        ("Extension.Crash", "otherwise"),
        ("ValueError", "otherwise"),
        ("", "otherwise"),
        ("Runtime", "otherwise"),
    ],
)
def test_types_that_are_no_types_are_unknown(posted: str, known: str) -> None:
    assert failures.known_type(posted, "otherwise") == known


def test_init_failures() -> None:
    posted = InitFailure("Runtime.Bad", b"as it was posted")
    assert failures.init_failed("r1", posted).payload == b"as it was posted"
    silent = InitFailure("Runtime.ExitError", text="Runtime exited with error: exit status 1")
    assert b"RequestId: r1 Error: Runtime exited with error: exit status 1" in (
        failures.init_failed("r1", silent).payload or b""
    )
    for body in (b"no json", b"[]", b"\xff"):
        unreadable = failures.init_failed("r1", InitFailure("Runtime.InvalidEntrypoint", body))
        assert b"RequestId: r1 Error: Couldn't find valid bootstrap(s)" in (unreadable.payload or b"")
