"""Groups of users: create, read, rename, delete; who is in them."""

from typing import Any

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.encoding import key_of
from lambdad.iam.entities import Group
from lambdad.iam.ids import UNIQUE_ID, unique_id
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors, show
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page


class Groups:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], Group]:
            self._check_free(caller.account, params["GroupName"])
            checks.room(len(self._ledger.directory.groups(caller.account)), "GroupsPerAccount", checks.GROUPS)
            group = Group(
                account=caller.account,
                name=params["GroupName"],
                path=params.get("Path") or "/",
                id=unique_id("AGPA", self._ledger.chance(UNIQUE_ID)),
                created=self._ledger.now(),
            )
            return [(None, group)], group

        return {"Group": show.group(await self._ledger.decide(decide))}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Pages go through its users."""
        group = self._ledger.group(caller.account, params["GroupName"])
        users, more = page(self._ledger.directory.members(group), lambda user: user.name.lower(), params)
        return {"Group": show.group(group), "Users": [show.listed_user(user) for user in users]} | more

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("PathPrefix") or "/"
        groups = [group for group in self._ledger.directory.groups(caller.account) if group.path.startswith(prefix)]
        found, more = page(groups, lambda group: group.name.lower(), params)
        return {"Groups": [show.group(group) for group in found]} | more

    async def list_of_user(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        groups = self._ledger.directory.groups_of(self._ledger.user(caller.account, params["UserName"]))
        found, more = page(groups, lambda group: group.name.lower(), params)
        return {"Groups": [show.group(group) for group in found]} | more

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """A new name or a new path; its users and policies stay."""

        def decide() -> tuple[list[Pair], None]:
            group = self._ledger.group(caller.account, params["GroupName"])
            name = params.get("NewGroupName") or group.name
            after = replace(group, name=name, path=params.get("NewPath") or group.path)
            if key_of(after) == key_of(group):
                return [(group, after)], None
            self._check_free(caller.account, name)
            return [(group, None), (None, after)], None

        await self._ledger.decide(decide)
        return {}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            group = self._ledger.group(caller.account, params["GroupName"])
            if self._ledger.directory.members(group):
                raise errors.conflict("Cannot delete entity, must remove users from group first.")
            if group.attached:
                raise errors.conflict("Cannot delete entity, must detach all policies first.")
            if group.inline:
                raise errors.conflict("Cannot delete entity, must delete policies first.")
            return [(group, None)], None

        await self._ledger.decide(decide)
        return {}

    async def add_user(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Once more is no error. The group must still be there when the user is in it."""

        def decide() -> tuple[list[Pair], None]:
            group = self._ledger.group(caller.account, params["GroupName"])
            user = self._ledger.user(caller.account, params["UserName"])
            if group.id in user.groups:
                return [], None
            checks.room(len(user.groups), "GroupsPerUser", checks.MEMBERSHIPS)
            return [(user, replace(user, groups=(*user.groups, group.id))), (group, group)], None

        await self._ledger.decide(decide)
        return {}

    async def remove_user(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            group = self._ledger.group(caller.account, params["GroupName"])
            user = self._ledger.user(caller.account, params["UserName"])
            if group.id not in user.groups:
                raise errors.no_entity(f"The user with name {user.name} is not in the group with name {group.name}.")
            return [(user, replace(user, groups=tuple(each for each in user.groups if each != group.id)))], None

        await self._ledger.decide(decide)
        return {}

    def _check_free(self, account: str, name: str) -> None:
        if self._ledger.directory.group(account, name) is not None:
            raise errors.exists(f"Group with name {name} already exists.")
