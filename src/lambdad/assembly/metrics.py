"""What /_lambdad/metrics says: CloudWatch's metrics of Lambda and SQS under Prometheus's kind of names.

Each family's help names the metric of CloudWatch that it stands for; their meaning is AWS's:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

import time

from lambdad.counter.service import LocalCounter
from lambdad.events.service import Events
from lambdad.metering.exposition import Family, text
from lambdad.metering.registry import Registry
from lambdad.pollers.service import Fleet
from lambdad.services.sqs.service import SqsService
from lambdad.substrate.api import Counts
from lambdad.worker_manager.service import LocalWorkerManager


def metrics(
    registry: Registry, counter: LocalCounter, manager: LocalWorkerManager, sqs: SqsService, events: Events, fleet: Fleet
) -> str:
    now = time.time()
    families = [*_functions(registry), *_concurrency(counter), *_provisioned(manager), *_pools(manager)]
    return text([*families, *_events(events, now), *_queues(sqs, now), *_mappings(fleet)])


def _functions(registry: Registry) -> list[Family]:
    invocations = Family("lambdad_invocations_total", "counter", "Invocations: requests that reached the function.")
    errors = Family("lambdad_errors_total", "counter", "Errors: invocations that ended in an error of the function.")
    throttles = Family("lambdad_throttles_total", "counter", "Throttles: requests that were refused with 429.")
    recursions = Family("lambdad_recursive_invocations_dropped_total", "counter", "RecursiveInvocationsDropped.")
    duration = Family("lambdad_duration_milliseconds", "summary", "Duration: what the function's code took.")
    for (account, region, name), counts in registry:
        labels = {"account": account, "region": region, "function_name": name}
        invocations.add(counts.invocations, **labels)
        errors.add(counts.errors, **labels)
        throttles.add(counts.throttles, **labels)
        recursions.add(counts.recursions, **labels)
        duration.add(counts.duration_ms, "_sum", **labels)
        duration.add(counts.invocations, "_count", **labels)
    return [invocations, errors, throttles, recursions, duration]


def _concurrency(counter: LocalCounter) -> list[Family]:
    executions = Family("lambdad_concurrent_executions", "gauge", "ConcurrentExecutions: of each function that runs now.")
    account_wide = Family("lambdad_account_concurrent_executions", "gauge", "ConcurrentExecutions: of the region.")
    unreserved = Family(
        "lambdad_unreserved_concurrent_executions",
        "gauge",
        "UnreservedConcurrentExecutions: on demand, of functions without a reservation.",
    )
    claimed = Family(
        "lambdad_claimed_account_concurrency",
        "gauge",
        "ClaimedAccountConcurrency: reserved, provisioned, and in use of the rest.",
    )
    for account, region, counted in counter.regions():
        labels = {"account": account, "region": region}
        account_wide.add(counted.in_flight, **labels)
        unreserved.add(counted.unreserved, **labels)
        claimed.add(counted.promised + counted.unreserved, **labels)
        for name, use in sorted(counted.uses.items()):
            if use.in_flight:
                executions.add(use.in_flight, function_name=name, **labels)
    return [executions, account_wide, unreserved, claimed]


def _provisioned(manager: LocalWorkerManager) -> list[Family]:
    prefix = "lambdad_provisioned_concurrency"
    executions = Family(f"{prefix}_executions", "gauge", "ProvisionedConcurrentExecutions: run on it now.")
    utilization = Family(f"{prefix}_utilization", "gauge", "ProvisionedConcurrencyUtilization: the share of it that is in use.")
    invocations = Family(f"{prefix}_invocations_total", "counter", "ProvisionedConcurrencyInvocations.")
    spillover = Family(
        f"{prefix}_spillover_invocations_total",
        "counter",
        "ProvisionedConcurrencySpilloverInvocations: on demand, as all of it was in use.",
    )
    for report in manager.provisioned():
        account, region, name, version = report.function
        labels = {"account": account, "region": region, "function_name": name, "executed_version": version}
        executions.add(report.busy, **labels)
        utilization.add(report.busy / report.available if report.available else 0.0, **labels)
        invocations.add(report.invocations, **labels)
        spillover.add(report.spillovers, **labels)
    return [executions, utilization, invocations, spillover]


def _pools(manager: LocalWorkerManager) -> list[Family]:
    environments = Family("lambdad_environments", "gauge", "Execution environments by what they do; no metric of CloudWatch.")
    reports = manager.introspect()
    for what in ("busy", "idle", "starting"):
        environments.add(sum(getattr(report, what) for report in reports), state=what)
    return [environments]


def _events(events: Events, now: float) -> list[Family]:
    received = Family("lambdad_async_events_received_total", "counter", "AsyncEventsReceived.")
    age = Family("lambdad_async_event_age_milliseconds", "summary", "AsyncEventAge: of each event when it was tried.")
    retries = Family("lambdad_async_event_retries_total", "counter", "Events that went back to their queue; not CloudWatch's.")
    dropped = Family(
        "lambdad_async_events_dropped_total", "counter", "AsyncEventsDropped: given up, told to whom it may concern."
    )
    delivered = Family("lambdad_destination_deliveries_total", "counter", "Records and dead letters; no metric of CloudWatch.")
    failures = Family("lambdad_destination_delivery_failures_total", "counter", "DestinationDeliveryFailures.")
    dead_letters = Family("lambdad_dead_letter_errors_total", "counter", "DeadLetterErrors.")
    waiting = Family("lambdad_async_events_waiting", "gauge", "Accepted and not done, by what they wait for; not CloudWatch's.")
    oldest = Family("lambdad_async_oldest_event_age_seconds", "gauge", "Of the oldest of these; no metric of CloudWatch.")
    for name, meter, counts in events.report():
        labels = {"account": name.account, "region": name.region, "function_name": name.name}
        received.add(meter.received, **labels)
        age.add(meter.age_ms, "_sum", **labels)
        age.add(meter.tries, "_count", **labels)
        retries.add(meter.retries, **labels)
        dropped.add(meter.dropped, **labels)
        delivered.add(meter.delivered, **labels)
        failures.add(meter.destination_failures, **labels)
        dead_letters.add(meter.dead_letter_errors, **labels)
        for state, count in (("ready", counts.ready), ("running", counts.leased), ("delayed", counts.delayed)):
            waiting.add(count, state=state, **labels)
        oldest.add(oldest_age(counts, now), **labels)
    return [received, age, retries, dropped, delivered, failures, dead_letters, waiting, oldest]


def oldest_age(counts: Counts, now: float) -> float:
    """Of the oldest message, in seconds."""
    return 0 if counts.oldest_ms is None else max(0.0, now - counts.oldest_ms / 1000)


def _queues(sqs: SqsService, now: float) -> list[Family]:
    sent = Family("lambdad_sqs_messages_sent_total", "counter", "NumberOfMessagesSent.")
    received = Family("lambdad_sqs_messages_received_total", "counter", "NumberOfMessagesReceived.")
    deleted = Family("lambdad_sqs_messages_deleted_total", "counter", "NumberOfMessagesDeleted.")
    visible = Family("lambdad_sqs_messages_visible", "gauge", "ApproximateNumberOfMessagesVisible.")
    in_flight = Family("lambdad_sqs_messages_not_visible", "gauge", "ApproximateNumberOfMessagesNotVisible.")
    delayed = Family("lambdad_sqs_messages_delayed", "gauge", "ApproximateNumberOfMessagesDelayed.")
    oldest = Family("lambdad_sqs_oldest_message_age_seconds", "gauge", "ApproximateAgeOfOldestMessage.")
    for queue, meter, counts in sqs.report():
        labels = {"account": queue.account, "region": queue.region, "queue_name": queue.name}
        sent.add(meter.sent, **labels)
        received.add(meter.received, **labels)
        deleted.add(meter.deleted, **labels)
        visible.add(counts.ready, **labels)
        in_flight.add(counts.leased, **labels)
        delayed.add(counts.delayed, **labels)
        oldest.add(oldest_age(counts, now), **labels)
    return [sent, received, deleted, visible, in_flight, delayed, oldest]


def _mappings(fleet: Fleet) -> list[Family]:
    prefix = "lambdad_event_source_mapping"
    polled = Family(f"{prefix}_polled_events_total", "counter", "PolledEventCount.")
    filtered = Family(f"{prefix}_filtered_out_events_total", "counter", "FilteredOutEventCount.")
    invoked = Family(f"{prefix}_invoked_events_total", "counter", "InvokedEventCount.")
    failed = Family(
        f"{prefix}_failed_invoke_events_total", "counter", "FailedInvokeEventCount: the queue gives them out again."
    )
    deleted = Family(f"{prefix}_deleted_events_total", "counter", "DeletedEventCount.")
    running = Family(f"{prefix}_running_batches", "gauge", "Batches that run now; no metric of CloudWatch.")
    allowed = Family(f"{prefix}_allowed_batches", "gauge", "How many batches may run at once now; no metric of CloudWatch.")
    for mapping, meter, busy, most in fleet.report():
        labels = {"account": mapping.account, "region": mapping.region, "event_source_mapping_uuid": mapping.id}
        polled.add(meter.polled, **labels)
        filtered.add(meter.filtered, **labels)
        invoked.add(meter.invoked, **labels)
        failed.add(meter.failed, **labels)
        deleted.add(meter.deleted, **labels)
        running.add(busy, **labels)
        allowed.add(most, **labels)
    return [polled, filtered, invoked, failed, deleted, running, allowed]
