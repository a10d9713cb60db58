"""Events in, answers out: the many forms of a handler."""

import json

import pytest

from tests.component.runtime_host import ERROR, INIT_ERROR, NEXT, RESPONSE, Host

from .conftest import Run

ECHO = "exports.handler = async (event) => event"


def ready(host: Host) -> Host:
    host.expect(NEXT)
    return host


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        ("async (event) => ({ event })", {"event": 1}),
        ("(event) => Promise.resolve([event])", [1]),
        ("async () => {}", None),
        ("async () => () => 1", None),
        ("async () => 'é'", "é"),
        ("(event) => event", None),
        ("(event, context, callback) => {}", None),
        ("(event, context, callback) => callback(null, event)", 1),
        ("(event, context, callback) => { callback(null, 1); callback(null, 2) }", 2),
        ("(event, context, callback) => { setTimeout(() => callback(undefined, 'late'), 2) }", "late"),
        ("(event, context) => context.done(null, 2)", 2),
        ("(event, context) => { context.succeed(3); context.succeed(4) }", 3),
        ("(event, context) => { setTimeout(() => context.succeed('late'), 2) }", "late"),
    ],
)
def test_forms_of_handlers(run: Run, handler: str, answer: object) -> None:
    host = ready(run(f"exports.handler = {handler}"))
    for request_id in ("r-1", "r-2"):
        frame = host.invoke(1, request_id)
        assert (frame.kind, frame.head, frame.json) == (RESPONSE, {"id": request_id}, answer)


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        ("async (event) => event", 1),
        ("(event) => event", 1),
        ("() => {}", None),
        ("(event, context) => Object.keys(context).includes('done')", False),
        ("(event, context) => 'callbackWaitsForEmptyEventLoop' in context", False),
    ],
)
def test_forms_of_handlers_without_callbacks(run: Run, handler: str, answer: object) -> None:
    assert ready(run(f"exports.handler = {handler}", version=24)).invoke(1).json == answer


def test_handlers_with_callbacks_are_refused_from_24_on(run: Run) -> None:
    host = run("exports.handler = (event, context, callback) => callback()", version=24)
    assert host.expect(INIT_ERROR).head == {"type": "Runtime.CallbackHandlerDeprecated"}
    assert host.exit_status() == 1


def test_handlers_with_callbacks_are_warned_of_in_22(run: Run) -> None:
    code = "exports.handler = (event, context, callback) => callback(null, 5)"
    host = ready(run(code, version=22))
    assert host.invoke().json == 5
    assert ["nodejs24.x" in text for text in host.log()] == [True]
    quiet = ready(run(code, version=22, environment={"AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING": "true"}))
    assert quiet.invoke().json == 5
    assert quiet.log() == []


def test_a_callback_waits_for_an_empty_event_loop(run: Run) -> None:
    code = "exports.handler = (event, context, callback) => { %s; setTimeout(() => console.log('left'), 5); callback(null, 1) }"
    patient = ready(run(code % ""))
    assert patient.invoke().json == 1
    assert len(patient.log()) == 1
    hasty = ready(run(code.replace(", 5)", ", 3_600_000)") % "context.callbackWaitsForEmptyEventLoop = false"))
    assert hasty.invoke().json == 1
    assert hasty.log() == []


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("async () => { throw new TypeError('m') }", "TypeError", "m"),
        ("() => { throw new RangeError('m') }", "RangeError", "m"),
        ("async () => { throw 'text' }", "string", "text"),
        ("async () => { throw undefined }", "undefined", "undefined"),
        ("async () => { throw { a: 1 } }", "object", "[object Object]"),
        ("async () => { class Own extends Error { name = 'Own' }; throw new Own('m') }", "Own", "m"),
        ("(event, context, callback) => callback(new Error('m'))", "Error", "m"),
        ("(event, context, callback) => callback('text')", "string", "text"),
        ("(event, context) => context.fail(new Error('m'))", "Error", "m"),
        ("(event, context) => context.fail()", "string", "handled"),
        ("async () => { const a = {}; a.a = a; return a }", "Error", "Unable to stringify response body"),
        ("async () => 1n", "Error", "Unable to stringify response body"),
    ],
)
def test_errors(run: Run, handler: str, error_type: str, message: str) -> None:
    host = ready(run(f"exports.handler = {handler}"))
    frame = host.invoke(request_id="r-3")
    assert (frame.kind, frame.head) == (ERROR, {"id": "r-3", "type": error_type})
    assert list(frame.json) == ["errorType", "errorMessage", "trace"]
    assert (frame.json["errorType"], frame.json["errorMessage"]) == (error_type, message)
    [text] = host.log()
    assert "\tr-3\tERROR\tInvoke Error \t" in text
    assert host.invoke().kind == ERROR


def test_the_trace_of_an_error_ends_with_the_function(run: Run) -> None:
    host = ready(run("function deep () { throw new Error('a\\nb') }\nexports.handler = async () => deep()"))
    first, second, *frames = host.invoke().json["trace"]
    assert [first, second] == ["Error: a", "b"]
    assert [frame.strip().split(" (")[0] for frame in frames] == ["at deep", "at exports.handler"]


def test_a_promise_that_nothing_will_settle(run: Run) -> None:
    host = ready(run("exports.handler = async (event) => event ? 1 : await new Promise(() => {})"))
    frame = host.invoke(0)
    assert frame.head["type"] == "Runtime.NodeJsExit"
    assert frame.json["errorMessage"].startswith("The Lambda runtime client detected an unexpected Node.js exit code.")
    assert host.invoke(1).json == 1


def test_a_promise_of_a_plain_function_that_nothing_will_settle(run: Run) -> None:
    assert ready(run("exports.handler = () => new Promise(() => {})")).invoke().json is None


@pytest.mark.parametrize(
    ("statement", "error_type", "message", "title", "status"),
    [
        ("throw new Error('m')", "Error", "m", "Uncaught Exception", 129),
        ("Promise.reject(new Error('m'))", "Runtime.UnhandledPromiseRejection", "Error: m", "Unhandled Promise Rejection", 128),
        ("Promise.reject('t')", "Runtime.UnhandledPromiseRejection", "t", "Unhandled Promise Rejection", 128),
    ],
)
def test_errors_that_end_the_process(run: Run, statement: str, error_type: str, message: str, title: str, status: int) -> None:
    host = ready(
        run(
            f"exports.handler = async () => {{ setImmediate(() => {{ {statement} }});"
            " await new Promise(r => setTimeout(r, 60000)) }"
        )
    )
    host.post()
    frame = host.expect(ERROR)
    assert (frame.json["errorType"], frame.json["errorMessage"]) == (error_type, message)
    assert host.exit_status() == status
    [text] = host.log()
    assert f"\tr-1\tERROR\t{title} \t" in text


def test_a_late_error_ends_the_process_after_the_answer(run: Run) -> None:
    host = ready(run("exports.handler = async () => { setTimeout(() => { throw new Error('late') }, 1); return 1 }"))
    assert host.invoke().json == 1
    assert host.exit_status() == 129


@pytest.mark.parametrize(
    ("statement", "status"), [("process.exit()", 0), ("process.exit(3)", 3), ("process.kill(process.pid, 9)", -9)]
)
def test_exits(run: Run, statement: str, status: int) -> None:
    host = ready(run(f"exports.handler = async () => {{ console.log('before'); {statement} }}"))
    host.post()
    assert host.exit_status() == status
    assert len(host.log()) == 1


def test_an_event_that_is_no_json(run: Run) -> None:
    host = ready(run(ECHO))
    assert host.invoke(b"{").json["errorType"] == "SyntaxError"
    assert host.invoke({"a": None}).json == {"a": None}


@pytest.mark.parametrize("size", [0, 1, 65_000, 70_000, 6_000_000])
def test_events_and_answers_of_any_size(run: Run, size: int) -> None:
    host = ready(run(ECHO))
    event = "é" * (size // 2)
    assert host.invoke(json.dumps(event, ensure_ascii=False).encode()).json == event
    assert host.invoke("small").json == "small"


def test_an_answer_above_the_limit_is_cut_one_byte_above_it(run: Run) -> None:
    host = ready(run("exports.handler = async (event) => event ? 'x'.repeat(7_000_000) : 1"))
    assert len(host.invoke(1).body) == 6_291_557
    assert host.invoke(0).json == 1


def test_events_that_come_in_pieces(run: Run) -> None:
    host = ready(run(ECHO))
    head = b'{"id":"r","deadline_ms":1}'
    for byte in bytes([2, 0, 0, len(head), 0, 0, 0, 2]) + head + b"42":
        host.channel.sendall(bytes([byte]))
    assert host.expect(RESPONSE).body == b"42"


def test_the_context(run: Run) -> None:
    host = ready(run("exports.handler = async (e, context) => ({ ...context, left: context.getRemainingTimeInMillis() > 0 })"))
    facts = host.invoke(
        request_id="r-5", client_context='{"custom":{"a":1}}', cognito_identity='{"cognitoIdentityId":"i"}', tenant="t"
    ).json
    assert facts == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionName": "f",
        "functionVersion": "$LATEST",
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "2026/11/21/[$LATEST]0",
        "invokedFunctionArn": "arn:f",
        "awsRequestId": "r-5",
        "clientContext": {"custom": {"a": 1}},
        "identity": {"cognitoIdentityId": "i"},
        "tenantId": "t",
        "left": True,
    }
    assert host.invoke(client_context="{").json["errorMessage"].startswith("Cannot parse ClientContext as json: SyntaxError")


def test_the_trace_id_is_that_of_the_present_invocation(run: Run) -> None:
    host = ready(run("exports.handler = async () => process.env._X_AMZN_TRACE_ID"))
    assert host.invoke(trace="Root=1").json == "Root=1"
    assert host.invoke(trace="Root=2").json == "Root=2"


def test_the_end_of_the_channel_is_the_end_of_the_runtime(run: Run) -> None:
    host = ready(run("setInterval(() => {}, 1000)\n" + ECHO))
    host.channel.shutdown(1)
    assert host.exit_status() == 0


def test_what_is_left_of_one_invocation_goes_on_in_the_next(run: Run) -> None:
    host = ready(
        run(
            "let n = 0\nexports.handler = async () => {"
            " setTimeout(() => { n++ }, 1); await new Promise(r => setTimeout(r, 5)); return n }"
        )
    )
    assert host.invoke().json == 1
    assert host.invoke().json == 2
