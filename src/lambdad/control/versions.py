"""Published versions: immutable copies of `$LATEST`."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambdad.control.checks import check_supported
from lambdad.control.configuration import published, published_already
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import latest_name, require_function, unqualified_name
from lambdad.control.packages import Packages
from lambdad.control.pages import number_key, page
from lambdad.control.representation import base64_digest, configuration
from lambdad.control.revisions import check_changeable, check_revision, wrong_state
from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue
from lambdad.wire.api import Handler

PAGE = 50
"""Versions per answer, whatever MaxItems says; https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html"""


class Versions:
    def __init__(self, ledger: Ledger, packages: Packages) -> None:
        self._ledger = ledger
        self._packages = packages

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"PublishVersion": self.publish, "ListVersionsByFunction": self.list}

    async def publish(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = latest_name(caller, params)
        check_supported(params)
        function = require_function(self._ledger.records, name)
        growth = 0 if published_already(function) else function.latest.code.size
        with self._packages.room(name, growth):
            return await self._ledger.decide(lambda: self._decide(name, params))

    def _decide(self, name: FunctionName, params: Mapping[str, Any]) -> tuple[Sequence[Change], dict[str, Any]]:
        before = require_function(self._ledger.records, name)
        check_revision(params.get("RevisionId"), before.latest.revision_id)
        check_changeable(before)
        if before.latest.state != "Active":
            raise wrong_state(before)
        wanted, present = params.get("CodeSha256"), base64_digest(before.latest.code)
        if wanted and wanted != present:
            raise InvalidParameterValue(
                f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({present}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        ledger = self._ledger
        after, version = published(
            before,
            params.get("Description"),
            now_ms=ledger.now_ms(),
            revision=ledger.new_id(),
            build=ledger.new_id(),
        )
        return ([] if after is before else [(before, after)]), configuration(version)

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = unqualified_name(caller, params)
        function = require_function(self._ledger.records, name)
        versions = [function.latest, *sorted(function.versions.values(), key=lambda each: int(each.version))]
        found, marker = page(versions, lambda each: number_key(each.version), params, limit=PAGE)
        return {"Versions": [configuration(each, states=False, qualified=True) for each in found], **marker}
