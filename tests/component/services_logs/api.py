"""The service as a client has it: parameters checked by botocore's model, answers held against it."""

from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.model import Shape

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.logs.service import Logs
from lambdad.services.logs.service import LogsService
from tests.component.answers import answer_of

ACCOUNT, REGION = "000000000000", "us-east-1"
MODEL = botocore.session.get_session().get_service_model("logs")


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_255_203.0

    def __call__(self) -> float:
        return self.now

    @property
    def ms(self) -> int:
        return int(self.now * 1000)


class Api:
    def __init__(self, logs: Logs, now: Clock) -> None:
        self.logs = logs
        self.now = now
        self.service = LogsService(logs, now, lambda: "session-1")
        self.caller = Caller(ACCOUNT, REGION, "request-1", "test", f"arn:aws:iam::{ACCOUNT}:root")

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return await answer_of(self.service, MODEL, check, self.caller, operation, params)

    async def refuses(self, operation: str, **params: Any) -> tuple[str, str]:
        """Code and message of the error."""
        try:
            await self.call(operation, **params)
        except CallerError as error:
            assert error.status == 400
            return error.code, error.message
        raise AssertionError(f"{operation} was not refused")


def check(value: Any, shape: Shape) -> None:
    """Every member is one of the model, and of its kind."""
    if shape.type_name == "structure":
        if shape.serialization.get("eventstream"):
            return
        assert isinstance(value, Mapping)
        assert set(value) <= set(shape.members), set(value) - set(shape.members)
        for name, member in value.items():
            check(member, shape.members[name])
    elif shape.type_name == "list":
        for member in value:
            check(member, shape.member)
    elif shape.type_name == "map":
        assert all(isinstance(text, str) for pair in value.items() for text in pair)
    else:
        assert isinstance(value, {"string": str, "long": int, "integer": int, "boolean": bool}[shape.type_name])
        assert isinstance(value, bool) == (shape.type_name == "boolean")
