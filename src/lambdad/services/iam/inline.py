"""Inline policies of users, groups and roles."""

from typing import Any

from lambdad.domain.caller import Caller
from lambdad.iam.write import Pair
from lambdad.services.iam import checks, errors, show
from lambdad.services.iam.kinds import Kind, changed
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page


class InlinePolicies:
    """Of one kind of identity."""

    def __init__(self, ledger: Ledger, kind: Kind) -> None:
        self._ledger = ledger
        self._kind = kind

    async def put(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name, document = params["PolicyName"], params["PolicyDocument"]
        self._ledger.check(document, "identity")

        def decide() -> tuple[list[Pair], None]:
            owner = self._kind.named(self._ledger, caller, params)
            after = owner.inline | {name: document}
            checks.inline_size(after.values(), self._kind.noun, owner.name, self._kind.inline_limit)
            return [changed(owner, inline=after)], None

        await self._ledger.decide(decide)
        return {}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        owner, name = self._kind.named(self._ledger, caller, params), params["PolicyName"]
        if name not in owner.inline:
            raise self._none(name)
        document = show.document(owner.inline[name])
        return {self._kind.parameter: owner.name, "PolicyName": name, "PolicyDocument": document}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        names = sorted(self._kind.named(self._ledger, caller, params).inline)
        found, more = page(names, str, params)
        return {"PolicyNames": list(found)} | more

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decide() -> tuple[list[Pair], None]:
            owner, name = self._kind.named(self._ledger, caller, params), params["PolicyName"]
            if name not in owner.inline:
                raise self._none(name)
            after = {each: document for each, document in owner.inline.items() if each != name}
            return [changed(owner, inline=after)], None

        await self._ledger.decide(decide)
        return {}

    def _none(self, name: str) -> Exception:
        return errors.not_found(f"{self._kind.noun} policy", name)
