"""lambdad's side of a launcher process."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lambdad.sandbox.api import SandboxFailure
from lambdad.sandbox.cgroups import Group
from lambdad.sandbox.launcher import messages
from lambdad.sandbox.stems import Places, Stem, Streams

_LONGEST_WAIT = 30.0
"""Seconds for a launcher to start (an interpreter, the base root, the runtime's imports) on a host in trouble."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to start a launcher."""

    command: Sequence[str]
    environment: dict[str, str]
    orders: Sequence[dict[str, Any]]


class Launcher:
    """`start` first. Lost once its process has ended, whatever the reason."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._loop = asyncio.get_running_loop()
        self._launched: asyncio.Future[None] = self._loop.create_future()
        self._launched.add_done_callback(_look)
        self._pending: dict[str, asyncio.Future[int | None]] = {}
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.lost = False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Raises SandboxFailure with the reason that the program gave."""
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = control
        for order in self._recipe.orders:
            messages.send(control, order)
        control.setblocking(False)
        fd = theirs.fileno()
        try:
            # From the loop's own thread: the kernel tells the launcher of the death of the thread that made it.
            self._process = subprocess.Popen(  # noqa: ASYNC220 – returns after one vfork
                [*self._recipe.command, str(fd)], env=self._recipe.environment, pass_fds=(fd,), stdin=subprocess.DEVNULL
            )
        except OSError as error:
            control.close()
            raise SandboxFailure(f"the launcher cannot be started: {error}") from error
        finally:
            theirs.close()
        self._loop.add_reader(control.fileno(), self._receive)
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await self._launched
        except BaseException:
            await self.close()
            raise

    async def stem(
        self,
        identity: str,
        uid: int | None,
        group: Group | None,
        watches_memory: bool,
        places: Places,
        on_end: Callable[[Stem], None],
        *,
        ahead: bool,
        template: bool,
    ) -> Stem:
        """`ahead`: nobody waits for it, so its runtime process rehearses; else that is forked while the stem is specialised.
        `template`: its runtime process will be copied. Raises SandboxFailure."""
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        streams = Streams.make()
        stem = Stem(identity, control, streams, self, group, watches_memory, places, on_end)
        procs = [] if group is None else group.procs
        try:
            try:
                self._tell(
                    {"op": "stem", "id": identity, "uid": uid, "ahead": ahead, "template": template},
                    [theirs.fileno(), *streams.descriptors(), *procs],
                )
            finally:
                theirs.close()
            await stem.ready()
            if ahead:
                await stem.started()
        except BaseException:
            await stem.destroy()
            stem.discard()
            raise
        return stem

    def specialise(self, identity: str, task: str, opt: str | None, tmp_mb: int) -> Awaitable[int | None]:
        """The descriptor of the sandbox's /tmp, where it has one of its own. Asked for at once; await the answer."""
        answer: asyncio.Future[int | None] = self._loop.create_future()
        self._pending[identity] = answer
        try:
            self._tell({"op": "specialise", "id": identity, "task": task, "opt": opt, "tmp_mb": tmp_mb})
        except BaseException:
            del self._pending[identity]
            raise
        return self._specialised(identity, answer)

    async def _specialised(self, identity: str, answer: "asyncio.Future[int | None]") -> int | None:
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                return await answer
        except TimeoutError as error:
            raise SandboxFailure(f"sandbox {identity} was not specialised in time") from error
        finally:
            del self._pending[identity]

    def nest(self, identity: str, template: str, tmp_mb: int, control: socket.socket) -> None:
        """Whether it is made is told on the other end of `control`. Raises SandboxFailure."""
        self._tell({"op": "nest", "id": identity, "template": template, "tmp_mb": tmp_mb}, [control.fileno()])

    def destroy(self, identity: str) -> None:
        if not self.lost:
            self._tell({"op": "destroy", "id": identity})

    async def close(self) -> None:
        """End it, and with it whatever it made."""
        self._end()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    def _tell(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        if self.lost or self._control is None:
            raise SandboxFailure("the launcher is gone")
        try:
            messages.send(self._control, message, fds)
        except messages.Closed:
            self._end()

    def _receive(self) -> None:
        while self._control is not None and not self.lost:
            try:
                message, fds, _pid = messages.receive(self._control)
            except BlockingIOError:
                return
            except messages.Closed:
                self._end()
                return
            self._heard(message, fds)

    def _heard(self, message: dict[str, Any], fds: list[int]) -> None:
        if message["op"] == "launched":
            if not self._launched.done():
                self._launched.set_result(None)
            return
        if not message["id"]:
            if not self._launched.done():
                self._launched.set_exception(SandboxFailure(f"the launcher failed: {message['error']}"))
            return
        answer = self._pending.get(message["id"])
        if answer is None or answer.done():
            for fd in fds:
                os.close(fd)
        elif message["op"] == "failed":
            answer.set_exception(SandboxFailure(f"sandbox {message['id']}: {message['error']}"))
        else:
            answer.set_result(fds[0] if fds else None)

    def _end(self) -> None:
        if self.lost:
            return
        self.lost = True
        if self._control is not None:
            self._loop.remove_reader(self._control.fileno())
            self._control.close()
        failure = SandboxFailure("the launcher is gone")
        if not self._launched.done():
            self._launched.set_exception(failure)
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(failure)


def _look(future: "asyncio.Future[None]") -> None:
    """A failure that nobody is waiting for is no news: whoever asks next is told."""
    if not future.cancelled():
        future.exception()
