"""Conditions of Lambda in decisions: on whose behalf a service comes, by which URL, for which skill, from which function."""

from typing import Any

import pytest

from lambdad.control.statements import function_statement
from lambdad.iam.context import keys_of
from lambdad.iam.evaluate import decide
from lambdad.iam.patterns import Context
from lambdad.iam.principals import Principal
from tests.unit.iam.making import FUNCTION, HERE, INVOKE, OTHER, PRINCIPALS, THERE, allow, deny, policies, request

URL_AUTH, SOURCE, ORG = "lambda:functionurlauthtype", "lambda:sourcefunctionarn", "aws:principalorgid"
ALL = [allow("*", "*")]
BUCKET, RULE = "arn:aws:s3:::bucket", f"arn:aws:events:eu-west-1:{HERE}:rule/nightly"
FROM_BUCKET = {"Principal": "s3.amazonaws.com", "SourceArn": BUCKET, "SourceAccount": HERE}
ORGANISATION = {"Principal": "*", "PrincipalOrgID": "o-1234567890"}
URL = {"Action": "lambda:InvokeFunctionUrl", "Principal": "*"}
SKILL = {"Principal": "alexa-appkit.amazon.com", "EventSourceToken": "amzn1.ask.skill.1"}
ALEXA = Principal("alexa-appkit.amazon.com", "", "service")
EVENTS = Principal("events.amazonaws.com", "", "service")

GRANTED: list[tuple[str, dict[str, Any], str | Principal, Context, bool]] = [
    # A service, for somebody's resource
    ("for the bucket", FROM_BUCKET, "service", {"aws:sourcearn": BUCKET, "aws:sourceaccount": HERE}, True),
    ("for another bucket", FROM_BUCKET, "service", {"aws:sourcearn": f"{BUCKET}2", "aws:sourceaccount": HERE}, False),
    ("for a bucket of that name", FROM_BUCKET, "service", {"aws:sourcearn": BUCKET, "aws:sourceaccount": THERE}, False),
    ("for nobody known", FROM_BUCKET, "service", {"aws:sourcearn": BUCKET}, False),
    ("for itself", FROM_BUCKET, "service", {}, False),
    ("another service", FROM_BUCKET, EVENTS, {"aws:sourcearn": BUCKET, "aws:sourceaccount": HERE}, False),
    ("a user who says so", FROM_BUCKET, "user", {"aws:sourcearn": BUCKET, "aws:sourceaccount": HERE}, False),
    (
        "by a pattern",
        {"Principal": "events.amazonaws.com", "SourceArn": f"arn:aws:events:*:{HERE}:rule/*"},
        EVENTS,
        {"aws:sourcearn": RULE},
        True,
    ),
    (
        "a wildcard keeps within its part",
        {"Principal": "events.amazonaws.com", "SourceArn": "arn:aws:events:*:rule/nightly"},
        EVENTS,
        {"aws:sourcearn": RULE},
        False,
    ),
    # There are no organisations, so nobody is of one
    ("of an organisation", ORGANISATION, "user", {}, False),
    ("of an organisation, in a session", ORGANISATION, "session", {}, False),
    ("of an organisation, elsewhere", ORGANISATION, "foreign user", {}, False),
    # Function URLs
    ("by URL, without a signature", URL | {"FunctionUrlAuthType": "NONE"}, "anonymous", {URL_AUTH: "NONE"}, True),
    ("by URL, which asks for one", URL | {"FunctionUrlAuthType": "NONE"}, "anonymous", {URL_AUTH: "AWS_IAM"}, False),
    ("by URL, with a signature", URL | {"FunctionUrlAuthType": "AWS_IAM"}, "user", {URL_AUTH: "AWS_IAM"}, True),
    ("by no URL", URL | {"FunctionUrlAuthType": "NONE"}, "anonymous", {}, False),
    (
        "invoked by URL",
        {"Principal": "*", "InvokedViaFunctionUrl": True},
        "anonymous",
        {"lambda:invokedviafunctionurl": "true"},
        True,
    ),
    ("invoked otherwise", {"Principal": "*", "InvokedViaFunctionUrl": True}, "anonymous", {}, False),
    # Alexa
    ("for the skill", SKILL, ALEXA, {"lambda:eventsourcetoken": "amzn1.ask.skill.1"}, True),
    ("for another skill", SKILL, ALEXA, {"lambda:eventsourcetoken": "amzn1.ask.skill.2"}, False),
    ("for no skill", SKILL, ALEXA, {}, False),
]


@pytest.mark.parametrize(("why", "params", "who", "context", "allowed"), GRANTED)
def test_what_add_permission_grants(
    why: str, params: dict[str, Any], who: str | Principal, context: Context, allowed: bool
) -> None:
    asked = {"StatementId": "s", "Action": INVOKE, **params}
    made = function_statement(FUNCTION, asked)
    principal = PRINCIPALS[who] if isinstance(who, str) else who
    keys = keys_of(principal, now=1e9, region="eu-west-1", secure=False, resource_account=HERE, more=context)
    # Whoever is of an account may do it there, so that the resource's policy is what decides between accounts.
    mine = {"identity": ALL} if principal.account == THERE else {}
    assert decide(request(principal, asked["Action"], context=keys), policies(resource=[made], **mine)).allowed is allowed, why


def outside(key: str, value: str, operator: str = "StringNotEquals") -> dict[str, Any]:
    return deny("*", "*", Condition={operator: {key: value}})


CALLED: list[tuple[str, list[dict[str, Any]], Context, str]] = [
    ("by the function", [allow(Condition={"ArnEquals": {SOURCE: OTHER}})], {SOURCE: OTHER}, "allow identity"),
    (
        "by one of some functions",
        [allow(Condition={"ArnLike": {SOURCE: f"{OTHER}*"}})],
        {SOURCE: f"{OTHER}2"},
        "allow identity",
    ),
    ("by another", [allow(Condition={"ArnEquals": {SOURCE: OTHER}})], {SOURCE: FUNCTION}, "implicit deny identity"),
    ("by none", [allow(Condition={"ArnEquals": {SOURCE: OTHER}})], {}, "implicit deny identity"),
    ("only by the function", [*ALL, outside(SOURCE, OTHER, "ArnNotEquals")], {SOURCE: OTHER}, "allow identity"),
    (
        "only by it, not by another",
        [*ALL, outside(SOURCE, OTHER, "ArnNotEquals")],
        {SOURCE: FUNCTION},
        "explicit deny identity",
    ),
    ("only by it, not by none", [*ALL, outside(SOURCE, OTHER, "ArnNotEquals")], {}, "explicit deny identity"),
    ("if by a function", [*ALL, outside(SOURCE, OTHER, "ArnNotEqualsIfExists")], {}, "explicit deny identity"),
    (
        "by any function",
        [*ALL, deny("*", "*", Condition={"Null": {SOURCE: "false"}})],
        {SOURCE: OTHER},
        "explicit deny identity",
    ),
    ("by no function", [*ALL, deny("*", "*", Condition={"Null": {SOURCE: "false"}})], {}, "allow identity"),
    ("of an organisation", [allow(Condition={"StringEquals": {ORG: "o-1"}})], {}, "implicit deny identity"),
    ("only within one", [*ALL, outside(ORG, "o-1")], {}, "explicit deny identity"),
    ("where there is one", [allow(Condition={"StringEqualsIfExists": {ORG: "o-1"}})], {}, "allow identity"),
]


@pytest.mark.parametrize(("why", "identity", "context", "expected"), CALLED)
def test_who_calls_from_where(why: str, identity: list[dict[str, Any]], context: Context, expected: str) -> None:
    keys = keys_of(PRINCIPALS["session"], now=1e9, region="eu-west-1", secure=False, resource_account=HERE, more=context)
    decision = decide(request("session", context=keys), policies(identity=identity))
    assert f"{decision.why} {decision.kind}" == expected, why
