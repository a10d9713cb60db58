"""A streamed answer between the runtime that writes it and the client that reads it, bounded in between."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

HIGH_WATER: Final = 1_048_576
"""Bytes that may wait for the client before the runtime is read no further."""
LOW_WATER: Final = 262_144
"""Bytes at which reading goes on."""


class AnswerStream:
    """An async iterator of chunks, for one reader. `aclose` says that nobody will read the rest."""

    __slots__ = ("_chunks", "_closed", "_full", "_on_full", "_on_room", "_size", "_unread", "_waiter")

    def __init__(self, on_full: Callable[[], None], on_room: Callable[[], None]) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._unread = False
        self._full = False
        self._on_full = on_full
        self._on_room = on_room
        self._waiter: asyncio.Future[None] | None = None

    def put(self, data: bytes) -> None:
        if self._unread or not data:
            return
        self._chunks.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER:
            # Each time: a new invocation's runtime may have been set going by the reader of an old answer.
            self._full = True
            self._on_full()
        self._wake()

    def close(self) -> None:
        """No chunk will follow."""
        self._closed = True
        self._wake()

    def __aiter__(self) -> "AnswerStream":
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._closed or self._unread:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._chunks.popleft()
        self._size -= len(data)
        if self._size <= LOW_WATER:
            self._room()
        return data

    async def aclose(self) -> None:
        """The function goes on; what it still sends is dropped."""
        self.abandon()

    def abandon(self) -> None:
        self._unread = True
        self._chunks.clear()
        self._size = 0
        self._room()
        self._wake()

    def _room(self) -> None:
        if self._full:
            self._full = False
            self._on_room()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
