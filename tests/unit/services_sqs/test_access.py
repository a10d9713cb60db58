"""Which permissions SQS's operations need."""

from typing import Any

import pytest

from lambdad.assembly.compatibility import services
from lambdad.domain.caller import Caller
from lambdad.services.sqs.access import needs

CALLER = Caller("111122223333", "eu-west-1", "request", "AKIA", "arn:aws:iam::111122223333:user/u")
URL = "http://localhost:4566/111122223333/orders"
ARN = "arn:aws:sqs:eu-west-1:111122223333:orders"


def of(operation: str, **params: Any) -> list[tuple[str, str]]:
    return [(each.action, each.resource) for each in needs(operation, CALLER, params)]


def test_every_operation_says_what_it_needs() -> None:
    (sqs,) = [each for each in services() if each.name == "sqs"]
    anything = {"QueueUrl": URL, "QueueName": "orders", "SourceArn": ARN, "TaskHandle": "h"}
    for operation in sqs.operations:
        found = of(operation, **anything)
        assert found, operation
        assert all(action.startswith("sqs:") for action, _ in found)


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("SendMessage", "sqs:SendMessage"),
        ("SendMessageBatch", "sqs:SendMessage"),
        ("DeleteMessageBatch", "sqs:DeleteMessage"),
        ("ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"),
        ("ReceiveMessage", "sqs:ReceiveMessage"),
        ("PurgeQueue", "sqs:PurgeQueue"),
    ],
)
def test_a_batch_needs_what_its_entries_do(operation: str, action: str) -> None:
    assert of(operation, QueueUrl=URL) == [(action, ARN)]


def test_a_queue_of_another_account_is_that_accounts() -> None:
    (need,) = needs("SendMessage", CALLER, {"QueueUrl": URL.replace("1111", "9999")})
    assert (need.account, need.resource) == ("999922223333", ARN.replace("1111", "9999"))
    (need,) = needs("GetQueueUrl", CALLER, {"QueueName": "orders", "QueueOwnerAWSAccountId": "999999999999"})
    assert need.account == "999999999999"


def test_a_redrive_needs_both_queues() -> None:
    target = ARN.replace("orders", "again")
    assert of("StartMessageMoveTask", SourceArn=ARN, DestinationArn=target) == [
        ("sqs:StartMessageMoveTask", ARN),
        ("sqs:ReceiveMessage", ARN),
        ("sqs:DeleteMessage", ARN),
        ("sqs:GetQueueAttributes", ARN),
        ("sqs:SendMessage", target),
    ]


def test_a_request_without_a_queue_is_left_to_the_operation() -> None:
    assert of("SendMessage") == []
    assert of("StartMessageMoveTask", SourceArn="none") == []
    assert of("ListQueues") == [("sqs:ListQueues", "*")]
