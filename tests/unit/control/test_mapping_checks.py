"""What may be asked of an event source mapping."""

from typing import Any

import pytest

from lambdad.control.mapping_checks import (
    check_source,
    check_visibility,
    configured,
    unreceivable,
)
from lambdad.domain.errors import CallerError, InvalidParameterValue, LambdadError, NotImplementedOperation
from lambdad.domain.mappings import EventSourceMapping, ProvisionedPollers
from lambdad.services.sqs.errors import no_queue

REGION, ACCOUNT = "eu-central-1", "123456789012"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"
UNSUPPORTED = "Unsupported '{}' parameter for given event source mapping type."
PATTERN = '{"body":{"kind":[{"prefix":"a"}]}}'


def mapping(source: str = QUEUE, **members: Any) -> EventSourceMapping:
    return EventSourceMapping(
        account=ACCOUNT, region=REGION, id="u", source=source, function="f", state="Enabled", last_modified_ms=0, **members
    )


def refusal(params: dict[str, Any], before: EventSourceMapping | None = None) -> str:
    with pytest.raises(InvalidParameterValue) as found:
        configured(before or mapping(), params)
    return found.value.message


@pytest.mark.parametrize(
    "arn", [QUEUE, f"{QUEUE}.fifo", QUEUE.replace(ACCOUNT, "999999999999"), QUEUE.replace("aws", "aws-cn", 1)]
)
def test_queues_are_event_sources(arn: str) -> None:
    assert check_source({"EventSourceArn": arn}, REGION) == arn


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        (f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s", "Kinesis streams"),
        (f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t/stream/2026", "DynamoDB streams"),
        (f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/u", "Amazon MSK clusters"),
        (f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:b:u", "Amazon MQ brokers"),
        (f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:c", "DocumentDB clusters"),
    ],
)
def test_sources_that_are_not_polled_yet_are_named(arn: str, kind: str) -> None:
    with pytest.raises(NotImplementedOperation) as found:
        check_source({"EventSourceArn": arn}, REGION)
    assert found.value.message == (f"lambdad does not poll {kind} yet, so it refuses {arn}. SQS queues can be event sources.")


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        ({}, InvalidParameterValue, "Unrecognized event source."),
        (
            {"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["h:1"]}}},
            NotImplementedOperation,
            "lambdad does not poll self-managed Kafka clusters yet. SQS queues can be event sources.",
        ),
        *(
            ({"EventSourceArn": arn}, InvalidParameterValue, f"Unrecognized event source. Unsupported source arn : {arn}")
            for arn in (f"arn:aws:sns:{REGION}:{ACCOUNT}:t", f"arn:aws:sqs:{REGION}::jobs", f"{QUEUE}/x", "jobs")
        ),
        (
            {"EventSourceArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"},
            InvalidParameterValue,
            f"The event source arn:aws:sqs:us-east-1:{ACCOUNT}:jobs is not in the region of the function ({REGION}). "
            "Both must be in the same region.",
        ),
    ],
)
def test_what_is_no_event_source(params: dict[str, Any], error: type[LambdadError], text: str) -> None:
    with pytest.raises(error) as found:
        check_source(params, REGION)
    assert found.value.message == text


def test_errors_of_sqs_in_lambdas_words() -> None:
    code = "AWS.SimpleQueueService.NonExistentQueue"
    text = (
        f"Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: The specified queue does not exist."
    )
    assert unreceivable(no_queue()).message == text
    assert unreceivable(CallerError.named(code, "The specified queue does not exist.")).message == text


def test_a_message_stays_invisible_for_as_long_as_the_function_may_run() -> None:
    check_visibility(60, 60)
    with pytest.raises(InvalidParameterValue) as found:
        check_visibility(30, 60)
    assert found.value.message == "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"


def test_what_is_not_given_stays() -> None:
    full = mapping(
        enabled=False,
        batch_size=100,
        window=5,
        filters=(PATTERN,),
        response_types=("ReportBatchItemFailures",),
        maximum_concurrency=3,
        stored={"KMSKeyArn": "arn:aws:kms:key"},
    )
    assert configured(full, {}) == full
    assert configured(mapping(), {}) == mapping()


def test_everything_can_be_given() -> None:
    found = configured(
        mapping(),
        {
            "Enabled": False,
            "BatchSize": 10_000,
            "MaximumBatchingWindowInSeconds": 1,
            "FilterCriteria": {"Filters": [{"Pattern": '{"body":["a"]}'}, {"Pattern": PATTERN}]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": 2},
            "KMSKeyArn": "arn:aws:kms:key",
            "MetricsConfig": {"Metrics": ["EventCount"]},
            "LoggingConfig": {"SystemLogLevel": "WARN"},
        },
    )
    assert found == mapping(
        enabled=False,
        batch_size=10_000,
        window=1,
        filters=('{"body":["a"]}', PATTERN),
        response_types=("ReportBatchItemFailures",),
        maximum_concurrency=2,
        stored={
            "KMSKeyArn": "arn:aws:kms:key",
            "MetricsConfig": {"Metrics": ["EventCount"]},
            "LoggingConfig": {"SystemLogLevel": "WARN"},
        },
    )
    cleared = {
        "FunctionResponseTypes": [],
        "ScalingConfig": {},
        "KMSKeyArn": "",
        "MetricsConfig": {"Metrics": []},
        "LoggingConfig": {},
    }
    for empty in ({}, {"Filters": []}):
        assert configured(found, {"FilterCriteria": empty, **cleared}) == mapping(enabled=False, batch_size=10_000, window=1)


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("StartingPosition", "LATEST", "StartingPosition is not valid for SQS event sources."),
        ("StartingPositionTimestamp", 1, "StartingPosition is not valid for SQS event sources."),
        (
            "DestinationConfig",
            {"OnFailure": {"Destination": "arn:aws:sqs:x"}},
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        ("ParallelizationFactor", 1, UNSUPPORTED.format("parallelizationFactor")),
        ("MaximumRecordAgeInSeconds", -1, UNSUPPORTED.format("maximumRecordAgeInSeconds")),
        ("BisectBatchOnFunctionError", False, UNSUPPORTED.format("bisectBatchOnFunctionError")),
        ("MaximumRetryAttempts", 0, UNSUPPORTED.format("maximumRetryAttempts")),
        ("TumblingWindowInSeconds", 0, UNSUPPORTED.format("tumblingWindowInSeconds")),
        ("Topics", ["t"], UNSUPPORTED.format("topics")),
        ("Queues", ["q"], UNSUPPORTED.format("queues")),
        ("SourceAccessConfigurations", [], UNSUPPORTED.format("sourceAccessConfigurations")),
        ("SelfManagedEventSource", {}, UNSUPPORTED.format("selfManagedEventSource")),
        ("AmazonManagedKafkaEventSourceConfig", {}, UNSUPPORTED.format("amazonManagedKafkaEventSourceConfig")),
        ("SelfManagedKafkaEventSourceConfig", {}, UNSUPPORTED.format("selfManagedKafkaEventSourceConfig")),
        ("DocumentDBEventSourceConfig", {}, UNSUPPORTED.format("documentDBEventSourceConfig")),
    ],
)
def test_parameters_of_other_sources(member: str, value: Any, text: str) -> None:
    assert refusal({member: value}) == text


def test_a_destination_config_without_a_destination_asks_for_nothing() -> None:
    for empty in ({}, {"OnFailure": {}}, {"OnFailure": {"Destination": ""}, "OnSuccess": None}):
        assert configured(mapping(), {"DestinationConfig": empty}) == mapping()


@pytest.mark.parametrize(
    ("source", "present", "params", "text"),
    [
        (f"{QUEUE}.fifo", {}, {"MaximumBatchingWindowInSeconds": 1}, "Batching window is not supported for FIFO queues"),
        (f"{QUEUE}.fifo", {}, {"BatchSize": 11}, "Maximum batch size must be between 1 and 10 inclusive"),
        *(
            (
                QUEUE,
                present,
                params,
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            )
            for present, params in (
                ({}, {"BatchSize": 11}),
                ({}, {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 0}),
                ({"batch_size": 11, "window": 1}, {"MaximumBatchingWindowInSeconds": 0}),
            )
        ),
    ],
)
def test_batches_that_are_refused(source: str, present: dict[str, Any], params: dict[str, Any], text: str) -> None:
    assert refusal(params, mapping(source, **present)) == text


def test_batches_that_are_accepted() -> None:
    assert configured(mapping(f"{QUEUE}.fifo"), {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0}).batch_size == 10
    assert configured(mapping(), {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 1}).batch_size == 11
    assert configured(mapping(), {"MaximumBatchingWindowInSeconds": 300}).window == 300


@pytest.mark.parametrize(
    "pattern", ["", "{", "[]", "1", "null", "[" * 4000, "{}", '{"body":"text"}', '{"body":[{"unknown":1}]}']
)
def test_patterns_that_are_none(pattern: str) -> None:
    assert refusal({"FilterCriteria": {"Filters": [{"Pattern": pattern}]}}) == "Invalid filter pattern definition."


def test_a_filter_needs_a_pattern() -> None:
    assert refusal({"FilterCriteria": {"Filters": [{}]}}) == "Invalid filter pattern definition."


def test_five_filters_are_the_most() -> None:
    filters = [{"Pattern": PATTERN}] * 5
    assert len(configured(mapping(), {"FilterCriteria": {"Filters": filters}}).filters) == 5
    assert refusal({"FilterCriteria": {"Filters": [*filters, *filters]}}) == (
        "An event source mapping can have at most 5 filters, and 10 were given."
    )


def test_provisioned_mode() -> None:
    def asked(config: dict[str, Any], present: ProvisionedPollers | None = None) -> ProvisionedPollers | None:
        return configured(mapping(provisioned=present), {"ProvisionedPollerConfig": config}).provisioned

    assert asked({"MinimumPollers": 100}) == ProvisionedPollers(minimum=100, maximum=200)
    assert asked({"MaximumPollers": 2000}) == ProvisionedPollers(minimum=2, maximum=2000)
    named = ProvisionedPollers(minimum=3, maximum=4, group="g")
    assert asked({"MinimumPollers": 3, "MaximumPollers": 4, "PollerGroupName": "g"}) == named
    assert asked({"MaximumPollers": 5}, named) == ProvisionedPollers(minimum=3, maximum=5, group="g")
    assert asked({"PollerGroupName": ""}, named) == ProvisionedPollers(minimum=3, maximum=4)
    assert asked({}, named) is None


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"MinimumPollers": 1}, "MinimumPollers must be between 2 and 200 for SQS event sources, not 1."),
        ({"MaximumPollers": 1}, "MaximumPollers must be between 2 and 2000 for SQS event sources, not 1."),
        ({"MaximumPollers": 2001}, "MaximumPollers must be between 2 and 2000 for SQS event sources, not 2001."),
        (
            {"MinimumPollers": 10, "MaximumPollers": 9},
            "MinimumPollers (10) must not be greater than MaximumPollers (9).",
        ),
    ],
)
def test_provisioned_mode_that_is_refused(config: dict[str, Any], text: str) -> None:
    assert refusal({"ProvisionedPollerConfig": config}) == text


def test_provisioned_mode_and_maximum_concurrency_exclude_each_other() -> None:
    pollers, scaling = {"ProvisionedPollerConfig": {"MinimumPollers": 2}}, {"ScalingConfig": {"MaximumConcurrency": 2}}
    text = "ScalingConfig.MaximumConcurrency and ProvisionedPollerConfig exclude each other: an empty value removes one."
    assert refusal({**pollers, **scaling}) == text
    assert refusal(pollers, mapping(maximum_concurrency=2)) == text
    assert refusal(scaling, configured(mapping(), pollers)) == text
    swapped = configured(mapping(maximum_concurrency=2), {**pollers, "ScalingConfig": {}})
    assert (swapped.provisioned, swapped.maximum_concurrency) == (ProvisionedPollers(minimum=2, maximum=200), None)
