"""Which runtime version a function uses, and whether it may call itself in a loop (the frontend acts on that).

lambdad has one version of each runtime (the host's), so every mode of runtime updates comes to the same.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambdad.control.ledger import Ledger
from lambdad.control.lookup import function_name, require_function, require_version, unqualified_name
from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue
from lambdad.domain.functions import Function, RuntimeManagement, Version
from lambdad.wire.api import Handler


class RuntimeManagementConfigs:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "GetRuntimeManagementConfig": self.get,
            "PutRuntimeManagementConfig": self.put,
            "GetFunctionRecursionConfig": self.get_recursion,
            "PutFunctionRecursionConfig": self.put_recursion,
        }

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        function = require_function(self._ledger.records, name)
        version = _version(function, name)
        return _answer(version, function.runtime_management.get(version.version) or RuntimeManagement())

    async def put(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        mode, arn = params["UpdateRuntimeOn"], params.get("RuntimeVersionArn")
        if mode == "Manual" and not arn:
            raise InvalidParameterValue("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")
        if mode != "Manual" and arn:
            raise InvalidParameterValue(f"RuntimeVersionArn can't be given when UpdateRuntimeOn is {mode}.")
        config = RuntimeManagement(mode, arn)

        def change(before: Function) -> Function:
            version = _version(before, name)
            if arn and arn != version.runtime_version_arn:
                raise InvalidParameterValue(
                    f"The runtime version {arn} is not available for {version.runtime}: this host has "
                    f"{version.runtime_version_arn}."
                )
            return replace(before, runtime_management={**before.runtime_management, version.version: config})

        function = await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return _answer(_version(function, name), config)

    async def get_recursion(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)
        return {"RecursiveLoop": require_function(self._ledger.records, name).recursion}

    async def put_recursion(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)
        wanted = params["RecursiveLoop"]

        def change(before: Function) -> Function:
            return before if before.recursion == wanted else replace(before, recursion=wanted)

        await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return {"RecursiveLoop": wanted}


def _version(function: Function, name: FunctionName) -> Version:
    """`$LATEST` or a published version; an alias has no runtime of its own."""
    if name.qualifier is not None and name.qualifier in function.aliases:
        raise InvalidParameterValue("Runtime management is not supported for aliases. Specify a version or $LATEST.")
    return require_version(function, name)


def _answer(version: Version, config: RuntimeManagement) -> dict[str, Any]:
    answer = {"UpdateRuntimeOn": config.update_runtime_on, "FunctionArn": version.qualified_arn}
    if config.runtime_version_arn:
        answer["RuntimeVersionArn"] = config.runtime_version_arn
    return answer
