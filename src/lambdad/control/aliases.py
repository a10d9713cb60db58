"""Aliases: names that point to a version, or share requests between two."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.functions import without_settings
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import require_function, unqualified_name
from lambdad.control.pages import page
from lambdad.control.revisions import check_revision
from lambdad.domain.arns import LATEST
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambdad.domain.functions import Alias, Function
from lambdad.wire.api import Handler
from lambdad.wire.validate import violation


class Aliases:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateAlias": self.create,
            "GetAlias": self.get,
            "ListAliases": self.list,
            "UpdateAlias": self.update,
            "DeleteAlias": self.delete,
        }

    def _find(self, caller: Caller, params: dict[str, Any]) -> Function:
        return require_function(self._ledger.records, unqualified_name(caller, params))

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = params["Name"]
        if name.isdecimal():
            pattern = "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
            raise violation(name, "name", pattern)

        def change(before: Function) -> Function:
            if name in before.aliases:
                raise ResourceConflict(f"Alias already exists: {before.arn}:{name}")
            version = params["FunctionVersion"]
            weights = _weights(params.get("RoutingConfig"))
            check_target(before, version, weights)
            alias = Alias(
                name=name,
                version=version,
                revision_id=self._ledger.new_id(),
                description=params.get("Description") or "",
                weights=weights,
            )
            return replace(before, aliases={**before.aliases, name: alias})

        function = await self._ledger.change(lambda: self._find(caller, params), change)
        return alias_answer(function, function.aliases[name])

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        function = self._find(caller, params)
        alias = function.aliases.get(params["Name"])
        if alias is None:
            raise ResourceNotFound(f"Cannot find alias arn: {function.arn}:{params['Name']}")
        return alias_answer(function, alias)

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        function = self._find(caller, params)
        version = params.get("FunctionVersion")
        aliases = sorted(function.aliases.values(), key=lambda each: each.name)
        matching = [each for each in aliases if version is None or version == each.version or version in each.weights]
        found, marker = page(matching, lambda each: each.name, params)
        return {"Aliases": [alias_answer(function, each) for each in found], **marker}

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = params["Name"]

        def change(before: Function) -> Function:
            alias = before.aliases.get(name)
            if alias is None:
                raise ResourceNotFound(f"Alias not found: {before.arn}:{name}")
            check_revision(params.get("RevisionId"), alias.revision_id)
            version = params.get("FunctionVersion") or alias.version
            routing = params.get("RoutingConfig")
            weights = alias.weights if routing is None else _weights(routing)
            check_target(before, version, weights)
            description = params.get("Description")
            after = replace(
                alias,
                version=version,
                weights=weights,
                description=alias.description if description is None else description,
                revision_id=self._ledger.new_id(),
            )
            return replace(before, aliases={**before.aliases, name: after})

        function = await self._ledger.change(lambda: self._find(caller, params), change)
        return alias_answer(function, function.aliases[name])

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """An alias that is not there is no error."""

        def decision() -> tuple[Sequence[Change], dict[str, Any]]:
            before = self._find(caller, params)
            if params["Name"] not in before.aliases:
                return [], {}
            aliases = {name: alias for name, alias in before.aliases.items() if name != params["Name"]}
            return [(before, replace(without_settings(before, params["Name"]), aliases=aliases))], {}

        return await self._ledger.decide(decision)


def alias_answer(function: Function, alias: Alias) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "AliasArn": f"{function.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        answer["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return answer


def _weights(routing: Mapping[str, Any] | None) -> dict[str, float]:
    return dict((routing or {}).get("AdditionalVersionWeights") or {})


def check_target(function: Function, version: str, weights: Mapping[str, float]) -> None:
    """What an alias may point to; https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
    if version != LATEST and version not in function.versions:
        raise ResourceNotFound(f"Function not found: {function.arn}:{version}")
    if len(weights) > 1:
        raise InvalidParameterValue("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for other, share in weights.items():
        _check_share(other, share)
        if version == LATEST or other == LATEST:
            raise InvalidParameterValue("$LATEST is not supported for an alias pointing to more than 1 version")
        if other == version:
            raise InvalidParameterValue(
                f"Invalid function version {version}. Function version {version} is already included in routing configuration."
            )
        if other not in function.versions:
            raise ResourceNotFound(f"Function not found: {function.arn}:{other}")
        first, second = function.versions[version], function.versions[other]
        if (first.role, first.dead_letter_target) != (second.role, second.dead_letter_target):
            raise InvalidParameterValue(
                f"Versions {version} and {other} can't share an alias: they must have the same execution role and the same "
                "dead-letter queue configuration."
            )


def _check_share(other: str, share: float) -> None:
    member, value = "routingConfig.additionalVersionWeights", f"{{{other}={share}}}"
    if other != LATEST and not other.isdecimal():
        constraint = (
            "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "
            "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, "
            "Member must not be null]"
        )
        raise violation(value, member, constraint)
    if not 0.0 <= share <= 1.0:
        constraint = (
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
            "Member must have value greater than or equal to 0.0, Member must not be null]"
        )
        raise violation(value, member, constraint)
