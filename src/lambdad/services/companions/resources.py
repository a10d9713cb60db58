"""What operations of Kinesis, SSM, Secrets Manager, SNS, EventBridge, Step Functions, KMS and Firehose are about. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/: `list_amazonkinesis.html`, `list_awssystemsmanager.html`,
`list_awssecretsmanager.html`, `list_amazonsns.html`, `list_amazoneventbridge.html`, `list_awsstepfunctions.html`,
`list_awskeymanagementservice.html`, `list_amazonkinesisfirehose.html`. An operation without a resource here has none there.
"""

import base64
import binascii
import re
from typing import Final

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.services.companions.actions import action
from lambdad.services.companions.arns import Params, named, need, texts

_KEY_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")
_KEY_ID_SIZE: Final = 36
_ENDING: Final = "-??????"
"""The six characters that AWS adds to a secret's name are not known here; policies have wildcards in their place."""
_RULES: Final = {"PutRule", "DeleteRule", "DescribeRule", "EnableRule", "DisableRule"}
_TARGETS: Final = {"PutTargets", "RemoveTargets", "ListTargetsByRule"}
_BUSES: Final = {"CreateEventBus", "DeleteEventBus", "DescribeEventBus", "UpdateEventBus"}
_STATES: Final = (
    "stateMachineArn",
    "executionArn",
    "activityArn",
    "mapRunArn",
    "stateMachineVersionArn",
    "stateMachineAliasArn",
    "resourceArn",
)


def kinesis(operation: str, caller: Caller, params: Params) -> list[str]:
    arns = texts(params, ("StreamARN", "ConsumerARN", "ResourceARN"))
    names = [named("kinesis", caller, "stream/", name) for name in texts(params, ("StreamName",))]
    iterators = [_stream_of(caller, each) for each in texts(params, ("ShardIterator",))]
    return arns + names + iterators


def _stream_of(caller: Caller, iterator: str) -> str:
    """moto's iterators are base64 of the stream's name, the shard and the position, with colons between."""
    try:
        name = base64.b64decode(iterator, validate=True).decode("ascii").split(":", 1)[0]
    except (binascii.Error, UnicodeDecodeError):
        return "*"
    return named("kinesis", caller, "stream/", name) if name else "*"


def ssm(operation: str, caller: Caller, params: Params) -> list[str]:
    if "Parameter" not in operation and params.get("ResourceType") != "Parameter":
        return []
    return [_parameter(caller, each) for each in texts(params, ("Name", "Names", "Path", "ResourceId"))]


def _parameter(caller: Caller, name: str) -> str:
    """A version or a label behind a colon is no part of the name."""
    return name if name.startswith("arn:") else named("ssm", caller, "parameter/", name.partition(":")[0].removeprefix("/"))


def secretsmanager(operation: str, caller: Caller, params: Params) -> list[str]:
    names = ("Name",) if operation == "CreateSecret" else ("SecretId",)
    return [_secret(caller, each) for each in texts(params, names)]


def _secret(caller: Caller, name: str) -> str:
    return name if name.startswith("arn:") else named("secretsmanager", caller, "secret:", name + _ENDING)


def sns(operation: str, caller: Caller, params: Params) -> list[str]:
    topics = texts(params, ("TopicArn", "TargetArn", "ResourceArn", "PlatformApplicationArn", "EndpointArn"))
    return topics + [named("sns", caller, "", each) for each in texts(params, ("Name",)) if operation == "CreateTopic"]


def events(operation: str, caller: Caller, params: Params) -> list[str]:
    if operation == "PutEvents":
        buses = [each.get("EventBusName") or "default" for each in params.get("Entries", ())]
        return [named("events", caller, "event-bus/", each) for each in dict.fromkeys(buses)]
    if operation in _RULES or operation in _TARGETS:
        bus = str(params.get("EventBusName") or "default").rpartition("event-bus/")[2]
        name = params.get("Name" if operation in _RULES else "Rule") or ""
        return [named("events", caller, "rule/", name if bus == "default" else f"{bus}/{name}")]
    if operation in _BUSES:
        return [named("events", caller, "event-bus/", each) for each in texts(params, ("Name",))]
    if operation in ("PutPermission", "RemovePermission"):
        return [named("events", caller, "event-bus/", params.get("EventBusName") or "default")]
    kinds = {"ArchiveName": "archive/", "ReplayName": "replay/"}
    others = [named("events", caller, kind, each) for name, kind in kinds.items() for each in texts(params, (name,))]
    return texts(params, ("ResourceARN",)) + others


def stepfunctions(operation: str, caller: Caller, params: Params) -> list[str]:
    made = {"CreateStateMachine": "stateMachine:", "CreateActivity": "activity:"}.get(operation)
    if made is not None:
        return [named("states", caller, made, each) for each in texts(params, ("name",))]
    return texts(params, _STATES)


def firehose(operation: str, caller: Caller, params: Params) -> list[str]:
    if operation == "ListDeliveryStreams":
        return []
    names = texts(params, ("DeliveryStreamName",))
    return texts(params, ("DeliveryStreamARN",)) + [named("firehose", caller, "deliverystream/", each) for each in names]


def kms(operation: str, caller: Caller, params: Params) -> list[str]:
    aliases = [named("kms", caller, "", each) for each in texts(params, ("AliasName",))]
    keys = [_key(caller, each) for each in texts(params, ("KeyId", "TargetKeyId"))]
    return aliases + keys + (_encrypted_by(caller, params) if operation == "Decrypt" else [])


def _key(caller: Caller, key: str) -> str:
    """An alias stays one: which key it names is not known here."""
    return named("kms", caller, "" if key.startswith("alias/") else "key/", key)


def _encrypted_by(caller: Caller, params: Params) -> list[str]:
    """moto's ciphertexts begin with the id of their key."""
    blob = params.get("CiphertextBlob")
    found = _KEY_ID.fullmatch(blob[:_KEY_ID_SIZE]) if isinstance(blob, bytes) else None
    return ["*" if found is None else _key(caller, found[0].decode())]


def reencrypt(caller: Caller, params: Params) -> list[Need]:
    """Two permissions, one for each key."""
    sources = [_key(caller, each) for each in texts(params, ("SourceKeyId",))] + _encrypted_by(caller, params)
    targets = [_key(caller, each) for each in texts(params, ("DestinationKeyId",))]
    return [need("kms:ReEncryptFrom", caller, each) for each in sources] + [
        need("kms:ReEncryptTo", caller, each) for each in targets
    ]


def batch_of_secrets(caller: Caller, params: Params) -> list[Need]:
    """What it reads as well as reading many; with filters that can be any secret."""
    listed = [_secret(caller, each) for each in texts(params, ("SecretIdList",))]
    return [
        need("secretsmanager:BatchGetSecretValue", caller),
        *(need(action("secretsmanager", "GetSecretValue"), caller, each) for each in listed or ["*"]),
    ]
