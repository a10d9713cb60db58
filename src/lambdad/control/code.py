"""UpdateFunctionCode."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control.checks import check_architectures, check_supported
from lambdad.control.configuration import published, recoded, updated
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import latest_name, require_function
from lambdad.control.packages import Packages, source_of
from lambdad.control.representation import configuration
from lambdad.control.revisions import check_changeable, check_revision
from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue
from lambdad.domain.functions import Code, Function
from lambdad.wire.api import Handler


class FunctionCode:
    def __init__(self, ledger: Ledger, packages: Packages, *, architecture: str) -> None:
        self._ledger = ledger
        self._packages = packages
        self._architecture = architecture

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"UpdateFunctionCode": self.update}

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = latest_name(caller, params)
        check_supported(params)
        function = self._require(name)
        if params.get("ImageUri"):
            raise InvalidParameterValue("Please don't provide ImageUri when updating a function with packageType Zip.")
        if params.get("Architectures"):
            check_architectures(params["Architectures"], self._architecture)
        source = source_of(params)
        self._check_state(function, params)
        data = await self._packages.fetch(caller, source)
        copies = 2 if params.get("Publish") else 1
        growth = copies * len(data) - self._require(name).latest.code.size
        async with self._packages.admission(name, growth):
            code = await self._packages.take(data, self._require(name).latest.layers)
            if params.get("DryRun"):
                return self._dry_run(self._require(name), code, params)
            return await self._ledger.decide(lambda: self._decide(name, code, params))

    def _require(self, name: FunctionName) -> Function:
        return require_function(self._ledger.records, name)

    @staticmethod
    def _check_state(function: Function, params: Mapping[str, Any]) -> None:
        check_revision(params.get("RevisionId"), function.latest.revision_id)
        check_changeable(function)

    def _dry_run(self, function: Function, code: Code, params: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as it would be; nothing is written."""
        self._check_state(function, params)
        return configuration(replace(function.latest, code=code))

    def _decide(self, name: FunctionName, code: Code, params: Mapping[str, Any]) -> tuple[Sequence[Change], dict[str, Any]]:
        before = self._require(name)
        self._check_state(before, params)
        ledger = self._ledger
        now, new_id = ledger.now_ms(), ledger.new_id
        latest = recoded(before.latest, code, params.get("SourceKMSKeyArn"))
        after = updated(before, latest, now_ms=now, revision=new_id(), build=new_id())
        if not params.get("Publish"):
            return [(before, after)], configuration(after.latest)
        after, version = published(after, None, now_ms=now, revision=new_id(), build=new_id())
        return [(before, after)], configuration(version)
