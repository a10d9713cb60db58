"""The event of SQS messages, against the documented one."""

import json

from lambdad.pollers.sqs_records import EMPTY, encode, event, record

ARN = "arn:aws:sqs:us-east-2:123456789012:my-queue"


def test_a_message_becomes_a_record() -> None:
    attributes = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1545082649183",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
    }
    message = {
        "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "ReceiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "Body": "Test message. \N{SNOWMAN}",
        "MD5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "MD5OfMessageAttributes": "a1",
        "Attributes": attributes,
        "MessageAttributes": {
            "text": {"DataType": "String", "StringValue": "v"},
            "data": {"DataType": "Binary.png", "BinaryValue": b"\0\1"},
        },
    }
    (shown,) = json.loads(event([encode(record(message, ARN))]))["Records"]
    assert shown == {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": "Test message. \N{SNOWMAN}",
        "attributes": attributes,
        "messageAttributes": {
            "text": {"stringValue": "v", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "data": {"binaryValue": "AAE=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary.png"},
        },
        "md5OfMessageAttributes": "a1",
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "us-east-2",
    }


def test_a_message_without_attributes_has_none() -> None:
    message = {"MessageId": "m", "ReceiptHandle": "r", "Body": "b", "MD5OfBody": "5"}
    shown = record(message, ARN)
    assert (shown["attributes"], shown["messageAttributes"]) == ({}, {})
    assert "md5OfMessageAttributes" not in shown


def test_an_event_is_its_records_and_little_more() -> None:
    assert json.loads(event([b"1", b"2"])) == {"Records": [1, 2]}
    assert len(event([b"1", b"2"])) == EMPTY + len(b"1,2")
