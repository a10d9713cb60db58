"""What may be asked of an event source mapping, and what its record becomes by it. Pure.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html (what goes with SQS),
https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html and
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html. The texts are Lambda's where they are known.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambdad.domain import limits
from lambdad.domain.errors import CallerError, InvalidParameterValue, NotImplementedOperation
from lambdad.domain.event_patterns import InvalidPattern, compile_pattern
from lambdad.domain.mappings import EventSourceMapping, ProvisionedPollers

UNPOLLED = {
    "kinesis": "Kinesis streams",
    "dynamodb": "DynamoDB streams",
    "kafka": "Amazon MSK clusters",
    "mq": "Amazon MQ brokers",
    "rds": "DocumentDB clusters",
}
"""Event sources that AWS has and lambdad can't poll: the service in their ARNs → their name in prose."""

FOREIGN = (
    "AmazonManagedKafkaEventSourceConfig",
    "BisectBatchOnFunctionError",
    "DocumentDBEventSourceConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "Queues",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "Topics",
    "TumblingWindowInSeconds",
)
"""Parameters of other sources than SQS, besides those that are refused in words of their own."""

STORED = ("KMSKeyArn", "MetricsConfig", "LoggingConfig")
"""Parameters that lambdad returns as they were given, and does not act on."""

MOST_IN_BATCH = 10
"""Messages of a batch without a window, and of a FIFO queue always."""
LEAST_POLLERS, MOST_POLLERS = (2, 200), (2, 2000)
"""What the bounds of provisioned mode may be: least and most for the minimum, and for the maximum."""
POLLERS = ProvisionedPollers(minimum=2, maximum=200)
"""What provisioned mode begins with."""

_SOURCE = re.compile(r"arn:aws[a-zA-Z-]*:([a-z0-9-]+):.*")
_QUEUE = re.compile(r"arn:aws[a-zA-Z-]*:sqs:([a-z0-9-]+):(\d{12}):[a-zA-Z0-9_-]{1,80}(?:\.fifo)?")


def check_source(params: Mapping[str, Any], region: str) -> str:
    """ARN of the queue that is to be polled. Raises NotImplementedOperation for what AWS polls and lambdad does not yet."""
    arn = params.get("EventSourceArn")
    if arn is None:
        if params.get("SelfManagedEventSource"):
            raise NotImplementedOperation(
                "lambdad does not poll self-managed Kafka clusters yet. SQS queues can be event sources."
            )
        raise InvalidParameterValue("Unrecognized event source.")
    match = _SOURCE.fullmatch(arn)
    kind = UNPOLLED.get(match[1]) if match else None
    if kind is not None:
        raise NotImplementedOperation(
            f"lambdad does not poll {kind} yet, so it refuses {arn}. SQS queues can be event sources."
        )
    queue = _QUEUE.fullmatch(arn)
    if queue is None:
        raise InvalidParameterValue(f"Unrecognized event source. Unsupported source arn : {arn}")
    if queue[1] != region:
        raise InvalidParameterValue(
            f"The event source {arn} is not in the region of the function ({region}). Both must be in the same region."
        )
    return queue[0]


def unreceivable(error: CallerError) -> InvalidParameterValue:
    """SQS's error in Lambda's words; with the code of the query protocol, by which Lambda knows it."""
    code = error.members.get("query_error", error.code)
    return InvalidParameterValue(
        f"Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {error.message}"
    )


def check_visibility(visibility: int, timeout: int) -> None:
    """A message that becomes visible while the function still works on it would be processed twice."""
    if visibility < timeout:
        raise InvalidParameterValue(
            f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
        )


def configured(mapping: EventSourceMapping, params: Mapping[str, Any]) -> EventSourceMapping:
    """`mapping` after what a request gives; what it does not give stays. Raises InvalidParameterValue."""
    _check_members(params)
    enabled, window, responses = (
        params.get(each) for each in ("Enabled", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes")
    )
    scaling = params.get("ScalingConfig")
    after = replace(
        mapping,
        enabled=mapping.enabled if enabled is None else enabled,
        batch_size=params.get("BatchSize") or mapping.batch_size,
        window=mapping.window if window is None else window,
        filters=_filters(mapping, params.get("FilterCriteria")),
        response_types=mapping.response_types if responses is None else tuple(responses),
        maximum_concurrency=mapping.maximum_concurrency if scaling is None else scaling.get("MaximumConcurrency"),
        provisioned=_provisioned(mapping, params.get("ProvisionedPollerConfig")),
        stored=_stored(mapping, params),
    )
    _check_batches(after)
    _check_scaling(after)
    return after


def _check_members(params: Mapping[str, Any]) -> None:
    if params.get("StartingPosition") is not None or params.get("StartingPositionTimestamp") is not None:
        raise InvalidParameterValue("StartingPosition is not valid for SQS event sources.")
    if any((side or {}).get("Destination") for side in (params.get("DestinationConfig") or {}).values()):
        raise InvalidParameterValue("Unsupported DestinationConfig parameter for given event source mapping type.")
    for member in FOREIGN:
        if params.get(member) is not None:
            name = member[0].lower() + member[1:]
            raise InvalidParameterValue(f"Unsupported '{name}' parameter for given event source mapping type.")


def _filters(mapping: EventSourceMapping, criteria: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The length of a pattern is checked with the model."""
    if criteria is None:
        return mapping.filters
    patterns = [each.get("Pattern") for each in criteria.get("Filters") or ()]
    if len(patterns) > limits.FILTERS:
        raise InvalidParameterValue(
            f"An event source mapping can have at most {limits.FILTERS} filters, and {len(patterns)} were given."
        )
    for pattern in patterns:
        try:
            compile_pattern(pattern or "")
        except InvalidPattern as error:
            raise InvalidParameterValue("Invalid filter pattern definition.") from error
    return tuple(patterns)


def _provisioned(mapping: EventSourceMapping, config: Mapping[str, Any] | None) -> ProvisionedPollers | None:
    if config is None:
        return mapping.provisioned
    given = {key: value for key, value in config.items() if value is not None}
    if not given:
        return None
    present = mapping.provisioned or POLLERS
    return ProvisionedPollers(
        minimum=given.get("MinimumPollers", present.minimum),
        maximum=given.get("MaximumPollers", present.maximum),
        group=given.get("PollerGroupName", present.group) or None,
    )


def _stored(mapping: EventSourceMapping, params: Mapping[str, Any]) -> dict[str, Any]:
    """An empty value removes one."""
    merged = {**mapping.stored, **{each: params[each] for each in STORED if params.get(each) is not None}}
    return {name: value for name, value in merged.items() if (any(value.values()) if isinstance(value, dict) else value)}


def _check_batches(mapping: EventSourceMapping) -> None:
    fifo = mapping.source.endswith(".fifo")
    if fifo and mapping.window:
        raise InvalidParameterValue("Batching window is not supported for FIFO queues")
    if fifo and mapping.batch_size > MOST_IN_BATCH:
        raise InvalidParameterValue(f"Maximum batch size must be between 1 and {MOST_IN_BATCH} inclusive")
    if mapping.batch_size > MOST_IN_BATCH and not mapping.window:
        raise InvalidParameterValue(
            f"Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than {MOST_IN_BATCH}"
        )


def _check_scaling(mapping: EventSourceMapping) -> None:
    pollers = mapping.provisioned
    if pollers is None:
        return
    if mapping.maximum_concurrency is not None:
        raise InvalidParameterValue(
            "ScalingConfig.MaximumConcurrency and ProvisionedPollerConfig exclude each other: an empty value removes one."
        )
    bounds = (("MinimumPollers", pollers.minimum, LEAST_POLLERS), ("MaximumPollers", pollers.maximum, MOST_POLLERS))
    for member, value, (least, most) in bounds:
        if not least <= value <= most:
            raise InvalidParameterValue(f"{member} must be between {least} and {most} for SQS event sources, not {value}.")
    if pollers.minimum > pollers.maximum:
        raise InvalidParameterValue(
            f"MinimumPollers ({pollers.minimum}) must not be greater than MaximumPollers ({pollers.maximum})."
        )
