"""Permissions: what a signature and a decision cost a warm invoke.

The echo function by one connection: by the root user, whose signature is not looked at, and in turns with it by a user with ten
policies of three statements, of which the last allows the call, and by a session of a role with a session policy and a function
that has a policy too. The difference of the medians is what verification and evaluation take together.
"""

import json

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.acceptance.server import Server

from bench.context import Context
from bench.functions import ECHO, create
from bench.load import BODY, Caller, in_turns_as, url_of
from bench.rows import Beside, Row, at_most

GOAL = 0.15
"""Milliseconds."""
ARN = "arn:aws:lambda:us-east-1:000000000000:function:echo"


def document(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def policies() -> list[str]:
    """Ten; only the last statement of the last is about the function."""

    def statements(number: int) -> list[dict[str, object]]:
        return [
            {"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": f"arn:aws:sqs:us-east-1:000000000000:q-{number}-*"},
            {"Effect": "Deny", "Action": "lambda:*", "Resource": f"{ARN}-not-{number}"},
            {
                "Effect": "Allow",
                "Action": "lambda:Invoke*",
                "Resource": f"{ARN}*" if number == 9 else f"{ARN}-{number}-*",
                "Condition": {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}},
            },
        ]

    return [document(*statements(number)) for number in range(10)]


def signed(url: str, credentials: Credentials) -> Caller:
    """Headers of the one request that is sent again and again; its signature holds for some minutes."""
    request = AWSRequest("POST", url, data=BODY, headers={"Content-Type": "application/json"})
    SigV4Auth(credentials, "lambda", "us-east-1").add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def user(server: Server) -> Credentials:
    iam = server.client("iam")
    iam.create_user(UserName="caller")
    for number, policy in enumerate(policies()):
        made = iam.create_policy(PolicyName=f"p{number}", PolicyDocument=policy)["Policy"]["Arn"]
        iam.attach_user_policy(UserName="caller", PolicyArn=made)
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def session(server: Server) -> Credentials:
    iam = server.client("iam")
    trust = document({"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for number in range(len(policies())):
        iam.attach_role_policy(RoleName="caller", PolicyArn=f"arn:aws:iam::000000000000:policy/p{number}")
    narrow = document({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ARN})
    made = server.client("sts").assume_role(RoleArn=role, RoleSessionName="bench", Policy=narrow)["Credentials"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def measure(context: Context) -> list[Row]:
    rounds, seconds = context.choose(7, 3), context.choose(3, 1)
    rows = []
    with context.lambdad() as server:
        create(server, ["echo"], ECHO)
        url = url_of(server, "echo")
        for who, credentials in (("a user", user(server)), ("a session", session(server))):
            if who == "a session":
                server.client("lambda").add_permission(
                    FunctionName="echo", StatementId="other", Action="lambda:InvokeFunction", Principal="111111111111"
                )
            context.say(f"  {who}")
            theirs, root = in_turns_as((url, signed(url, credentials)), (url, None), 1, rounds, seconds)
            assert sum(theirs.samples("errors")) == 0, "it was let in"
            rows.append(
                Row(
                    f"warm invoke by {who}, p50",
                    theirs.median("p50"),
                    "ms",
                    Beside("root user", root.median("p50"), root.samples("p50")),
                    (),
                    theirs.samples("p50"),
                )
            )
            cost = [one - other for one, other in zip(theirs.samples("p50"), root.samples("p50"), strict=True)]
            rows.append(
                Row(f"signature and decision, {who}", sorted(cost)[len(cost) // 2], "ms", goals=(at_most(GOAL),), samples=cost)
            )
    return rows
