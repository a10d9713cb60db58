"""Policies of layer versions: which other accounts may use them."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.layer_references import LayerReference, find_version, parse_layer
from lambdad.control.layers import replace_version
from lambdad.control.ledger import Change, Ledger
from lambdad.control.permissions import NO_POLICY
from lambdad.control.revisions import check_revision
from lambdad.control.statements import layer_statement, with_statement, without_statement
from lambdad.domain.arns import layer_version_arn
from lambdad.domain.caller import Caller
from lambdad.domain.errors import ResourceNotFound
from lambdad.domain.functions import LayerVersion
from lambdad.records.policies import as_json, document
from lambdad.wire.api import Handler

REREAD = "GetLayerPolicy"


class LayerPermissions:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "AddLayerVersionPermission": self.add,
            "GetLayerVersionPolicy": self.get,
            "RemoveLayerVersionPermission": self.remove,
        }

    async def add(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        layer = _reference(caller, params)
        statement = layer_statement(_arn(layer), params)

        def decision() -> tuple[Sequence[Change], dict[str, Any]]:
            before = self._require(layer)
            check_revision(params.get("RevisionId"), _revision(before), REREAD)
            policy = with_statement(before.policy, statement, self._ledger.new_id())
            answer = {"Statement": as_json(statement), "RevisionId": policy.revision_id}
            return [(before, replace(before, policy=policy))], answer

        return await self._ledger.decide(decision)

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        policy = self._require(_reference(caller, params)).policy
        if policy is None:
            raise ResourceNotFound(NO_POLICY)
        return {"Policy": document(policy), "RevisionId": policy.revision_id}

    async def remove(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        layer = _reference(caller, params)

        def decision() -> tuple[Sequence[Change], dict[str, Any]]:
            before = self._require(layer)
            if before.policy is None:
                raise ResourceNotFound(NO_POLICY)
            policy = without_statement(before.policy, params["StatementId"], self._ledger.new_id())
            check_revision(params.get("RevisionId"), _revision(before), REREAD)
            return [(before, replace(before, policy=policy))], {}

        return await self._ledger.decide(decision)

    def _require(self, layer: LayerReference) -> LayerVersion:
        found = find_version(self._ledger.records, layer.account, layer.region, layer.name, layer.version or 0)
        if found is None:
            raise ResourceNotFound(f"Layer version {_arn(layer)} does not exist.")
        return found


def _reference(caller: Caller, params: Mapping[str, Any]) -> LayerReference:
    return replace_version(parse_layer(caller, params["LayerName"]), params["VersionNumber"])


def _arn(layer: LayerReference) -> str:
    return layer_version_arn(layer.account, layer.region, layer.name, layer.version or 0)


def _revision(version: LayerVersion) -> str:
    """Empty before there is a policy: no RevisionId that a client sends matches it."""
    return version.policy.revision_id if version.policy else ""
