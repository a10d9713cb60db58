"""Which permissions the companions' operations need."""

import base64
from typing import Any

import pytest

from lambdad.domain.caller import Caller
from lambdad.services.companions.access import needs
from lambdad.services.companions.dynamodb import UNKNOWN

CALLER = Caller("111122223333", "eu-west-1", "request", "AKIA", "arn:aws:iam::111122223333:user/u")
AT = "eu-west-1:111122223333:"
DYNAMODB = "arn:aws:dynamodb:eu-west-1:111122223333:table/"
KEY = "0123abcd-0000-1111-2222-333344445555"


def of(service: str, operation: str, **params: Any) -> list[tuple[str, str]]:
    return [(each.action, each.resource) for each in needs(service, operation, CALLER, params)]


ORDERS = {"TableName": "orders"}
STREAM = DYNAMODB + "o/stream/1"
SECRET = f"arn:aws:secretsmanager:{AT}secret:s-??????"
MADE = f"arn:aws:states:{AT}stateMachine:m"
MACHINE = "arn:aws:states:eu-west-1:1:stateMachine:m"
ITERATOR = {"ShardIterator": base64.b64encode(b"s:shard:0").decode()}
PROJECTION = {"ProjectionExpression": "a.b[0], #c", "ExpressionAttributeNames": {"#c": "c"}}
EQUAL = {
    "KeyConditionExpression": "k=:k and n >= :n",
    "ExpressionAttributeValues": {":k": {"S": "ann"}, ":n": {"N": "1"}},
}
PLAIN = {"Bucket": "b", "Key": "a/k"}


@pytest.mark.parametrize(
    ("service", "operation", "params", "action", "resource"),
    [
        ("dynamodb", "GetItem", ORDERS, "dynamodb:GetItem", DYNAMODB + "orders"),
        ("dynamodb", "GetItem", {"TableName": DYNAMODB + "o"}, "dynamodb:GetItem", DYNAMODB + "o"),
        ("dynamodb", "CreateTable", ORDERS, "dynamodb:CreateTable", DYNAMODB + "orders"),
        ("dynamodb", "Query", {**ORDERS, "IndexName": "i"}, "dynamodb:Query", DYNAMODB + "orders/index/i"),
        ("dynamodb", "Scan", {**ORDERS, "IndexName": "i"}, "dynamodb:Scan", DYNAMODB + "orders/index/i"),
        ("dynamodb", "ListTables", {}, "dynamodb:ListTables", "*"),
        ("dynamodb", "ListTables", ORDERS, "dynamodb:ListTables", "*"),
        ("dynamodb", "TagResource", {"ResourceArn": DYNAMODB + "o"}, "dynamodb:TagResource", DYNAMODB + "o"),
        ("dynamodb", "ExecuteStatement", {"Statement": " insert into x"}, "dynamodb:PartiQLInsert", DYNAMODB + "*"),
        ("dynamodbstreams", "DescribeStream", {"StreamArn": STREAM}, "dynamodb:DescribeStream", STREAM),
        ("dynamodbstreams", "GetRecords", {"ShardIterator": STREAM + "|1|x"}, "dynamodb:GetRecords", STREAM),
        ("s3", "GetObject", PLAIN, "s3:GetObject", "arn:aws:s3:::b/a/k"),
        ("s3", "HeadObject", PLAIN, "s3:GetObject", "arn:aws:s3:::b/a/k"),
        ("s3", "HeadObject", {**PLAIN, "VersionId": "v"}, "s3:GetObjectVersion", "arn:aws:s3:::b/a/k"),
        ("s3", "GetObjectAcl", {**PLAIN, "VersionId": "v"}, "s3:GetObjectVersionAcl", "arn:aws:s3:::b/a/k"),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, "s3:ListBucket", "arn:aws:s3:::b"),
        ("s3", "HeadBucket", {"Bucket": "b"}, "s3:ListBucket", "arn:aws:s3:::b"),
        ("s3", "ListBuckets", {}, "s3:ListAllMyBuckets", "*"),
        ("s3", "UploadPart", PLAIN, "s3:PutObject", "arn:aws:s3:::b/a/k"),
        ("s3", "DeleteBucketLifecycle", {"Bucket": "b"}, "s3:PutLifecycleConfiguration", "arn:aws:s3:::b"),
        ("kinesis", "PutRecord", {"StreamName": "s"}, "kinesis:PutRecord", f"arn:aws:kinesis:{AT}stream/s"),
        ("kinesis", "GetRecords", ITERATOR, "kinesis:GetRecords", f"arn:aws:kinesis:{AT}stream/s"),
        ("kinesis", "GetRecords", {"ShardIterator": "opaque!"}, "kinesis:GetRecords", "*"),
        ("ssm", "GetParameter", {"Name": "/a/b:3"}, "ssm:GetParameter", f"arn:aws:ssm:{AT}parameter/a/b"),
        ("ssm", "GetParametersByPath", {"Path": "/a"}, "ssm:GetParametersByPath", f"arn:aws:ssm:{AT}parameter/a"),
        ("ssm", "SendCommand", {"DocumentName": "d"}, "ssm:SendCommand", "*"),
        ("secretsmanager", "GetSecretValue", {"SecretId": "s"}, "secretsmanager:GetSecretValue", SECRET),
        ("secretsmanager", "ListSecrets", {}, "secretsmanager:ListSecrets", "*"),
        ("sns", "CreateTopic", {"Name": "t"}, "sns:CreateTopic", f"arn:aws:sns:{AT}t"),
        ("sns", "PublishBatch", {"TopicArn": "arn:aws:sns:eu-west-1:1:t"}, "sns:Publish", "arn:aws:sns:eu-west-1:1:t"),
        ("events", "PutRule", {"Name": "r"}, "events:PutRule", f"arn:aws:events:{AT}rule/r"),
        ("events", "PutTargets", {"Rule": "r", "EventBusName": "bus"}, "events:PutTargets", f"arn:aws:events:{AT}rule/bus/r"),
        ("events", "PutEvents", {"Entries": [{}, {}]}, "events:PutEvents", f"arn:aws:events:{AT}event-bus/default"),
        ("stepfunctions", "CreateStateMachine", {"name": "m"}, "states:CreateStateMachine", MADE),
        ("stepfunctions", "StartExecution", {"stateMachineArn": MACHINE}, "states:StartExecution", MACHINE),
        ("kms", "Encrypt", {"KeyId": KEY}, "kms:Encrypt", f"arn:aws:kms:{AT}key/{KEY}"),
        ("kms", "Encrypt", {"KeyId": "alias/a"}, "kms:Encrypt", f"arn:aws:kms:{AT}alias/a"),
        ("kms", "Decrypt", {"CiphertextBlob": KEY.encode() + b"\0..."}, "kms:Decrypt", f"arn:aws:kms:{AT}key/{KEY}"),
        ("kms", "Decrypt", {"CiphertextBlob": b"else"}, "kms:Decrypt", "*"),
        ("firehose", "PutRecord", {"DeliveryStreamName": "d"}, "firehose:PutRecord", f"arn:aws:firehose:{AT}deliverystream/d"),
        ("cloudwatch", "PutMetricData", {"Namespace": "n"}, "cloudwatch:PutMetricData", "*"),
        ("ec2", "RunInstances", {}, "ec2:RunInstances", "*"),
        ("elbv2", "DescribeRules", {}, "elasticloadbalancing:DescribeRules", "*"),
    ],
)  # fmt: skip
def test_one_resource(service: str, operation: str, params: dict[str, Any], action: str, resource: str) -> None:
    assert of(service, operation, **params) == [(action, resource)]


def test_batches_and_transactions_need_every_table() -> None:
    key = {"k": {"S": "a"}}
    items = {"orders": {"Keys": [key]}, "customers": {"Keys": [key]}}
    assert of("dynamodb", "BatchGetItem", RequestItems=items) == [
        ("dynamodb:BatchGetItem", DYNAMODB + "orders"),
        ("dynamodb:BatchGetItem", DYNAMODB + "customers"),
    ]
    writes = [{"Put": {"TableName": "a", "Item": key}}, {"Delete": {"TableName": "b", "Key": key}}]
    assert of("dynamodb", "TransactWriteItems", TransactItems=writes) == [
        ("dynamodb:PutItem", DYNAMODB + "a"),
        ("dynamodb:DeleteItem", DYNAMODB + "b"),
    ]
    assert of("dynamodb", "TransactGetItems", TransactItems=[{"Get": {"TableName": "a", "Key": key}}]) == [
        ("dynamodb:GetItem", DYNAMODB + "a")
    ]
    assert of("dynamodb", "TransactGetItems") == [("dynamodb:TransactGetItems", "*")]


@pytest.mark.parametrize(
    ("operation", "params", "leading", "attributes"),
    [
        ("GetItem", {"Key": {"k": {"S": "ann"}}}, ("ann",), (UNKNOWN,)),
        ("GetItem", {"Key": {"k": {"S": "ann"}, "n": {"N": "1"}}}, ("ann", "1"), (UNKNOWN,)),
        ("GetItem", {"Key": {"k": {"S": "ann"}}, **PROJECTION}, ("ann",), ("k", "a", "c")),
        ("PutItem", {"Item": {"k": {"S": "ann"}}}, (UNKNOWN,), ("k",)),
        ("PutItem", {"Item": {"k": {"S": "ann"}}, "ConditionExpression": "secret = :x"}, (UNKNOWN,), (UNKNOWN,)),
        ("Query", EQUAL, ("ann",), (UNKNOWN,)),
        ("Query", {}, (UNKNOWN,), (UNKNOWN,)),
    ],
)  # fmt: skip
def test_keys_and_attributes_of_dynamodb(
    operation: str, params: dict[str, Any], leading: tuple[str, ...], attributes: tuple[str, ...]
) -> None:
    (found,) = needs("dynamodb", operation, CALLER, {"TableName": "t", **params})
    assert found.context == {"dynamodb:leadingkeys": leading, "dynamodb:attributes": attributes}


def test_s3_needs_more_for_some() -> None:
    assert of("s3", "CopyObject", **PLAIN, CopySource="/other/a%20b?versionId=1") == [
        ("s3:PutObject", "arn:aws:s3:::b/a/k"),
        ("s3:GetObjectVersion", "arn:aws:s3:::other/a b"),
    ]
    assert of("s3", "PutObject", **PLAIN, ACL="public-read", Tagging="a=b") == [
        ("s3:PutObject", "arn:aws:s3:::b/a/k"),
        ("s3:PutObjectAcl", "arn:aws:s3:::b/a/k"),
        ("s3:PutObjectTagging", "arn:aws:s3:::b/a/k"),
    ]
    delete = {"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "1"}]}
    assert of("s3", "DeleteObjects", Bucket="b", Delete=delete) == [
        ("s3:DeleteObject", "arn:aws:s3:::b/a"),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::b/b"),
    ]
    (found,) = needs("s3", "ListObjectsV2", CALLER, {"Bucket": "b", "Prefix": "home/", "MaxKeys": 5})
    assert found.context == {"s3:prefix": "home/", "s3:max-keys": "5"}


def test_several_names() -> None:
    parameters = "arn:aws:ssm:eu-west-1:111122223333:parameter/"
    assert of("ssm", "GetParameters", Names=["a", "/b"]) == [
        ("ssm:GetParameters", parameters + "a"),
        ("ssm:GetParameters", parameters + "b"),
    ]
    assert of("secretsmanager", "BatchGetSecretValue", Filters=[]) == [
        ("secretsmanager:BatchGetSecretValue", "*"),
        ("secretsmanager:GetSecretValue", "*"),
    ]
    blob = KEY.encode() + b"\0"
    assert of("kms", "ReEncrypt", CiphertextBlob=blob, DestinationKeyId="alias/x") == [
        ("kms:ReEncryptFrom", f"arn:aws:kms:eu-west-1:111122223333:key/{KEY}"),
        ("kms:ReEncryptTo", "arn:aws:kms:eu-west-1:111122223333:alias/x"),
    ]


@pytest.mark.parametrize("tags", [{"a": "1"}, [{"Key": "a", "Value": "1"}], [{"TagKey": "a", "TagValue": "1"}]])
def test_tags_are_conditions(tags: Any) -> None:
    (found,) = needs("kms", "CreateKey", CALLER, {"Tags": tags})
    assert found.context == {"aws:requesttag/a": "1", "aws:tagkeys": ("a",)}


def test_a_resource_is_its_owners() -> None:
    (found,) = needs("sns", "Publish", CALLER, {"TopicArn": "arn:aws:sns:eu-west-1:999999999999:t"})
    assert found.account == "999999999999"
    (found,) = needs("s3", "GetObject", CALLER, PLAIN)
    assert found.account == CALLER.account
