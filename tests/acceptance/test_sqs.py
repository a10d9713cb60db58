"""SQS with stock clients: boto3 (JSON), the AWS CLI, and the query protocol as older clients send it."""

import contextlib
import hashlib
import http.client
import json
import re
import signal
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from tests.acceptance.functions import Maker
from tests.acceptance.server import Server, eventually


@pytest.fixture(scope="module")
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def queue(sqs: Any) -> Iterator[str]:
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def fifo(sqs: Any) -> Iterator[str]:
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def signed(url: str, **parameters: str) -> AWSRequest:
    """A request of the query protocol."""
    request = AWSRequest("POST", url, data=urllib.parse.urlencode({"Version": "2012-11-05", **parameters}))
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    SigV4Auth(Credentials("000000000000", "secret"), "sqs", "us-east-1").add_auth(request)
    return request


def query(url: str, **parameters: str) -> tuple[int, ElementTree.Element]:
    """The answer is without namespaces."""
    request = signed(url, **parameters)
    prepared = urllib.request.Request(url, request.body, dict(request.headers.items()))
    try:
        with urllib.request.urlopen(prepared) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", text))


def test_a_message_there_and_back(sqs: Any, queue: str) -> None:
    attributes = {
        "word": {"DataType": "String", "StringValue": "häßlich"},
        "count": {"DataType": "Number.int", "StringValue": "12"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
    }
    # boto3 checks the digests of body and attributes by itself.
    sent = sqs.send_message(QueueUrl=queue, MessageBody="räuber & <co>", MessageAttributes=attributes)
    asked = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
    (message,) = sqs.receive_message(QueueUrl=queue, **asked)["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "räuber & <co>"
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert again["ReceiptHandle"] != message["ReceiptHandle"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    shown = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert [shown[f"ApproximateNumberOfMessages{each}"] for each in ("", "NotVisible", "Delayed")] == ["0", "0", "0"]


def test_the_largest_message(sqs: Any, queue: str) -> None:
    body = "x" * 1_048_576
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == body
    code, text = refused(sqs.send_message, QueueUrl=queue, MessageBody=body + "x")
    assert code == "InvalidParameterValue"
    assert text == "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."


def test_a_long_poll_is_answered_by_the_next_message(server: Server, sqs: Any, queue: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(server.client("sqs").receive_message, QueueUrl=queue, WaitTimeSeconds=20)
        sqs.send_message(QueueUrl=queue, MessageBody="now")
        assert waiting.result()["Messages"][0]["Body"] == "now"


def test_batches(sqs: Any, queue: str) -> None:
    entries = [{"Id": str(number), "MessageBody": f"body {number}"} for number in range(9)]
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[*entries, {"Id": "bad", "MessageBody": "\0"}])
    assert len(sent["Successful"]) == 9
    (failure,) = sent["Failed"]
    assert (failure["Id"], failure["Code"], failure["SenderFault"]) == ("bad", "InvalidMessageContents", True)
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert sorted(each["Body"] for each in found) == [each["MessageBody"] for each in entries]
    handles = [{"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]} for number, each in enumerate(found)]
    deleted = sqs.delete_message_batch(QueueUrl=queue, Entries=[*handles, {"Id": "bad", "ReceiptHandle": "nonsense"}])
    assert len(deleted["Successful"]) == 9
    assert deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"


def test_errors_have_awss_codes(sqs: Any, queue: str) -> None:
    nowhere = queue + "-nowhere"
    assert refused(sqs.send_message, QueueUrl=nowhere, MessageBody="x") == (
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    )
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="nowhere")
    name = queue.rpartition("/")[2]
    assert refused(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "3"})[0] == "QueueAlreadyExists"
    sqs.purge_queue(QueueUrl=queue)
    assert refused(sqs.purge_queue, QueueUrl=queue) == (
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.",
    )
    gone = sqs.create_queue(QueueName="soon-gone")["QueueUrl"]
    sqs.delete_queue(QueueUrl=gone)
    assert refused(sqs.create_queue, QueueName="soon-gone")[0] == "AWS.SimpleQueueService.QueueDeletedRecently"


def test_the_query_protocol(server: Server, sqs: Any, queue: str) -> None:
    status, answer = query(
        server.url,
        Action="SendMessage",
        QueueUrl=queue,
        MessageBody="by query",
        **{
            "MessageAttribute.1.Name": "word",
            "MessageAttribute.1.Value.DataType": "String",
            "MessageAttribute.1.Value.StringValue": "there",
        },
    )
    assert (status, answer.tag) == (200, "SendMessageResponse")
    assert answer.findtext(".//MD5OfMessageBody") == hashlib.md5(b"by query").hexdigest()
    # To the queue's own address, which then need not be named again.
    status, answer = query(queue, Action="ReceiveMessage", **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
    assert status == 200
    assert answer.findtext(".//Message/Body") == "by query"
    assert answer.findtext(".//Message/MessageAttribute/Name") == "word"
    assert "ApproximateReceiveCount" in [each.text for each in answer.iterfind(".//Message/Attribute/Name")]
    handle = answer.findtext(".//ReceiptHandle") or ""
    assert query(queue, Action="DeleteMessage", ReceiptHandle=handle)[0] == 200
    status, answer = query(queue, Action="GetQueueAttributes", **{"AttributeName.1": "ApproximateNumberOfMessagesNotVisible"})
    assert answer.findtext(".//Attribute/Value") == "0"
    status, answer = query(f"{server.url}/000000000000/nowhere", Action="ReceiveMessage")
    assert (status, answer.findtext(".//Code")) == (400, "AWS.SimpleQueueService.NonExistentQueue")
    status, answer = query(server.url, Action="CreateQueue")
    assert (status, answer.findtext(".//Code")) == (400, "InvalidParameterValue")
    assert answer.findtext(".//Message") == "Value for parameter QueueName is invalid. Reason: Must specify a queue name."


def test_the_cli(server: Server) -> None:
    def aws(*arguments: str) -> Any:
        # Version 1 overrides AWS_ENDPOINT_URL for SQS, with an old name of AWS's; version 2 does not.
        output = server.aws("--endpoint-url", server.url, "sqs", *arguments).stdout
        return json.loads(output) if output else None

    url = aws("create-queue", "--queue-name", "by-cli")["QueueUrl"]
    assert url == f"{server.url}/000000000000/by-cli"
    aws("send-message", "--queue-url", url, "--message-body", "hello")
    assert aws("receive-message", "--queue-url", url)["Messages"][0]["Body"] == "hello"
    assert url in aws("list-queues", "--queue-name-prefix", "by-")["QueueUrls"]
    aws("delete-queue", "--queue-url", url)


def test_dead_letters_and_their_redrive(sqs: Any, queue: str) -> None:
    name = f"dead-{uuid.uuid4().hex}"
    dead = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    sent = sqs.send_message(QueueUrl=queue, MessageBody="poison")
    for _ in range(2):
        assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "poison"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    (message,) = sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0, MessageSystemAttributeNames=["All"])["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"].endswith(queue.rpartition("/")[2])
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sqs.start_message_move_task(SourceArn=arn)

    def finished() -> Any:
        (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
        return task if task["Status"] == "COMPLETED" else None

    assert eventually(finished)["ApproximateNumberOfMessagesMoved"] == 1
    (back,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert back["Body"] == "poison"
    sqs.delete_queue(QueueUrl=dead)


def test_fifo_order_with_several_receivers(server: Server, sqs: Any, fifo: str) -> None:
    groups, each = 6, 40
    for number in range(each):
        sqs.send_message_batch(
            QueueUrl=fifo,
            Entries=[
                {
                    "Id": f"{group}",
                    "MessageBody": f"{group}/{number}",
                    "MessageGroupId": f"g{group}",
                    "MessageDeduplicationId": f"{group}/{number}",
                }
                for group in range(groups)
            ],
        )
    seen: list[str] = []
    lock = threading.Lock()

    def receive() -> None:
        client = server.client("sqs")
        while True:
            with lock:
                if len(seen) == groups * each:
                    return
            found = client.receive_message(QueueUrl=fifo, MaxNumberOfMessages=3, WaitTimeSeconds=1).get("Messages", [])
            for message in found:
                with lock:
                    seen.append(message["Body"])
                client.delete_message(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"])

    with ThreadPoolExecutor(4) as threads:
        for running in [threads.submit(receive) for _ in range(4)]:
            running.result()
    for group in range(groups):
        assert [text for text in seen if text.startswith(f"{group}/")] == [f"{group}/{number}" for number in range(each)]


def test_fifo_takes_a_message_once(sqs: Any, fifo: str) -> None:
    message = {"QueueUrl": fifo, "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first, second = (sqs.send_message(MessageBody=body, **message) for body in ("one", "two"))
    assert (first["MessageId"], first["SequenceNumber"]) == (second["MessageId"], second["SequenceNumber"])
    (found,) = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    assert found["Body"] == "one"
    assert refused(sqs.delete_message, QueueUrl=fifo, ReceiptHandle=found["ReceiptHandle"]) == (
        "InvalidParameterValue",
        f"Value {found['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    )


def test_a_function_uses_queues_by_itself(make: Maker, sqs: Any, queue: str) -> None:
    function = make.python_function(
        "import boto3\n"
        "def handler(event, context):\n"
        "    sqs = boto3.client('sqs')\n"
        "    url = sqs.get_queue_url(QueueName=event)['QueueUrl']\n"
        "    return sqs.send_message(QueueUrl=url, MessageBody='from inside')['MessageId']\n"
    )
    identifier = function.invoke(queue.rpartition("/")[2])
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert (message["Body"], message["MessageId"]) == ("from inside", identifier)


def test_what_a_function_sends_has_its_trace(make: Maker, sqs: Any, queue: str) -> None:
    function = make.python_function(
        "import boto3, os\n"
        "def handler(event, context):\n"
        "    sqs = boto3.client('sqs')\n"
        "    url = sqs.get_queue_url(QueueName=event)['QueueUrl']\n"
        "    sqs.send_message(QueueUrl=url, MessageBody='alone')\n"
        "    sqs.send_message_batch(QueueUrl=url, Entries=[{'Id': '1', 'MessageBody': 'in a batch'}])\n"
        "    return os.environ['_X_AMZN_TRACE_ID']\n"
    )
    trace = function.invoke(queue.rpartition("/")[2])
    assert trace.startswith("Root=1-")
    asked = {"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["AWSTraceHeader"]}
    messages = sqs.receive_message(QueueUrl=queue, **asked)["Messages"]
    assert {message["Body"]: message["Attributes"]["AWSTraceHeader"] for message in messages} == {
        "alone": trace,
        "in a batch": trace,
    }


def test_metrics(server: Server, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.send_message(QueueUrl=queue, MessageBody="y", DelaySeconds=900)
    labels = f'{{account="000000000000",region="us-east-1",queue_name="{queue.rpartition("/")[2]}"}}'
    with urllib.request.urlopen(f"{server.url}/_lambdad/metrics") as answer:
        text = answer.read().decode()
    assert f"lambdad_sqs_messages_sent_total{labels} 2" in text
    assert f"lambdad_sqs_messages_visible{labels} 1" in text
    assert f"lambdad_sqs_messages_delayed{labels} 1" in text


def test_a_long_poll_does_not_keep_lambdad_from_stopping(own_server: Server) -> None:
    sqs = own_server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    request = signed(url, Action="ReceiveMessage", WaitTimeSeconds="20")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", own_server.port)) as connection:
        connection.request("POST", "/000000000000/q", request.body, dict(request.headers.items()))
        sqs.list_queues()  # came later, so that the poll has come
        assert own_server.stop() == 0
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"<Message>" not in answer.read()


def test_what_was_answered_survives_a_kill(own_server: Server) -> None:
    sqs = own_server.client("sqs")
    path = "/000000000000/q"
    sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "600"})
    sent: set[str] = set()
    deleted: set[str] = set()
    for _ in range(3):
        client = own_server.client("sqs")
        answered = threading.Event()

        def send(client: Any = client, answered: threading.Event = answered) -> None:
            try:
                while True:
                    body = uuid.uuid4().hex
                    client.send_message(QueueUrl=own_server.url + path, MessageBody=body)
                    sent.add(body)
                    if len(sent) % 50 == 49:
                        answered.set()
            except Exception:  # killed: what was not answered may be there or not
                answered.set()

        def receive(client: Any = client) -> None:
            try:
                while True:
                    for message in client.receive_message(QueueUrl=own_server.url + path).get("Messages", []):
                        if hash(message["Body"]) % 2:
                            client.delete_message(QueueUrl=own_server.url + path, ReceiptHandle=message["ReceiptHandle"])
                            deleted.add(message["Body"])
            except Exception:  # killed
                pass

        with ThreadPoolExecutor(4) as threads:
            running = [threads.submit(send), threads.submit(send), threads.submit(receive), threads.submit(receive)]
            assert answered.wait(30)
            own_server.stop(signal.SIGKILL)
            for each in running:
                each.result()
        own_server.start()
    client = own_server.client("sqs")
    left: set[str] = set()
    while found := client.receive_message(QueueUrl=own_server.url + path, MaxNumberOfMessages=10).get("Messages", []):
        left |= {each["Body"] for each in found}
    assert not left & deleted, "what was deleted does not come back"
    # A delete that was under way when it was killed has no answer: one for each receiver and kill.
    assert len(sent - deleted - left) <= 6
    assert len(sent) > 100


def test_the_order_of_groups_survives_kills(own_server: Server) -> None:
    """Each group has a sender that goes on until it is answered; what is given out again after a kill was given out before."""
    own_server.client("sqs").create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "600"})
    seen: list[tuple[str, int]] = []
    sent = dict.fromkeys("abc", 0)
    for _ in range(3):
        url, killed = f"{own_server.url}/000000000000/q.fifo", threading.Event()
        goal = len(seen) + 60

        def send(group: str, client: Any, url: str = url) -> None:
            with contextlib.suppress(EndpointConnectionError, ConnectionClosedError, ConnectionError):
                while True:
                    number = str(sent[group])
                    client.send_message(
                        QueueUrl=url, MessageBody=number, MessageGroupId=group, MessageDeduplicationId=f"{group}{number}"
                    )
                    sent[group] += 1

        def receive(client: Any, url: str = url, goal: int = goal, killed: threading.Event = killed) -> None:
            with contextlib.suppress(EndpointConnectionError, ConnectionClosedError, ConnectionError):
                while not killed.is_set():
                    asked = {"MaxNumberOfMessages": 2, "WaitTimeSeconds": 1, "MessageSystemAttributeNames": ["All"]}
                    for message in client.receive_message(QueueUrl=url, **asked).get("Messages", []):
                        seen.append((message["Attributes"]["MessageGroupId"], int(message["Body"])))
                        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    if len(seen) > goal:
                        killed.set()

        with ThreadPoolExecutor(5) as threads:
            running = [threads.submit(send, group, own_server.client("sqs")) for group in "abc"]
            running += [threads.submit(receive, own_server.client("sqs")) for _ in range(2)]
            assert killed.wait(30)
            own_server.stop(signal.SIGKILL)
            for each in running:
                each.result()
        own_server.start()
    for group in "abc":
        firsts = list(dict.fromkeys(number for name, number in seen if name == group))
        assert firsts == list(range(len(firsts)))
        assert len(firsts) > 10
