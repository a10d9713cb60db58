"""The condition keys of a request: which are there, and which are not."""

from typing import Any

from lambdad.iam.context import keys_of
from lambdad.iam.principals import Principal
from tests.unit.iam.making import HERE, PRINCIPALS, ROLE, ROOT, SESSION, USER

NOW = 1_767_225_600.9
ALWAYS = {
    "aws:currenttime": "2026-01-01T00:00:00Z",
    "aws:epochtime": "1767225600",
    "aws:requestedregion": "eu-west-1",
    "aws:securetransport": "true",
    "aws:viaawsservice": "false",
}


def keys(who: str | Principal, **more: Any) -> dict[str, Any]:
    principal = PRINCIPALS[who] if isinstance(who, str) else who
    found = keys_of(principal, now=NOW, region="eu-west-1", secure=True, **more)
    return {key: value for key, value in found.items() if ALWAYS.get(key) != value}


def test_a_user() -> None:
    assert keys("user") == {
        "aws:principaltype": "User",
        "aws:principalarn": USER,
        "aws:principalaccount": HERE,
        "aws:principalisawsservice": "false",
        "aws:username": "alice",
        "aws:userid": "AIDAEXAMPLE",
    }


def test_a_session_is_its_role() -> None:
    assert keys("session") == {
        "aws:principaltype": "AssumedRole",
        "aws:principalarn": ROLE,
        "aws:principalaccount": HERE,
        "aws:principalisawsservice": "false",
        "aws:userid": "AROAEXAMPLE:s",
        "aws:tokenissuetime": "2001-09-09T01:46:40Z",
        "aws:multifactorauthpresent": "false",
    }


def test_the_root_user() -> None:
    assert keys("root") == {
        "aws:principaltype": "Account",
        "aws:principalarn": ROOT,
        "aws:principalaccount": HERE,
        "aws:principalisawsservice": "false",
        "aws:userid": HERE,
    }


def test_a_service_and_for_whom_it_calls() -> None:
    assert keys("service", source_arn="arn:aws:s3:::b", source_account=HERE) == {
        "aws:principalisawsservice": "true",
        "aws:principalservicename": "s3.amazonaws.com",
        "aws:sourcearn": "arn:aws:s3:::b",
        "aws:sourceaccount": HERE,
    }


def test_nobody() -> None:
    assert keys("anonymous", source_ip="::1") == {
        "aws:principaltype": "Anonymous",
        "aws:userid": "anonymous",
        "aws:sourceip": "::1",
    }


def test_tags() -> None:
    principal = Principal(SESSION, HERE, "session", identity_arn=ROLE, tags={"Team": "Blue"}, token_issued=0.0, mfa=True)
    found = keys(principal, request_tags={"Cost": "1", "Env": "x"}, resource_tags={"Team": "Red"}, resource_account=HERE)
    assert found["aws:principaltag/team"] == "Blue"
    assert found["aws:requesttag/cost"] == "1"
    assert found["aws:tagkeys"] == ("Cost", "Env")
    assert found["aws:resourcetag/team"] == "Red"
    assert found["aws:resourceaccount"] == HERE
    assert found["aws:multifactorauthpresent"] == "true"


def test_through_other_services() -> None:
    found = keys("user", called_via=["cloudformation.amazonaws.com", "lambda.amazonaws.com"], user_agent="cli")
    assert found["aws:viaawsservice"] == "true"
    assert found["aws:calledvia"] == ("cloudformation.amazonaws.com", "lambda.amazonaws.com")
    assert found["aws:calledviafirst"] == "cloudformation.amazonaws.com"
    assert found["aws:calledvialast"] == "lambda.amazonaws.com"
    assert found["aws:useragent"] == "cli"


def test_keys_of_the_service_itself() -> None:
    assert keys("anonymous", more={"lambda:FunctionUrlAuthType": "NONE"})["lambda:functionurlauthtype"] == "NONE"
