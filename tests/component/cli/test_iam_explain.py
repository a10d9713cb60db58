"""`lambdad iam explain`: what a user is told of a decision."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lambdad.cli import held_policies
from lambdad.cli.client import Target
from lambdad.cli.command import command

from .services import Services

ACCOUNT, OTHER = "000000000000", "999999999999"
IAM = f"arn:aws:iam::{ACCOUNT}"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:resize"
ROLE, ANN = f"{IAM}:role/service/resizer", f"{IAM}:user/staff/ann"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/resizer/resize"
SEND = "sqs:SendMessage"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def statement(action: str = SEND, resource: str = QUEUE, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=4)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator["Aws"]:
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "LAMBDAD_ENDPOINT_URL", "LAMBDAD_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    services = Services()
    monkeypatch.setattr(held_policies, "make_client", services.client)
    monkeypatch.setattr("lambdad.cli.explanation.iam_client", lambda target: services.client("iam", target))
    yield Aws(services)
    services.close()


class Aws:
    """A function `resize` with the role `resizer`, a user `ann` in the group `team`."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.iam("CreateRole", RoleName="resizer", Path="/service/", AssumeRolePolicyDocument=policy(TRUST))
        self.iam("CreateUser", UserName="ann", Path="/staff/", Tags=[{"Key": "team", "Value": "blue"}])
        self.iam("CreateGroup", GroupName="team")
        self.iam("AddUserToGroup", GroupName="team", UserName="ann")
        self.answer("lambda.GetFunctionConfiguration", {"FunctionName": "resize", "FunctionArn": FUNCTION, "Role": ROLE})

    def iam(self, operation: str, account: str = ACCOUNT, **params: Any) -> dict[str, Any]:
        return self.services.call("iam", operation, Target("", account=account), params)

    def grant(self, *statements: dict[str, Any]) -> None:
        """To the role of the function."""
        self.iam("PutRolePolicy", RoleName="resizer", PolicyName="own", PolicyDocument=policy(*statements))

    def answer(self, operation: str, answer: dict[str, Any]) -> None:
        self.services.answers[operation] = answer

    def queue_policy(self, *statements: dict[str, Any]) -> None:
        self.answer("sqs.GetQueueUrl", {"QueueUrl": "http://queue"})
        self.answer("sqs.GetQueueAttributes", {"Attributes": {"Policy": policy(*statements)}})


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["iam", "explain", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return document


def test_what_is_allowed_is_shown_with_its_statement(aws: Aws) -> None:
    aws.grant(statement("s3:GetObject", "*"), statement(resource=f"{QUEUE}*", Sid="Send"))
    result = run("resize", SEND, QUEUE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "✓ allowed\n"
        "\n"
        f"  who        {FUNCTION}\n"
        f"  as         {SESSION}\n"
        f"  action     {SEND}\n"
        f"  resource   {QUEUE}\n"
        "\n"
        "  allowed by inline policy own of role resizer, lines 9 to 14\n"
        "      {\n"
        '          "Effect": "Allow",\n'
        '          "Action": "sqs:SendMessage",\n'
        f'          "Resource": "{QUEUE}*",\n'
        '          "Sid": "Send"\n'
        "      }\n"
    )


def test_an_explicit_denial(aws: Aws) -> None:
    aws.grant(statement(), statement("sqs:*", "*", "Deny"))
    result = run("resize", SEND, QUEUE)
    assert result.exit_code == 1
    assert result.stdout.startswith("✗ denied explicitly: a statement denies it\n")
    assert '          "Effect": "Deny",\n' in result.stdout
    assert '"Allow"' not in result.stdout
    message = (
        f"User: {SESSION} is not authorized to perform: {SEND} on resource: {QUEUE} "
        "with an explicit deny in an identity-based policy"
    )
    assert result.stdout.endswith(f"\nAWS answers:\n  {message}\n")
    assert told("resize", SEND, QUEUE)["message"] == message


def test_an_implicit_denial_shows_where_an_allow_was_sought(aws: Aws) -> None:
    aws.grant(statement(resource=f"{QUEUE}2"), statement("sqs:Receive*"))
    aws.iam("AttachRolePolicy", RoleName="resizer", PolicyArn="arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess")
    result = run(ROLE, SEND, QUEUE)
    assert result.exit_code == 1
    assert (
        f"  as         arn:aws:sts::{ACCOUNT}:assumed-role/resizer/SESSION, whatever the session is called\n" in result.stdout
    )
    assert (
        "  lacking    an Allow in an identity-based policy\n"
        "  looked at  inline policy own of role resizer\n"
        "             managed policy arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess\n"
        "\n"
        "  came close inline policy own of role resizer, lines 4 to 8, but for Resource\n"
        "      {\n"
    ) in result.stdout
    assert "Receive" not in result.stdout
    assert result.stdout.endswith("because no identity-based policy allows the sqs:SendMessage action\n")


def test_nobody_has_a_policy(aws: Aws) -> None:
    assert "  looked at  none, for there is none\n" in run(ANN, "s3:GetObject").stdout


@pytest.mark.parametrize(("key", "code"), [("blue", 0), ("red", 1)])
def test_what_is_known_of_the_principal_and_the_request_counts(aws: Aws, key: str, code: int) -> None:
    blue = {"StringEquals": {"aws:PrincipalTag/team": key, "aws:username": "ann", "aws:PrincipalArn": ANN}}
    aws.iam("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=policy(statement(Condition=blue)))
    assert run(ANN, SEND, QUEUE).exit_code == code


def test_context_is_given(aws: Aws) -> None:
    inside = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}
    aws.grant(statement(Condition=inside), statement("s3:*", "*", Condition={"Bool": {"s3:unrelated": "true"}}))
    result = run("resize", SEND, QUEUE)
    assert result.exit_code == 1
    assert ", but for IpAddress aws:SourceIp\n" in result.stdout
    assert "  unknown    aws:SourceIp, aws:TagKeys: give it with --context KEY=VALUE if it matters\n" in result.stdout
    given = ["--context", "aws:SourceIp=10.0.0.1", "--context", "aws:TagKeys=a", "--context", "AWS:tagkeys=b"]
    assert run("resize", SEND, QUEUE, *given).exit_code == 0
    assert run("resize", SEND, QUEUE, *given, "--context", "aws:tagkeys=c").exit_code == 1


def test_a_function_says_which_it_is(aws: Aws) -> None:
    aws.grant(statement(Condition={"ArnEquals": {"lambda:SourceFunctionArn": FUNCTION}}))
    assert run(FUNCTION, SEND, QUEUE).exit_code == 0
    assert run(ROLE, SEND, QUEUE).exit_code == 1


def test_a_boundary_that_keeps_it_from_being_allowed(aws: Aws) -> None:
    aws.iam("PutGroupPolicy", GroupName="team", PolicyName="all", PolicyDocument=policy(statement("*", "*")))
    made = aws.iam("CreatePolicy", PolicyName="edge", PolicyDocument=policy(statement("sqs:*", f"{QUEUE}2")))
    edge = made["Policy"]["Arn"]
    aws.iam("PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=edge)
    result = run(ANN, SEND, f"{QUEUE}2")
    assert result.exit_code == 0
    assert "  allowed by inline policy all of group team, lines 4 to 8\n" in result.stdout
    assert f"  boundary   permissions boundary {edge} allows it\n" in result.stdout
    result = run(ANN, SEND, QUEUE)
    assert result.exit_code == 1
    assert (
        "  lacking    an Allow in the permissions boundary\n"
        f"  looked at  permissions boundary {edge}\n"
        "\n"
        f"  came close permissions boundary {edge}, lines 4 to 8, but for Resource\n"
    ) in result.stdout
    assert result.stdout.endswith("because no permissions boundary allows the sqs:SendMessage action\n")
    found = told(ANN, SEND, QUEUE)
    assert (found["lacking"], found["boundary"]) == (
        "boundary", {"policy": f"permissions boundary {edge}", "allows": False}
    )  # fmt: skip


def test_a_boundary_that_denies(aws: Aws) -> None:
    aws.iam("PutUserPolicy", UserName="ann", PolicyName="all", PolicyDocument=policy(statement("*", "*")))
    document = policy(statement("*", "*"), statement("sqs:*", "*", "Deny"))
    edge = aws.iam("CreatePolicy", PolicyName="edge", PolicyDocument=document)["Policy"]["Arn"]
    aws.iam("PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=edge)
    found = told(ANN, SEND, QUEUE)
    assert [(each["kind"], each["index"]) for each in found["statements"]] == [("boundary", 1)]
    assert found["message"].endswith("with an explicit deny in a permissions boundary")
    # It is attached as well, so that it holds in both ways.
    aws.iam("AttachUserPolicy", UserName="ann", PolicyArn=edge)
    found = told(ANN, SEND, QUEUE)
    assert [(each["kind"], each["index"]) for each in found["statements"]] == [("identity", 1)]
    assert found["message"].endswith("with an explicit deny in an identity-based policy")


def test_a_queues_own_policy(aws: Aws) -> None:
    aws.queue_policy(statement(Principal={"AWS": SESSION}))
    result = run("resize", SEND, QUEUE)
    assert result.exit_code == 0
    assert f"  allowed by resource policy of {QUEUE}, lines 4 to 11\n" in result.stdout
    assert run(ROLE, SEND, QUEUE).exit_code == 1, "another session"
    assert run(SESSION, SEND, QUEUE).exit_code == 0
    aws.queue_policy(statement(Principal="*", effect="Deny"))
    assert told("resize", SEND, QUEUE)["message"].endswith("with an explicit deny in a resource-based policy")


def test_a_functions_own_policy(aws: Aws) -> None:
    allow = statement("lambda:InvokeFunction", FUNCTION, Principal={"AWS": ANN})
    aws.answer("lambda.GetPolicy", {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
    result = run(ANN, "lambda:InvokeFunction", FUNCTION)
    assert result.exit_code == 0
    # It is one long line, and has no place that would be worth telling.
    assert f"  allowed by resource policy of {FUNCTION}\n      {{\n        " in result.stdout
    assert told(ANN, "lambda:InvokeFunction", FUNCTION)["statements"][0]["statement"] == allow


def test_between_accounts_both_must_allow(aws: Aws) -> None:
    aws.iam("CreateUser", OTHER, UserName="eve")
    eve = f"arn:aws:iam::{OTHER}:user/eve"
    aws.queue_policy(statement("sqs:ReceiveMessage", Principal={"AWS": OTHER}))
    found = told(eve, SEND, QUEUE)
    assert (found["lacking"], [each["kind"] for each in found["policies"]]) == ("resource", ["resource"])
    assert found["message"].endswith("because no resource-based policy allows the sqs:SendMessage action")
    aws.queue_policy(statement(Principal={"AWS": OTHER}))
    assert told(eve, SEND, QUEUE)["lacking"] == "identity"
    aws.iam("PutUserPolicy", OTHER, UserName="eve", PolicyName="p", PolicyDocument=policy(statement()))
    assert run(eve, SEND, QUEUE).exit_code == 0


def test_json_of_what_is_allowed(aws: Aws) -> None:
    aws.grant(statement())
    assert told("resize", SEND, QUEUE) == {
        "allowed": True,
        "decision": "allowed",
        "principal": SESSION,
        "identity": ROLE,
        "action": SEND,
        "resource": QUEUE,
        "statements": [
            {
                "kind": "identity",
                "policy": "inline policy own of role resizer",
                "index": 0,
                "lines": [4, 8],
                "statement": statement(),
            }
        ],
        "lacking": None,
        "closeStatements": [],
        "boundary": None,
        "policies": [{"kind": "identity", "policy": "inline policy own of role resizer"}],
        "unknownContextKeys": [],
        "message": None,
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("resize", "sqs"), "'sqs' is not like sqs:SendMessage"),
        (("resize", "sqs:*"), "'sqs:*' is not like sqs:SendMessage"),
        (("resize", SEND, "orders"), "'orders' is not an ARN"),
        (("resize", SEND, QUEUE, "--context", "key"), "'key' is not like KEY=VALUE"),
        ((f"{IAM}:group/team", SEND), "is neither the ARN of a user, a role or a role's session, nor a function"),
        ((f"{IAM}:root", SEND), "the root user may do everything in its account"),
        ((f"{IAM}:user/bob", SEND), "lambdad: The user with name bob cannot be found. (NoSuchEntity)"),
        ((f"{IAM}:user/ann", SEND), f"lambdad: There is no {IAM}:user/ann; there is {ANN}."),
        (("resize",), "Missing argument 'ACTION'"),
    ],
)
def test_what_can_not_be_told_is_no_denial(aws: Aws, arguments: tuple[str, ...], text: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr


def test_functions_and_roles_that_are_not_there(aws: Aws) -> None:
    aws.answer("lambda.GetFunctionConfiguration", {"FunctionName": "f", "FunctionArn": f"{FUNCTION}", "Role": f"{IAM}:role/no"})
    result = run("f", SEND)
    assert (result.exit_code, result.stderr) == (2, f"lambdad: The execution role of f, {IAM}:role/no, does not exist.\n")
    aws.services.answers.clear()
    assert (run("f", SEND).exit_code, run("f", SEND).stderr) == (2, "lambdad: not there (ResourceNotFoundException)\n")


def test_no_server_is_no_denial() -> None:
    result = run(ANN, SEND, "--endpoint-url", "http://127.0.0.1:1")
    assert (result.exit_code, result.stderr) == (
        2,
        "lambdad: No lambdad answers at http://127.0.0.1:1; start one with `lambdad up`.\n",
    )
