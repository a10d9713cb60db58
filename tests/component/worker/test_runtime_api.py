"""The Runtime API over HTTP, with a client of raw bytes, on real loopback sockets."""

import asyncio
import base64
import contextlib
import json

from lambdad.testing.clock import VirtualClockLoop
from lambdad.testing.sandbox import ScriptedRuntime
from lambdad.worker.api import Environment, Stream
from tests.component.worker.bench import Bench, invocation, invoke, version

NEXT = "/2018-06-01/runtime/invocation/next"


class Client:
    """One connection of a runtime client."""

    def __init__(self, bench: Bench) -> None:
        self._address = bench.sandbox.runtime_api_address

    async def __aenter__(self) -> "Client":
        host, port = self._address.split(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, method: str, path: str, body: bytes | None = None, **fields: str) -> tuple[int, dict[str, str], bytes]:
        lines = [f"{method} {path} HTTP/1.1", "Host: x"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), fields, await self.reader.readexactly(int(fields.get("content-length", "0")))


def posting(id: str, what: str = "response") -> str:
    return f"/2018-06-01/runtime/invocation/{id}/{what}"


async def custom(inside: ScriptedRuntime) -> None:
    """A provided.* runtime: it leaves the channel alone."""
    await inside.start()
    await inside.forever()


async def started(bench: Bench, **members: int) -> Environment:
    return await bench.worker.start(version(runtime="provided.al2023", **members), "on-demand")


async def test_an_invocation_as_official_clients_do_it(clock: VirtualClockLoop) -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        async with Client(bench) as client:
            asking = asyncio.ensure_future(client.ask("GET", NEXT))
            assert await environment.ready() is True
            call = asyncio.ensure_future(
                invoke(environment, invocation("r1", b'{"k":1}', client_context='{\n"custom":{}}', cognito_identity="{}"))
            )
            status, fields, body = await asking
            assert (status, body) == (200, b'{"k":1}')
            assert fields["lambda-runtime-aws-request-id"] == "r1"
            assert fields["lambda-runtime-invoked-function-arn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
            assert fields["lambda-runtime-client-context"] == '{ "custom":{}}'
            assert fields["lambda-runtime-cognito-identity"] == "{}"
            assert fields["lambda-runtime-trace-id"].startswith("root=1-")
            assert int(fields["lambda-runtime-deadline-ms"]) > 1_767_225_600_000
            assert await client.ask("POST", posting("r1"), b'"done"') == (
                202,
                {"content-type": "application/json", "content-length": "15"},
                b'{"status":"OK"}',
            )
            assert (await call).payload == b'"done"'
            second = asyncio.ensure_future(invoke(environment, invocation("r2", b"2")))
            await clock.advance(0.5)
            assert not second.done(), "the environment is free only when the runtime asks again"
            status, _, body = await client.ask("GET", NEXT)
            assert (status, body) == (200, b"2")
            await client.ask(
                "POST", posting("r2", "error"), b'{"errorType":"E"}', Lambda_Runtime_Function_Error_Type="nonsense"
            )
            failed = await second
            assert (failed.payload, failed.error, failed.error_type) == (b'{"errorType":"E"}', "Unhandled", "Function.Unknown")


async def test_what_the_state_forbids_is_refused_and_harmless() -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        async with Client(bench) as client, Client(bench) as other:
            status, _, body = await client.ask("POST", posting("r1"), b"1")
            assert (status, json.loads(body)) == (
                403,
                {
                    "errorMessage": "State transition from Started to InvocationResponse failed for runtime. "
                    "Error: State transition is not allowed",
                    "errorType": "InvalidStateTransition",
                },
            )
            asking = asyncio.ensure_future(client.ask("GET", NEXT))
            await environment.ready()
            call = asyncio.ensure_future(invoke(environment, invocation("r1")))
            await asking
            status, _, body = await other.ask("POST", posting("r2"), b"1")
            assert (status, json.loads(body)) == (400, {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"})
            assert (await other.ask("GET", NEXT))[0] == 403
            assert (await other.ask("POST", "/2018-06-01/runtime/init/error", b"{}"))[0] == 403
            assert (await other.ask("GET", "/2018-06-01/runtime/restore/next"))[0] == 403
            assert (await other.ask("POST", posting("r1"), b"1", Lambda_Runtime_Function_Response_Mode="odd"))[0] == 400
            assert await other.ask("GET", "/ping") == (200, {"content-type": "text/plain", "content-length": "4"}, b"pong")
            assert (await other.ask("GET", "/elsewhere"))[0] == 404
            assert (await other.ask("DELETE", NEXT))[0] == 405
            await client.ask("POST", posting("r1"), b"right")
            assert (await client.ask("POST", posting("r1"), b"again"))[0] == 403
            assert (await call).payload == b"right"


async def test_an_answer_that_is_too_large_gets_413_and_an_error() -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench, timeout=30)
        async with Client(bench) as client:
            asking = asyncio.ensure_future(client.ask("GET", NEXT))
            await environment.ready()
            call = asyncio.ensure_future(invoke(environment, invocation("r1")))
            await asking
            status, _, body = await client.ask("POST", posting("r1"), b"x" * 6291557)
            assert (
                status == 413 and json.loads(body)["errorMessage"] == "Exceeded maximum allowed payload size (6291556 bytes)."
            )
            assert (await call).error_type == "Function.ResponseSizeTooLarge"


async def test_a_streamed_answer_with_trailers() -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        async with Client(bench) as client:
            asking = asyncio.ensure_future(client.ask("GET", NEXT))
            await environment.ready()
            call = asyncio.ensure_future(environment.invoke_stream(invocation("r1", streaming=True)))
            await asking
            error = base64.b64encode(b'{"errorType":"Late"}').decode()
            client.writer.write(
                f"POST {posting('r1')} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n"
                "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n5\r\nhello\r\n".encode()
            )
            stream = await call
            assert isinstance(stream, Stream) and stream.content_type == "text/plain"
            assert await anext(stream.chunks) == b"hello"
            client.writer.write(
                f"1\r\n!\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Late\r\n"
                f"Lambda-Runtime-Function-Error-Body: {error}\r\n\r\n".encode()
            )
            assert (await client.answer())[0] == 202
            assert [piece async for piece in stream.chunks] == [b"!"]
            outcome = stream.completion.outcome
            assert outcome is not None and (outcome.error_type, outcome.payload) == ("Function.Late", b'{"errorType":"Late"}')


async def test_a_stream_that_is_cut_off_is_truncated() -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        async with Client(bench) as client:
            asking = asyncio.ensure_future(client.ask("GET", NEXT))
            await environment.ready()
            call = asyncio.ensure_future(environment.invoke_stream(invocation("r1", streaming=True)))
            await asking
            client.writer.write(
                f"POST {posting('r1')} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n5\r\nhello\r\n".encode()
            )
            stream = await call
            assert isinstance(stream, Stream)
        assert [piece async for piece in stream.chunks] == [b"hello"]
        outcome = stream.completion.outcome
        assert outcome is not None and outcome.error_type == "Runtime.TruncatedResponse"


async def test_a_client_that_hung_up_while_it_waited_gets_the_event_when_it_asks_again() -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        async with Client(bench) as gone:
            gone.writer.write(f"GET {NEXT} HTTP/1.1\r\n\r\n".encode())
            await environment.ready()
        await asyncio.sleep(0.01)
        call = asyncio.ensure_future(invoke(environment, invocation("r1", b"7")))
        await asyncio.sleep(0.01)
        async with Client(bench) as client:
            assert (await client.ask("GET", NEXT))[2] == b"7"
            await client.ask("POST", posting("r1"), b"8")
            assert (await call).payload == b"8"


async def test_an_event_on_a_connection_that_is_closed_after_it_is_delivered_once() -> None:
    """As clients have it that open one connection for each request."""
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        async with Client(bench) as first, Client(bench) as second, Client(bench) as third:
            asking = asyncio.ensure_future(first.ask("GET", NEXT, Connection="close"))
            await environment.ready()
            call = asyncio.ensure_future(invoke(environment, invocation("r1")))
            assert (await asking)[1]["lambda-runtime-aws-request-id"] == "r1"
            await second.ask("POST", posting("r1"), b"1", Connection="close")
            assert (await call).payload == b"1"
            asking = asyncio.ensure_future(third.ask("GET", NEXT, Connection="close"))
            call = asyncio.ensure_future(invoke(environment, invocation("r2")))
            assert (await asking)[1]["lambda-runtime-aws-request-id"] == "r2"
            async with Client(bench) as fourth:
                await fourth.ask("POST", posting("r2"), b"2")
            assert (await call).payload == b"2"


async def test_init_error_over_http() -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        async with Client(bench) as client:
            client.writer.write(
                b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 2\r\n"
                b"Lambda-Runtime-Function-Error-Type: Runtime.NoSuchHandler\r\n\r\n{}"
            )
            assert await environment.ready() is False
        assert bench.lines()[-1].endswith("Phase: init\tStatus: error\tError Type: Runtime.NoSuchHandler")


async def test_hostile_bytes_close_the_connection_only() -> None:
    async with Bench(custom, http=True) as bench:
        environment = await started(bench)
        for nonsense, status in (
            (b"\x00\x01\x02\r\n\r\n", b"400"),
            (b"GET / HTTP/3.0\r\n\r\n", b"505"),
            (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
            (b"GET / HTTP/1.1\r\nA: " + b"x" * 65_536, b"431"),
        ):
            async with Client(bench) as client:
                client.writer.write(nonsense)
                assert (await client.reader.read()).split()[1] == status
        async with Client(bench) as client:
            client.writer.write(f"GET {NEXT} HTTP/1.1\r\n\r\n".encode() + b"x" * 400_000)
            with contextlib.suppress(ConnectionResetError):
                assert await client.reader.read() == b""
        assert environment.alive


async def test_user_code_on_http_does_not_take_the_channels_events() -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        while True:
            event = await inside.next()
            inside.respond(event, b"channel")

    async with Bench(script, http=True) as bench:
        environment = await bench.worker.start(version(), "on-demand")
        await environment.ready()
        async with Client(bench) as client:
            client.writer.write(f"GET {NEXT} HTTP/1.1\r\n\r\n".encode())
            await asyncio.sleep(0.01)
            assert (await invoke(environment, invocation("r1"))).payload == b"channel"
            assert (await invoke(environment, invocation("r2"))).payload == b"channel"
