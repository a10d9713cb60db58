"""Which permissions SQS's operations need. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html; a batch needs what its entries do, and a
redrive what it does to both queues:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
"""

from collections.abc import Mapping
from typing import Any, Final

from lambdad.domain.access import Need, tag_context
from lambdad.domain.caller import Caller
from lambdad.services.sqs.names import QueueName, parse_arn, parse_url

_ACTIONS: Final = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
_FROM: Final = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
"""What a redrive does to its source, besides being one."""


def needs(operation: str, caller: Caller, params: Mapping[str, Any]) -> list[Need]:
    """Of a validated request; none of one whose queue can't be told, which the operation refuses."""
    action = f"sqs:{_ACTIONS.get(operation, operation)}"
    match operation:
        case "ListQueues":
            return [Need(action, caller.account)]
        case "CreateQueue" | "GetQueueUrl":
            owner = params.get("QueueOwnerAWSAccountId") or caller.account
            queue: QueueName | None = QueueName(owner, caller.region, params.get("QueueName") or "")
        case "StartMessageMoveTask":
            return _redrive(action, params)
        case "ListMessageMoveTasks":
            queue = parse_arn(params.get("SourceArn"))
        case "CancelMessageMoveTask":
            return [Need(action, caller.account)]
        case _:
            url = params.get("QueueUrl")
            queue = parse_url(url, caller.region) if isinstance(url, str) and url else None
    return [] if queue is None else [Need(action, queue.account, queue.arn, tag_context(params.get("tags")))]


def _redrive(action: str, params: Mapping[str, Any]) -> list[Need]:
    source, target = parse_arn(params.get("SourceArn")), parse_arn(params.get("DestinationArn"))
    found = []
    if source is not None:
        found = [Need(each, source.account, source.arn) for each in (action, *(f"sqs:{name}" for name in _FROM))]
    if target is not None:
        found.append(Need("sqs:SendMessage", target.account, target.arn))
    return found
