"""What /_lambdad/state says, which `lambdad status` shows: what lambdad does now, and what it has counted since its start.

The counts are those of /_lambdad/metrics. Every list is in the order of account, region and name.
"""

import time
from typing import Any

from msgspec import Struct

from lambdad.assembly.metrics import oldest_age
from lambdad.counter.service import LocalCounter
from lambdad.events.service import Events
from lambdad.logs.service import Logs
from lambdad.metering.registry import Registry
from lambdad.pollers.service import Fleet
from lambdad.sandbox.service import NamespaceSandboxes, ProcessSandboxes
from lambdad.services.companions.service import Companions
from lambdad.services.sqs.service import SqsService
from lambdad.substrate.api import Counts
from lambdad.worker.service import LocalWorker
from lambdad.worker_manager.service import LocalWorkerManager


class FunctionState(Struct):
    """Of all versions together; of a function that has environments, or was invoked since the start."""

    account: str
    region: str
    function: str
    in_flight: int = 0
    busy: int = 0
    """Environments, as `idle` and `starting`."""
    idle: int = 0
    starting: int = 0
    invocations: int = 0
    errors: int = 0
    throttles: int = 0


class EventsState(Struct):
    """Of a function that got events since the start, or has some waiting."""

    account: str
    region: str
    function: str
    ready: int
    """Events that wait, as `running` and `delayed`."""
    running: int
    delayed: int
    oldest_seconds: float | None
    """Age of the oldest of these."""
    received: int
    retries: int
    dropped: int
    delivered: int
    """Records to destinations, and dead letters."""
    destination_failures: int
    dead_letter_errors: int


class QueueState(Struct):
    """Of every queue of SQS."""

    account: str
    region: str
    queue: str
    visible: int
    in_flight: int
    delayed: int
    oldest_seconds: float | None
    """Age of the oldest message."""
    sent: int
    received: int
    deleted: int


class MappingState(Struct):
    """Of every event source mapping."""

    account: str
    region: str
    mapping: str
    """Its uuid."""
    source: str
    """The queue's ARN."""
    queue: str
    """Its name."""
    function: str
    """Name, and qualifier if it has one."""
    state: str
    problem: str | None
    """Why it can't work now."""
    running: int
    """Batches, as `allowed`."""
    allowed: int
    polled: int
    """Messages since the start, as the following."""
    filtered: int
    invoked: int
    failed: int
    deleted: int


class LogState(Struct):
    """Of a log group that gets no events, since who writes them, an execution role, may not."""

    account: str
    region: str
    group: str
    missing: str
    """The action that is not allowed, e.g. `logs:PutLogEvents`."""
    lost: int
    """Events."""


def state(
    registry: Registry,
    counter: LocalCounter,
    manager: LocalWorkerManager,
    worker: LocalWorker,
    sandboxes: NamespaceSandboxes | ProcessSandboxes,
    events: Events,
    sqs: SqsService,
    fleet: Fleet,
    companions: Companions,
    logs: Logs,
) -> dict[str, Any]:
    now = time.time()
    return {
        "in_flight": counter.total_in_flight(),
        "functions": _functions(registry, counter, manager),
        "events": _events(events, now),
        "queues": _queues(sqs, now),
        "mappings": _mappings(fleet),
        "logs": [
            LogState(account, region, group, f"logs:{action}", lost)
            for account, region, group, action, lost in sorted(logs.refused())
        ],
        "pools": manager.introspect(),
        "environments": worker.introspect(),
        "templates": worker.templates(),
        "companions": companions.introspect(),
        **sandboxes.introspect(),
    }


def _functions(registry: Registry, counter: LocalCounter, manager: LocalWorkerManager) -> list[FunctionState]:
    found: dict[tuple[str, str, str], FunctionState] = {}

    def of(account: str, region: str, name: str) -> FunctionState:
        return found.setdefault((account, region, name), FunctionState(account, region, name))

    for (account, region, name), counts in registry:
        each = of(account, region, name)
        each.invocations, each.errors, each.throttles = counts.invocations, counts.errors, counts.throttles
    for account, region, counted in counter.regions():
        for name, use in counted.uses.items():
            if use.in_flight:
                of(account, region, name).in_flight = use.in_flight
    for pool in manager.introspect():
        _, _, _, region, account, _, name, _ = pool.function_arn.split(":")
        each = of(account, region, name)
        each.busy += pool.busy
        each.idle += pool.idle
        each.starting += pool.starting
    return [found[name] for name in sorted(found)]


def _events(events: Events, now: float) -> list[EventsState]:
    found = [
        EventsState(
            account=name.account,
            region=name.region,
            function=name.name,
            ready=counts.ready,
            running=counts.leased,
            delayed=counts.delayed,
            oldest_seconds=_oldest(counts, now),
            received=meter.received,
            retries=meter.retries,
            dropped=meter.dropped,
            delivered=meter.delivered,
            destination_failures=meter.destination_failures,
            dead_letter_errors=meter.dead_letter_errors,
        )
        for name, meter, counts in events.report()
    ]
    return sorted(found, key=lambda each: (each.account, each.region, each.function))


def _queues(sqs: SqsService, now: float) -> list[QueueState]:
    found = [
        QueueState(
            account=queue.account,
            region=queue.region,
            queue=queue.name,
            visible=counts.ready,
            in_flight=counts.leased,
            delayed=counts.delayed,
            oldest_seconds=_oldest(counts, now),
            sent=meter.sent,
            received=meter.received,
            deleted=meter.deleted,
        )
        for queue, meter, counts in sqs.report()
    ]
    return sorted(found, key=lambda each: (each.account, each.region, each.queue))


def _mappings(fleet: Fleet) -> list[MappingState]:
    found = [
        MappingState(
            account=mapping.account,
            region=mapping.region,
            mapping=mapping.id,
            source=mapping.source,
            queue=mapping.source.rpartition(":")[2],
            function=mapping.function + (f":{mapping.qualifier}" if mapping.qualifier else ""),
            state=mapping.state,
            problem=fleet.problem(mapping),
            running=running,
            allowed=allowed,
            polled=meter.polled,
            filtered=meter.filtered,
            invoked=meter.invoked,
            failed=meter.failed,
            deleted=meter.deleted,
        )
        for mapping, meter, running, allowed in fleet.report()
    ]
    return sorted(found, key=lambda each: (each.account, each.region, each.source, each.function))


def _oldest(counts: Counts, now: float) -> float | None:
    return None if counts.oldest_ms is None else round(oldest_age(counts, now), 3)
