"""What a function's log holds, event by event."""

import re

import pytest

from tests.component.runtime_host import NEXT, Host

from .conftest import Run

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
AS_JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
TEXT, JSON = 0xA55A0003, 0xA55A0002
STEPS = {"TRACE": 4, "DEBUG": 8, "INFO": 12, "WARN": 16, "ERROR": 20, "FATAL": 24}
METHODS = {
    "trace": "TRACE",
    "debug": "DEBUG",
    "log": "INFO",
    "info": "INFO",
    "warn": "WARN",
    "error": "ERROR",
    "fatal": "FATAL",
}


def after(run: Run, body: str, environment: dict[str, str] | None = None) -> Host:
    host = run(f"exports.handler = async (event, context) => {{ {body} }}", environment=environment)
    host.expect(NEXT)
    host.invoke(tenant="t-1" if environment else None)
    return host


@pytest.mark.parametrize(("method", "level"), METHODS.items())
def test_text_records(run: Run, method: str, level: str) -> None:
    [event] = after(run, f"console.{method}('a %d', 1, {{ b: 2 }}, 'two\\nlines')").events()
    assert event.type == TEXT + STEPS[level]
    assert re.fullmatch(rf"{STAMP}\tr-1\t{level}\ta 1 {{ b: 2 }} two\nlines\n", event.text)


def test_records_before_any_invocation(run: Run) -> None:
    host = run("console.log('early'); exports.handler = async () => {}")
    host.expect(NEXT)
    assert re.fullmatch(rf"{STAMP}\tundefined\tINFO\tearly\n", host.log()[0])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("'text'", "text"),
        ("{ a: [1] }", {"a": [1]}),
        ("5n", "5n"),
        ("undefined", None),
        ("'%s and', 'more'", "more and"),
    ],
)
def test_json_records(run: Run, value: str, message: object) -> None:
    [event] = after(run, f"console.info({value})", AS_JSON).events()
    assert event.type == JSON + STEPS["INFO"]
    assert re.fullmatch(STAMP, event.json["timestamp"])
    expected = {"level": "INFO", "requestId": "r-1", "tenantId": "t-1", "message": message}
    shown = {key: value for key, value in event.json.items() if key != "timestamp"}
    assert shown == {key: value for key, value in expected.items() if value is not None}


def test_errors_in_json_records(run: Run) -> None:
    alone, among = after(
        run, "const e = new TypeError('m'); e.code = 7; console.error(e); console.warn('see', e)", AS_JSON
    ).events()
    assert alone.json["message"]["errorType"] == "TypeError"
    assert alone.json["message"]["errorMessage"] == "m"
    assert alone.json["message"]["code"] == 7
    assert alone.json["message"]["stackTrace"][0] == "TypeError: m"
    assert among.json["message"].startswith("see TypeError: m\n")
    assert (among.json["errorType"], among.json["errorMessage"], among.json["stackTrace"][0]) == (
        "TypeError",
        "m",
        "TypeError: m",
    )


@pytest.mark.parametrize(("level", "heard"), [("TRACE", 7), ("debug", 6), ("INFO", 5), ("WARN", 3), ("ERROR", 2), ("FATAL", 1)])
def test_the_level_of_the_function(run: Run, level: str, heard: int) -> None:
    body = ";".join(f"console.{method}(1)" for method in METHODS)
    assert len(after(run, body, {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}).events()) == heard


def test_an_unhandled_error(run: Run) -> None:
    [text] = after(run, "const e = new Error('m', { cause: new RangeError('why') }); e.extra = [1]; throw e").log()
    assert re.match(rf'{STAMP}\tr-1\tERROR\tInvoke Error \t{{"errorType":"Error","errorMessage":"m",', text)
    assert '"extra":[1]' in text and '"stack":["Error: m","    at ' in text


def test_an_unhandled_error_in_json(run: Run) -> None:
    [event] = after(run, "throw new TypeError('m')", AS_JSON).events()
    assert event.type == JSON + STEPS["ERROR"]
    assert (event.json["level"], event.json["message"]["errorType"], event.json["message"]["errorMessage"]) == (
        "ERROR",
        "TypeError",
        "m",
    )


def test_stdout_and_stderr_are_written_as_they_are(run: Run) -> None:
    host = after(
        run,
        "process.stdout.write('out'); process.stderr.write('err');"
        " require('child_process').execSync('echo child', { stdio: 'inherit' })",
    )
    assert host.written() == b"outerrchild\n"
    assert host.log() == []


def test_a_record_is_there_before_the_answer_even_when_the_log_is_read_slowly(run: Run) -> None:
    host = after(run, "for (let i = 0; i < 5000; i++) console.log(i, 'x'.repeat(100))")
    assert [int(text.split("\t")[3].split()[0]) for text in host.log()] == list(range(5000))
