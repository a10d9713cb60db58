"""Managed policies: create, read, delete; and who has them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from lambdad.domain.caller import Caller
from lambdad.iam.arns import AWS
from lambdad.iam.directory import Directory
from lambdad.iam.entities import Group, ManagedPolicy, PolicyVersion, Role, User
from lambdad.iam.ids import UNIQUE_ID, unique_id
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors, show
from lambdad.services.iam.kinds import Owner
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page


class Usage:
    """How many of an account's users, groups and roles have each managed policy attached, and as a boundary."""

    def __init__(self, directory: Directory, account: str) -> None:
        owners = [*directory.users(account), *directory.groups(account), *directory.roles(account)]
        self.attached = Counter(arn for owner in owners for arn in owner.attached)
        self.bounding = Counter(owner.boundary for owner in owners)

    def of(self, policy: ManagedPolicy) -> tuple[int, int]:
        return self.attached[policy.arn], self.bounding[policy.arn]


class Policies:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name, document = params["PolicyName"], params["PolicyDocument"]
        tags = checks.new_tags(params.get("Tags") or ())
        self._ledger.check(document, "identity")
        checks.managed_size(document)

        def decide() -> tuple[list[Pair], ManagedPolicy]:
            if self._ledger.directory.policy_named(caller.account, name) is not None:
                raise errors.exists(f"A policy called {name} already exists. Duplicate names are not allowed.")
            checks.room(len(self._ledger.directory.policies(caller.account)), "PoliciesPerAccount", checks.POLICIES)
            now = self._ledger.now()
            policy = ManagedPolicy(
                account=caller.account,
                name=name,
                path=params.get("Path") or "/",
                id=unique_id("ANPA", self._ledger.chance(UNIQUE_ID)),
                created=now,
                updated=now,
                description=params.get("Description"),
                tags=tags,
                versions=(PolicyVersion(1, document, now),),
                default=1,
                newest=1,
            )
            return [(None, policy)], policy

        return {"Policy": show.policy(await self._ledger.decide(decide), 0, 0)}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        checks.policy_arn(params["PolicyArn"])
        policy = self._ledger.policy(caller.account, params["PolicyArn"])
        return {"Policy": show.policy(policy, *Usage(self._ledger.directory, caller.account).of(policy))}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """`Scope`: the account's own, AWS's, or both. By name, and of one name the account's own last."""
        directory, scope, prefix = self._ledger.directory, params.get("Scope") or "All", params.get("PathPrefix") or "/"
        usage = Usage(directory, caller.account)
        own = directory.policies(caller.account) if scope in ("All", "Local") else ()
        theirs = directory.policies(AWS) if scope in ("All", "AWS") else ()
        wanted = (each for each in (*own, *theirs) if each.path.startswith(prefix))
        if params.get("OnlyAttached"):
            wanted = (each for each in wanted if usage.attached[each.arn])
        match params.get("PolicyUsageFilter"):
            case "PermissionsPolicy":
                wanted = (each for each in wanted if usage.attached[each.arn])
            case "PermissionsBoundary":
                wanted = (each for each in wanted if usage.bounding[each.arn])
        found, more = page(sorted(wanted, key=_place), _place, params)
        return {"Policies": [show.listed_policy(policy, *usage.of(policy)) for policy in found]} | more

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            policy = own_policy(self._ledger, caller, params)
            if any(Usage(self._ledger.directory, caller.account).of(policy)):
                raise errors.conflict("Cannot delete a policy attached to entities.")
            if len(policy.versions) > 1:
                raise errors.conflict(
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
                    "The default version is deleted with the policy."
                )
            return [(policy, None)], None

        await self._ledger.decide(decide)
        return {}

    async def entities(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Users, groups and roles that have it; pages go through their ARNs."""
        checks.policy_arn(params["PolicyArn"])
        policy, kind = self._ledger.policy(caller.account, params["PolicyArn"]), params.get("EntityFilter")
        directory, owners = self._ledger.directory, list[Owner]()
        if kind in (None, "Group"):
            owners += _having(directory.groups(caller.account), policy.arn, params)
        if kind in (None, "User"):
            owners += _having(directory.users(caller.account), policy.arn, params)
        if kind in (None, "Role"):
            owners += _having(directory.roles(caller.account), policy.arn, params)
        found, more = page(sorted(owners, key=lambda owner: owner.arn), lambda owner: owner.arn, params)
        groups = [{"GroupName": owner.name, "GroupId": owner.id} for owner in found if isinstance(owner, Group)]
        users = [{"UserName": owner.name, "UserId": owner.id} for owner in found if isinstance(owner, User)]
        roles = [{"RoleName": owner.name, "RoleId": owner.id} for owner in found if isinstance(owner, Role)]
        return {"PolicyGroups": groups, "PolicyUsers": users, "PolicyRoles": roles} | more


def _having(owners: Iterable[Owner], arn: str, params: dict[str, Any]) -> list[Owner]:
    prefix, usage = params.get("PathPrefix") or "/", params.get("PolicyUsageFilter")
    return [
        owner
        for owner in owners
        if owner.path.startswith(prefix)
        and (
            (usage != "PermissionsBoundary" and arn in owner.attached)
            or (usage != "PermissionsPolicy" and arn == owner.boundary)
        )
    ]


def own_policy(ledger: Ledger, caller: Caller, params: dict[str, Any]) -> ManagedPolicy:
    """The one that a request names, to be changed. Raises NoSuchEntity, and AccessDenied for one of AWS."""
    arn = params["PolicyArn"]
    checks.policy_arn(arn)
    policy = ledger.policy(caller.account, arn)
    if policy.by_aws:
        raise errors.denied(f"Policy {arn} is managed by AWS and can't be changed.")
    return policy


def _place(policy: ManagedPolicy) -> str:
    return f"{policy.name.lower()} {policy.arn}"
