"""Code signing configurations: stored, returned and attached to functions. Signatures are not verified: there is no Signer.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.checks import check_tags
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import require_function, unqualified_name
from lambdad.control.pages import page
from lambdad.control.representation import timestamp
from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError, ResourceConflict, ResourceNotFound
from lambdad.domain.functions import CodeSigningConfig, Function
from lambdad.records.api import Records
from lambdad.wire.api import Handler


class CodeSigning:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateCodeSigningConfig": self.create,
            "GetCodeSigningConfig": self.get,
            "UpdateCodeSigningConfig": self.update,
            "DeleteCodeSigningConfig": self.delete,
            "ListCodeSigningConfigs": self.list,
            "ListFunctionsByCodeSigningConfig": self.list_functions,
            "PutFunctionCodeSigningConfig": self.attach,
            "GetFunctionCodeSigningConfig": self.attached,
            "DeleteFunctionCodeSigningConfig": self.detach,
        }

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        tags = params.get("Tags") or {}
        check_tags(tags)

        def decision() -> tuple[Sequence[Change], CodeSigningConfig]:
            config = CodeSigningConfig(
                account=caller.account,
                region=caller.region,
                id=f"csc-{self._ledger.new_id().replace('-', '')[:17]}",
                last_modified_ms=self._ledger.now_ms(),
                publishers=tuple(params["AllowedPublishers"]["SigningProfileVersionArns"]),
                policy=_policy(params) or "Warn",
                description=params.get("Description") or "",
                tags=dict(tags),
            )
            return [(None, config)], config

        return {"CodeSigningConfig": _answer(await self._ledger.decide(decision))}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"CodeSigningConfig": _answer(self._require(caller, params))}

    def _require(self, caller: Caller, params: Mapping[str, Any]) -> CodeSigningConfig:
        """The caller's own. Raises ResourceNotFound, since that is what these operations answer by the model."""
        arn = params["CodeSigningConfigArn"]
        config = find_config(self._ledger.records, arn)
        if config is None or config.account != caller.account or config.region != caller.region:
            raise ResourceNotFound(f"The Lambda code signing configuration {arn} can not be found.")
        return config

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decision() -> tuple[Sequence[Change], CodeSigningConfig]:
            before = self._require(caller, params)
            publishers = (params.get("AllowedPublishers") or {}).get("SigningProfileVersionArns")
            description = params.get("Description")
            after = replace(
                before,
                last_modified_ms=self._ledger.now_ms(),
                publishers=tuple(publishers) if publishers else before.publishers,
                policy=_policy(params) or before.policy,
                description=before.description if description is None else description,
            )
            return [(before, after)], after

        return {"CodeSigningConfig": _answer(await self._ledger.decide(decision))}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decision() -> tuple[Sequence[Change], dict[str, Any]]:
            before = self._require(caller, params)
            if self._users(before):
                raise ResourceConflict(
                    f"Cannot delete the code signing configuration {before.arn}: functions use it. "
                    "Detach it from them and try again."
                )
            return [(before, None)], {}

        return await self._ledger.decide(decision)

    def _users(self, config: CodeSigningConfig) -> list[Function]:
        functions = self._ledger.records.functions(config.account, config.region)
        return [each for each in functions if each.code_signing_config_arn == config.arn]

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        configs = self._ledger.records.code_signing_configs(caller.account, caller.region)
        found, marker = page(configs, lambda each: each.id, params)
        return {"CodeSigningConfigs": [_answer(each) for each in found], **marker}

    async def list_functions(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        found, marker = page(self._users(self._require(caller, params)), lambda each: each.name, params)
        return {"FunctionArns": [each.arn for each in found], **marker}

    # Of a function

    async def attach(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)
        arn = params["CodeSigningConfigArn"]

        def decision() -> tuple[Sequence[Change], dict[str, Any]]:
            before = require_function(self._ledger.records, name)
            held = held_config(self._ledger.records, arn, name.account)
            answer = {"CodeSigningConfigArn": arn, "FunctionName": name.name}
            if before.code_signing_config_arn == arn:
                return [], answer
            return [(before, replace(before, code_signing_config_arn=arn)), held], answer

        return await self._ledger.decide(decision)

    async def attached(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """A function without one is answered by an empty object, as AWS does, though the model calls both members required."""
        name = unqualified_name(caller, params)
        arn = require_function(self._ledger.records, name).code_signing_config_arn
        return {"CodeSigningConfigArn": arn, "FunctionName": name.name} if arn else {}

    async def detach(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)

        def change(before: Function) -> Function:
            return before if before.code_signing_config_arn is None else replace(before, code_signing_config_arn=None)

        await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return {}


def find_config(records: Records, arn: str) -> CodeSigningConfig | None:
    parts = arn.split(":")
    if len(parts) != 7:
        return None
    return next((each for each in records.code_signing_configs(parts[4], parts[3]) if each.arn == arn), None)


def require_config(records: Records, arn: str, account: str) -> CodeSigningConfig:
    """For operations on functions of that account. Raises CodeSigningConfigNotFoundException (404)."""
    config = find_config(records, arn)
    if config is None or config.account != account:
        raise CallerError.named(
            "CodeSigningConfigNotFoundException",
            f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}.",
            404,
        )
    return config


def held_config(records: Records, arn: str, account: str) -> Change:
    """Goes with the change of a function that begins to refer to the configuration: only one of it and a deletion succeeds.

    Raises CodeSigningConfigNotFoundException.
    """
    config = require_config(records, arn, account)
    return config, config


def _policy(params: Mapping[str, Any]) -> str | None:
    return (params.get("CodeSigningPolicies") or {}).get("UntrustedArtifactOnDeployment")


def _answer(config: CodeSigningConfig) -> dict[str, Any]:
    return {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.policy},
        "LastModified": timestamp(config.last_modified_ms),
    }
