"""Managed policies at users, groups and roles: attached, or as a permissions boundary.

A policy that something refers to can't be deleted. So who comes to refer to it makes sure, in the same commit, that it is
still there.
"""

from typing import Any

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.iam.entities import ManagedPolicy
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors
from lambdad.services.iam.kinds import Kind, changed
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page


class Attachments:
    """Of one kind of identity."""

    def __init__(self, ledger: Ledger, kind: Kind) -> None:
        self._ledger = ledger
        self._kind = kind

    async def attach(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Once more is no error, as on AWS."""
        arn = params["PolicyArn"]

        def decide() -> tuple[list[Pair], None]:
            owner = self._kind.named(self._ledger, caller, params)
            policy = _attachable(self._ledger, caller.account, arn)
            if arn in owner.attached:
                return [], None
            checks.room(len(owner.attached), f"PoliciesPer{self._kind.title}", checks.ATTACHED)
            return [changed(owner, attached=(*owner.attached, arn)), *_still(policy)], None

        await self._ledger.decide(decide)
        return {}

    async def detach(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        arn = params["PolicyArn"]
        checks.policy_arn(arn)

        def decide() -> tuple[list[Pair], None]:
            owner = self._kind.named(self._ledger, caller, params)
            if arn not in owner.attached:
                raise errors.no_policy(arn)
            return [changed(owner, attached=tuple(each for each in owner.attached if each != arn))], None

        await self._ledger.decide(decide)
        return {}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("PathPrefix") or "/"
        arns = self._kind.named(self._ledger, caller, params).attached
        policies = [policy for policy in map(self._ledger.directory.policy, arns) if policy is not None]
        matching = sorted((each for each in policies if each.path.startswith(prefix)), key=lambda policy: policy.arn)
        found, more = page(matching, lambda policy: policy.arn, params)
        return {"AttachedPolicies": [{"PolicyName": each.name, "PolicyArn": each.arn} for each in found]} | more

    async def put_boundary(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            owner = self._kind.named(self._ledger, caller, params)
            arn, touched = boundary_of(self._ledger, caller.account, params)
            return [changed(owner, boundary=arn), *touched], None

        await self._ledger.decide(decide)
        return {}

    async def delete_boundary(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            owner = self._kind.named(self._ledger, caller, params)
            if owner.boundary is None:
                raise errors.no_entity(f"{self._kind.title} {owner.name} does not have a permissions boundary.")
            return [changed(owner, boundary=None)], None

        await self._ledger.decide(decide)
        return {}


def boundary_of(ledger: Ledger, account: str, params: dict[str, Any]) -> tuple[str | None, list[Pair]]:
    """The boundary that is asked for, if any, and what a commit needs besides. Raises NoSuchEntity, MalformedPolicyDocument."""
    arn: str | None = params.get("PermissionsBoundary")
    if arn is None:
        return None, []
    policy = _attachable(ledger, account, arn)
    ledger.check(policy.document, "boundary")
    return arn, _still(policy)


def _attachable(ledger: Ledger, account: str, arn: str) -> ManagedPolicy:
    checks.policy_arn(arn)
    try:
        return ledger.policy(account, arn)
    except CallerError:
        raise errors.not_attachable(arn) from None


def _still(policy: ManagedPolicy) -> list[Pair]:
    """Those of AWS are always there."""
    return [] if policy.by_aws else [(policy, policy)]
