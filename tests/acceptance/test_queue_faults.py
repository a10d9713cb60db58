"""Queues and mappings on a full disk, and after a power failure that tore the last write."""

import signal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Maker
from tests.acceptance.server import Server, eventually

ARN = "arn:aws:sqs:us-east-1:000000000000:"
IGNORES = """
def handler(event, context):
    return {}
"""


def test_a_full_disk_refuses_messages_until_a_mapping_has_made_room(crowded: Server) -> None:
    """The data directory is a file system of 24 MB, filled with messages of 200 KB."""
    sqs, client = crowded.client("sqs"), crowded.client("lambda")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    function = Maker(client, newest_python(crowded)).python_function(IGNORES)
    mapping = client.create_event_source_mapping(EventSourceArn=f"{ARN}q", FunctionName=function.name, Enabled=False)["UUID"]
    eventually(lambda: client.get_event_source_mapping(UUID=mapping)["State"] == "Disabled")
    sent = fill(sqs, url)
    assert sent > 20
    assert attribute(sqs, url, "ApproximateNumberOfMessages") == sent, "what was answered is there"
    eventually(lambda: enables(client, mapping))
    eventually(lambda: attribute(sqs, url, "ApproximateNumberOfMessages") == 0)
    eventually(lambda: sends(sqs, url), 60.0)


def fill(sqs: Any, url: str) -> int:
    """How many messages were taken before one was refused."""
    for number in range(300):
        if not sends(sqs, url):
            return number
    raise AssertionError("24 MB have room for 60 MB")


def sends(sqs: Any, url: str) -> bool:
    try:
        sqs.send_message(QueueUrl=url, MessageBody="x" * 200_000)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        return False
    return True


def enables(client: Any, mapping: str) -> bool:
    try:
        client.update_event_source_mapping(UUID=mapping, Enabled=True)
    except client.exceptions.ServiceException:
        return False
    return True


def attribute(sqs: Any, url: str, name: str) -> int:
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


@pytest.mark.parametrize("missing", [1, 3000, 9000])
def test_a_torn_last_write_costs_no_more_than_the_last_messages(own_server: Server, missing: int) -> None:
    """Bytes are cut off the end of the log, as a power failure may."""
    sqs = own_server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sent = [f"message {number}" for number in range(40)]
    for body in sent:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    own_server.stop(signal.SIGKILL)
    log = own_server.data_dir / "queues.sqlite3-wal"
    data = log.read_bytes()
    assert len(data) > 10 * missing
    log.write_bytes(data[:-missing])
    own_server.start()
    sqs = own_server.client("sqs")
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found += [each["Body"] for each in messages]
    assert found == sent[: len(found)], "those that are left are the first"
    assert len(found) >= len(sent) - 5
    sqs.send_message(QueueUrl=url, MessageBody="next")
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url)["Messages"]] == ["next"]
