"""The server over real loopback sockets, with bytes as clients and attackers send them. Nobody sleeps: where time has to pass,
the server's own sweep is told that it has."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lambdad.edge.server import Timeouts
from lambdad.wire.messages import Request, Response
from tests.component.edge.serving import GET, POST, Echo, quiet, served, settled


async def test_keep_alive_and_the_date() -> None:
    async with served(Echo()) as (_, connect):
        client = await connect()
        for number in range(3):
            client.send(GET % number)
            status, headers = await client.head()
            assert (status, headers["Date"], headers["Connection"]) == (200, "Thu, 01 Jan 1970 00:00:00 GMT", "keep-alive")
            assert await client.reader.readexactly(int(headers["Content-Length"])) == b"/%d " % number


async def test_a_request_in_single_bytes() -> None:
    echo = Echo()
    async with served(echo) as (_, connect):
        client = await connect()
        for byte in b"POST /a%20b?c=d HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nxyz":
            client.send(bytes((byte,)))
            await client.writer.drain()
        assert await client.answer() == (200, b"/a%20b xyz")
        assert echo.seen[0].headers["x-a"] == "1,2"
        assert echo.seen[0].query_pairs == [("c", "d")]


async def test_pipelined_requests_are_answered_in_order() -> None:
    echo = Echo()
    echo.hold = asyncio.Event()
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(b"".join(GET % number for number in range(50)))
        await echo.started.wait()
        assert len(echo.seen) == 1
        echo.hold.set()
        for number in range(50):
            assert await client.answer() == (200, b"/%d " % number)


async def test_chunked_bodies() -> None:
    async with served(Echo()) as (_, connect):
        client = await connect()
        client.send(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n"
        )
        assert await client.answer() == (200, b"/ abcde")
        client.send(GET % 1)
        assert await client.answer() == (200, b"/1 ")


async def test_expect_continue() -> None:
    async with served(Echo()) as (_, connect):
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"ok")
        assert await client.answer() == (200, b"/ ok")
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n")
        assert await client.answer() == (413, b"2000 is too large")


async def test_bodies_beyond_the_limit_are_refused_at_once() -> None:
    echo = Echo()
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n")
        status, headers = await client.head()
        assert (status, headers["Connection"]) == (413, "close")
        client.send(b"x" * 1001)  # Read and thrown away, so that the answer is not lost in a reset.
        assert await client.rest() == b"1001 is too large"
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001)
        assert await client.answer() == (413, b"1001 is too large")
        assert echo.seen == []


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 3, 3\r\n\r\nabc",
        POST + b"Content-Length: +3\r\n\r\nabc",
        POST + b"Content-Length: -3\r\n\r\nabc",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
        POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: " + b"0" * 5000 + b"3\r\n\r\nabc",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost:99/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://evil@localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        POST + b"Content-Length : 3\r\n\r\nabc",
        POST + b" folded: header\r\n\r\n",
        POST + b"Bad\x00Name: 1\r\n\r\n",
        POST + b"Host: other\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET nonsense HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_malformed_and_ambiguous_requests_are_refused_and_end_the_connection(data: bytes) -> None:
    echo = Echo()
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(data + GET % 1)
        status, headers = await client.head()
        assert status in (400, 501, 505)
        assert headers["Connection"] == "close"
        await client.rest()
        assert echo.seen == []


async def test_a_refusal_waits_for_the_answers_before_it() -> None:
    echo = Echo()
    echo.hold = asyncio.Event()
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(GET % 1 + b"nonsense\r\n\r\n")
        await echo.started.wait()
        echo.hold.set()
        assert await client.answer() == (200, b"/1 ")
        assert (await client.head())[0] == 400


async def test_head_and_http_1_0() -> None:
    async with served(Echo()) as (_, connect):
        client = await connect()
        client.send(b"HEAD /h HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET % 1)
        status, headers = await client.head()
        assert (status, headers["Content-Length"]) == (200, "3")
        assert await client.answer() == (200, b"/1 ")
        client = await connect()
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert (await client.rest()).endswith(b"Connection: close\r\n\r\n/old ")


async def test_a_handler_may_say_how_long_a_head_would_be() -> None:
    echo = Echo()
    echo.answer = lambda request: Response(200, [("Content-Length", "77")], b"")
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(b"HEAD /h HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET % 1)
        assert (await client.head())[1]["Content-Length"] == "77"
        assert await client.answer() == (200, b"")


async def test_absolute_targets_and_upgrades() -> None:
    async with served(Echo()) as (_, connect):
        client = await connect()
        client.send(b"GET http://localhost/abs?q HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await client.answer() == (200, b"/abs ")
        client.send(b"GET /up HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + GET % 1)
        assert await client.answer() == (200, b"/up ")
        assert await client.answer() == (200, b"/1 ")
        client.send(POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc")
        assert (await client.head())[0] == 400


async def test_thousands_of_upgrades_at_once() -> None:
    echo = Echo()
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(b"GET /up HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" * 3000)
        for _ in range(3000):
            assert await client.answer() == (200, b"/up ")


async def test_a_client_that_hangs_up_does_not_stop_the_handler() -> None:
    echo = Echo()
    echo.hold = asyncio.Event()
    async with served(echo) as (server, connect):
        client = await connect()
        client.send(GET % 1)
        await echo.started.wait()
        client.writer.transport.abort()
        await client.writer.wait_closed()
        echo.hold.set()
        await quiet(server)
        assert echo.finished == 1


async def test_half_closed_clients_get_their_answer() -> None:
    async with served(Echo()) as (_, connect):
        client = await connect()
        client.send(GET % 1 + GET % 2)
        client.writer.write_eof()
        assert await client.answer() == (200, b"/1 ")
        assert await client.answer() == (200, b"/2 ")
        assert await client.rest() == b""


def pieces(count: int, size: int, taken: list[int]) -> AsyncIterator[bytes]:
    async def generate() -> AsyncIterator[bytes]:
        for number in range(count):
            taken.append(number)
            yield b"x" * size

    return generate()


async def test_streams_are_chunked_and_keep_the_connection() -> None:
    echo = Echo()
    taken: list[int] = []
    echo.answer = lambda request: Response(200, [], pieces(2, 3, taken))
    async with served(echo) as (_, connect):
        client = await connect()
        for _ in range(2):
            client.send(GET % 1)
            status, headers = await client.head()
            assert (status, headers["Transfer-Encoding"]) == (200, "chunked")
            assert await client.reader.readuntil(b"0\r\n\r\n") == b"3\r\nxxx\r\n3\r\nxxx\r\n0\r\n\r\n"
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.rest()).endswith(b"\r\n\r\nxxxxxx")


async def test_streams_wait_for_slow_clients_and_are_closed_when_they_hang_up() -> None:
    echo = Echo()
    taken: list[int] = []
    echo.answer = lambda request: Response(200, [], pieces(200, 1024 * 1024, taken))
    async with served(echo) as (server, connect):
        client = await connect()
        client.send(GET % 1)
        await client.head()
        await settled(lambda: len(taken))  # the socket's buffers are full
        before = len(taken)
        assert 0 < before < 200
        client.writer.transport.abort()
        await quiet(server)
        assert len(taken) == before


async def test_a_stream_that_says_nothing_is_closed_when_its_client_hangs_up() -> None:
    closed = []

    async def silent() -> AsyncIterator[bytes]:
        try:
            yield b"abc"
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    echo = Echo()
    echo.answer = lambda request: Response(200, [], silent())
    async with served(echo) as (server, connect):
        client = await connect()
        client.send(GET % 1)
        await client.head()
        await client.reader.readuntil(b"abc\r\n")
        client.writer.transport.abort()
        await quiet(server)
        assert closed == [True]


async def test_a_stream_that_breaks_off_cuts_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise RuntimeError("no more")

    echo = Echo()
    echo.answer = lambda request: Response(200, [], broken())
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(GET % 1)
        await client.head()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.reader.readuntil(b"0\r\n\r\n")
    assert "broke off" in caplog.text


async def test_an_unexpected_failure_is_a_500_and_the_connection_lives(caplog: pytest.LogCaptureFixture) -> None:
    echo = Echo()

    def fail(request: Request) -> Response:
        raise RuntimeError("secret")

    echo.answer = fail
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(GET % 1)
        assert await client.answer() == (500, b"Internal server error")
        echo.answer = None
        client.send(GET % 1)
        assert await client.answer() == (200, b"/1 ")
    assert "secret" in caplog.text


async def test_line_breaks_can_not_get_into_headers() -> None:
    echo = Echo()
    echo.answer = lambda request: Response(200, [("X-A", "b\r\nEvil: 1"), ("X-B", "€")], b"")
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(GET % 1)
        _, headers = await client.head()
        assert (headers["X-A"], headers["X-B"]) == ("b  Evil: 1", "?")


async def test_a_204_has_neither_body_nor_length() -> None:
    echo = Echo()
    echo.answer = lambda request: Response(204, [], b"")
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(GET % 1)
        assert "Content-Length" not in (await client.head())[1]


async def test_slow_clients_are_closed() -> None:
    loop = asyncio.get_running_loop()
    async with served(Echo(), Timeouts(headers=60, body=70, idle=300)) as (server, connect):
        slow_head, slow_body, idle = await connect(), await connect(), await connect()
        slow_head.send(b"GET / HT")
        slow_body.send(POST + b"Content-Length: 5\r\n\r\nabc")
        idle.send(GET % 1)
        await idle.answer()
        for _ in range(20):  # Until the server has read what the first two sent.
            await asyncio.sleep(0)
        server.sweep(loop.time() + 50)
        server.sweep(loop.time() + 75)
        assert (await slow_head.head())[0] == 408
        assert (await slow_body.head())[0] == 408
        idle.send(GET % 2)
        assert await idle.answer() == (200, b"/2 ")
        server.sweep(loop.time() + 301)
        assert await idle.rest() == b""


async def test_closing_lets_running_requests_end() -> None:
    echo = Echo()
    echo.hold = asyncio.Event()
    async with served(echo) as (server, connect):
        busy, idle = await connect(), await connect()
        idle.send(b"")
        busy.send(GET % 1)
        await echo.started.wait()
        closing = asyncio.create_task(server.close())
        assert await idle.rest() == b""
        echo.hold.set()
        status, headers = await busy.head()
        assert (status, headers["Connection"]) == (200, "close")
        await closing
        with pytest.raises(OSError):
            await connect()


async def test_closing_cuts_off_what_outlasts_its_grace() -> None:
    echo = Echo()
    echo.hold = asyncio.Event()
    async with served(echo) as (server, connect):
        client = await connect()
        client.send(GET % 1)
        await echo.started.wait()
        await server.close(grace=0)
        assert echo.finished == 0
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.head()


async def test_many_connections() -> None:
    async with served(Echo()) as (server, connect):
        clients = [await connect() for _ in range(300)]
        for client in clients:
            client.send(GET % 7)
        assert [await client.answer() for client in clients] == [(200, b"/7 ")] * 300
        assert len(server.connections) == 300
