"""Event source mappings: which queue is polled for which function. Polling itself is `lambdad.control.api.Polling`'s.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lambdad.control import mapping_lifecycle as lifecycle
from lambdad.control.api import Polling, Remote, Visibility
from lambdad.control.checks import check_tags
from lambdad.control.ledger import Change, Ledger
from lambdad.control.lookup import exists, function_name, require_version
from lambdad.control.mapping_checks import check_source, check_visibility, configured, unreceivable
from lambdad.control.pages import page
from lambdad.control.role_checks import RoleChecks
from lambdad.domain.arns import FunctionName, account_of
from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError, InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambdad.domain.functions import Function
from lambdad.domain.mappings import EventSourceMapping
from lambdad.wire.api import Handler

PAGE = 100
"""https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html"""


class Mappings:
    def __init__(self, ledger: Ledger, roles: RoleChecks, visibility: Visibility, polling: Polling, remote: Remote) -> None:
        self._ledger = ledger
        self._roles = roles
        self._visibility = visibility
        self._polling = polling
        self._remote = remote

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateEventSourceMapping": self.create,
            "GetEventSourceMapping": self.get,
            "ListEventSourceMappings": self.list,
            "UpdateEventSourceMapping": self.update,
            "DeleteEventSourceMapping": self.delete,
        }

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        source = check_source(params, caller.region)
        name = function_name(caller, params)
        self._require_function(name)
        tags = params.get("Tags") or {}
        check_tags(tags)
        mapping = configured(
            EventSourceMapping(
                account=caller.account,
                region=caller.region,
                id=self._ledger.new_id(),
                source=source,
                function=name.name,
                qualifier=name.qualifier,
                state="Creating",
                last_modified_ms=self._ledger.now_ms(),
                tags=dict(tags),
            ),
            params,
        )
        visibility = await self._pollable(name, source)

        def decision() -> tuple[Sequence[Change], EventSourceMapping]:
            return [(None, mapping), self._held_function(mapping, visibility)], mapping

        return self._answer(await self._ledger.decide(decision))

    def _require_function(self, name: FunctionName) -> Function:
        function = self._ledger.function(name)
        if function is None or not exists(function, name.qualifier):
            raise InvalidParameterValue("Function does not exist")
        return function

    async def _pollable(self, name: FunctionName, queue: str) -> int:
        """The queue's visibility timeout, if the function's role may poll it. Of queues that are somewhere else, the
        credentials by which they are reached say so. Raises InvalidParameterValue."""
        if not self._remote(account_of(queue)):
            self._roles.may_poll(require_version(self._require_function(name), name).role, name.qualified(None), queue)
        try:
            return await self._visibility(queue)
        except CallerError as error:
            raise unreceivable(error) from error

    def _held_function(self, mapping: EventSourceMapping, visibility: int) -> Change:
        """Goes with the change of a mapping that begins to refer to the function, and says that it may: of two that would be
        the same pair of queue and function, only one commits, and the other is decided anew and finds the first.

        Raises InvalidParameterValue and ResourceConflict.
        """
        name = mapping.function_name
        function = self._require_function(name)
        check_visibility(visibility, require_version(function, name).timeout)
        for other in self._ledger.records.mappings(mapping.account, mapping.region):
            if (other.source, other.function_name) == (mapping.source, name) and other.id != mapping.id:
                raise ResourceConflict(
                    f'An event source mapping with SQS arn (" {mapping.source} ") and function (" {name.name} ") already '
                    f"exists. Please update or delete the existing mapping with UUID {other.id}"
                )
        return function, function

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return self._answer(self._require(caller, params))

    def _require(self, caller: Caller, params: Mapping[str, Any]) -> EventSourceMapping:
        mapping = self._ledger.records.mapping(caller.account, caller.region, params["UUID"])
        if mapping is None:
            raise ResourceNotFound("The resource you requested does not exist.")
        return mapping

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """A function's ARN is compared as a whole: mappings of its versions and aliases are listed by their own names."""
        source = params.get("EventSourceArn")
        name = function_name(caller, params) if params.get("FunctionName") else None
        matching = [
            each
            for each in self._ledger.records.mappings(caller.account, caller.region)
            if source in (None, each.source) and name in (None, each.function_name)
        ]
        found, marker = page(matching, lambda each: each.id, params, limit=PAGE)
        return {"EventSourceMappings": [self._answer(each) for each in found], **marker}

    async def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        moved = await self._moved(caller, params, self._settled(caller, params, "update"))

        def decision() -> tuple[Sequence[Change], EventSourceMapping]:
            before = after = self._settled(caller, params, "update")
            if moved is not None:
                after = replace(before, function=moved[0].name, qualifier=moved[0].qualifier)
            after = configured(after, params)
            if after == before:
                return [], before
            after = lifecycle.updated(before, after, self._ledger.now_ms())
            held = [] if moved is None else [self._held_function(after, moved[1])]
            return [(before, after), *held], after

        return self._answer(await self._ledger.decide(decision))

    async def _moved(
        self, caller: Caller, params: dict[str, Any], mapping: EventSourceMapping
    ) -> tuple[FunctionName, int] | None:
        """The function that a request gives the mapping instead of its own, and the visibility timeout to hold it against.

        The mapping's own is not looked at, so that one whose queue or function is gone can still be disabled.
        """
        if not params.get("FunctionName"):
            return None
        name = function_name(caller, params)
        if name == mapping.function_name:
            return None
        self._require_function(name)
        return name, await self._pollable(name, mapping.source)

    def _settled(self, caller: Caller, params: Mapping[str, Any], action: str) -> EventSourceMapping:
        mapping = self._require(caller, params)
        if not lifecycle.settled(mapping):
            raise _in_use(action)
        return mapping

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        def decision() -> tuple[Sequence[Change], EventSourceMapping]:
            before = self._settled(caller, params, "delete")
            after = lifecycle.deleted(before, self._ledger.now_ms())
            return [(before, after)], after

        return self._answer(await self._ledger.decide(decision))

    def _answer(self, mapping: EventSourceMapping) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "UUID": mapping.id,
            "EventSourceMappingArn": mapping.arn,
            "EventSourceArn": mapping.source,
            "FunctionArn": mapping.function_name.arn,
            "BatchSize": mapping.batch_size,
            "MaximumBatchingWindowInSeconds": mapping.window,
            "FunctionResponseTypes": list(mapping.response_types),
            "State": mapping.state,
            "StateTransitionReason": mapping.reason,
            "LastModified": mapping.last_modified_ms / 1000,
            **mapping.stored,
        }
        if mapping.filters:
            answer["FilterCriteria"] = {"Filters": [{"Pattern": each} for each in mapping.filters]}
        if mapping.maximum_concurrency is not None:
            answer["ScalingConfig"] = {"MaximumConcurrency": mapping.maximum_concurrency}
        pollers = mapping.provisioned
        if pollers is not None:
            answer["ProvisionedPollerConfig"] = {
                "MinimumPollers": pollers.minimum,
                "MaximumPollers": pollers.maximum,
                **({"PollerGroupName": pollers.group} if pollers.group else {}),
            }
        problem = self._polling.problem(mapping)
        if problem is not None:
            answer["LastProcessingResult"] = f"PROBLEM: {problem}"
        return answer


def _in_use(action: str) -> CallerError:
    return CallerError.named("ResourceInUseException", f"Cannot {action} the event source mapping because it is in use.")
