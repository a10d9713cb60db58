"""The second argument of a handler.

Attributes and texts: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

import json
import logging
import sys
import time

from lambdad_runtime.faults import Fault


class _Described:
    """Attributes by name, shown as AWS's runtime shows them: `Client([installation_id=…,…])`."""

    __slots__ = ()

    def __repr__(self) -> str:
        pairs = ",".join(["%s=%s" % (name, getattr(self, name)) for name in self.__slots__])
        return "%s([%s])" % (type(self).__name__, pairs)


class CognitoIdentity(_Described):
    """Who called through the AWS Mobile SDK; both None otherwise."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, values: dict) -> None:
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")


class Client(_Described):
    """The client application, by its own account."""

    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")  # noqa: RUF023 (AWS's order)

    def __init__(self, values: dict) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name))


class ClientContext(_Described):
    """What the caller gave as ClientContext."""

    __slots__ = ("custom", "env", "client")  # noqa: RUF023 (AWS's order)

    def __init__(self, values: dict) -> None:
        self.custom = values.get("custom")
        self.env = values.get("env")
        client = values.get("client")
        self.client = None if client is None else Client(client)


class LambdaContext:
    """An invocation's facts. `memory_limit_in_mb` is text; `tenant_id` and `client_context` are None where there is none."""

    def __init__(self, fixed: dict, head: dict) -> None:
        attributes = self.__dict__
        attributes["aws_request_id"] = head["id"]
        attributes.update(fixed)
        attributes["invoked_function_arn"] = head.get("arn")
        attributes["tenant_id"] = head.get("tenant")
        client, identity = head.get("client_context"), head.get("cognito_identity")
        attributes["client_context"] = _parsed(client, "Client Context", ClientContext) if client else None
        attributes["identity"] = _parsed(identity, "Cognito Identity", CognitoIdentity) if identity else CognitoIdentity({})
        attributes["_epoch_deadline_time_in_ms"] = head["deadline_ms"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout; never negative."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, msg) -> None:
        """Write to the function's log, without a line of its own being added."""
        for handler in logging.getLogger().handlers:
            sink = getattr(handler, "log_sink", None)
            if sink is not None:
                sink.log(str(msg))
                return
        sys.stdout.write(str(msg))

    def __repr__(self) -> str:
        pairs = ",".join(["%s=%s" % (name, getattr(self, name)) for name in _SHOWN])
        return "LambdaContext([%s])" % pairs


_SHOWN = (
    "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb", "function_version",
    "invoked_function_arn", "client_context", "identity", "tenant_id",
)  # fmt: skip


def fixed_attributes(environment: dict) -> dict:
    """What is the same in every invocation of this environment."""
    return {
        "log_group_name": environment.get("AWS_LAMBDA_LOG_GROUP_NAME"),
        "log_stream_name": environment.get("AWS_LAMBDA_LOG_STREAM_NAME"),
        "function_name": environment.get("AWS_LAMBDA_FUNCTION_NAME"),
        "memory_limit_in_mb": environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        "function_version": environment.get("AWS_LAMBDA_FUNCTION_VERSION"),
    }


def _parsed(text: str, name: str, kind):
    if text == "{}":
        return kind({})
    try:
        values = json.loads(text)
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error)) from error
    if values is None:
        return kind({}) if kind is CognitoIdentity else None
    return kind(values)
