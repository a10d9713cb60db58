import json

import pytest

from lambdad.iam.sessions import Claims
from tests.component.services_iam.api import DENY, padded

from .api import ACCOUNT, Api, caller

POLICY = DENY
READS = "arn:aws:iam::aws:policy/ReadOnlyAccess"


async def test_a_session_of_a_role(api: Api) -> None:
    arn = await api.role(Path="/team/")
    answer = await api.assume(arn)
    role = api.directory.role_by_arn(arn)
    assert role is not None
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role.id}:one",
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one",
    }
    assert "PackedPolicySize" not in answer
    assert api.claims(answer) == Claims(
        account=ACCOUNT,
        principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one",
        role=arn,
        role_id=role.id,
        name="one",
        issued=1000,
        expires=4600,
    )


async def test_what_bounds_and_marks_a_session(api: Api) -> None:
    arn = await api.role()
    answer = await api.assume(
        arn,
        Policy=POLICY,
        PolicyArns=[{"arn": READS}],
        Tags=[{"Key": "team", "Value": "blue"}, {"Key": "cost", "Value": "1"}],
        TransitiveTagKeys=["Team"],
        SourceIdentity="ann",
    )
    claims = api.claims(answer)
    assert (claims.policies, claims.policy_arns) == ((POLICY,), (READS,))
    assert (claims.tags, claims.transitive) == ({"team": "blue", "cost": "1"}, ("team",))
    assert answer["SourceIdentity"] == claims.source_identity == "ann"
    assert 0 < answer["PackedPolicySize"] < 100


async def test_how_long_a_session_lasts(api: Api) -> None:
    arn = await api.role(MaxSessionDuration=7200)
    assert api.claims(await api.assume(arn, DurationSeconds=7200)).expires == 8200
    assert await api.not_assumed(arn, DurationSeconds=7201) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    api.enter(await api.assume(arn))
    assert await api.not_assumed(arn, DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    await api.assume(arn, DurationSeconds=3600)


USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"
"""A policy of his own allows him to assume roles."""
ASSUMES = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]})


@pytest.mark.parametrize(
    ("principal", "who", "may"),
    [
        ("*", "", True),
        ({"AWS": "*"}, USER, True),
        ({"AWS": ACCOUNT}, "", True),
        ({"AWS": ACCOUNT}, USER, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, USER, False),
        ({"AWS": ACCOUNT}, BOB, True),
        ({"AWS": "111111111111"}, BOB, False),
        ({"AWS": ["arn:aws:iam::111111111111:root", USER]}, USER, True),
        ({"AWS": f"{USER}x"}, USER, False),
        ({"AWS": USER}, "", False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/r"}, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", True),
        ({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"}, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/q"}, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", False),
        ({"Service": "lambda.amazonaws.com"}, "", False),
    ],
)
async def test_who_may(api: Api, principal: object, who: str, may: bool) -> None:
    await api.role("r")
    await api.iam.operations["CreateUser"](caller(), {"UserName": "bob"})
    given = {"UserName": "bob", "PolicyName": "p", "PolicyDocument": ASSUMES}
    await api.iam.operations["PutUserPolicy"](caller(), given)
    arn = await api.role(principal=principal)
    api.caller = caller(who)
    if may:
        await api.assume(arn)
    else:
        message = f"User: {api.caller.principal_arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        assert await api.not_assumed(arn) == ("AccessDenied", message)


async def test_an_external_id_is_asked_for(api: Api) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "the agreed one"}}
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = await api.role(AssumeRolePolicyDocument=document)
    assert (await api.not_assumed(arn))[0] == "AccessDenied"
    assert (await api.not_assumed(arn, ExternalId="another"))[0] == "AccessDenied"
    await api.assume(arn, ExternalId="the agreed one")


async def test_of_a_role_that_is_not_there_no_more_is_said(api: Api) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/no"
    assert await api.not_assumed(arn) == (
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: sts:AssumeRole on resource: {arn}",
    )


async def test_a_role_of_another_account(api: Api) -> None:
    arn = await api.role(principal={"AWS": "111111111111"})
    api.caller = caller(account="111111111111")
    assert api.claims(await api.assume(arn)).account == ACCOUNT


async def test_a_session_hands_on_tags_and_source_identity(api: Api) -> None:
    arn = await api.role()
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "cost", "Value": "1"}]
    api.enter(await api.assume(arn, Tags=tags, TransitiveTagKeys=["team"], SourceIdentity="ann"))
    claims = api.claims(await api.assume(arn, Tags=[{"Key": "more", "Value": ""}]))
    assert (claims.tags, claims.transitive) == ({"team": "blue", "more": ""}, ("team",))
    assert claims.source_identity == "ann"
    assert (await api.not_assumed(arn, Tags=[{"Key": "Team", "Value": "red"}]))[1].startswith(
        "One of the specified transitive tag keys can't be set because it conflicts"
    )
    assert await api.not_assumed(arn, SourceIdentity="beth") == (
        "AccessDenied",
        "The source identity is already set for this assume role session",
    )


async def test_what_a_session_can_not_have(api: Api) -> None:
    arn = await api.role()
    assert (await api.not_assumed(arn, Policy="{"))[0] == "MalformedPolicyDocument"
    assert (await api.not_assumed(arn, PolicyArns=[{"arn": f"{READS}X"}]))[0] == "ValidationError"
    long = padded(DENY, 2048)
    assert (await api.not_assumed(arn, Policy=long))[0] == "PackedPolicyTooLarge"
    twice = [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]
    assert (await api.not_assumed(arn, Tags=twice))[0] == "InvalidParameterValue"
    assert (await api.not_assumed(arn, Tags=[{"Key": "aws:a", "Value": ""}]))[0] == "InvalidParameterValue"
    assert (await api.not_assumed(arn, TransitiveTagKeys=["a"]))[0] == "InvalidParameterValue"
    many = [{"Key": f"{number}", "Value": "x" * 250} for number in range(50)]
    assert (await api.not_assumed(arn, Tags=many))[0] == "PackedPolicyTooLarge"
    mfa = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/ann", "TokenCode": "123456"}
    assert (await api.not_assumed(arn, **mfa))[0] == "AccessDenied"


async def test_session_tokens_of_a_user_and_of_the_root_user(api: Api) -> None:
    claims = api.claims(await api.call("GetSessionToken", DurationSeconds=129600))
    assert (claims.principal, claims.role, claims.expires) == (f"arn:aws:iam::{ACCOUNT}:root", None, 4600)
    api.caller = caller(USER)
    answer = await api.call("GetSessionToken")
    assert (api.claims(answer).principal, api.claims(answer).expires) == (USER, 44200)
    api.enter(answer)
    refusal = ("AccessDenied", "Cannot call GetSessionToken with session credentials")
    assert await api.refuses("GetSessionToken") == refusal
    api.caller = caller(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s")
    assert await api.refuses("GetSessionToken") == refusal
