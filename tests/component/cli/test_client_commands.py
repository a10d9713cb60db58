"""`lambdad invoke` and `lambdad logs` against a scripted server, with real botocore clients."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lambdad.cli import logs as logs_module
from lambdad.cli.client import Target, endpoint_of, make_client
from lambdad.cli.command import command

from .server import Answer, FakeServer, error, ok

HELLO = {"FunctionName": "hello", "LoggingConfig": {"LogGroup": "/aws/lambda/hello"}}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "LAMBDAD_HOST",
        "LAMBDAD_PORT",
        "LAMBDAD_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    # A user's own settings must not get in the way.
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")


def run(server: FakeServer | None, *arguments: str, stdin: bytes | None = None) -> Result:
    extra = [] if server is None else ["--endpoint-url", server.url]
    return CliRunner().invoke(command, [*arguments, *extra], input=stdin)


def answering(*answers: Answer) -> FakeServer:
    """One answer after the other, the last one again and again."""
    remaining = list(answers)
    return FakeServer(lambda *_: remaining.pop(0) if len(remaining) > 1 else remaining[0])


def test_invoke_prints_the_answer() -> None:
    with answering(ok({"hello": "world"})) as server:
        result = run(server, "invoke", "hello:prod", "--payload", '{"name": "world"}', "--qualifier", "prod")
    assert (result.exit_code, result.stdout, result.stderr) == (0, '{"hello": "world"}\n', "")
    operation, path, headers, body = server.requests[0]
    assert (operation, body) == ("POST", b'{"name": "world"}')
    assert path == "/2015-03-31/functions/hello%3Aprod/invocations?Qualifier=prod"
    assert "Credential=000000000000/" in headers["authorization"]
    assert "/us-east-1/lambda/" in headers["authorization"]


def test_invoke_in_another_account_and_region() -> None:
    with answering(ok(None)) as server:
        result = run(server, "invoke", "f", "--account", "111122223333", "--region", "eu-west-1")
    assert result.stdout == "null\n"
    assert re.search(r"Credential=111122223333/\d+/eu-west-1/", server.requests[0][2]["authorization"])
    assert server.requests[0][3] == b"{}"


def test_invoke_with_the_log_on_stderr() -> None:
    log = base64.b64encode(b"START\nhi\nREPORT\n").decode()
    with answering(ok(1, X_Amz_Log_Result=log)) as server:
        result = run(server, "invoke", "f", "--tail")
    assert (result.stdout, result.stderr) == ("1\n", "START\nhi\nREPORT\n")
    assert server.requests[0][2]["x-amz-log-type"] == "Tail"


def test_invoke_without_waiting() -> None:
    with answering((202, {"x-amzn-RequestId": "abc"}, b"")) as server:
        result = run(server, "invoke", "f", "--event")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "Accepted as abc; `lambdad logs f` shows what became of it.\n"
    assert server.requests[0][2]["x-amz-invocation-type"] == "Event"


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (
            {"errorType": "KeyError", "errorMessage": "'k'", "stackTrace": ['  File "/var/task/app.py", line 2\n']},
            "KeyError: 'k'\n  File \"/var/task/app.py\", line 2\n",
        ),
        ({"errorType": "Error", "errorMessage": "m", "trace": ["Error: m", "    at x"]}, "Error: m\nError: m\n    at x\n"),
        ({"errorMessage": "m", "stackTrace": "text"}, "Error: m\ntext\n"),
        ({"errorType": "Sandbox.Timedout"}, "Sandbox.Timedout:\n"),
        ([1], "[1]\n"),
    ],
)
def test_invoke_of_a_function_that_fails(payload: Any, shown: str) -> None:
    with answering(ok(payload, X_Amz_Function_Error="Unhandled")) as server:
        result = run(server, "invoke", "f")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", shown)


def test_payloads_from_a_file_and_from_standard_input(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"a": "é"}')
    with answering(ok(1)) as server:
        run(server, "invoke", "f", "--payload", f"@{event}")
        run(server, "invoke", "f", "--payload", "-", stdin=b"[2]")
    assert [request[3] for request in server.requests] == ['{"a": "é"}'.encode(), b"[2]"]


@pytest.mark.parametrize(("payload", "complaint"), [("{a}", "not JSON"), ("@/no/such/file", "can't be read")])
def test_wrong_payloads(payload: str, complaint: str) -> None:
    result = run(None, "invoke", "f", "--payload", payload)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_an_error_of_the_api_is_one_sentence() -> None:
    with answering(error(404, "ResourceNotFoundException", "Function not found: arn:f")) as server:
        result = run(server, "invoke", "f")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "lambdad: Function not found: arn:f (ResourceNotFoundException)\n"


@pytest.mark.parametrize("arguments", [("invoke", "f"), ("logs", "f"), ("logs", "/g", "-f")])
def test_nobody_answers(arguments: tuple[str, ...]) -> None:
    with answering(ok(1)) as server:
        url = server.url
    result = CliRunner().invoke(command, [*arguments, "--endpoint-url", url])
    assert result.exit_code == 1
    assert result.stderr == f"lambdad: No lambdad answers at {url}; start one with `lambdad up`.\n"


def test_an_endpoint_that_is_none() -> None:
    result = CliRunner().invoke(command, ["invoke", "f", "--endpoint-url", "nonsense"])
    assert result.exit_code == 1
    assert "nonsense" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:4566"),
        ({"LAMBDAD_PORT": "5000"}, "http://127.0.0.1:5000"),
        ({"LAMBDAD_PORT": "0", "LAMBDAD_HOST": "0.0.0.0"}, "http://127.0.0.1:4566"),
        ({"LAMBDAD_HOST": "::1"}, "http://[::1]:4566"),
    ],
)
def test_where_lambdad_is(environment: dict[str, str], url: str) -> None:
    assert endpoint_of(environment) == url


def event(number: int, time_ms: int, message: str) -> dict[str, Any]:
    return {"eventId": str(number), "timestamp": time_ms, "message": message, "logStreamName": "s", "ingestionTime": 1}


def test_logs_shows_every_page() -> None:
    pages = [
        {"events": [event(1, 1_000, "START RequestId: x\n")], "nextToken": "more"},
        {"events": [event(2, 2_000, "two\nlines\n"), event(3, 2_007, "[ERROR] bad")]},
    ]
    with answering(ok(HELLO), *[ok(page) for page in pages]) as server:
        result = run(server, "logs", "hello", "--since", "1970-01-01T00:00:01Z", "--filter", "?a ?b")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:01\.000  START RequestId: x", lines[0])
    assert lines[1].endswith("02.000  two")
    assert lines[2] == "lines"
    assert lines[3].endswith("02.007  [ERROR] bad")
    first, second = (json.loads(request[3]) for request in server.requests[1:])
    assert first == {"logGroupName": "/aws/lambda/hello", "startTime": 1000, "filterPattern": "?a ?b"}
    assert second == first | {"nextToken": "more"}


def test_logs_of_a_group_of_its_own() -> None:
    configuration = {"FunctionName": "hello", "LoggingConfig": {"LogGroup": "/mine"}}
    with answering(ok(configuration), ok({"events": [event(1, 1, "m")]})) as server:
        result = run(server, "logs", "hello", "--plain")
    assert result.stdout == "m\n"
    assert json.loads(server.requests[1][3])["logGroupName"] == "/mine"


def test_logs_of_a_deleted_function_and_of_a_group() -> None:
    missing = error(404, "ResourceNotFoundException", "Function not found")
    with answering(missing, ok({"events": [event(1, 1, "m")]})) as server:
        arn = "arn:aws:lambda:us-east-1:000000000000:function:gone:prod"
        assert run(server, "logs", arn, "--plain").stdout == "m\n"
    assert json.loads(server.requests[1][3])["logGroupName"] == "/aws/lambda/gone"
    with answering(ok({"events": []})) as server:
        result = run(server, "logs", "/group", "--since", "5m", "--filter", "x")
    assert (result.stdout, result.stderr) == ("", "Nothing in /group since 5m ago that matches.\n")


def test_logs_of_nothing() -> None:
    with answering(error(404, "ResourceNotFoundException", "no"), error(400, "ResourceNotFoundException", "no")) as server:
        result = run(server, "logs", "nobody")
    assert result.exit_code == 1
    assert "There is no log group /aws/lambda/nobody" in result.stderr


def test_a_wrong_pattern() -> None:
    with answering(ok(HELLO), error(400, "InvalidParameterException", "Invalid filter pattern")) as server:
        result = run(server, "logs", "hello", "--filter", "{")
    assert (result.exit_code, result.stderr) == (1, "lambdad: Invalid filter pattern (InvalidParameterException)\n")


def test_following_shows_each_event_once_and_late_ones_too(capsys: pytest.CaptureFixture[str]) -> None:
    pages = [
        error(400, "ResourceNotFoundException", "not yet"),
        ok({"events": [event(1, 100_000, "a")]}),
        ok({"events": [event(1, 100_000, "a")]}),
        ok({"events": [event(2, 95_000, "late"), event(1, 100_000, "a"), event(3, 120_000, "b")]}),
        ok({"events": [event(3, 120_000, "b")]}),
    ]
    sleeps: Iterator[int] = iter(range(4))

    def sleep(seconds: float) -> None:
        if next(sleeps, None) is None:
            raise KeyboardInterrupt

    with answering(*pages) as server:
        client = make_client("logs", Target(server.url, "us-east-1", "000000000000"))
        with pytest.raises(KeyboardInterrupt):
            logs_module.show(client, "/g", 50_000, "", follow=True, plain=True, sleep=sleep)
        client.close()
    assert capsys.readouterr().out == "a\nlate\nb\n"
    starts = [json.loads(request[3])["startTime"] for request in server.requests]
    assert starts == [50_000, 50_000, 90_000, 90_000, 110_000]


def test_ctrl_c_is_the_ordinary_end_of_following(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(logs_module.time, "sleep", interrupt)
    with answering(ok({"events": [event(1, 1, "m")]})) as server:
        result = run(server, "logs", "/g", "-f", "--plain")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "m\n", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 910_000),
        ("5m", 700_000),
        ("1h", 0),
        ("250ms", 999_750),
        ("1970-01-01T00:01:00Z", 60_000),
        ("1970-01-01T01:01:00+01:00", 60_000),
        ("1970-01-01T00:01:00", 60_000),
    ],
)
def test_since(text: str, expected: int) -> None:
    assert logs_module.parse_since(text, 1_000_000) == expected


def test_wrong_since() -> None:
    result = run(None, "logs", "f", "--since", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is neither" in result.stderr
