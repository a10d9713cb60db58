"""Events in, answers out, as a caller sees them."""

import json
from pathlib import Path

import boto3
import pytest

from tests.component.cli.server import FakeServer, ok
from tests.component.runtime_host import ERROR, INIT_ERROR, NEXT, RESPONSE, Host

from .conftest import Run

ECHO = "def handler(event, context):\n    return event\n"


def ready(host: Host) -> Host:
    host.expect(NEXT)
    return host


def test_every_interpreter_answers_logs_and_fails_alike(run: Run, any_interpreter: str) -> None:
    host = ready(
        run(
            "import logging, re\n"
            "def handler(event, context):\n"
            "    print('printed', end='')\n"
            "    logging.error('two\\nlines')\n"
            "    if event['fail']: raise ValueError('no')\n"
            "    return {'id': context.aws_request_id, 'é': event}\n",
            executable=any_interpreter,
        )
    )

    answer = host.invoke({"fail": False}, "r-7")
    assert (answer.kind, answer.head) == (RESPONSE, {"id": "r-7"})
    assert answer.json == {"id": "r-7", "é": {"fail": False}}
    logged, printed = host.log()
    assert logged.startswith("[ERROR]\t20") and logged.endswith("Z\tr-7\ttwo\nlines\n")
    assert printed == "printed"

    failure = host.invoke({"fail": True}, "r-8")
    assert (failure.kind, failure.head) == (ERROR, {"id": "r-8", "type": "ValueError"})
    assert list(failure.json) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert failure.json["errorMessage"] == "no"
    [frame] = failure.json["stackTrace"]
    assert frame.endswith("/m.py\", line 5, in handler\n    if event['fail']: raise ValueError('no')\n")
    assert host.log()[-1].startswith('[ERROR] ValueError: no\nTraceback (most recent call last):\n\xa0\xa0File "')


def test_every_interpreter_reports_a_missing_module(run: Run, any_interpreter: str) -> None:
    host = run(ECHO, handler="nowhere.handler", executable=any_interpreter)
    failure = host.expect(INIT_ERROR)
    assert failure.head == {"type": "Runtime.ImportModuleError"}
    assert failure.json == {
        "errorMessage": "Unable to import module 'nowhere': No module named 'nowhere'",
        "errorType": "Runtime.ImportModuleError",
        "requestId": "",
        "stackTrace": [],
    }
    assert host.exit_status() == 1


@pytest.mark.parametrize("size", [0, 1, 65_000, 70_000, 6_000_000])
def test_events_and_answers_of_any_size(run: Run, size: int) -> None:
    host = ready(run(ECHO))
    event = "x" * size
    assert host.invoke(event).json == event
    assert host.invoke("small").json == "small"


def test_an_answer_above_the_limit_is_cut_one_byte_above_it(run: Run) -> None:
    host = ready(run("def handler(event, context): return 'x' * 7_000_000"))
    assert len(host.invoke().body) == 6_291_557
    host.invoke()


def test_events_that_come_in_pieces(run: Run) -> None:
    host = ready(run(ECHO))
    host.channel.sendall(b"\x02\x00\x00")
    host.channel.sendall(b"\x28\x00\x00\x00\x02")
    head = json.dumps({"id": "r", "deadline_ms": 1, "arn": ""}).encode().ljust(0x28)
    assert len(head) == 0x28
    for byte in head + b"42":
        host.channel.sendall(bytes([byte]))
    assert host.expect(RESPONSE).body == b"42"


def test_bytes_are_answered_as_they_are(run: Run) -> None:
    host = ready(run("def handler(event, context): return b'\\xff\\x00'"))
    answer = host.invoke()
    assert answer.body == b"\xff\x00"
    assert answer.head["content_type"] == "application/unknown"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("return {1, 2}", "Unable to marshal response: Object of type set is not JSON serializable"),
        ("return {(1,): 2}", "Unable to marshal response: keys must be str, int, float, bool or None, not tuple"),
        ("a = []; a.append(a); return a", "Unable to marshal response: Circular reference detected"),
    ],
)
def test_results_that_are_no_json(run: Run, code: str, message: str) -> None:
    host = ready(run(f"def handler(event, context):\n    {code}\n"))
    failure = host.invoke(request_id="r-1")
    expected = {"errorMessage": message, "errorType": "Runtime.MarshalError", "requestId": "r-1", "stackTrace": []}
    assert (failure.kind, failure.json) == (ERROR, expected)


def test_an_event_that_is_no_json(run: Run) -> None:
    host = ready(run(ECHO))
    failure = host.invoke(b"{")
    assert failure.json["errorType"] == "Runtime.UnmarshalError"
    assert failure.json["errorMessage"].startswith("Unable to unmarshal input: Expecting property name")
    assert host.invoke(1).json == 1


def test_the_context(run: Run) -> None:
    host = ready(
        run(
            "def handler(event, context):\n"
            "    left = context.get_remaining_time_in_millis()\n"
            "    c, i = context.client_context, context.identity\n"
            "    return [repr(context), left > 0, c and [c.custom, c.env, c.client.app_title, c.client.installation_id],\n"
            "            i.cognito_identity_id, i.cognito_identity_pool_id, context.tenant_id, context.memory_limit_in_mb]\n"
        )
    )
    shown, left, client, identity, pool, tenant, memory = host.invoke(request_id="r-2").json
    assert shown == (
        "LambdaContext([aws_request_id=r-2,log_group_name=/aws/lambda/f,log_stream_name=2026/11/21/[$LATEST]0,function_name=f,"
        "memory_limit_in_mb=128,function_version=$LATEST,invoked_function_arn=arn:f,client_context=None,"
        "identity=CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None]),tenant_id=None])"
    )
    assert (left, client, identity, pool, tenant, memory) == (True, None, None, None, None, "128")

    client_context = json.dumps({"custom": {"a": 1}, "env": {"b": 2}, "client": {"app_title": "t"}})
    cognito = json.dumps({"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"})
    answer = host.invoke(client_context=client_context, cognito_identity=cognito, tenant="acme", deadline_ms=5).json
    assert answer[1:6] == [False, [{"a": 1}, {"b": 2}, "t", None], "i", "p", "acme"]


def test_a_client_context_that_is_no_json(run: Run) -> None:
    host = ready(run(ECHO))
    failure = host.invoke(client_context="{")
    assert failure.json["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert failure.json["errorMessage"].startswith("Unable to parse Client Context JSON: ")


def test_the_trace_id_is_that_of_the_present_invocation(run: Run) -> None:
    host = ready(run("import os\ndef handler(event, context): return os.environ.get('_X_AMZN_TRACE_ID')"))
    assert host.invoke(trace="Root=1").json == "Root=1"
    assert host.invoke(trace="Root=2").json == "Root=2"
    assert host.invoke(trace=None).json is None


def test_boto3_sends_the_trace_id_of_the_present_invocation(run: Run) -> None:
    """It is how recursive loops are known. https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
    code = (
        f"import sys; sys.path.append({str(Path(boto3.__file__).parents[1])!r})\n"
        "import boto3\n"
        "def handler(url, context):\n"
        "    keys = {'aws_access_key_id': 'k', 'aws_secret_access_key': 's', 'region_name': 'us-east-1'}\n"
        "    boto3.client('sqs', endpoint_url=url, **keys).delete_queue(QueueUrl=url)\n"
    )
    host, traces = ready(run(code)), ["Root=1-2-3;Lineage=1234abcd:1,5678cdef:2", "Root=1-4-5;Parent=6;Sampled=0"]
    with FakeServer(lambda *_: ok({})) as server:
        for trace in traces:
            assert host.invoke(server.url, trace=trace).kind == RESPONSE
    assert [headers["x-amzn-trace-id"] for _, _, headers, _ in server.requests] == traces


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('why')", 1, "why\n"),
        ("exit(4)", 4, ""),
        ("os._exit(5)", 5, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
    ],
)
def test_exits_in_a_handler(run: Run, statement: str, status: int, said: str) -> None:
    host = ready(run(f"import os, sys\ndef handler(event, context):\n    {statement}\n"))
    host.post()
    assert host.exit_status() == status
    assert "".join(host.log()) == said


def test_an_exit_runs_what_python_runs_at_exit(run: Run) -> None:
    host = ready(
        run(
            "import atexit, sys, threading\n"
            "def handler(event, context):\n"
            "    atexit.register(print, 'at exit')\n"
            "    threading.Timer(0.01, print, ['thread']).start()\n"
            "    print('partial', end='')\n"
            "    sys.exit(2)\n"
        )
    )
    host.post()
    assert host.exit_status() == 2
    assert "".join(host.log()) == "partialthread\nat exit\n"


def test_an_interrupt_ends_the_process_with_its_traceback(run: Run) -> None:
    host = ready(run("def handler(event, context): raise KeyboardInterrupt"))
    host.post()
    assert host.exit_status() == 130
    text = "".join(host.log())
    assert text.startswith("Traceback (most recent call last):\n") and text.endswith("KeyboardInterrupt\n")
    assert "lambdad_runtime" not in text


def test_the_end_of_the_channel_is_the_end_of_the_runtime(run: Run) -> None:
    host = ready(run(ECHO))
    assert host.invoke(1).json == 1
    host.channel.shutdown(1)
    assert host.exit_status() == 0


def test_threads_that_go_on_do_no_harm(run: Run) -> None:
    host = ready(
        run(
            "import threading\n"
            "stop = threading.Event()\n"
            "def handler(event, context):\n"
            "    threading.Thread(target=stop.wait, daemon=True).start()\n"
            "    return threading.active_count()\n"
        )
    )
    assert host.invoke().json == 2
    assert host.invoke().json == 3
