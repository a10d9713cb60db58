"""Another account's things, by way of what lambdad does for somebody: each attempt names a thing of the victim's in a request
of the attacker's own, who may do everything in an account of theirs. The victim ends as it was."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.acceptance.functions import Maker, zipped
from tests.acceptance.roles import allow, new_role, trust
from tests.acceptance.server import Server

VICTIM, ATTACKER = "000000000000", "666666666666"
ECHO = "def handler(event, context):\n    return event\n"


@dataclass
class Victim:
    function: str
    """Their ARNs, and the queue's address."""
    layer: str
    queue: str
    url: str
    role: str
    signing: str


@dataclass
class Attacker:
    """With a role that allows everything."""

    server: Server
    python: str
    role: str
    queue: str
    url: str

    def client(self, service: str) -> Any:
        return self.server.client(service, account=ATTACKER)

    def function(self, **settings: Any) -> Any:
        request = {
            "FunctionName": f"f-{uuid.uuid4().hex[:8]}",
            "Runtime": self.python,
            "Role": self.role,
            "Handler": "app.handler",
            "Code": {"ZipFile": zipped({"app.py": ECHO})},
        }
        return self.client("lambda").create_function(**request | settings)


@pytest.fixture
def victim(server: Server, make: Maker) -> Victim:
    function = make.python_function(ECHO)
    client, sqs = make.client, server.client("sqs")
    layer = client.publish_layer_version(LayerName=f"l-{uuid.uuid4().hex[:8]}", Content={"ZipFile": zipped({"a.py": ""})})
    name = f"q-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="secret")
    publishers = {"SigningProfileVersionArns": [f"arn:aws:signer:us-east-1:{VICTIM}:/signing-profiles/p/1234567890"]}
    signing = client.create_code_signing_config(AllowedPublishers=publishers)["CodeSigningConfig"]["CodeSigningConfigArn"]
    return Victim(
        f"arn:aws:lambda:us-east-1:{VICTIM}:function:{function.name}",
        layer["LayerVersionArn"],
        f"arn:aws:sqs:us-east-1:{VICTIM}:{name}",
        url,
        new_role(server, allow("*")),
        signing,
    )


@pytest.fixture
def attacker(server: Server, make: Maker) -> Attacker:
    name = f"q-{uuid.uuid4().hex[:8]}"
    url = server.client("sqs", account=ATTACKER).create_queue(QueueName=name)["QueueUrl"]
    role = new_role(server, allow("*"), account=ATTACKER)
    return Attacker(server, make.python, role, f"arn:aws:sqs:us-east-1:{ATTACKER}:{name}", url)


def with_function(attacker: Attacker, call: Callable[[Any, str], Any]) -> Any:
    """Something that is done with a function of the attacker's own, which is made first, and that works."""
    name = attacker.function()["FunctionName"]
    attacker.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return call(attacker.client("lambda"), name)


ATTEMPTS: dict[str, Callable[[Attacker, Victim], Any]] = {
    "the victim's role for a function": lambda a, v: a.function(Role=v.role),
    "the victim's role, later": lambda a, v: with_function(
        a, lambda client, name: client.update_function_configuration(FunctionName=name, Role=v.role)
    ),
    "the victim's role for oneself": lambda a, v: a.client("sts").assume_role(RoleArn=v.role, RoleSessionName="me"),
    "the victim's layer in a function": lambda a, v: a.function(Layers=[v.layer]),
    "the victim's layer, later": lambda a, v: with_function(
        a, lambda client, name: client.update_function_configuration(FunctionName=name, Layers=[v.layer])
    ),
    "the victim's layer itself": lambda a, v: a.client("lambda").get_layer_version_by_arn(Arn=v.layer),
    "the victim's signing configuration": lambda a, v: a.function(CodeSigningConfigArn=v.signing),
    "the victim's signing configuration, later": lambda a, v: with_function(
        a, lambda client, name: client.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=v.signing)
    ),
    "the victim's queue for dead letters": lambda a, v: a.function(DeadLetterConfig={"TargetArn": v.queue}),
    "the victim's queue as a destination": lambda a, v: with_function(
        a,
        lambda client, name: client.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": v.queue}}
        ),
    ),
    "the victim's function as a destination": lambda a, v: with_function(
        a,
        lambda client, name: client.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": v.function}}
        ),
    ),
    "the victim's queue as an event source": lambda a, v: with_function(
        a, lambda client, name: client.create_event_source_mapping(FunctionName=name, EventSourceArn=v.queue)
    ),
    "the victim's function for a mapping": lambda a, v: a.client("lambda").create_event_source_mapping(
        FunctionName=v.function, EventSourceArn=a.queue
    ),
    "the victim's queue for dead messages": lambda a, v: a.client("sqs").set_queue_attributes(
        QueueUrl=a.url,
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": v.queue, "maxReceiveCount": 1})},
    ),
    "messages moved out of the victim's queue": lambda a, v: a.client("sqs").start_message_move_task(
        SourceArn=v.queue, DestinationArn=a.queue
    ),
    "messages moved into the victim's queue": lambda a, v: a.client("sqs").start_message_move_task(
        SourceArn=a.queue, DestinationArn=v.queue
    ),
    "the victim's queue by its address": lambda a, v: a.client("sqs").receive_message(QueueUrl=v.url),
    "the victim's queue by its address, in another region": lambda a, v: a.server.client(
        "sqs", "eu-west-1", ATTACKER
    ).delete_queue(QueueUrl=v.url),
    "the victim's queue, opened": lambda a, v: a.client("sqs").add_permission(
        QueueUrl=v.url, Label="me", AWSAccountIds=[ATTACKER], Actions=["*"]
    ),
    "the victim's function": lambda a, v: a.client("lambda").invoke(FunctionName=v.function),
    "the victim's function, later": lambda a, v: a.client("lambda").invoke(FunctionName=v.function, InvocationType="Event"),
    "the victim's function, opened": lambda a, v: a.client("lambda").add_permission(
        FunctionName=v.function, StatementId="me", Action="lambda:InvokeFunction", Principal=ATTACKER
    ),
    "the victim's function, opened at once": lambda a, v: a.client("lambda").put_resource_policy(
        ResourceArn=v.function, Policy=trust({"AWS": ATTACKER})
    ),
    "the victim's code": lambda a, v: a.client("lambda").get_function(FunctionName=v.function),
    "the victim's code, changed": lambda a, v: a.client("lambda").update_function_code(
        FunctionName=v.function, ZipFile=zipped({"app.py": ""})
    ),
    "the victim's tags": lambda a, v: a.client("lambda").tag_resource(Resource=v.function, Tags={"a": "b"}),
    "the victim's permissions": lambda a, v: a.client("iam").simulate_principal_policy(
        PolicySourceArn=v.role, ActionNames=["sqs:SendMessage"]
    ),
    "the victim's logs": lambda a, v: a.client("logs").filter_log_events(
        logGroupIdentifier=f"arn:aws:logs:us-east-1:{VICTIM}:log-group:/aws/lambda/{v.function.rpartition(':')[2]}"
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_of_the_victims_is_reached(server: Server, attacker: Attacker, victim: Victim, attempt: str) -> None:
    with pytest.raises(ClientError) as caught:
        ATTEMPTS[attempt](attacker, victim)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500, caught.value
    client, sqs = server.client("lambda"), server.client("sqs")
    assert json.loads(client.invoke(FunctionName=victim.function, Payload="1")["Payload"].read()) == 1
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=victim.function)
    attributes = sqs.get_queue_attributes(QueueUrl=victim.url, AttributeNames=["All"])["Attributes"]
    assert "Policy" not in attributes
    (message,) = sqs.receive_message(QueueUrl=victim.url, MaxNumberOfMessages=10)["Messages"]
    assert message["Body"] == "secret"


def test_a_table_of_the_victims_by_its_arn(server: Server) -> None:
    if not server.introspect()["companions"]["available"]:
        pytest.skip("DynamoDB is moto's, which this lambdad's interpreter has not: the extra `companions`")
    name = f"t-{uuid.uuid4().hex[:8]}"
    server.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "secret"}}
    server.client("dynamodb").put_item(TableName=name, Item=item)
    theirs, arn = server.client("dynamodb", account=ATTACKER), f"arn:aws:dynamodb:us-east-1:{VICTIM}:table/{name}"
    for named in (name, arn):
        with pytest.raises(ClientError):
            theirs.get_item(TableName=named, Key=item)
        with pytest.raises(ClientError):
            theirs.transact_get_items(TransactItems=[{"Get": {"TableName": named, "Key": item}}])
