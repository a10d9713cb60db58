"""Functions: create, read, list, update the configuration, delete."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.api import Location
from lambdad.control.checks import (
    check_architectures,
    check_configuration,
    check_name,
    check_package_type,
    check_runtime,
    check_snap_start,
    check_supported,
    check_tags,
)
from lambdad.control.code_signing import held_config, require_config
from lambdad.control.configuration import configured, new_latest, published, updated
from lambdad.control.layer_references import resolve_layers
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import function_name, latest_name, require_function, require_version
from lambdad.control.packages import Packages, source_of
from lambdad.control.pages import number_key, page
from lambdad.control.representation import configuration
from lambdad.control.revisions import check_changeable, check_revision
from lambdad.control.role_checks import RoleChecks
from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, ResourceConflict
from lambdad.domain.functions import Code, DeletedFunction, Function, Layer, Version
from lambdad.domain.limits import EPHEMERAL_STORAGE
from lambdad.wire.api import Handler

PAGE = 50
"""Functions per answer, whatever MaxItems says; https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html"""


class Functions:
    def __init__(
        self,
        ledger: Ledger,
        packages: Packages,
        roles: RoleChecks,
        *,
        available: Callable[[], Sequence[str]],
        architecture: str,
        location: Location,
    ) -> None:
        self._ledger = ledger
        self._packages = packages
        self._roles = roles
        self._available = available
        self._architecture = architecture
        self._location = location

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateFunction": self.create,
            "GetFunction": self.get,
            "GetFunctionConfiguration": self.get_configuration,
            "ListFunctions": self.list,
            "UpdateFunctionConfiguration": self.update_configuration,
            "DeleteFunction": self.delete,
        }

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        if name.qualifier is not None:
            raise InvalidParameterValue(f"A function can't be created with a version or alias in its name: {name.arn}")
        architecture = self._check_create(params, name)
        source = source_of(params["Code"])
        self._check_absent(name)
        layers = resolve_layers(self._ledger.records, caller, params.get("Layers") or [])
        data = await self._packages.fetch(caller, source)
        copies = 2 if params.get("Publish") else 1
        async with self._packages.admission(name, copies * len(data)):
            code = await self._packages.take(data, layers)

            def decision() -> tuple[Sequence[Change], dict[str, Any]]:
                self._check_absent(name)
                deleted = self._ledger.records.deleted_function(name.account, name.region, name.name)
                first = 1 if deleted is None else deleted.next_version
                function, answer = self._new(name, params, code, layers, architecture, first)
                changes: list[Change] = [(None, function)]
                if deleted is not None:
                    changes.append((deleted, None))
                if function.code_signing_config_arn:
                    changes.append(held_config(self._ledger.records, function.code_signing_config_arn, name.account))
                return changes, answer

            return await self._ledger.decide(decision)

    def _check_create(self, params: Mapping[str, Any], name: FunctionName) -> str:
        """The function's architecture, if all is well."""
        check_name(name.name)
        check_supported(params)
        check_package_type(params)
        check_runtime(params["Runtime"], self._available())
        storage = (params.get("EphemeralStorage") or {}).get("Size") or EPHEMERAL_STORAGE
        check_snap_start((params.get("SnapStart") or {}).get("ApplyOn") or "None", params["Runtime"], storage)
        check_configuration(params)
        self._roles.assumable(params["Role"], name)
        self._check_dead_letters(name, params["Role"], params)
        check_tags(params.get("Tags") or {})
        if params.get("CodeSigningConfigArn"):
            require_config(self._ledger.records, params["CodeSigningConfigArn"], name.account)
        return check_architectures(params.get("Architectures"), self._architecture)

    def _check_dead_letters(self, name: FunctionName, role: str, params: Mapping[str, Any]) -> None:
        target = (params.get("DeadLetterConfig") or {}).get("TargetArn")
        if target:
            self._roles.may_tell(role, name, target)

    def _check_absent(self, name: FunctionName) -> None:
        if self._ledger.function(name) is not None:
            raise ResourceConflict(f"Function already exist: {name.name}")

    def _new(
        self,
        name: FunctionName,
        params: Mapping[str, Any],
        code: Code,
        layers: Sequence[Layer],
        architecture: str,
        first_version: int,
    ) -> tuple[Function, dict[str, Any]]:
        ledger = self._ledger
        now, new_id = ledger.now_ms(), ledger.new_id
        latest = new_latest(
            name, params, code, layers, architecture=architecture, now_ms=now, revision=new_id(), build=new_id()
        )
        function = Function(
            account=name.account,
            region=name.region,
            name=name.name,
            latest=latest,
            next_version=first_version,
            tags=dict(params.get("Tags") or {}),
            code_signing_config_arn=params.get("CodeSigningConfigArn") or None,
        )
        if not params.get("Publish"):
            return function, configuration(latest)
        function, version = published(function, None, now_ms=now, revision=new_id(), build=new_id())
        return function, configuration(version)

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        function = require_function(self._ledger.records, name)
        version = require_version(function, name)
        code: dict[str, Any] = {"RepositoryType": "S3", "Location": self._location(caller, version.code)}
        if "SourceKMSKeyArn" in version.stored:
            code["SourceKMSKeyArn"] = version.stored["SourceKMSKeyArn"]
        answer: dict[str, Any] = {"Configuration": configuration(version, qualifier=name.qualifier), "Code": code}
        if function.tags:
            answer["Tags"] = dict(function.tags)
        if function.reserved_concurrency is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
        return answer

    async def get_configuration(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        version = require_version(require_function(self._ledger.records, name), name)
        return configuration(version, qualifier=name.qualifier)

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        every = params.get("FunctionVersion") == "ALL"
        region = params.get("MasterRegion")
        if region and not every:
            raise InvalidParameterValue("FunctionVersion must be set to ALL if MasterRegion is provided.")
        versions: list[Version] = []
        # No function here is a replica of one in another region, so a certain master region has none.
        if region in (None, "ALL"):
            for function in self._ledger.records.functions(caller.account, caller.region):
                versions.append(function.latest)
                if every:
                    versions.extend(sorted(function.versions.values(), key=lambda each: int(each.version)))
        found, marker = page(versions, _list_key, params, limit=PAGE)
        return {"Functions": [configuration(each, states=False, qualified=every) for each in found], **marker}

    async def update_configuration(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = latest_name(caller, params)
        check_supported(params)
        check_configuration(params)
        if params.get("Runtime"):
            check_runtime(params["Runtime"], self._available())
        async with self._packages.admission(name):
            await self._check_new_layers(caller, name, params)

            def change(before: Function) -> Function:
                return self._reconfigured(caller, name, before, params)

            function = await self._ledger.change(lambda: require_function(self._ledger.records, name), change)
        return configuration(function.latest)

    async def _check_new_layers(self, caller: Caller, name: FunctionName, params: Mapping[str, Any]) -> None:
        """Sizes are read from disk, so before the decision; layer versions are immutable, so this holds."""
        if params.get("Layers"):
            latest = require_function(self._ledger.records, name).latest
            layers = resolve_layers(self._ledger.records, caller, params["Layers"], latest.layers)
            await self._packages.check_sizes(latest.code, layers)

    def _reconfigured(self, caller: Caller, name: FunctionName, before: Function, params: Mapping[str, Any]) -> Function:
        latest = before.latest
        check_revision(params.get("RevisionId"), latest.revision_id)
        check_changeable(before)
        if params.get("Role"):
            self._roles.assumable(params["Role"], name)
        self._check_dead_letters(name, params.get("Role") or latest.role, params)
        layers: list[Layer] | None = None
        if params.get("Layers") is not None:
            layers = resolve_layers(self._ledger.records, caller, params["Layers"], latest.layers)
        after = configured(latest, params, layers)
        check_snap_start(after.snap_start, after.runtime, after.ephemeral_storage)
        ledger = self._ledger
        return updated(before, after, now_ms=ledger.now_ms(), revision=ledger.new_id(), build=ledger.new_id())

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = function_name(caller, params)
        qualifier = name.qualifier
        if qualifier == LATEST:
            raise InvalidParameterValue("$LATEST version cannot be deleted without deleting the function.")
        if qualifier is not None and not qualifier.isdecimal():
            raise InvalidParameterValue("Deletion of aliases is not currently supported.")

        def decision() -> tuple[Sequence[Change], dict[str, Any]]:
            before = require_function(self._ledger.records, name.qualified(None))
            # The model says 200; the service answers 204.
            return (_whole(before) if qualifier is None else _one_version(before, qualifier)), {"StatusCode_": 204}

        return await self._ledger.decide(decision)


def _whole(function: Function) -> list[Change]:
    """All of the function goes, except which number its next version would have had."""
    changes: list[Change] = [(function, None)]
    if function.next_version > 1:
        kept = DeletedFunction(function.account, function.region, function.name, function.next_version)
        changes.append((None, kept))
    return changes


def _one_version(function: Function, number: str) -> list[Change]:
    after = without_version(function, number)
    return [] if after is function else [(function, after)]


def without_version(function: Function, number: str) -> Function:
    """Raises ResourceConflict where an alias points to the version; a version that is not there is no error."""
    if number not in function.versions:
        return function
    users = [alias.name for alias in function.aliases.values() if number == alias.version or number in alias.weights]
    if users:
        raise ResourceConflict(f"Version {number} of {function.arn} can't be deleted: alias {', '.join(users)} points to it.")
    return replace(without_settings(function, number), versions=_without(function.versions, number))


def without_settings(function: Function, qualifier: str) -> Function:
    """What belonged to a version or alias goes with it."""
    return replace(
        function,
        policies=_without(function.policies, qualifier),
        event_invoke=_without(function.event_invoke, qualifier),
        provisioned=_without(function.provisioned, qualifier),
        runtime_management=_without(function.runtime_management, qualifier),
    )


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {each: value for each, value in mapping.items() if each != key}


def _list_key(version: Version) -> str:
    return f"{version.name}\0{number_key(version.version)}"
