"""IAM and STS with stock clients: boto3 and the AWS CLI."""

import json
import signal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.acceptance.functions import Maker
from tests.acceptance.server import Server

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def refused(call: Any, **arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def who(server: Server, credentials: dict[str, str]) -> dict[str, Any]:
    """What STS says of their bearer."""
    session = boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials.get("SessionToken"), region_name="us-east-1"
    )
    answer: dict[str, Any] = session.client("sts", endpoint_url=server.url).get_caller_identity()
    return answer


def test_a_role_is_made_assumed_and_kept(own_server: Server) -> None:
    iam, sts = own_server.client("iam"), own_server.client("sts")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST), Path="/team/")["Role"]
    assert role["AssumeRolePolicyDocument"] == TRUST
    policy = iam.create_policy(PolicyName="queues", PolicyDocument=json.dumps(ALLOW))["Policy"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=policy["Arn"])
    iam.attach_role_policy(RoleName="worker", PolicyArn=BASIC)
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=json.dumps(ALLOW))
    user = iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "blue"}])["User"]
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert sts.get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == "000000000000"
    assumed = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="one", DurationSeconds=900)
    assert assumed["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/one"
    assert who(own_server, assumed["Credentials"])["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/one"
    assert who(own_server, key)["Arn"] == "arn:aws:iam::000000000000:user/ann"
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        who(own_server, assumed["Credentials"] | {"SecretAccessKey": "another"})
    key_file = own_server.data_dir / "session-key"
    sealed_with = key_file.read_bytes()
    assert key_file.stat().st_mode & 0o777 == 0o600

    own_server.stop(signal.SIGKILL)
    own_server.start()

    iam = own_server.client("iam")
    found = iam.get_role(RoleName="worker")["Role"]
    assert (found["RoleId"], found["CreateDate"]) == (role["RoleId"], role["CreateDate"])
    attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert {each["PolicyArn"] for each in attached} == {policy["Arn"], BASIC}
    assert iam.get_role_policy(RoleName="worker", PolicyName="own")["PolicyDocument"] == ALLOW
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"]
    assert version["Document"] == ALLOW
    assert iam.get_user(UserName="ann")["User"]["UserId"] == user["UserId"]
    assert [each["AccessKeyId"] for each in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]] == [key["AccessKeyId"]]
    assert key_file.read_bytes() == sealed_with
    again = who(own_server, assumed["Credentials"])
    assert again["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/one", "sessions outlive a restart"


WHO = """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    found = [boto3.client("sts").get_caller_identity()["Arn"]]
    for key, secret in event:
        try:
            boto3.client("sts", aws_access_key_id=key, aws_secret_access_key=secret).get_caller_identity()
            found.append("let in")
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
    return found
"""


def test_a_function_is_its_execution_role_and_nobody_else(server: Server, make: Maker) -> None:
    function = make.python_function(WHO)
    assert function.invoke([["test", "test"], ["000000000000", "secret"]]) == [
        f"arn:aws:sts::000000000000:assumed-role/lambda-role/{function.name}",
        "InvalidClientTokenId",
        "InvalidClientTokenId",
    ]


def test_errors_as_boto3_shows_them(server: Server) -> None:
    iam, sts = server.client("iam"), server.client("sts")
    assert refused(iam.get_role, RoleName="no") == (404, "NoSuchEntity", "The role with name no cannot be found.")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName="no")
    assert refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument="{")[:2] == (400, "MalformedPolicyDocument")
    assert refused(iam.create_user, UserName="not a name")[:2] == (400, "ValidationError")
    assert refused(sts.assume_role, RoleArn="arn:aws:iam::000000000000:role/no", RoleSessionName="one") == (
        403,
        "AccessDenied",
        "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: "
        "arn:aws:iam::000000000000:role/no",
    )
    assert refused(sts.get_federation_token, Name="ann")[0] == 501
    assert refused(iam.create_instance_profile, InstanceProfileName="p")[0] == 501


def test_pages_are_walked_by_boto3(server: Server) -> None:
    pages = server.client("iam").get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 5})
    names = [policy["PolicyName"] for page in pages for policy in page["Policies"]]
    assert {"AWSLambdaBasicExecutionRole", "AdministratorAccess"} <= set(names)
    assert len(set(names)) == len(names)


def test_the_cli(server: Server, tmp_path: Path) -> None:
    def answer(*arguments: str) -> Any:
        return json.loads(server.aws(*arguments).stdout)

    assert answer("sts", "get-caller-identity")["Arn"] == "arn:aws:iam::000000000000:root"
    document = tmp_path / "trust.json"
    document.write_text(json.dumps(TRUST))
    role = answer("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", f"file://{document}")["Role"]
    server.aws("iam", "attach-role-policy", "--role-name", "cli", "--policy-arn", BASIC)
    assert answer("iam", "get-role", "--role-name", "cli")["Role"]["AssumeRolePolicyDocument"] == TRUST
    assumed = answer("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "one")
    assert who(server, assumed["Credentials"])["Account"] == "000000000000"
    refusal = server.aws("iam", "delete-role", "--role-name", "cli", check=False)
    assert "DeleteConflict" in refusal.stderr
    assert "Cannot delete entity, must detach all policies first." in refusal.stderr
    server.aws("iam", "detach-role-policy", "--role-name", "cli", "--policy-arn", BASIC)
    server.aws("iam", "delete-role", "--role-name", "cli")
    assert "NoSuchEntity" in server.aws("iam", "get-role", "--role-name", "cli", check=False).stderr
