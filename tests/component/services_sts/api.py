"""STS as a client has it: parameters checked by botocore's model; sessions read back from their tokens."""

import json
from collections.abc import Callable
from typing import Any

import botocore.session
from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.iam import sessions
from lambdad.iam.access import Access
from lambdad.iam.directory import Directory
from lambdad.iam.sessions import Claims
from lambdad.services.iam.service import IamService
from lambdad.services.sts.service import StsService
from lambdad.testing.substrate import MemorySubstrate
from tests.component.answers import answer_of
from tests.component.services_iam.api import check

ACCOUNT = "123456789012"
KEY = b"k" * 32
MODEL = botocore.session.get_session().get_service_model("sts")


def trust(principal: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def caller(principal: str = "", account: str = ACCOUNT) -> Caller:
    return Caller(account, "us-east-1", "request-1", "key", principal or f"arn:aws:iam::{account}:root")


class Api:
    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.substrate = MemorySubstrate(now)
        self.caller = caller()
        self._chances = 0
        self.directory = Directory(self.substrate.key_values)
        self.iam = IamService(self.directory, self.substrate.key_values, now=now, chance=self.chance)
        self.service = StsService(self.directory, key=KEY, now=now, chance=self.chance, access=Access(self.directory, now))

    def chance(self, size: int) -> bytes:
        self._chances += 1
        return self._chances.to_bytes(size, "little")

    async def role(self, name: str = "worker", principal: object = "*", **params: Any) -> str:
        made = await self.iam.operations["CreateRole"](
            caller(), {"RoleName": name, "AssumeRolePolicyDocument": trust(principal), **params}
        )
        arn: str = made["Role"]["Arn"]
        return arn

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return await answer_of(self.service, MODEL, check, self.caller, operation, params)

    async def refuses(self, operation: str, **params: Any) -> tuple[str, str]:
        try:
            await self.service.operations[operation](self.caller, params)
        except CallerError as error:
            return error.code, error.message
        raise AssertionError(f"{operation} was not refused")

    async def assume(self, arn: str, **params: Any) -> dict[str, Any]:
        return await self.call("AssumeRole", RoleArn=arn, RoleSessionName="one", **params)

    async def not_assumed(self, arn: str, **params: Any) -> tuple[str, str]:
        return await self.refuses("AssumeRole", RoleArn=arn, RoleSessionName="one", **params)

    def claims(self, answer: dict[str, Any]) -> Claims:
        made = answer["Credentials"]
        claims, secret = sessions.read(made["SessionToken"], made["AccessKeyId"], KEY, self.now())
        assert secret == made["SecretAccessKey"]
        assert claims.expires == made["Expiration"]
        return claims

    def enter(self, answer: dict[str, Any]) -> None:
        """From now on the session is the caller."""
        claims = self.claims(answer)
        self.caller = replace(caller(claims.principal, claims.account), session=claims)
