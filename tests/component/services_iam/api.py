"""IAM as a client has it: parameters checked by botocore's model, answers held against it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore.model import Shape

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.iam.directory import Directory
from lambdad.services.iam.service import IamService
from lambdad.testing.substrate import MemorySubstrate
from lambdad.wire.models import Models
from tests.component.answers import answer_of

ACCOUNT = "123456789012"
MODEL = botocore.session.get_session().get_service_model("iam")
ERRORS = Models().load("iam")

ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})
DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def caller(principal: str = "root", account: str = ACCOUNT, region: str = "us-east-1") -> Caller:
    return Caller(account, region, "request-1", "key", f"arn:aws:iam::{account}:{principal}")


class Api:
    def __init__(self, now: Callable[[], float]) -> None:
        self.substrate = MemorySubstrate(now)
        self.caller = caller()
        self._now = now
        self._chances = 0
        self._open()

    def _open(self) -> None:
        self.directory = Directory(self.substrate.key_values)
        self.service = IamService(self.directory, self.substrate.key_values, now=self._now, chance=self.chance)

    def chance(self, size: int) -> bytes:
        self._chances += 1
        return self._chances.to_bytes(size, "little")

    async def restart(self) -> None:
        await self.directory.close()
        self._open()
        await self.directory.start()

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return await answer_of(self.service, MODEL, check, self.caller, operation, params)

    async def refuses(self, operation: str, **params: Any) -> tuple[str, str]:
        """Code and message of the error, which the model has, with that status."""
        try:
            await self.service.operations[operation](self.caller, params)
        except CallerError as error:
            shape = ERRORS.error(error.code)
            if error.code not in ("ValidationError", "AccessDenied"):  # common to all services, and so in no model
                assert shape is not None
                assert shape.traits["error"]["httpStatusCode"] == error.status
            return error.code, error.message
        raise AssertionError(f"{operation} was not refused")

    async def all(self, operation: str, member: str, size: int, **params: Any) -> list[list[Any]]:
        """Every page, of `size` items."""
        pages, marker = [], {}
        while True:
            answer = await self.call(operation, MaxItems=size, **params, **marker)
            pages.append(answer[member])
            if not answer["IsTruncated"]:
                assert "Marker" not in answer
                return pages
            marker = {"Marker": answer["Marker"]}

    async def user(self, name: str = "ann", **params: Any) -> dict[str, Any]:
        user: dict[str, Any] = (await self.call("CreateUser", UserName=name, **params))["User"]
        return user

    async def role(self, name: str = "worker", **params: Any) -> dict[str, Any]:
        answer = await self.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, **params)
        role: dict[str, Any] = answer["Role"]
        return role

    async def policy(self, name: str = "reads", **params: Any) -> str:
        arn: str = (await self.call("CreatePolicy", PolicyName=name, PolicyDocument=ALLOW, **params))["Policy"]["Arn"]
        return arn


def check(value: Any, shape: Shape) -> None:
    """Every member is one of the model, and of its kind; None is as good as absent. Required ones are there."""
    if shape.type_name == "structure":
        assert isinstance(value, Mapping)
        assert set(value) <= set(shape.members), set(value) - set(shape.members)
        assert set(shape.required_members) - {"LastUsedDate"} <= set(value), set(shape.required_members) - set(value)
        for name, member in value.items():
            if member is not None:
                check(member, shape.members[name])
    elif shape.type_name == "list":
        assert isinstance(value, list)
        for member in value:
            check(member, shape.member)
    elif shape.type_name == "map":
        for member in value.values():
            check(member, shape.value)
    else:
        kinds = {"string": str, "integer": int, "boolean": bool, "timestamp": int}
        assert isinstance(value, kinds[shape.type_name])


def padded(document: str, size: int) -> str:
    """The same document, so much longer."""
    return json.dumps(json.loads(document) | {"Id": "x" * size})
