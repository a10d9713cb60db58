"""The virtual clock: time jumps, order is kept, sockets and threads work."""

import asyncio
import socket

import pytest

from lambdad.testing.clock import Stalled, VirtualClockLoop


async def test_a_day_passes_at_once(clock: VirtualClockLoop) -> None:
    before = clock.time()
    await asyncio.sleep(86_400.0 * 3)
    assert clock.time() - before == pytest.approx(86_400.0 * 3)


async def test_timers_fire_in_order_of_time(clock: VirtualClockLoop) -> None:
    seen: list[float] = []

    async def sleeper(delay: float) -> None:
        await asyncio.sleep(delay)
        seen.append(delay)

    await asyncio.gather(*(sleeper(delay) for delay in (3.0, 0.5, 2.0, 0.1, 600.0)))
    assert seen == [0.1, 0.5, 2.0, 3.0, 600.0]


async def test_a_timeout_ends_a_wait(clock: VirtualClockLoop) -> None:
    before = clock.time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30.0):
            await clock.create_future()
    assert clock.time() == pytest.approx(before + 30.0)


async def test_sockets_inside_the_process_are_faster_than_any_timer(clock: VirtualClockLoop) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)

    async def echo() -> None:
        await clock.sock_sendall(theirs, await clock.sock_recv(theirs, 100))

    with ours, theirs:
        before = clock.time()
        echoing = asyncio.create_task(echo())
        async with asyncio.timeout(0.001):
            await clock.sock_sendall(ours, b"hello")
            assert await clock.sock_recv(ours, 100) == b"hello"
        await echoing
        assert clock.time() == before


async def test_servers_on_loopback_answer_before_time_jumps(clock: VirtualClockLoop) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(5.0):
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()


async def test_time_stands_still_while_a_thread_works(clock: VirtualClockLoop) -> None:
    before = clock.time()
    async with asyncio.timeout(0.001):
        assert await asyncio.to_thread(sum, range(5)) == 10
    assert clock.time() == before


async def test_real_time_waits_for_what_the_loop_does_not_know(clock: VirtualClockLoop) -> None:
    with clock.real_time():
        async with asyncio.timeout(0.001):
            process = await asyncio.create_subprocess_exec("true")
            assert await process.wait() == 0


@pytest.mark.real_time
async def test_marked_tests_run_on_the_real_clock() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualClockLoop)


@pytest.mark.real_time
def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stalled):
        with asyncio.Runner(loop_factory=lambda: VirtualClockLoop(patience=0.0)) as runner:
            runner.run(forever())
