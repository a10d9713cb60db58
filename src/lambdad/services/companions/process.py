"""The process of `program`: started when it is first needed, and again when it is needed after its end."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from lambdad.services.companions.connection import CompanionFailed, Connection

BACKLOG: Final = 128
NAME: Final = "socket"
_PASSED: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")

log = logging.getLogger(__name__)


def program(confined: bool) -> list[str]:
    """`-P`: what lies in the working directory is not imported."""
    command = [sys.executable, "-P", "-m", "lambdad.services.companions.program", str(os.getpid())]
    return [*command, "--confined"] if confined else command


class Process:
    """`directory`: for its socket and what it writes to files, lambdad's user's alone. `command` gets the number of the
    descriptor that it is to listen on behind its arguments."""

    def __init__(self, directory: Path, command: Sequence[str]) -> None:
        self._directory = directory
        self._command = command
        self._folder = -1
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._closing = False

    def __repr__(self) -> str:
        return f"<Process {self.pid}>"

    @property
    def pid(self) -> int | None:
        """None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def connect(self) -> Connection:
        """Raises CompanionFailed where it can't be started."""
        async with self._starting:
            if self._closing:
                raise CompanionFailed("lambdad is stopping.")
            try:
                if self.pid is not None:
                    try:
                        return await self._connected()
                    except ConnectionRefusedError:
                        await self._ended()  # The kernel has closed its socket; that it has ended is not known yet.
                await self._start()
                return await self._connected()
            except OSError as error:
                raise CompanionFailed(f"The companion can't be started: {error}") from error

    async def close(self) -> None:
        self._closing = True
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._ended()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
        (self._directory / NAME).unlink(missing_ok=True)

    async def _ended(self) -> None:
        if self._watcher is not None:
            await asyncio.wait([self._watcher])

    # The socket's path would be too long in many a data directory; the kernel takes this one instead (proc(5), unix(7)).
    @property
    def _address(self) -> str:
        return f"/proc/self/fd/{self._folder}/{NAME}"

    async def _start(self) -> None:
        """The socket is bound here and listens already: what is sent before the program is ready waits in it, and when the
        program ends, the kernel ends that too."""
        with self._listener() as listener:
            descriptor = listener.fileno()
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                str(descriptor),
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self._environment(),
                start_new_session=True,
            )
        self._watcher = asyncio.get_running_loop().create_task(self._watch(self._process))

    def _listener(self) -> socket.socket:
        if self._folder < 0:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory.chmod(0o700)
            self._folder = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        (self._directory / NAME).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(self._address)
            (self._directory / NAME).chmod(0o600)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    async def _connected(self) -> Connection:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(self._address)  # at once, or not at all: unix(7)
            _, connection = await asyncio.get_running_loop().create_unix_connection(Connection, sock=sock)
        except BaseException:
            sock.close()
            raise
        return connection

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if not self._closing:
            log.warning(
                "The companions' process ended (exit code %s); what DynamoDB, S3 and the other services of moto kept is lost. "
                "The next request to one of them starts it again, empty.",
                code,
            )

    def _environment(self) -> dict[str, str]:
        """Nothing of the operator's: neither credentials nor AWS's configuration files."""
        kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
        return kept | {
            "TMPDIR": str(self._directory),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "MOTO_DISABLE_GLOBAL_CORS": "true",
            "MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false",
        }
