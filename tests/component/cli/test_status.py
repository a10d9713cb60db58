"""`lambdad status` against a scripted server."""

import io
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from lambdad.cli.client import Target
from lambdad.cli.command import command
from lambdad.cli.status import age, number, show

from .server import Answer, FakeServer, error, ok

HOME = {"account": "000000000000", "region": "us-east-1"}
AWAY = {"account": "111122223333", "region": "eu-west-1"}
FUNCTION = HOME | {"function": "hello", "in_flight": 2, "busy": 1, "idle": 3, "starting": 4}
FUNCTION |= {"invocations": 1234567, "errors": 5, "throttles": 6}
EVENTS = HOME | {"function": "hello", "ready": 1, "running": 2, "delayed": 3, "oldest_seconds": 199.5, "received": 40}
EVENTS |= {"retries": 5, "dropped": 6, "delivered": 7, "destination_failures": 8, "dead_letter_errors": 9}
QUEUE = HOME | {"queue": "orders", "visible": 1, "in_flight": 2, "delayed": 3, "oldest_seconds": 7200.0}
QUEUE |= {"sent": 14, "received": 15, "deleted": 16}
MAPPING = HOME | {"mapping": "uuid", "source": "arn:aws:sqs:us-east-1:000000000000:orders", "queue": "orders", "running": 3}
MAPPING |= {"function": "hello:live", "state": "Enabled", "problem": None, "allowed": 5, "polled": 200, "filtered": 1}
MAPPING |= {"invoked": 199, "failed": 2, "deleted": 198}
IDLE = {"ready": 0, "running": 0, "delayed": 0, "oldest_seconds": None}


def state(**lists: Any) -> dict[str, Any]:
    return {"in_flight": 2, "functions": [], "events": [], "queues": [], "pools": [], **lists}


def run(answer: Answer, *options: str, **environment: str) -> Result:
    with FakeServer(lambda *_: answer) as server:
        result = CliRunner().invoke(command, ["status", *options, "--endpoint-url", server.url], env=environment)
    assert [request[:2] for request in server.requests] == [("GET", "/_lambdad/state")]
    return result


def shown(found: dict[str, Any], width: int = 80) -> list[str]:
    """The lines."""
    file = io.StringIO()
    show(Console(file=file, highlight=False, width=width), found, Target("http://localhost:4566"))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_everything_at_a_glance() -> None:
    assert shown(state(functions=[FUNCTION], events=[EVENTS], queues=[QUEUE])) == [
        "http://localhost:4566: 2 in flight",
        "",
        "Account 000000000000, us-east-1",
        "",
        "                  In",
        "Functions     flight  Busy  Idle  Starting  Invoked  Errors  Throttled",
        "hello              2     1     3         4    1.2 M       5          6",
        "",
        "Events that wait  Ready  Running  Delayed  Oldest",
        "hello                 1        2        3   3 min",
        "",
        "                                                                DLQ",
        "Events        Received  Retries  Dropped  Delivered  Failed  errors",
        "hello               40        5        6          7       8       9",
        "",
        "                           In",
        "SQS queues    Visible  flight  Delayed  Oldest  Sent  Received  Deleted",
        "orders              1       2        3     2 h    14        15       16",
    ]


def test_mappings_say_what_they_do_and_why_they_can_not() -> None:
    assert shown(state(mappings=[MAPPING]))[4:] == [
        "Mappings      Function    State    Running  Allowed  Polled  Failed  Deleted",
        "orders        hello:live  Enabled        3        5     200       2      198",
    ]
    waits = MAPPING | {"problem": "Function not found: arn:aws:lambda:us-east-1:000000000000:function:hello\x1b[2J"}
    assert "Mappings that wait" in "\n".join(lines := shown(state(mappings=[waits]), 200))
    assert lines[-1].split(maxsplit=1) == ["orders", waits["problem"].replace("\x1b", "\N{REPLACEMENT CHARACTER}")]
    assert all(len(line) <= 80 for line in shown(state(mappings=[waits])))


def test_what_is_empty_is_left_out() -> None:
    assert shown(state())[1:] == ["Nothing was invoked since the start, no event waits, and there is no queue."]
    lines = shown(state(events=[EVENTS | IDLE]))
    assert [line.split()[0] for line in lines[3:] if line] == ["DLQ", "Events", "hello"]


def test_accounts_and_regions_stand_apart() -> None:
    lines = shown(state(queues=[QUEUE | AWAY | {"queue": "away"}, QUEUE | {"oldest_seconds": None}]))
    titles = [line for line in lines if line.startswith("Account")]
    assert titles == ["Account 000000000000, us-east-1", "Account 111122223333, eu-west-1"]
    first, second = (lines.index(title) for title in titles)
    assert [line.split()[:5] for line in lines[first:second] if line.startswith("orders")] == [["orders", "1", "2", "3", "-"]]
    assert any(line.startswith("away") for line in lines[second:])


@pytest.mark.parametrize("width", [20, 80, 120])
def test_long_names_and_large_numbers_stay_readable(width: int) -> None:
    busy = {key: 888_888 for key, value in FUNCTION.items() if isinstance(value, int)}
    lines = shown(state(functions=[FUNCTION | busy | {"function": "f" * 64}]), width)
    assert max(map(len, lines)) <= max(width, 80)
    assert sum(line.count("f") for line in lines[6:]) == 64
    assert sum(line.count("889 k") for line in lines) == 7
    assert "Throttled" in lines[5]


def test_a_pipe_gets_whole_names() -> None:
    result = run(ok(state(functions=[FUNCTION | {"function": "f" * 64}])), COLUMNS="80")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\n" + "f" * 64 + " " in result.stdout


def test_json_is_everything_that_lambdad_tells() -> None:
    told = state(functions=[FUNCTION | {"function": "\x1b[31m"}], stems={"python3.11": 2})
    result = run(ok(told), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == told
    assert "\x1b" not in result.stdout


def test_names_are_shown_and_not_obeyed() -> None:
    name = "\x1b]0;title\x07\x9b31m[red]bad[/]\r\n\u202e"
    for found in (FUNCTION | {"function": name}, FUNCTION | {"account": name}, FUNCTION | {"errors": name}):
        lines = shown(state(functions=[found]), 200)
        assert all(line.isprintable() for line in lines)
    assert any(
        line.startswith("\ufffd]0;title\ufffd\ufffd31m[red]bad[/]\ufffd\ufffd\ufffd ")
        for line in shown(state(functions=[FUNCTION | {"function": name}]), 200)
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (error(403, "AccessDeniedException", "lambdad does not serve the host\x1b"), "host\ufffd (AccessDeniedException)"),
        ((404, {}, b"<html>"), "What answers at http://127.0.0.1:{port} is no lambdad (HTTP status 404)."),
        ((200, {}, b"<html>"), "What answers at http://127.0.0.1:{port} is no lambdad (HTTP status 200)."),
        (ok([1]), "is no lambdad (HTTP status 200)."),
        (ok(state(events={"a": 1})), "is of a version whose state this command can't read."),
        (ok(state(queues=[{"queue": []}])), "is of a version whose state this command can't read."),
    ],
)
def test_an_answer_that_is_no_state(answer: Answer, sentence: str) -> None:
    with FakeServer(lambda *_: answer) as server:
        result = CliRunner().invoke(command, ["status", "--endpoint-url", server.url])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("lambdad: ")
    assert result.stderr.endswith(sentence.format(port=server.url.rpartition(":")[2]) + "\n")


def test_nobody_answers() -> None:
    with FakeServer(lambda *_: ok(state())) as server:
        url = server.url
    result = CliRunner().invoke(command, ["status"], env={"LAMBDAD_ENDPOINT_URL": url})
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"lambdad: No lambdad answers at {url}; start one with `lambdad up`.\n"


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://[::1"])
def test_an_endpoint_that_is_none(url: str) -> None:
    result = CliRunner().invoke(command, ["status", "--endpoint-url", url])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("lambdad: Invalid ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (172_799, "47 h"), (1_209_600, "14 d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (99_999, "99999"),
        (100_000, "100 k"),
        (999_499, "999 k"),
        (999_500, "1.0 M"),
        (12_345_678, "12.3 M"),
        (123_456_789, "123 M"),
        (10**16, "many"),
    ],
)
def test_numbers(value: int, text: str) -> None:
    assert number(value) == text
    assert len(text) <= 6
