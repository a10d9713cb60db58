"""Roles: create, read, change, delete."""

from typing import Any

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.entities import Role
from lambdad.iam.ids import UNIQUE_ID, unique_id
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors, show
from lambdad.services.iam.attachments import boundary_of
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page


class Roles:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name, trust = params["RoleName"], params["AssumeRolePolicyDocument"]
        tags = checks.new_tags(params.get("Tags") or ())
        self._ledger.check(trust, "trust")
        checks.trust_size(trust)

        def decide() -> tuple[list[Pair], Role]:
            boundary, touched = boundary_of(self._ledger, caller.account, params)
            if self._ledger.directory.role(caller.account, name) is not None:
                raise errors.exists(f"Role with name {name} already exists.")
            checks.room(len(self._ledger.directory.roles(caller.account)), "RolesPerAccount", checks.ROLES)
            role = Role(
                account=caller.account,
                name=name,
                path=params.get("Path") or "/",
                id=unique_id("AROA", self._ledger.chance(UNIQUE_ID)),
                created=self._ledger.now(),
                tags=tags,
                boundary=boundary,
                trust=trust,
                description=params.get("Description"),
                max_session=params.get("MaxSessionDuration") or 3600,
            )
            return [(None, role), *touched], role

        return {"Role": show.role(await self._ledger.decide(decide))}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """When it was last used is not kept."""
        return {"Role": show.role(self._ledger.role(caller.account, params["RoleName"])) | {"RoleLastUsed": {}}}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("PathPrefix") or "/"
        roles = [role for role in self._ledger.directory.roles(caller.account) if role.path.startswith(prefix)]
        found, more = page(roles, lambda role: role.name.lower(), params)
        return {"Roles": [show.listed_role(role) for role in found]} | more

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if "Description" in params:
            changes["description"] = params["Description"]
        if "MaxSessionDuration" in params:
            changes["max_session"] = params["MaxSessionDuration"]
        await self._change(caller, params["RoleName"], changes)
        return {}

    async def update_description(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"Role": show.role(await self._change(caller, params["RoleName"], {"description": params["Description"]}))}

    async def update_trust(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        trust = params["PolicyDocument"]
        self._ledger.check(trust, "trust")
        checks.trust_size(trust)
        await self._change(caller, params["RoleName"], {"trust": trust})
        return {}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            role = self._ledger.role(caller.account, params["RoleName"])
            if role.attached:
                raise errors.conflict("Cannot delete entity, must detach all policies first.")
            if role.inline:
                raise errors.conflict("Cannot delete entity, must delete policies first.")
            return [(role, None)], None

        await self._ledger.decide(decide)
        return {}

    async def instance_profiles(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """There are none; the tools that delete a role ask first."""
        self._ledger.role(caller.account, params["RoleName"])
        return {"InstanceProfiles": [], "IsTruncated": False}

    async def _change(self, caller: Caller, name: str, changes: dict[str, Any]) -> Role:
        def decide() -> tuple[list[Pair], Role]:
            role = self._ledger.role(caller.account, name)
            after = replace(role, **changes)
            return [(role, after)], after

        return await self._ledger.decide(decide)
