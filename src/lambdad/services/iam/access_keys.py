"""Access keys of users."""

from typing import Any

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam import ids
from lambdad.iam.entities import AccessKey, User
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors, show
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page


class AccessKeys:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """The only answer that has the secret."""

        def decide() -> tuple[list[Pair], tuple[User, AccessKey]]:
            user = self._ledger.caller_or(caller, params.get("UserName"))
            checks.room(len(user.keys), "AccessKeysPerUser", checks.KEYS)
            key = AccessKey(self._free_id(caller.account), ids.secret(self._ledger.chance(ids.SECRET)), self._ledger.now())
            return [(user, replace(user, keys=(*user.keys, key)))], (user, key)

        user, key = await self._ledger.decide(decide)
        return {"AccessKey": show.key(user, key) | {"SecretAccessKey": key.secret}}

    def _free_id(self, account: str) -> str:
        """Half of an id is the account, so the rest could, once in a long while, be taken."""
        while True:
            found = ids.access_key_id("AKIA", account, self._ledger.chance(ids.KEY_ID))
            if self._ledger.directory.access_key(found) is None:
                return found

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        user = self._ledger.caller_or(caller, params.get("UserName"))
        found, more = page(sorted(user.keys, key=lambda key: key.id), lambda key: key.id, params)
        return {"AccessKeyMetadata": [show.key(user, key) for key in found]} | more

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            user, key = self._named(caller, params)
            after = replace(key, active=params["Status"] == "Active")
            return [(user, replace(user, keys=tuple(after if each is key else each for each in user.keys)))], None

        await self._ledger.decide(decide)
        return {}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            user, key = self._named(caller, params)
            return [(user, replace(user, keys=tuple(each for each in user.keys if each is not key)))], None

        await self._ledger.decide(decide)
        return {}

    async def last_used(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Uses are not counted yet: every key is one that was never used."""
        found = self._ledger.directory.access_key(params["AccessKeyId"])
        if found is None or found[0].account != caller.account:
            raise _no_key(params["AccessKeyId"])
        return {"UserName": found[0].name, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}

    def _named(self, caller: Caller, params: dict[str, Any]) -> tuple[User, AccessKey]:
        user = self._ledger.caller_or(caller, params.get("UserName"))
        key = next((key for key in user.keys if key.id == params["AccessKeyId"]), None)
        if key is None:
            raise _no_key(params["AccessKeyId"])
        return user, key


def _no_key(id: str) -> Exception:
    return errors.no_entity(f"The Access Key with id {id} cannot be found.")
