"""Layers and their versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.api import Location
from lambdad.control.checks import offered
from lambdad.control.layer_references import LayerReference, find_version, parse_layer, readable_version
from lambdad.control.ledger import Change, Ledger
from lambdad.control.packages import Packages, source_of
from lambdad.control.pages import number_key, page
from lambdad.control.representation import base64_digest, timestamp
from lambdad.domain.arns import layer_arn, layer_version_arn
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue
from lambdad.domain.functions import Code, LayerName, LayerVersion
from lambdad.domain.runtimes import RUNTIMES
from lambdad.wire.api import Handler
from lambdad.wire.validate import violation

PAGE = 50


class Layers:
    def __init__(self, ledger: Ledger, packages: Packages, location: Location) -> None:
        self._ledger = ledger
        self._packages = packages
        self._location = location

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "PublishLayerVersion": self.publish,
            "GetLayerVersion": self.get,
            "GetLayerVersionByArn": self.get_by_arn,
            "ListLayers": self.list,
            "ListLayerVersions": self.list_versions,
            "DeleteLayerVersion": self.delete,
        }

    async def publish(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        layer = parse_layer(caller, params["LayerName"])
        _check_runtimes(params.get("CompatibleRuntimes") or [])
        data = await self._packages.fetch(caller, source_of(params["Content"]))
        async with self._packages.admission(layer, len(data)):
            code = await self._packages.take(data)
            version = await self._ledger.decide(lambda: self._decide(layer, code, params))
        return {**_answer(version), "Content": self._content(caller, version)}

    def _decide(self, layer: LayerReference, code: Code, params: Mapping[str, Any]) -> tuple[Sequence[Change], LayerVersion]:
        before = self._ledger.records.layer(layer.account, layer.region, layer.name)
        name = before or LayerName(layer.account, layer.region, layer.name)
        version = LayerVersion(
            account=layer.account,
            region=layer.region,
            name=layer.name,
            version=name.next_version,
            code=code,
            created_ms=self._ledger.now_ms(),
            description=params.get("Description") or "",
            compatible_runtimes=tuple(params.get("CompatibleRuntimes") or ()),
            compatible_architectures=tuple(params.get("CompatibleArchitectures") or ()),
            license=params.get("LicenseInfo") or "",
        )
        return [(before, replace(name, next_version=name.next_version + 1)), (None, version)], version

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        reference = replace_version(parse_layer(caller, params["LayerName"]), params["VersionNumber"])
        return self._full_answer(caller, readable_version(self._ledger.records, reference))

    async def get_by_arn(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        reference = parse_layer(caller, params["Arn"])
        return self._full_answer(caller, readable_version(self._ledger.records, reference))

    def _full_answer(self, caller: Caller, version: LayerVersion) -> dict[str, Any]:
        return {**_answer(version), "Content": self._content(caller, version)}

    def _content(self, caller: Caller, version: LayerVersion) -> dict[str, Any]:
        code = version.code
        return {"Location": self._location(caller, code), "CodeSha256": base64_digest(code), "CodeSize": code.size}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Layers with at least one version that matches, each with its newest such version."""
        records = self._ledger.records
        newest: list[LayerVersion] = []
        for layer in records.layers(caller.account, caller.region):
            versions = records.layer_versions(caller.account, caller.region, layer.name)
            newest.extend([each for each in versions if _matches(each, params)][-1:])
        found, marker = page(newest, lambda each: each.name, params, limit=PAGE)
        layers = [
            {
                "LayerName": each.name,
                "LayerArn": layer_arn(each.account, each.region, each.name),
                "LatestMatchingVersion": _list_answer(each),
            }
            for each in found
        ]
        return {"Layers": layers, **marker}

    async def list_versions(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Newest first; a layer that is not there has no versions."""
        layer = parse_layer(caller, params["LayerName"])
        versions = self._ledger.records.layer_versions(layer.account, layer.region, layer.name)
        matching = [each for each in reversed(versions) if _matches(each, params)]
        # Keys must rise, so they count down from more than any version number.
        found, marker = page(matching, lambda each: number_key(10**15 - each.version), params, limit=PAGE)
        return {"LayerVersions": [_list_answer(each) for each in found], **marker}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """A version that is not there is no error; functions that hold it keep it."""
        layer = parse_layer(caller, params["LayerName"])
        number = check_number(params["VersionNumber"])

        def decision() -> tuple[Sequence[Change], LayerVersion | None]:
            version = find_version(self._ledger.records, layer.account, layer.region, layer.name, number)
            return ([] if version is None else [(version, None)]), version

        deleted = await self._ledger.decide(decision)
        if deleted is not None:
            self._packages.layer_deleted(deleted.code)
        return {}


def check_number(version: int) -> int:
    if version < 1:
        raise InvalidParameterValue("Layer Version Cannot be less than 1")
    return version


def replace_version(layer: LayerReference, version: int) -> LayerReference:
    return LayerReference(layer.account, layer.region, layer.name, check_number(version))


def _check_runtimes(runtimes: Sequence[str]) -> None:
    """Retired runtimes are fine: old functions may use the layer."""
    if any(runtime not in RUNTIMES for runtime in runtimes):
        constraint = (
            f"Member must satisfy constraint: [Member must satisfy enum value set: [{', '.join(offered())}] or be a valid ARN]"
        )
        raise violation(f"[{', '.join(runtimes)}]", "compatibleRuntimes", constraint)


def _matches(version: LayerVersion, params: Mapping[str, Any]) -> bool:
    runtime, architecture = params.get("CompatibleRuntime"), params.get("CompatibleArchitecture")
    return (runtime is None or runtime in version.compatible_runtimes) and (
        architecture is None or architecture in version.compatible_architectures
    )


def _list_answer(version: LayerVersion) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "LayerVersionArn": layer_version_arn(version.account, version.region, version.name, version.version),
        "Version": version.version,
        "Description": version.description,
        "CreatedDate": timestamp(version.created_ms),
    }
    if version.compatible_runtimes:
        answer["CompatibleRuntimes"] = list(version.compatible_runtimes)
    if version.compatible_architectures:
        answer["CompatibleArchitectures"] = list(version.compatible_architectures)
    if version.license:
        answer["LicenseInfo"] = version.license
    return answer


def _answer(version: LayerVersion) -> dict[str, Any]:
    return {**_list_answer(version), "LayerArn": layer_arn(version.account, version.region, version.name)}
