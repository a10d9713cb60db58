"""Versions of managed policies."""

from typing import Any

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.entities import ManagedPolicy, PolicyVersion
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors, show
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page
from lambdad.services.iam.policies import own_policy


class Versions:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        document = params["PolicyDocument"]
        self._ledger.check(document, "identity")
        checks.managed_size(document)

        def decide() -> tuple[list[Pair], tuple[ManagedPolicy, PolicyVersion]]:
            policy = own_policy(self._ledger, caller, params)
            if len(policy.versions) >= checks.VERSIONS:
                raise errors.over_limit(
                    f"A managed policy can have up to {checks.VERSIONS} versions. Before you create a new version, "
                    "you must delete an existing version."
                )
            now, number = self._ledger.now(), policy.newest + 1
            version = PolicyVersion(number, document, now)
            default = number if params.get("SetAsDefault") else policy.default
            after = replace(policy, versions=(*policy.versions, version), newest=number, default=default, updated=now)
            return [(policy, after)], (after, version)

        return {"PolicyVersion": show.version(*await self._ledger.decide(decide))}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        checks.policy_arn(params["PolicyArn"])
        policy = self._ledger.policy(caller.account, params["PolicyArn"])
        version = _named(policy, params)
        return {"PolicyVersion": show.version(policy, version) | {"Document": show.document(version.document)}}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """The newest first."""
        checks.policy_arn(params["PolicyArn"])
        policy = self._ledger.policy(caller.account, params["PolicyArn"])
        found, more = page(policy.versions[::-1], lambda version: f"{10**9 - version.number}", params)
        return {"Versions": [show.version(policy, version) for version in found]} | more

    async def set_default(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            policy = own_policy(self._ledger, caller, params)
            after = replace(policy, default=_named(policy, params).number, updated=self._ledger.now())
            return [(policy, after)], None

        await self._ledger.decide(decide)
        return {}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            policy = own_policy(self._ledger, caller, params)
            version = _named(policy, params)
            if version.number == policy.default:
                raise errors.conflict("Cannot delete the default version of a policy.")
            kept = tuple(each for each in policy.versions if each is not version)
            return [(policy, replace(policy, versions=kept, updated=self._ledger.now()))], None

        await self._ledger.decide(decide)
        return {}


def _named(policy: ManagedPolicy, params: dict[str, Any]) -> PolicyVersion:
    version = policy.version(params["VersionId"])
    if version is None:
        raise errors.no_entity(f"Policy {policy.arn} version {params['VersionId']} does not exist or is not attachable.")
    return version
