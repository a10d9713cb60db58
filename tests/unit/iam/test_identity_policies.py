"""Identity policies: actions, resources, conditions and variables, each decision with its reason in words."""

from typing import Any

import pytest

from lambdad.iam.evaluate import decide
from tests.unit.iam.making import FUNCTION, INVOKE, OTHER, allow, deny, policies, request

ALL = [allow("*", "*")]
IN_R = allow(Condition={"StringEquals": {"aws:RequestedRegion": "r"}})
BOTH = allow(Condition={"StringEquals": {"a": "1", "b": "2"}})
NO_TLS = [*ALL, deny(Condition={"Bool": {"aws:SecureTransport": "false"}})]
OWN_FOLDER = [allow("s3:*", "arn:aws:s3:::b/${aws:username}/*")]
OWN_TEAM = [allow(Condition={"StringEquals": {"aws:ResourceTag/Team": "${aws:PrincipalTag/team}"}})]
OTHER_TEAMS = allow(Condition={"StringNotEquals": {"aws:ResourceTag/Team": "${aws:PrincipalTag/team}"}})
DEFAULT_TEAM = allow(Condition={"StringEquals": {"aws:ResourceTag/Team": "${aws:PrincipalTag/team, 'all'}"}})
NOT_OWN = {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:lambda:*:*:function:${aws:username}"}
KNOWN_TAGS = [allow(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}})]
ELSEWHERE = [*ALL, deny(Condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}})]
NO_MFA = [*ALL, deny(Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})]

MATCHING: list[tuple[str, list[dict[str, Any]], str, str, str]] = [
    ("nothing allows it", [], INVOKE, FUNCTION, "implicit deny"),
    ("exactly this", [allow()], INVOKE, FUNCTION, "allow"),
    ("another action", [allow("lambda:GetFunction")], INVOKE, FUNCTION, "implicit deny"),
    ("another resource", [allow(resource=OTHER)], INVOKE, FUNCTION, "implicit deny"),
    ("actions ignore case", [allow("LAMBDA:invokefunction")], INVOKE, FUNCTION, "allow"),
    ("resources do not", [allow(resource=FUNCTION.upper().replace("ARN:AWS", "arn:aws"))], INVOKE, FUNCTION, "implicit deny"),
    ("all of a service", [allow("lambda:*")], INVOKE, FUNCTION, "allow"),
    ("a star amid an action", [allow("lambda:*Function")], INVOKE, FUNCTION, "allow"),
    ("everything", ALL, INVOKE, FUNCTION, "allow"),
    ("of several actions one", [allow(["s3:x", INVOKE])], INVOKE, FUNCTION, "allow"),
    ("a qualified ARN is another", [allow()], INVOKE, FUNCTION + ":1", "implicit deny"),
    ("and the star means it", [allow(resource=FUNCTION + ":*")], INVOKE, FUNCTION + ":1", "allow"),
    ("any region", [allow(resource="arn:aws:lambda:*:*:function:f")], INVOKE, FUNCTION, "allow"),
    ("a short ARN is any", [allow(resource="arn:aws:lambda")], INVOKE, FUNCTION, "allow"),
    ("of another service", [allow(resource="arn:aws:sqs")], INVOKE, FUNCTION, "implicit deny"),
    ("no resource asks for *", [allow("lambda:ListFunctions")], "lambda:ListFunctions", "*", "implicit deny"),
    ("and has it", [allow("lambda:ListFunctions", "*")], "lambda:ListFunctions", "*", "allow"),
    ("NotAction", [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], INVOKE, FUNCTION, "allow"),
    ("but that", [{"Effect": "Allow", "NotAction": "lambda:*", "Resource": "*"}], INVOKE, FUNCTION, "implicit deny"),
    ("NotResource", [{"Effect": "Allow", "Action": "*", "NotResource": OTHER}], INVOKE, FUNCTION, "allow"),
    ("but that one", [{"Effect": "Allow", "Action": "*", "NotResource": FUNCTION}], INVOKE, FUNCTION, "implicit deny"),
    ("deny wins", [allow(), deny()], INVOKE, FUNCTION, "explicit deny"),
    ("whatever the order", [deny(), allow()], INVOKE, FUNCTION, "explicit deny"),
    ("deny of another action", [allow(), deny("s3:*", "*")], INVOKE, FUNCTION, "allow"),
    ("deny NotAction", [*ALL, {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}], INVOKE, FUNCTION, "explicit deny"),
    ("deny NotResource", [*ALL, {"Effect": "Deny", "Action": "*", "NotResource": OTHER}], INVOKE, FUNCTION, "explicit deny"),
]

CONDITIONAL: list[tuple[str, list[dict[str, Any]], str, dict[str, Any], str]] = [
    ("condition holds", [IN_R], FUNCTION, {"aws:requestedregion": "r"}, "allow"),
    ("condition fails", [IN_R], FUNCTION, {"aws:requestedregion": "q"}, "implicit deny"),
    ("key is missing", [IN_R], FUNCTION, {}, "implicit deny"),
    ("two keys, both hold", [BOTH], FUNCTION, {"a": "1", "b": "2"}, "allow"),
    ("two keys, one fails", [BOTH], FUNCTION, {"a": "1", "b": "1"}, "implicit deny"),
    (
        "two operators, one fails",
        [allow(Condition={"StringEquals": {"a": "1"}, "Bool": {"b": "true"}})],
        FUNCTION,
        {"a": "1", "b": "false"},
        "implicit deny",
    ),
    ("deny without TLS", NO_TLS, FUNCTION, {"aws:securetransport": "false"}, "explicit deny"),
    ("deny without TLS, with", NO_TLS, FUNCTION, {"aws:securetransport": "true"}, "allow"),
    ("deny elsewhere, unknown", ELSEWHERE, FUNCTION, {}, "explicit deny"),
    ("deny without MFA, unknown", NO_MFA, FUNCTION, {}, "explicit deny"),
    ("own folder", OWN_FOLDER, "arn:aws:s3:::b/alice/x", {"aws:username": "alice"}, "allow"),
    ("another's folder", OWN_FOLDER, "arn:aws:s3:::b/bob/x", {"aws:username": "alice"}, "implicit deny"),
    ("nobody's folder", OWN_FOLDER, "arn:aws:s3:::b//x", {}, "implicit deny"),
    ("same team", OWN_TEAM, FUNCTION, {"aws:resourcetag/team": "blue", "aws:principaltag/team": "blue"}, "allow"),
    ("other team", OWN_TEAM, FUNCTION, {"aws:resourcetag/team": "blue", "aws:principaltag/team": "red"}, "implicit deny"),
    ("tags within bounds", KNOWN_TAGS, FUNCTION, {"aws:tagkeys": ["b"]}, "allow"),
    ("tags out of bounds", KNOWN_TAGS, FUNCTION, {"aws:tagkeys": ["b", "c"]}, "implicit deny"),
    ("a variable without a value spares nothing", [NOT_OWN], FUNCTION, {}, "allow"),
    ("not another's team, without one", [OTHER_TEAMS], FUNCTION, {"aws:resourcetag/team": "blue"}, "allow"),
    ("a default for those without", [DEFAULT_TEAM], FUNCTION, {"aws:resourcetag/team": "all"}, "allow"),
    ("from here", ELSEWHERE, FUNCTION, {"aws:sourceip": "10.1.2.3"}, "allow"),
    ("with MFA", NO_MFA, FUNCTION, {"aws:multifactorauthpresent": "true"}, "allow"),
]


@pytest.mark.parametrize(("why", "statements", "action", "resource", "expected"), MATCHING)
def test_actions_and_resources(why: str, statements: list[dict[str, Any]], action: str, resource: str, expected: str) -> None:
    decision = decide(request("user", action, resource), policies(identity=statements))
    assert (decision.why, decision.kind, decision.allowed) == (expected, "identity", expected == "allow"), why


@pytest.mark.parametrize(("why", "statements", "resource", "context", "expected"), CONDITIONAL)
def test_conditions(why: str, statements: list[dict[str, Any]], resource: str, context: dict[str, Any], expected: str) -> None:
    action = "s3:GetObject" if resource.startswith("arn:aws:s3") else INVOKE
    decision = decide(request("user", action, resource, context), policies(identity=statements))
    assert (decision.why, decision.kind, decision.allowed) == (expected, "identity", expected == "allow"), why
