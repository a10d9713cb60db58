"""Tags of users, roles and managed policies."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.encoding import Entity
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, show
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page

Find = Callable[[Ledger, Caller, dict[str, Any]], Entity]
"""What a request's parameters name, as one that may be changed. Raises NoSuchEntity."""


class Tags:
    """Of one kind of entity."""

    def __init__(self, ledger: Ledger, find: Find) -> None:
        self._ledger = ledger
        self._find = find

    async def add(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return await self._change(caller, params, lambda present: checks.new_tags(params["Tags"], present))

    async def remove(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return await self._change(caller, params, lambda present: checks.fewer_tags(params["TagKeys"], present))

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        tags = show.tags(dict(sorted(self._find(self._ledger, caller, params).tags.items())))
        found, more = page(tags, lambda tag: tag["Key"], params)
        return {"Tags": list(found)} | more

    async def _change(
        self, caller: Caller, params: dict[str, Any], change: Callable[[dict[str, str]], dict[str, str]]
    ) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            entity = self._find(self._ledger, caller, params)
            return [(entity, replace(entity, tags=change(entity.tags)))], None

        await self._ledger.decide(decide)
        return {}
