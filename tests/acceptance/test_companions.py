"""DynamoDB, S3 and the rest through lambdad, with stock boto3 clients from outside and from inside a function."""

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdad.services.companions.backends import folder
from tests.acceptance.functions import Maker
from tests.acceptance.server import Server, eventually

pytestmark = pytest.mark.skipif(folder() is None, reason="moto is not installed: pip install 'lambdad[companions]'")

KEY = {"KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}]}
TABLE = {**KEY, "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
OTHER = "111122223333"


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    found: str = caught.value.response["Error"]["Code"]
    return found


def alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_dynamodb(server: Server) -> None:
    client = server.client("dynamodb")
    client.create_table(TableName="orders", **TABLE)
    client.put_item(TableName="orders", Item={"k": {"S": "a"}, "v": {"N": "1"}})
    assert client.get_item(TableName="orders", Key={"k": {"S": "a"}})["Item"]["v"] == {"N": "1"}
    found = client.query(TableName="orders", KeyConditionExpression="k = :k", ExpressionAttributeValues={":k": {"S": "a"}})
    assert found["Count"] == 1
    assert code(client.get_item, TableName="missing", Key={"k": {"S": "a"}}) == "ResourceNotFoundException"
    answer = client.list_tables()
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_from_inside_a_function(server: Server, make: Maker) -> None:
    source = """
import boto3

def handler(event, context):
    client = boto3.client("dynamodb")
    client.put_item(TableName="inside", Item={"k": {"S": event["key"]}})
    s3 = boto3.client("s3")
    s3.put_object(Bucket="inside-bucket", Key="k", Body=b"from inside")
    return sorted(item["k"]["S"] for item in client.scan(TableName="inside")["Items"])
"""
    outside, s3 = server.client("dynamodb"), server.client("s3")
    outside.create_table(TableName="inside", **TABLE)
    outside.put_item(TableName="inside", Item={"k": {"S": "outside"}})
    s3.create_bucket(Bucket="inside-bucket")
    function = make.python_function(source, Timeout=60)
    assert function.invoke({"key": "function"}) == ["function", "outside"]
    assert s3.get_object(Bucket="inside-bucket", Key="k")["Body"].read() == b"from inside"


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_s3(server: Server, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = socket.getaddrinfo  # not every resolver knows the names under localhost (RFC 6761)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: find("127.0.0.1", *rest, **named))
    client = boto3.client(
        "s3",
        endpoint_url=server.url.replace("127.0.0.1", "localhost"),
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="secret",
        config=boto3.session.Config(s3={"addressing_style": style}, signature_version="s3v4", retries={"max_attempts": 0}),
    )
    bucket = f"bucket-{style}"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="a/b c+ü", Body=b"hello", Metadata={"my_key": "1"})
    found = client.get_object(Bucket=bucket, Key="a/b c+ü")
    assert (found["Body"].read(), found["Metadata"]) == (b"hello", {"my_key": "1"})
    assert client.head_object(Bucket=bucket, Key="a/b c+ü")["ContentLength"] == 5
    assert [each["Key"] for each in client.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]] == ["a/b c+ü"]
    client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a/b c+ü"})
    link = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "copy"})
    assert urllib.request.urlopen(link).read() == b"hello"
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a/b c+ü"}, {"Key": "copy"}]})
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_large_objects_go_in_parts(server: Server, tmp_path: Path) -> None:
    client = server.client("s3")
    client.create_bucket(Bucket="large")
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1_000_000) * 100)
    client.upload_file(str(file), "large", "k")
    client.download_file("large", "k", str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_accounts_and_regions_are_apart(server: Server) -> None:
    own, other = server.client("dynamodb"), server.client("dynamodb", account=OTHER)
    own.create_table(TableName="apart", **TABLE)
    assert "apart" not in other.list_tables()["TableNames"]
    assert "apart" not in server.client("dynamodb", region="eu-west-1").list_tables()["TableNames"]
    arn = own.describe_table(TableName="apart")["Table"]["TableArn"]
    assert arn == "arn:aws:dynamodb:us-east-1:000000000000:table/apart"
    assert code(other.get_item, TableName=arn, Key={"k": {"S": "a"}}) == "AccessDeniedException"
    server.client("s3").create_bucket(Bucket="owned")
    assert code(server.client("s3", account=OTHER).list_objects_v2, Bucket="owned") == "AccessDenied"
    topic = server.client("sns").create_topic(Name="owned")["TopicArn"]
    assert code(server.client("sns", account=OTHER).publish, TopicArn=topic, Message="m") == "AccessDenied"


def test_other_services(server: Server) -> None:
    client = server.client
    client("kinesis").create_stream(StreamName="s", ShardCount=1)
    client("kinesis").put_record(StreamName="s", Data=b"x", PartitionKey="p")
    iterator = client("kinesis").get_shard_iterator(
        StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [each["Data"] for each in client("kinesis").get_records(ShardIterator=iterator)["Records"]] == [b"x"]
    client("secretsmanager").create_secret(Name="s", SecretString="hidden")
    assert client("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "hidden"
    client("events").put_rule(Name="r", ScheduleExpression="rate(1 minute)")
    assert client("events").put_events(Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}"}])["FailedEntryCount"] == 0
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    role = "arn:aws:iam::000000000000:role/r"
    machine = client("stepfunctions").create_state_machine(name="m", definition=definition, roleArn=role)["stateMachineArn"]
    assert machine in client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"].replace(
        "execution", "stateMachine"
    )
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    sealed = client("kms").encrypt(KeyId=key, Plaintext=b"plain")["CiphertextBlob"]
    assert client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"plain"
    client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert client("cloudwatch").list_metrics(Namespace="n")["Metrics"][0]["MetricName"] == "m"
    assert client("firehose").list_delivery_streams()["DeliveryStreamNames"] == []
    assert client("ec2").describe_vpcs()["Vpcs"]
    assert client("iot").create_thing(thingName="t")["thingArn"].endswith("thing/t"), "a name in the path"
    assert client("rds").describe_db_instances()["DBInstances"] == [], "docdb has that operation too"


def test_what_sdks_compress(server: Server) -> None:
    client = server.client("cloudwatch")
    metrics = [{"MetricName": f"m{number}", "Value": 1.0} for number in range(500)]
    client.put_metric_data(Namespace="compressed", MetricData=metrics)
    assert client.list_metrics(Namespace="compressed", MetricName="m499")["Metrics"]


def test_an_object_that_looks_like_a_form(server: Server) -> None:
    client = server.client("s3")
    client.create_bucket(Bucket="forms")
    kind = "application/x-www-form-urlencoded"
    client.put_object(Bucket="forms", Key="k", Body=b"acl=1&a=2", ContentType=kind)
    found = client.get_object(Bucket="forms", Key="k")
    assert (found["Body"].read(), found["ContentType"]) == (b"acl=1&a=2", kind)


def test_what_moto_does_is_what_was_allowed(server: Server) -> None:
    """It would take a parameter out of a text that reads like a query, and an operation out of the query."""
    client = server.client("ssm")
    client.put_parameter(Name="/allowed", Value="1", Type="String", Description="&Name=/stolen&Value=2&")
    assert client.get_parameter(Name="/allowed")["Parameter"]["Value"] == "1"
    assert code(client.get_parameter, Name="/stolen") == "ParameterNotFound"
    dynamodb = server.client("dynamodb")
    dynamodb.create_table(TableName="kept", **TABLE)
    dynamodb.meta.events.register(
        "before-sign.dynamodb.ListTables",
        lambda request, **_: setattr(request, "url", f"{request.url}?Action=DeleteTable&TableName=kept"),
    )
    assert "kept" in dynamodb.list_tables()["TableNames"]
    assert "kept" in dynamodb.list_tables()["TableNames"]


def test_its_own_interface_is_out_of_reach(server: Server) -> None:
    server.client("dynamodb").create_table(TableName="lasting", **TABLE)
    s3 = server.client("s3")
    assert code(s3.put_object, Bucket="moto-api", Key="reset", Body=b"") == "NoSuchBucket"
    assert "lasting" in server.client("dynamodb").list_tables()["TableNames"]


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's namespaces takes root")
def test_it_has_no_network(server: Server) -> None:
    server.client("dynamodb").list_tables()
    pid = server.introspect()["companions"]["pid"]
    assert (Path(f"/proc/{pid}/ns/net").readlink()) != Path("/proc/self/ns/net").readlink()


def test_it_dies_and_comes_back_empty(own_server: Server) -> None:
    client = own_server.client("dynamodb")
    assert own_server.introspect()["companions"]["pid"] is None
    client.create_table(TableName="t", **TABLE)
    pid = own_server.introspect()["companions"]["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: own_server.introspect()["companions"]["pid"] is None)
    assert client.list_tables()["TableNames"] == []
    assert own_server.introspect()["companions"]["pid"] not in (None, pid)
    assert "what DynamoDB, S3 and the other services of moto kept is lost" in own_server.errors.read_text()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_lambdad(own_server: Server, how: signal.Signals) -> None:
    own_server.client("dynamodb").list_tables()
    pid = own_server.introspect()["companions"]["pid"]
    own_server.stop(how)
    eventually(lambda: not alive(pid))


def test_without_companions(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", ["--no-companions"]).start()
    try:
        with pytest.raises(ClientError, match="switched off") as caught:
            server.client("dynamodb").list_tables()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    finally:
        server.stop()
