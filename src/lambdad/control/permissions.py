"""Resource policies of functions, versions and aliases: who else may invoke, and who may not.

There is one for each qualifier, statement by statement or as a whole. Nothing keeps a policy from being public
(PublicPolicyException): that needs an account's setting that lambdad does not have.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambdad.control.ledger import Ledger
from lambdad.control.lookup import function_name, require_function, require_version
from lambdad.control.revisions import check_revision
from lambdad.control.statements import (
    function_statement,
    whole_policy,
    with_statement,
    without_statement,
)
from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, ResourceNotFound
from lambdad.domain.functions import Function, Policy
from lambdad.records.policies import as_json, document
from lambdad.wire.api import Handler

NO_POLICY = "No policy is associated with the given resource."


class Permissions:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "AddPermission": self.add,
            "GetPolicy": self.get,
            "RemovePermission": self.remove,
            "PutResourcePolicy": self.put,
            "GetResourcePolicy": self.get_whole,
            "DeleteResourcePolicy": self.delete,
        }

    async def add(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = _writable(function_name(caller, params))
        statement = function_statement(name.arn, params)

        def change(before: Function) -> Function:
            require_version(before, name)
            check_revision(params.get("RevisionId"), revision_of(before, name), "GetPolicy")
            revision = self._ledger.new_id()
            return _with_policy(before, name, with_statement(policy_of(before, name), statement, revision), revision)

        await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return {"Statement": as_json(statement)}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return self._shown(function_name(caller, params))

    async def get_whole(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return self._shown(_by_arn(caller, params))

    def _shown(self, name: FunctionName) -> dict[str, Any]:
        function = require_function(self._ledger.records, name)
        require_version(function, name)
        # `$LATEST` has no policy of its own, and must not show the function's.
        policy = None if name.qualifier == LATEST else policy_of(function, name)
        if policy is None:
            raise ResourceNotFound(NO_POLICY)
        return {"Policy": document(policy), "RevisionId": revision_of(function, name)}

    async def remove(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = _writable(function_name(caller, params))

        def find() -> Function:
            function = self._ledger.function(name)
            if function is None:
                raise ResourceNotFound(f"No policy found for: {name.arn}")
            return function

        def change(before: Function) -> Function:
            require_version(before, name)
            policy = policy_of(before, name)
            if policy is None:
                raise ResourceNotFound(NO_POLICY)
            revision = self._ledger.new_id()
            after = without_statement(policy, params["StatementId"], revision)
            check_revision(params.get("RevisionId"), revision_of(before, name), "GetPolicy")
            return _with_policy(before, name, after, revision)

        await self._ledger.change(find, change)
        return {}

    async def put(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Whatever statements there were are gone."""
        name = _writable(_by_arn(caller, params))
        policy = whole_policy(name.unqualified_arn, params["Policy"])

        def change(before: Function) -> Function:
            require_version(before, name)
            check_revision(params.get("RevisionId"), revision_of(before, name), "GetResourcePolicy")
            revision = self._ledger.new_id()
            return _with_policy(before, name, replace(policy, revision_id=revision), revision)

        after = await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return {"Policy": document(policy), "RevisionId": revision_of(after, name)}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = _writable(_by_arn(caller, params))

        def change(before: Function) -> Function:
            require_version(before, name)
            if policy_of(before, name) is None:
                raise ResourceNotFound(NO_POLICY)
            check_revision(params.get("RevisionId"), revision_of(before, name), "GetResourcePolicy")
            return _with_policy(before, name, None, self._ledger.new_id())

        await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return {}


def _by_arn(caller: Caller, params: dict[str, Any]) -> FunctionName:
    return function_name(caller, {"FunctionName": params["ResourceArn"]})


def _writable(name: FunctionName) -> FunctionName:
    if name.qualifier == LATEST:
        raise InvalidParameterValue("We currently do not support adding policies for $LATEST.")
    return name


def policy_of(function: Function, name: FunctionName) -> Policy | None:
    return function.policies.get(name.qualifier or LATEST)


def revision_of(function: Function, name: FunctionName) -> str:
    """A policy's RevisionId is that of what it belongs to: the function, the version or the alias."""
    alias = function.aliases.get(name.qualifier or LATEST)
    return alias.revision_id if alias else require_version(function, name).revision_id


def _with_policy(function: Function, name: FunctionName, policy: Policy | None, revision: str) -> Function:
    key = name.qualifier or LATEST
    policies = {each: kept for each, kept in function.policies.items() if each != key}
    if policy is not None:
        policies[key] = policy
    return _revised(replace(function, policies=policies), key, revision)


def _revised(function: Function, key: str, revision: str) -> Function:
    if key == LATEST:
        return replace(function, latest=replace(function.latest, revision_id=revision))
    if key in function.versions:
        version = replace(function.versions[key], revision_id=revision)
        return replace(function, versions={**function.versions, key: version})
    alias = replace(function.aliases[key], revision_id=revision)
    return replace(function, aliases={**function.aliases, key: alias})
