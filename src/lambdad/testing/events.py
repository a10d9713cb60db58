"""Whom the frontend hands events to, in tests of the frontend."""

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import LambdadError
from lambdad.worker.api import Invocation


class AcceptedEvents:
    """Implements `lambdad.frontend.api.Accept`: keeps what it is given; `error` is raised instead."""

    def __init__(self) -> None:
        self.accepted: list[tuple[FunctionName, Invocation]] = []
        self.error: LambdadError | None = None

    async def accept(self, name: FunctionName, invocation: Invocation) -> None:
        if self.error is not None:
            raise self.error
        self.accepted.append((name, invocation))
