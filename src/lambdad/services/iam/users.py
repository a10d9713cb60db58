"""Users: create, read, rename, delete."""

from typing import Any

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.arns import parse_principal, root_arn
from lambdad.iam.encoding import key_of
from lambdad.iam.entities import User
from lambdad.iam.ids import UNIQUE_ID, unique_id
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors, show
from lambdad.services.iam.attachments import boundary_of
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page


class Users:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name, tags = params["UserName"], checks.new_tags(params.get("Tags") or ())

        def decide() -> tuple[list[Pair], User]:
            boundary, touched = boundary_of(self._ledger, caller.account, params)
            self._check_free(caller.account, name)
            checks.room(len(self._ledger.directory.users(caller.account)), "UsersPerAccount", checks.USERS)
            user = User(
                account=caller.account,
                name=name,
                path=params.get("Path") or "/",
                id=unique_id("AIDA", self._ledger.chance(UNIQUE_ID)),
                created=self._ledger.now(),
                tags=tags,
                boundary=boundary,
            )
            return [(None, user), *touched], user

        return {"User": show.user(await self._ledger.decide(decide))}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Without a name: who calls, be it the root user, who has no name and is as old as the account."""
        principal = parse_principal(caller.principal_arn)
        if "UserName" not in params and principal is not None and principal.kind == "root":
            account = caller.account
            root = {"Path": "/", "UserName": "root", "UserId": account, "Arn": root_arn(account), "CreateDate": 0}
            return {"User": root}
        return {"User": show.user(self._ledger.caller_or(caller, params.get("UserName")))}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("PathPrefix") or "/"
        users = [user for user in self._ledger.directory.users(caller.account) if user.path.startswith(prefix)]
        found, more = page(users, lambda user: user.name.lower(), params)
        return {"Users": [show.listed_user(user) for user in found]} | more

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """A new name or a new path; its keys and policies stay its own."""

        def decide() -> tuple[list[Pair], None]:
            user = self._ledger.user(caller.account, params["UserName"])
            name = params.get("NewUserName") or user.name
            after = replace(user, name=name, path=params.get("NewPath") or user.path)
            if key_of(after) == key_of(user):
                return [(user, after)], None
            self._check_free(caller.account, name)
            return [(user, None), (None, after)], None

        await self._ledger.decide(decide)
        return {}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            user = self._ledger.user(caller.account, params["UserName"])
            if user.attached:
                raise errors.conflict("Cannot delete entity, must detach all policies first.")
            if user.inline:
                raise errors.conflict("Cannot delete entity, must delete policies first.")
            if user.keys:
                raise errors.conflict("Cannot delete entity, must delete access keys first.")
            if user.groups:
                raise errors.conflict("Cannot delete entity, must remove users from group first.")
            return [(user, None)], None

        await self._ledger.decide(decide)
        return {}

    def _check_free(self, account: str, name: str) -> None:
        if self._ledger.directory.user(account, name) is not None:
            raise errors.exists(f"User with name {name} already exists.")
