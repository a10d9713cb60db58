"""Roles, users and policies as a user would make them."""

import json
import uuid
from typing import Any

from tests.acceptance.server import Server

LOGS = {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
"""What AWSLambdaBasicExecutionRole allows."""


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(principal: dict[str, str]) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def new_role(
    server: Server, *statements: dict[str, Any], account: str = "000000000000", trusts: str = "lambda.amazonaws.com"
) -> str:
    """ARN of a role of functions, which allows what the statements say."""
    iam, name = server.client("iam", account=account), f"r-{uuid.uuid4().hex[:12]}"
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": trusts}))["Role"]["Arn"]
    if statements:
        set_policy(server, arn, *statements)
    return arn


def set_policy(server: Server, role: str, *statements: dict[str, Any]) -> None:
    """From now on the role allows just that."""
    iam = server.client("iam", account=role.split(":")[4])
    iam.put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="own", PolicyDocument=document(*statements))


def new_user(server: Server, *statements: dict[str, Any], account: str = "000000000000") -> tuple[str, dict[str, str]]:
    """ARN of a user who may do what the statements say, and its credentials as boto3 takes them."""
    iam, name = server.client("iam", account=account), f"u-{uuid.uuid4().hex[:12]}"
    arn: str = iam.create_user(UserName=name)["User"]["Arn"]
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return arn, {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
