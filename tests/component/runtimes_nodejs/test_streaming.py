"""Answers in pieces."""

import pytest

from tests.component.runtime_host import CHUNK, END, ERROR, NEXT, STREAM, Frame, Host

from .conftest import Run


def stream(run: Run, body: str, form: str = "async (event, stream, context)", version: int = 20) -> tuple[Host, list[Frame]]:
    host = run(f"exports.handler = awslambda.streamifyResponse({form} => {{ {body} }})", version=version)
    host.expect(NEXT)
    host.post({"a": 1}, "r-1")
    frames = [host.receive()]
    while frames[-1].kind != NEXT:
        frames.append(host.receive())
    return host, frames[:-1]


@pytest.mark.parametrize("version", [20, 24])
def test_a_stream(run: Run, version: int) -> None:
    body = "stream.setContentType('text/plain'); stream.write('ä'); stream.write(Buffer.from([0, 1]));"
    body += "stream.write({ a: 1 }); stream.end('z')"
    _, frames = stream(run, body, version=version)
    assert frames[0] == Frame(STREAM, {"id": "r-1", "content_type": "text/plain"}, b"")
    assert [frame.body for frame in frames[1:-1]] == ["ä".encode(), b"\x00\x01", b'{"a":1}', b"z"]
    assert {(frame.kind, frame.head["id"]) for frame in frames[1:-1]} == {(CHUNK, "r-1")}
    assert frames[-1] == Frame(END, {"id": "r-1"}, b"")


def test_the_head_of_an_http_answer(run: Run) -> None:
    body = "stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } });"
    body += "stream.write('x'); stream.end()"
    _, frames = stream(run, body)
    assert frames[0].head["content_type"] == "application/vnd.awslambda.http-integration-response"
    assert b"".join(frame.body for frame in frames) == b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8) + b"x"


def test_a_stream_without_content(run: Run) -> None:
    _, frames = stream(run, "stream.end()")
    assert [frame.kind for frame in frames] == [STREAM, END]
    assert frames[0].head["content_type"] == "application/octet-stream"


def test_a_handler_that_does_not_end_its_stream(run: Run) -> None:
    _, frames = stream(run, "stream.write('x')")
    assert [frame.kind for frame in frames] == [STREAM, CHUNK, END]


def test_a_pipeline(run: Run) -> None:
    body = (
        "const { pipeline } = require('stream/promises'); const { Readable } = require('stream');"
        "await pipeline(Readable.from(['a', 'b', 'c']), stream)"
    )
    _, frames = stream(run, body)
    assert b"".join(frame.body for frame in frames) == b"abc"


def test_large_writes_are_cut_and_wait_for_the_reader(run: Run) -> None:
    body = (
        "let waited = 0;"
        "for (let i = 0; i < 8; i++) if (!stream.write(Buffer.alloc(1_500_000, i))) {"
        " waited++; await new Promise(r => stream.once('drain', r)) }"
        "console.log(waited); stream.end()"
    )
    host, frames = stream(run, body)
    sizes = [len(frame.body) for frame in frames if frame.kind == CHUNK]
    assert sum(sizes) == 12_000_000 and max(sizes) == 1024 * 1024
    assert host.log()[0].endswith("\t8\n")


def test_an_error_before_the_first_byte(run: Run) -> None:
    _, frames = stream(run, "throw new TypeError('early')")
    [frame] = frames
    assert (frame.kind, frame.head["type"], frame.json["errorMessage"]) == (ERROR, "TypeError", "early")


def test_an_error_in_the_middle(run: Run) -> None:
    host, frames = stream(run, "stream.write('x'); throw new TypeError('late')")
    assert [frame.kind for frame in frames] == [STREAM, CHUNK, END]
    assert frames[-1].head == {"id": "r-1", "error_type": "TypeError"}
    assert frames[-1].json["errorMessage"] == "late"
    assert "\tERROR\tInvoke Error \t" in host.log()[0]


def test_a_write_after_the_end(run: Run) -> None:
    _, frames = stream(run, "stream.end('x'); stream.write('y'); await new Promise(r => setTimeout(r, 5))")
    assert frames[-1].kind == END


def test_a_streaming_handler_without_a_promise(run: Run) -> None:
    _, [frame] = stream(run, "", form="(event, stream, context)")
    assert (frame.kind, frame.head["type"]) == (ERROR, "Runtime.MalformedStreamingHandler")
    assert frame.json["errorMessage"] == "Streaming handler does not return a promise."


def test_a_streaming_handler_that_nothing_will_settle(run: Run) -> None:
    _, [frame] = stream(run, "await new Promise(() => {})")
    assert (frame.kind, frame.head["type"]) == (ERROR, "Runtime.NodeJsExit")


def test_an_uncaught_exception_in_the_middle(run: Run) -> None:
    host = run(
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => {"
        " stream.write('x'); setTimeout(() => { throw new Error('m') }, 2); await new Promise(r => setTimeout(r, 60000)) })"
    )
    host.expect(NEXT)
    host.post()
    assert [host.receive().kind, host.receive().kind] == [STREAM, CHUNK]
    assert host.expect(END).head["error_type"] == "Error"
    assert host.exit_status() == 129


def test_the_content_type_can_not_be_set_late(run: Run) -> None:
    _, frames = stream(run, "stream.write('x'); stream.setContentType('a/b')")
    assert frames[-1].json["errorMessage"] == "Cannot set content-type, too late."
