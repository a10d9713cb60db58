"""What a measurement is given: how thorough to be, where to put things, a lambdad of its own, somebody to tell."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tests.acceptance.server import Server

Choice = TypeVar("Choice")


class Context:
    def __init__(self, folder: Path, quick: bool, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.quick = quick
        self.say = say
        """Progress, for whoever waits."""
        self._started = 0

    def choose(self, full: Choice, quick: Choice) -> Choice:
        """How much of something: in a full run, and with --quick."""
        return quick if self.quick else full

    @contextlib.contextmanager
    def lambdad(self, *options: str) -> Iterator[Server]:
        """A lambdad with nothing in it. Lambda's limit on requests per second is a rule, not a speed, and is off."""
        self._started += 1
        server = Server(self.folder / f"data-{self._started}", ["--requests-per-concurrency", "0", *options]).start()
        try:
            yield server
        finally:
            server.stop()
