"""Lambda's control plane as a service of the edge, with its background loops: preparation, the sweep of packages, and what
becomes of event source mappings."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lambdad.artifacts.api import Artifacts
from lambdad.control import access
from lambdad.control.account import Account
from lambdad.control.aliases import Aliases
from lambdad.control.api import (
    NO_POLLING,
    AccountLimits,
    Allocated,
    Location,
    ObjectStore,
    Polling,
    Remote,
    Roles,
    TakeSnapshot,
    Visibility,
    all_here,
    no_queues,
    no_snapshots,
    nothing_allocated,
)
from lambdad.control.code import FunctionCode
from lambdad.control.code_signing import CodeSigning
from lambdad.control.concurrency import Concurrency
from lambdad.control.event_invoke import EventInvoke
from lambdad.control.functions import Functions
from lambdad.control.layer_permissions import LayerPermissions
from lambdad.control.layers import Layers
from lambdad.control.ledger import Ledger
from lambdad.control.mapping_transitions import MappingTransitions
from lambdad.control.mappings import Mappings
from lambdad.control.packages import GRACE, Packages
from lambdad.control.permissions import Permissions
from lambdad.control.preparation import PARALLEL, Preparation
from lambdad.control.role_checks import RoleChecks
from lambdad.control.runtime_management import RuntimeManagementConfigs
from lambdad.control.tags import TagOperations
from lambdad.control.versions import Versions
from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.records.api import Records
from lambdad.records.write import Writer
from lambdad.wire.api import Handler

LOG = logging.getLogger(__name__)


class LambdaControl:
    """A `lambdad.wire.api.Service`. `start` it once the records are read, and `close` it before they are closed."""

    def __init__(
        self,
        *,
        records: Records,
        writer: Writer,
        artifacts: Artifacts,
        limits: AccountLimits,
        roles: Roles,
        available: Callable[[], Sequence[str]],
        architecture: str,
        location: Location,
        object_store: ObjectStore | None,
        now: Callable[[], float],
        new_id: Callable[[], str],
        allocated: Allocated = nothing_allocated,
        snapshot: TakeSnapshot = no_snapshots,
        visibility: Visibility = no_queues,
        polling: Polling = NO_POLLING,
        remote: Remote = all_here,
        parallel: int = PARALLEL,
        grace: float = GRACE,
    ) -> None:
        """`roles`: execution roles. `available`: identifiers of the runtimes that this host can run now. `architecture`: x86_64
        or arm64, the host's.

        `allocated`: what there is of a configuration of provisioned concurrency. `snapshot`: takes a version's, for
        SnapStart. `visibility`, `polling` and `remote`: of queues that are event sources. `now`: epoch seconds. `new_id`: a new
        uuid each time. `parallel`: packages prepared at once. `grace`: seconds that a package outlives its last reference.
        """
        ledger = Ledger(records, writer, now=now, new_id=new_id)
        packages = Packages(ledger, artifacts, object_store, limits, grace=grace)
        checks = RoleChecks(roles)
        nouns = (
            Functions(ledger, packages, checks, available=available, architecture=architecture, location=location),
            FunctionCode(ledger, packages, architecture=architecture),
            Versions(ledger, packages),
            Aliases(ledger),
            Layers(ledger, packages, location),
            LayerPermissions(ledger),
            Permissions(ledger),
            Concurrency(ledger, limits, allocated),
            EventInvoke(ledger, checks),
            Mappings(ledger, checks, visibility, polling, remote),
            RuntimeManagementConfigs(ledger),
            CodeSigning(ledger),
            TagOperations(ledger),
            Account(ledger, limits),
        )
        self._records = records
        self._operations: dict[str, Handler] = {name: each for noun in nouns for name, each in noun.operations.items()}
        self._preparation = Preparation(ledger, artifacts, snapshot, parallel=parallel)
        self._packages = packages
        self._mappings = MappingTransitions(ledger, polling)
        self._loops: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<LambdaControl [{len(self._operations)} operations] {self._preparation!r} {self._mappings!r}>"

    @property
    def name(self) -> str:
        return "lambda"

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    def needs(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> Sequence[Need]:
        return access.needs(operation, caller, params, self._records)

    def resource_policy(self, need: Need) -> str | None:
        return access.resource_policy(need, self._records)

    async def start(self) -> None:
        """Take up whatever an earlier process left unfinished, have event sources polled, and go on with what comes."""
        if self._loops is None:
            self._loops = asyncio.create_task(self._run(), name="lambda control")
            self._loops.add_done_callback(_say_why)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._preparation.run(), name="preparation")
            group.create_task(self._packages.run(), name="sweep")
            group.create_task(self._mappings.run(), name="mappings")

    async def close(self) -> None:
        """Stop the loops; what is unfinished is taken up by the next start. Raises what ended a loop before its time."""
        loops, self._loops = self._loops, None
        if loops is not None:
            loops.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loops


def _say_why(loops: asyncio.Task[None]) -> None:
    """Without these loops new functions stay Pending and new mappings Creating, so their end is not kept until `close`."""
    if not loops.cancelled() and loops.exception() is not None:
        LOG.critical("the control plane's background loops have ended", exc_info=loops.exception())
