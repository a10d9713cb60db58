"""Tags of functions, of code signing configurations and of event source mappings.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.checks import check_tags
from lambdad.control.code_signing import find_config
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import require_function
from lambdad.control.revisions import check_not_updating
from lambdad.domain.arns import parse_function_name
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, ResourceNotFound
from lambdad.domain.functions import CodeSigningConfig, Function
from lambdad.domain.mappings import EventSourceMapping
from lambdad.wire.api import Handler

Tags = dict[str, str]
Tagged = Function | CodeSigningConfig | EventSourceMapping


class TagOperations:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"TagResource": self.tag, "UntagResource": self.untag, "ListTags": self.list}

    async def tag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        added = params["Tags"]
        if not added:
            raise InvalidParameterValue("An error occurred and the request cannot be processed.")

        def merge(present: Tags) -> Tags:
            after = {**present, **added}
            check_tags(after)
            return after

        await self._change(caller, params["Resource"], merge)
        return {}

    async def untag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        gone = set(params["TagKeys"])
        if not gone:
            raise InvalidParameterValue("An error occurred and the request cannot be processed.")

        def strip(present: Tags) -> Tags:
            return {key: value for key, value in present.items() if key not in gone}

        await self._change(caller, params["Resource"], strip)
        return {}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": dict(self._find(caller, params["Resource"]).tags)}

    async def _change(self, caller: Caller, arn: str, change: Callable[[Tags], Tags]) -> None:
        def decision() -> tuple[Sequence[Change], None]:
            before = self._find(caller, arn)
            tags = change(before.tags)
            match before:
                case Function():
                    check_not_updating(before)
                    latest = replace(before.latest, revision_id=self._ledger.new_id())
                    after: Tagged = replace(before, tags=tags, latest=latest)
                case CodeSigningConfig() | EventSourceMapping():
                    after = replace(before, tags=tags)
            return ([] if tags == before.tags else [(before, after)]), None

        await self._ledger.decide(decision)

    def _find(self, caller: Caller, arn: str) -> Tagged:
        parts = arn.split(":")
        kind = parts[5] if len(parts) > 6 else ""
        match kind:
            case "function":
                name = parse_function_name(arn, None, account=caller.account, region=caller.region)
                if name.qualifier is not None:
                    raise InvalidParameterValue(
                        "Tags on function aliases and versions are not supported. Please specify a function ARN."
                    )
                return require_function(self._ledger.records, name)
            case "code-signing-config":
                config = find_config(self._ledger.records, arn)
                if config is None:
                    raise ResourceNotFound(f"The Lambda code signing configuration {arn} can not be found.")
                return config
            case "event-source-mapping":
                mapping = self._ledger.records.mapping(caller.account, caller.region, parts[6])
                if mapping is None or mapping.arn != arn:
                    raise ResourceNotFound(f"Event source mapping not found: {arn}")
                return mapping
            case _:
                raise ResourceNotFound(f"The resource you requested does not exist: {arn}")
