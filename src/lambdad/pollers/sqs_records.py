"""The event that a function gets of SQS messages. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
"""

import base64
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from lambdad.pollers.api import SourceMessage

DATA: Final = "body"
"""The member that holds the data, and that filters may look into."""
TRACE: Final = "AWSTraceHeader"

encode = msgspec.json.Encoder().encode


def record(message: SourceMessage, arn: str) -> dict[str, Any]:
    attributes = message.get("MessageAttributes") or {}
    answer: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes") or {},
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
    }
    if "MD5OfMessageAttributes" in message:
        answer["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    answer["md5OfBody"] = message["MD5OfBody"]
    answer["eventSource"] = "aws:sqs"
    answer["eventSourceARN"] = arn
    answer["awsRegion"] = arn.split(":")[3]
    return answer


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if "StringValue" in value:
        shown["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return shown | {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def event(records: Iterable[bytes]) -> bytes:
    """Of encoded records."""
    return b'{"Records":[' + b",".join(records) + b"]}"


EMPTY: Final = len(event([]))
"""Bytes of an event without a record."""
