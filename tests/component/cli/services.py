"""Botocore's clients as the commands use them, whose requests are answered by lambdad's services, without HTTP between them."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore.exceptions import ClientError

from lambdad.cli.client import Target
from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.iam.directory import Directory
from lambdad.services.iam.service import IamService
from lambdad.testing.substrate import MemoryKeyValues

Operation = Callable[..., dict[str, Any]]


class Services:
    """IAM as it is, and of Lambda and SQS what `answers` says for `service.Operation`: an answer, or an error's code."""

    def __init__(self) -> None:
        self.answers: dict[str, Mapping[str, Any] | str] = {}
        self._loop = asyncio.new_event_loop()
        memory = MemoryKeyValues()
        self._directory = Directory(memory)
        self._loop.run_until_complete(self._directory.start())
        self._chances = 0
        self._iam = IamService(self._directory, memory, now=lambda: 1e9, chance=self._chance)

    def close(self) -> None:
        self._loop.run_until_complete(self._directory.close())
        self._loop.close()

    def _chance(self, size: int) -> bytes:
        self._chances += 1
        return self._chances.to_bytes(size, "little")

    def client(self, service: str, target: Target) -> Any:
        return _Client(self, service, target)

    def call(self, service: str, operation: str, target: Target, params: dict[str, Any]) -> dict[str, Any]:
        if service != "iam":
            answer = self.answers.get(f"{service}.{operation}", "ResourceNotFoundException")
            if isinstance(answer, str):
                raise _error(answer, "not there", operation)
            return dict(answer)
        caller = Caller(target.account, target.region, "id", "key", f"arn:aws:iam::{target.account}:root")
        try:
            return dict(self._loop.run_until_complete(self._iam.operations[operation](caller, params)))  # type: ignore[arg-type]
        except CallerError as error:
            raise _error(error.code, error.message, operation) from error


class _Client:
    def __init__(self, services: Services, service: str, target: Target) -> None:
        model = botocore.session.get_session().get_service_model(service)
        self._operations = {botocore.xform_name(name): name for name in model.operation_names}
        self._services, self._service, self._target = services, service, target

    def __getattr__(self, name: str) -> Operation:
        operation = self._operations[name]
        return lambda **params: self._services.call(self._service, operation, self._target, params)


def _error(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)
