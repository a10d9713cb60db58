"""Reserved and provisioned concurrency: what is promised to a function out of the account's concurrency.

Control only stores what is wanted; whoever has the environments (the worker manager) follows the records and says what there
is. https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.api import AccountLimits, Allocated
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import exists, function_name, require_function, require_version, unqualified_name
from lambdad.control.pages import page
from lambdad.control.representation import whole_seconds
from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError, InvalidParameterValue, ResourceConflict
from lambdad.domain.functions import Function, ProvisionedConcurrency
from lambdad.records.api import Records
from lambdad.wire.api import Handler

PAGE = 50
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
WITH_SNAP_START = "Provisioned Concurrency is not supported for SnapStart enabled function versions."
NEEDS_VERSION = "The function resource provided must be an alias or a published version."


def provisioned_of(function: Function) -> int:
    return sum(each.requested for each in function.provisioned.values())


def promised_to(function: Function) -> int:
    """What a function takes out of the account's concurrency, used or not."""
    reserved = function.reserved_concurrency
    return provisioned_of(function) if reserved is None else reserved


def unreserved(records: Records, limits: AccountLimits, account: str, region: str, without: Function | None = None) -> int:
    """The account's concurrency that is promised to no function (other than `without`)."""
    return limits.concurrency - sum(promised_to(each) for each in records.functions(account, region) if each is not without)


class Concurrency:
    def __init__(self, ledger: Ledger, limits: AccountLimits, allocated: Allocated) -> None:
        self._ledger = ledger
        self._allocated = allocated
        self._limits = limits
        # The sum over all functions is checked, and no record guards a sum: promises are made one after the other.
        self._promising = asyncio.Lock()

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "PutFunctionConcurrency": self.put,
            "GetFunctionConcurrency": self.get,
            "DeleteFunctionConcurrency": self.delete,
            "PutProvisionedConcurrencyConfig": self.put_provisioned,
            "GetProvisionedConcurrencyConfig": self.get_provisioned,
            "ListProvisionedConcurrencyConfigs": self.list_provisioned,
            "DeleteProvisionedConcurrencyConfig": self.delete_provisioned,
        }

    async def put(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)
        wanted: int = params["ReservedConcurrentExecutions"]

        def change(before: Function) -> Function:
            if self._unreserved(before) - wanted < self._limits.unreserved:
                raise InvalidParameterValue(
                    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                    f"below its minimum value of [{self._limits.unreserved}]."
                )
            provisioned = provisioned_of(before)
            if wanted < provisioned:
                raise InvalidParameterValue(
                    f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned "
                    f"concurrency [{provisioned}]."
                )
            return replace(before, reserved_concurrency=wanted)

        async with self._promising:
            await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return {"ReservedConcurrentExecutions": wanted}

    def _unreserved(self, function: Function) -> int:
        return unreserved(self._ledger.records, self._limits, function.account, function.region, function)

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)
        reserved = require_function(self._ledger.records, name).reserved_concurrency
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)

        def change(before: Function) -> Function:
            return before if before.reserved_concurrency is None else replace(before, reserved_concurrency=None)

        await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return {}

    # Provisioned concurrency

    async def put_provisioned(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        qualifier = name.qualifier
        if qualifier is None or qualifier == LATEST:
            raise InvalidParameterValue(UNPUBLISHED)
        config = ProvisionedConcurrency(params["ProvisionedConcurrentExecutions"], self._ledger.now_ms())

        def change(before: Function) -> Function:
            target = require_version(before, name)
            version = target.version
            if version == LATEST:
                raise InvalidParameterValue(UNPUBLISHED)
            if target.snap_start != "None":
                raise InvalidParameterValue(WITH_SNAP_START)
            self._check_only_one(before, qualifier, version)
            self._check_provisioned(before, qualifier, config.requested)
            return replace(before, provisioned={**before.provisioned, qualifier: config})

        async with self._promising:
            await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return _answer(config, 0, None)

    @staticmethod
    def _check_only_one(function: Function, qualifier: str, version: str) -> None:
        """An alias and the version behind it can't both have provisioned concurrency."""
        if qualifier in function.aliases:
            if version in function.provisioned:
                raise ResourceConflict(
                    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
                )
        elif any(alias.version == version and alias.name in function.provisioned for alias in function.aliases.values()):
            raise ResourceConflict("Version is pointed by a Provisioned Concurrency alias")

    def _check_provisioned(self, function: Function, qualifier: str, wanted: int) -> None:
        others = sum(each.requested for key, each in function.provisioned.items() if key != qualifier)
        if function.reserved_concurrency is not None:
            if others + wanted > function.reserved_concurrency:
                raise InvalidParameterValue(
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
                )
            return
        free = self._unreserved(function) - others
        if wanted > free:
            raise InvalidParameterValue(
                f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{free}]."
            )
        if free - wanted < self._limits.unreserved:
            raise InvalidParameterValue(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
                f"minimum value of [{self._limits.unreserved}]."
            )

    async def get_provisioned(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = self._versioned_name(caller, params)
        function = require_function(self._ledger.records, name)
        require_version(function, name)
        config = function.provisioned.get(name.qualifier or LATEST)
        if config is None:
            raise CallerError.named(
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
                404,
            )
        return self._provisioned_answer(function, name.qualifier or LATEST, config)

    def _provisioned_answer(self, function: Function, qualifier: str, config: ProvisionedConcurrency) -> dict[str, Any]:
        return _answer(config, *self._allocated(function, qualifier))

    async def list_provisioned(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)
        function = require_function(self._ledger.records, name)
        found, marker = page(sorted(function.provisioned.items()), lambda each: each[0], params, limit=PAGE)
        configs = [
            {"FunctionArn": f"{function.arn}:{key}", **self._provisioned_answer(function, key, each)} for key, each in found
        ]
        return {"ProvisionedConcurrencyConfigs": configs, **marker}

    async def delete_provisioned(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """A configuration that is not there is no error."""
        name = self._versioned_name(caller, params)

        def decision() -> tuple[Sequence[Change], dict[str, Any]]:
            before = require_function(self._ledger.records, name.qualified(None))
            if not exists(before, name.qualifier) or name.qualifier not in before.provisioned:
                return [], {}
            kept = {key: each for key, each in before.provisioned.items() if key != name.qualifier}
            return [(before, replace(before, provisioned=kept))], {}

        return await self._ledger.decide(decision)

    @staticmethod
    def _versioned_name(caller: Caller, params: dict[str, Any]) -> FunctionName:
        name = function_name(caller, params)
        if name.qualifier is None or name.qualifier == LATEST:
            raise InvalidParameterValue(NEEDS_VERSION)
        return name


def _answer(config: ProvisionedConcurrency, available: int, failure: str | None) -> dict[str, Any]:
    answer = {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AvailableProvisionedConcurrentExecutions": available,
        "AllocatedProvisionedConcurrentExecutions": available,
        "Status": "IN_PROGRESS",
        "LastModified": whole_seconds(config.last_modified_ms),
    }
    if available >= config.requested:
        answer["Status"] = "READY"
    elif failure is not None:
        answer |= {"Status": "FAILED", "StatusReason": failure}
    return answer
