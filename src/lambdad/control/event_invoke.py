"""Settings of asynchronous invocation, per function, version or alias.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambdad.control.checks import check_reached
from lambdad.control.ledger import Ledger
from lambdad.control.lookup import exists, function_name, require_version
from lambdad.control.pages import page
from lambdad.control.role_checks import RoleChecks
from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, ResourceNotFound
from lambdad.domain.functions import EventInvokeConfig, Function
from lambdad.records.api import Records
from lambdad.wire.api import Handler

PAGE = 50

_ARN = re.compile(r"arn:aws[a-zA-Z0-9-]*:([a-zA-Z0-9-]+):([a-z0-9-]*):(\d{12})?:(.+)")


class EventInvoke:
    def __init__(self, ledger: Ledger, roles: RoleChecks) -> None:
        self._ledger = ledger
        self._roles = roles

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "PutFunctionEventInvokeConfig": self.put,
            "UpdateFunctionEventInvokeConfig": self.update,
            "GetFunctionEventInvokeConfig": self.get,
            "DeleteFunctionEventInvokeConfig": self.delete,
            "ListFunctionEventInvokeConfigs": self.list,
        }

    async def put(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Replaces what there was."""
        return await self._write(caller, params, keep=False)

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Changes what is given."""
        return await self._write(caller, params, keep=True)

    async def _write(self, caller: Caller, params: dict[str, Any], *, keep: bool) -> dict[str, Any]:
        name = function_name(caller, params)
        key = name.qualifier or LATEST
        if all(params.get(each) is None for each in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")):
            raise InvalidParameterValue("You must specify at least one of error handling or destination setting.")

        def change(before: Function) -> Function:
            self._check_destinations(before, name, params.get("DestinationConfig") or {})
            present = _require_config(before, name) if keep else EventInvokeConfig(last_modified_ms=0)
            after = _merged(present, params, self._ledger.now_ms())
            return replace(before, event_invoke={**before.event_invoke, key: after})

        function = await self._ledger.change(lambda: self._find(name), change)
        return _answer(function, key, function.event_invoke[key])

    def _check_destinations(self, function: Function, name: FunctionName, destinations: Mapping[str, Any]) -> None:
        check_destinations(self._ledger.records, name, destinations)
        role = require_version(function, name).role
        for side in ("OnFailure", "OnSuccess"):
            arn = (destinations.get(side) or {}).get("Destination")
            if arn:
                self._roles.may_tell(role, name.qualified(None), arn)

    def _find(self, name: FunctionName) -> Function:
        function = self._ledger.function(name)
        if function is None or not exists(function, name.qualifier):
            raise ResourceNotFound("The function doesn't exist.")
        return function

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        function = self._find(name)
        return _answer(function, name.qualifier or LATEST, _require_config(function, name))

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)

        def change(before: Function) -> Function:
            _require_config(before, name)
            kept = {key: each for key, each in before.event_invoke.items() if key != (name.qualifier or LATEST)}
            return replace(before, event_invoke=kept)

        await self._ledger.change(lambda: self._find(name), change)
        return {}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        function = self._find(function_name(caller, params).qualified(None))
        found, marker = page(sorted(function.event_invoke.items()), lambda each: each[0], params, limit=PAGE)
        return {"FunctionEventInvokeConfigs": [_answer(function, key, each) for key, each in found], **marker}


def _require_config(function: Function, name: FunctionName) -> EventInvokeConfig:
    key = name.qualifier or LATEST
    config = function.event_invoke.get(key)
    if config is None:
        raise ResourceNotFound(f"The function {function.arn}:{key} doesn't have an EventInvokeConfig")
    return config


def _merged(present: EventInvokeConfig, params: Mapping[str, Any], now_ms: int) -> EventInvokeConfig:
    retries, age, destinations = (
        params.get(each) for each in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    )
    return EventInvokeConfig(
        last_modified_ms=now_ms,
        maximum_retry_attempts=present.maximum_retry_attempts if retries is None else retries,
        maximum_event_age=present.maximum_event_age if age is None else age,
        destinations=present.destinations if destinations is None else {**present.destinations, **_cleaned(destinations)},
    )


def _cleaned(destinations: Mapping[str, Any]) -> dict[str, Any]:
    """An empty destination removes one."""
    return {
        side: {"Destination": value["Destination"]} if value.get("Destination") else {}
        for side, value in destinations.items()
        if side in ("OnSuccess", "OnFailure") and value is not None
    }


def _answer(function: Function, key: str, config: EventInvokeConfig) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "LastModified": config.last_modified_ms / 1000,
        "FunctionArn": f"{function.arn}:{key}",
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}, **config.destinations},
    }
    if config.maximum_retry_attempts is not None:
        answer["MaximumRetryAttempts"] = config.maximum_retry_attempts
    if config.maximum_event_age is not None:
        answer["MaximumEventAgeInSeconds"] = config.maximum_event_age
    return answer


def check_destinations(records: Records, name: FunctionName, destinations: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValue for a destination that can't be one, NotImplementedOperation for one not reached yet."""
    success = (destinations.get("OnSuccess") or {}).get("Destination")
    failure = (destinations.get("OnFailure") or {}).get("Destination")
    accepted = [
        not arn or _acceptable(records, name, arn, on_failure=on_failure)
        for arn, on_failure in ((failure, True), (success, False))
    ]
    if not all(accepted):
        on_success = f"OnSuccess(destination={success})" if success else "null"
        on_failure = f"OnFailure(destination={failure})" if failure else "null"
        raise InvalidParameterValue(
            f"The provided destination config DestinationConfig(onSuccess={on_success}, onFailure={on_failure}) is invalid."
        )
    for arn in (failure, success):
        if arn:
            check_reached(arn)


def _acceptable(records: Records, name: FunctionName, arn: str, *, on_failure: bool) -> bool:
    match = _ARN.fullmatch(arn)
    if match is None:
        return False
    service, region, account, resource = match.groups()
    match service:
        case "sqs" | "sns":
            return not resource.endswith(".fifo")
        case "events":
            return resource.startswith("event-bus/")
        case "s3":
            return on_failure
        case "lambda":
            kind, _, rest = resource.partition(":")
            target, _, qualifier = rest.partition(":")
            function = records.function(account or "", region, target) if kind == "function" else None
            if function is None or not exists(function, qualifier or None):
                raise InvalidParameterValue(f"The destination ARN {arn} is invalid.")
            if (account, region, target) == (name.account, name.region, name.name):
                raise InvalidParameterValue("You can't specify the function as a destination for itself.")
            return True
        case _:
            return False
