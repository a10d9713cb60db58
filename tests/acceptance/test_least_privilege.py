"""The classic example of an execution role: a function takes messages from a queue, writes them to a table, and logs. Its role
has three statements, one for each, and every one of them is needed for just its step."""

import importlib.util
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.functions import Function, Maker
from tests.acceptance.roles import allow, new_role, set_policy
from tests.acceptance.server import Server, eventually

pytestmark = pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="DynamoDB is moto's: the extra `companions`")

ACCOUNT = "000000000000"
SOURCE = """
import os
import boto3
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
def handler(event, context):
    if "read" in event:
        return table.get_item(Key={"id": event["read"]})["Item"]
    for record in event["Records"]:
        print("writes", record["body"])
        table.put_item(Item={"id": record["body"]})
"""
POLLING = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
LOGGING = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]


@dataclass
class Example:
    server: Server
    function: Function
    role: str
    queue: str
    """Its ARN."""
    url: str
    table: Any
    statements: dict[str, dict[str, Any]]

    def grant(self, *names: str) -> None:
        set_policy(self.server, self.role, *(self.statements[name] for name in names))

    def send(self) -> str:
        body = uuid.uuid4().hex
        self.server.client("sqs").send_message(QueueUrl=self.url, MessageBody=body)
        return body

    def written(self, body: str) -> bool:
        return "Item" in self.table.get_item(TableName=self.function.name, Key={"id": {"S": body}})

    def logged(self, text: str) -> bool:
        logs, group = self.server.client("logs"), f"/aws/lambda/{self.function.name}"
        try:
            found = logs.filter_log_events(logGroupName=group, filterPattern=f'"{text}"')
        except logs.exceptions.ResourceNotFoundException:
            return False
        return bool(found["events"])

    def lost(self) -> int:
        """How many lines of its log."""
        groups = {each["group"]: each["lost"] for each in self.server.introspect()["logs"]}
        return int(groups.get(f"/aws/lambda/{self.function.name}", 0))

    def map(self) -> str:
        client = self.function.client
        created = client.create_event_source_mapping(EventSourceArn=self.queue, FunctionName=self.function.name)
        uuid: str = created["UUID"]
        eventually(lambda: client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")
        return uuid

    def problem(self, mapping: str) -> str:
        return str(self.function.client.get_event_source_mapping(UUID=mapping).get("LastProcessingResult") or "")

    def directly(self, body: str) -> dict[str, Any]:
        """What the function answers to an event like that of the queue."""
        return json.loads(self.function.call({"Records": [{"body": body}]})["Payload"].read() or "null") or {}


@pytest.fixture
def example(server: Server, make: Maker) -> Example:
    name = f"orders-{uuid.uuid4().hex[:8]}"
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    sqs, dynamodb = server.client("sqs"), server.client("dynamodb")
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "10"})["QueueUrl"]
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    statements = {
        "queue": allow(POLLING, queue),
        "table": allow("dynamodb:PutItem", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{name}"),
        "logs": allow(LOGGING, f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/{name}:*"),
    }
    role = new_role(server, *statements.values())
    function = make.python_function(SOURCE, FunctionName=name, Role=role, Environment={"Variables": {"TABLE": name}})
    return Example(server, function, role, queue, url, dynamodb, statements)


def test_three_statements_are_enough(example: Example) -> None:
    mapping = example.map()
    body = example.send()
    assert eventually(lambda: example.written(body))
    assert eventually(lambda: example.logged(f"writes {body}"))
    assert example.problem(mapping) == ""
    failed = example.function.fail({"read": body})
    assert "is not authorized to perform: dynamodb:GetItem on resource: " in failed["errorMessage"]
    assert "AccessDeniedException" in failed["errorMessage"]


def test_without_the_statement_about_the_queue_nothing_is_polled(example: Example) -> None:
    mapping = example.map()
    example.grant("table", "logs")
    body = example.send()
    said = eventually(lambda: example.problem(mapping), 40)
    assert f"{example.function.name} is not authorized to perform: sqs:ReceiveMessage on resource: {example.queue}" in said
    assert not example.written(body)
    other = uuid.uuid4().hex
    assert example.directly(other) == {}
    assert example.written(other)
    assert eventually(lambda: example.logged(f"writes {other}"))
    client = example.function.client
    client.delete_event_source_mapping(UUID=mapping)
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="permissions to call ReceiveMessage on SQS"):
        eventually(example.map)


def test_without_the_statement_about_the_table_the_write_fails(example: Example) -> None:
    mapping = example.map()
    example.grant("queue", "logs")
    body = example.send()
    assert eventually(lambda: example.logged(f"writes {body}")), "it was polled"
    assert eventually(lambda: example.logged("is not authorized to perform: dynamodb:PutItem on resource: "))
    assert not example.written(body)
    assert example.problem(mapping) == ""
    example.grant("queue", "table", "logs")
    assert eventually(lambda: example.written(body), 60), "the message came again"


def test_without_the_statement_about_logs_only_they_are_lost(example: Example) -> None:
    mapping = example.map()
    example.grant("queue", "table")
    body = example.send()
    assert eventually(lambda: example.written(body))
    assert example.problem(mapping) == ""
    assert eventually(lambda: example.lost() >= 5), "INIT_START, START, what the function writes, END, REPORT"
    status = example.server.lambdad("status").stdout
    assert "Logs that are lost" in status and "logs:CreateLogGroup" in status
    example.grant("queue", "table", "logs")
    other = example.send()
    assert eventually(lambda: example.logged(f"writes {other}"))
    assert not example.logged(f"writes {body}")
