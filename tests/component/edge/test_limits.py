"""What a client may take of the server: bytes, time, connections, memory."""

import asyncio

import pytest

from lambdad.edge.server import Timeouts
from lambdad.testing.clock import VirtualClockLoop
from lambdad.wire.messages import Response
from tests.component.edge.serving import GET, POST, Echo, served, settled, until

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"X: " + b"x" * 2000 + b"\r\n\r\n",
        HEAD + b"X: " + b"x" * 1_000_000,
        b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"x" * 1_000_000,
        HEAD + b"".join(b"%d:\r\n" % number for number in range(100)) + b"\r\n",
        HEAD + b"a:\r\n" * 100 + b"\r\n",
        CHUNKED + b"0\r\n" + b"t:\r\n" * 100 + b"\r\n",
        CHUNKED + b"0\r\nT: " + b"x" * 1_000_000,
        CHUNKED + b"1;x=" + b"x" * 1_000_000,
    ],
)
async def test_headers_trailers_and_what_stands_between_chunks_have_a_limit(data: bytes) -> None:
    echo = Echo()
    async with served(echo) as (server, connect):
        server.header_limit, server.header_cost = 1000, 20
        client = await connect()
        client.send(data)
        status, headers = await client.head()
        assert (status, headers["Connection"]) == (431, "close")
        await client.rest()
        assert echo.seen == []


async def test_a_body_that_trickles_is_given_up(clock: VirtualClockLoop) -> None:
    """A byte now and then is no progress; two per second are, where `rate` is two."""
    async with served(Echo(), Timeouts(body=60, rate=2)) as (server, connect):
        slow, steady = await connect(), await connect()
        for client in (slow, steady):
            client.send(POST + b"Content-Length: 400\r\n\r\n")
        for held in (101, 202):
            slow.send(b"x")
            steady.send(b"x" * 100)
            await until(lambda held=held: server.held == held)  # type: ignore[misc]
            await clock.advance(40)
        assert (await slow.head())[0] == 408
        steady.send(b"x" * 200)
        assert (await steady.answer())[0] == 200


@pytest.mark.parametrize("request_", [GET % 1, b"GET /1 HTTP/1.0\r\n\r\n"])
async def test_who_takes_no_answer_gets_no_further_one(request_: bytes) -> None:
    """Nor is the next request begun; in the end the connection is cut off, as is one that was to close."""
    loop = asyncio.get_running_loop()
    echo = Echo()
    echo.answer = lambda request: Response(200, [], b"x" * 10_000_000)
    async with served(echo) as (server, connect):
        client = await connect()
        client.send(request_ * 50)
        await echo.started.wait()
        await settled(lambda: len(echo.seen))
        assert len(echo.seen) < 3
        server.sweep(loop.time() + 121)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.reader.readexactly(30_000_000)


async def test_who_takes_answers_late_gets_them_all() -> None:
    echo = Echo()
    echo.answer = lambda request: Response(200, [], b"x" * 5_000_000)
    async with served(echo) as (_, connect):
        client = await connect()
        client.send(b"".join(GET % number for number in range(20)))
        await echo.started.wait()
        await settled(lambda: len(echo.seen))
        for _ in range(20):
            assert (await client.answer())[0] == 200
        assert [request.path for request in echo.seen] == [f"/{number}" for number in range(20)]


async def test_bodies_of_all_clients_together_have_a_limit() -> None:
    echo = Echo()
    async with served(echo) as (server, connect):
        server.body_budget = 1500
        first, second = await connect(), await connect()
        first.send(POST + b"Content-Length: 1000\r\n\r\n" + b"x" * 999)
        await until(lambda: server.held == 999)
        second.send(POST + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000)
        assert (await second.head())[0] == 503
        first.send(b"x")
        assert (await first.answer())[0] == 200
        third = await connect()
        third.send(POST + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000)
        assert (await third.answer())[0] == 200


async def test_too_many_connections_push_out_those_that_say_nothing() -> None:
    echo = Echo()
    echo.hold = asyncio.Event()
    async with served(echo) as (server, connect):
        server.most_connections = 10
        busy = await connect()
        busy.send(GET % 1)
        await echo.started.wait()
        for _ in range(100):
            await connect()
            await until(lambda: len(server.connections) <= 10)
        last = await connect()
        echo.hold.set()
        last.send(GET % 2)
        assert await last.answer() == (200, b"/2 ")
        assert await busy.answer() == (200, b"/1 ")


async def test_where_all_are_busy_a_new_connection_is_refused() -> None:
    echo = Echo()
    echo.hold = asyncio.Event()
    async with served(echo) as (server, connect):
        server.most_connections = 3
        clients = [await connect() for _ in range(3)]
        for client in clients:
            client.send(GET % 1)
        await until(lambda: len(echo.seen) == 3)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await (await connect()).head()
        echo.hold.set()
        assert [await client.answer() for client in clients] == [(200, b"/1 ")] * 3
