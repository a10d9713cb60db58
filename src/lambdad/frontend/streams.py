"""The way of a streamed answer from the environment to its reader.

The function's side (`Pipe`) and the reader's (`Chunks`) are apart, because the function goes on when the reader goes away: from
then on what it writes is thrown away, and its environment is free when it is done.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

BUFFER = 65_536
"""Bytes that may wait for the reader; beyond, the function's side waits. As much as a socket's send buffer or two."""


class Pipe:
    """Chunks on their way: put by one task, taken by one reader."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._abandoned = False
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    def __repr__(self) -> str:
        state = "abandoned" if self._abandoned else "ended" if self._ended else "open"
        return f"<Pipe {state}, {self._size} bytes waiting>"

    def give(self, chunk: bytes) -> None:
        """For a chunk that is whole in memory anyway: nothing to wait for."""
        if not self._abandoned:
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._news.set()

    async def put(self, chunk: bytes) -> None:
        """Returns when there is room for another one, or when nobody reads any more."""
        self.give(chunk)
        while self._size > BUFFER and not self._abandoned:
            self._room.clear()
            await self._room.wait()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing follows; `error` is raised to the reader after the last chunk."""
        self._ended = True
        self._error = error
        self._news.set()

    def abandon(self) -> None:
        """Nobody reads any more."""
        self._abandoned = self._ended = True
        self._chunks.clear()
        self._size = 0
        self._room.set()
        self._news.set()

    async def take(self) -> bytes | None:
        """The next chunk, None at the end."""
        while not self._chunks:
            if self._ended:
                if self._error is not None:
                    raise self._error
                return None
            self._news.clear()
            await self._news.wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        self._room.set()
        return chunk


class Chunks(AsyncIterator[bytes]):
    """The reader's side. Who stops early calls `aclose()`; dropping the object does the same."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def __aiter__(self) -> "Chunks":
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._pipe.take()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self._pipe.abandon()

    def __del__(self) -> None:
        self._pipe.abandon()
