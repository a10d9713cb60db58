"""What a function's log holds, event by event."""

import re

import pytest

from tests.component.runtime_host import NEXT, Host

from .conftest import Run

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
AS_JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
TEXT, JSON = 0xA55A0003, 0xA55A0002
DEBUG, INFO, WARN, ERROR, FATAL = 8, 12, 16, 20, 24


def after(run: Run, body: str, environment: dict[str, str] | None = None, top: str = "") -> Host:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    host = run(f"import logging, os, sys\n{top}\ndef handler(event, context):\n{lines}", environment=environment)
    host.expect(NEXT)
    host.invoke(tenant="t-1" if environment else None)
    return host


def test_print_and_logging_keep_their_order(run: Run) -> None:
    host = after(
        run, "print('a')\nlogging.warning('b')\nprint('c', file=sys.stderr)\nprint('d\\n\\ne', end='')\nlogging.error('f')"
    )
    assert [text.rpartition("\t")[2] for text in host.log()] == ["a\n", "b\n", "c\n", "d\n", "\n", "f\n", "e"]


def test_text_records(run: Run) -> None:
    host = after(run, "logging.getLogger('x').critical('%s is\\ntwo', 'this')\nlogging.info('unheard')")
    [event] = host.events()
    assert re.fullmatch(rf"\[CRITICAL\]\t{STAMP}\tr-1\tthis is\ntwo\n", event.text)
    assert event.type == TEXT + FATAL


def test_records_before_any_invocation_have_no_request_id(run: Run) -> None:
    host = run("import logging\nlogging.warning('early')\ndef handler(event, context): pass")
    host.expect(NEXT)
    [text] = host.log()
    assert re.fullmatch(rf"\[WARNING\]\t{STAMP}\t\tearly\n", text)


def test_a_record_with_an_exception_is_one_event(run: Run) -> None:
    host = after(run, "try: 1/0\nexcept ZeroDivisionError: logging.exception('oh')")
    [text] = host.log()
    assert "\toh\nTraceback (most recent call last):\n" in text and text.endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("level", "heard"),
    [("TRACE", "DIWEC"), ("DEBUG", "DIWEC"), ("INFO", "IWEC"), ("WARN", "WEC"), ("error", "EC"), ("FATAL", "C")],
)
def test_the_level_of_the_function(run: Run, level: str, heard: str) -> None:
    body = "\n".join(f"logging.{name}('{name}')" for name in ("debug", "info", "warning", "error", "critical"))
    host = after(run, body, {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level})
    assert "".join(event.json["message"][0].upper() for event in host.events()) == heard


def test_json_records(run: Run) -> None:
    host = after(run, "logging.getLogger('n').info('hällo %d', 1, extra={'k': [1], 'none': None})", AS_JSON)
    [event] = host.events()
    assert event.type == JSON + INFO
    assert event.message.endswith(b"}\n") and "hällo".encode() in event.message
    stamp = event.json["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp)
    expected = {"level": "INFO", "message": "hällo 1", "logger": "n", "requestId": "r-1", "tenantId": "t-1", "k": [1]}
    assert {key: value for key, value in event.json.items() if key != "timestamp"} == expected


def test_json_records_of_exceptions(run: Run) -> None:
    host = after(run, "try: 1/0\nexcept ZeroDivisionError: logging.exception('oh')", AS_JSON)
    [event] = host.events()
    assert event.type == JSON + ERROR
    assert event.json["errorType"] == "ZeroDivisionError"
    assert event.json["errorMessage"] == "division by zero"
    assert "in handler\n    try: 1/0\n" in event.json["stackTrace"][0]
    assert re.fullmatch(r".*/m\.py:handler:\d+", event.json["location"])


def test_an_unhandled_error_in_json(run: Run) -> None:
    host = after(run, "raise ValueError('ü')", AS_JSON)
    [event] = host.events()
    assert event.type == JSON + ERROR
    assert list(event.json) == ["timestamp", "log_level", "errorMessage", "errorType", "requestId", "stackTrace"]
    assert event.json["log_level"] == "ERROR" and event.json["errorMessage"] == "ü" and event.json["requestId"] == "r-1"


def test_print_stays_text_in_json_format(run: Run) -> None:
    [event] = after(run, "print('plain')", AS_JSON).events()
    assert (event.type, event.text) == (TEXT, "plain\n")


def test_a_functions_own_formatter(run: Run) -> None:
    host = after(
        run,
        "logging.getLogger().handlers[0].setFormatter(logging.Formatter('%(aws_request_id)s|%(message)s'))\nlogging.error('x')",
    )
    assert host.log() == ["r-1|x"]


def test_a_functions_own_handler_on_a_stream(run: Run) -> None:
    host = after(run, "logging.basicConfig(force=True, stream=sys.stdout, format='%(message)s')\nlogging.warning('a\\nb')")
    assert host.log() == ["a\n", "b\n"]


def test_context_log(run: Run) -> None:
    assert after(run, "context.log('as\\nis')").log() == ["as\nis"]


def test_the_standard_streams_look_like_files(run: Run) -> None:
    host = run(
        "import sys\n"
        "def handler(event, context):\n"
        "    sys.stdout.buffer.write(b'bytes\\xff\\n')\n"
        "    sys.stdout.writelines(['l1\\n', 'l2\\n'])\n"
        "    sys.stdout.flush()\n"
        "    shown = lambda s: [s.fileno(), s.isatty(), s.writable(), s.readable(), s.encoding, s.name]\n"
        "    return [shown(sys.stdout), shown(sys.stderr)]\n"
    )
    host.expect(NEXT)
    assert host.invoke().json == [
        [1, False, True, False, "utf-8", "<stdout>"],
        [2, False, True, False, "utf-8", "<stderr>"],
    ]
    assert [event.message for event in host.events()] == [b"bytes\xff\n", b"l1\n", b"l2\n"]


def test_children_write_to_the_output_socket(run: Run) -> None:
    host = after(run, "os.system('echo child')\nos.write(2, b'raw')")
    assert host.written() == b"child\nraw"
    assert host.log() == []


def test_a_line_is_not_cut_by_a_flush_but_by_the_end_of_the_invocation(run: Run) -> None:
    host = after(run, "print('a', end='', flush=True)\nprint('b', end='')")
    assert host.log() == ["ab"]
    host.invoke()
    assert host.log() == ["ab"]


def test_a_very_long_line_is_let_out_before_its_end(run: Run) -> None:
    host = after(run, "sys.stdout.write('x' * 300_000)\nsys.stdout.write('y\\n')")
    assert [len(event.message) for event in host.events()] == [300_000, 2]


def test_nothing_is_lost_when_the_log_is_read_slowly(run: Run) -> None:
    host = after(run, "for i in range(20_000): print(i, 'x' * 100)")
    events = host.events()
    assert [int(event.text.split()[0]) for event in events] == list(range(20_000))


def test_threads_do_not_mix_their_records(run: Run) -> None:
    host = after(
        run,
        "def log(n):\n"
        "    for _ in range(50): logging.error('%s', str(n) * 5000)\n"
        "threads = [threading.Thread(target=log, args=[n]) for n in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()",
        top="import threading",
    )
    records = [event.text.rpartition("\t")[2].rstrip() for event in host.events()]
    assert len(records) == 200
    assert {(len(record), len(set(record))) for record in records} == {(5000, 1)}


def test_an_exception_whose_text_fails(run: Run) -> None:
    host = run("class E(Exception):\n    def __str__(self): raise RuntimeError\ndef handler(event, context): raise E")
    host.expect(NEXT)
    assert host.invoke().json["errorMessage"] == "<unprintable E object>"


def test_lone_surrogates_in_errors_and_logs(run: Run) -> None:
    host = after(run, "logging.error('\\ud800')\nraise ValueError('\\udc80')")
    assert host.log()[0].endswith("\t\\ud800\n")
    host.post()
