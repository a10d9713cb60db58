"""What stored identities may do, and what simulations say of it."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied
from lambdad.iam.access import Access
from lambdad.iam.sessions import Claims

from .api import ACCOUNT, ALLOW, DENY, TRUST, Api, caller

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"
SEND = Need("sqs:SendMessage", ACCOUNT, QUEUE)
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
SESSION = "assumed-role/worker/one"
IDENTITY = "because no identity-based policy allows the sqs:SendMessage action"


def statement(effect: str, action: str, resource: str = "*", **more: Any) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}
    )


def access(api: Api) -> Access:
    return Access(api.directory, lambda: 1000.0)


def reason(of: Access, principal: str, claims: Claims | None = None, need: Need = SEND) -> str:
    """Why not; nothing where it is allowed."""
    who = caller(principal) if claims is None else session(claims)
    try:
        of.require(who, need)
    except AccessDenied as error:
        said = f"User: {who.principal_arn} is not authorized to perform: {need.action} on resource: {need.resource} "
        assert error.message.startswith(said)
        return error.message.removeprefix(said)
    return ""


def session(claims: Claims) -> Caller:
    return replace(caller(), principal_arn=f"arn:aws:sts::{ACCOUNT}:{SESSION}", session=claims)


async def test_a_user_may_what_its_policies_and_its_groups_allow(api: Api) -> None:
    await api.call("CreateUser", UserName="ann")
    assert reason(access(api), "root") == ""
    assert reason(access(api), "user/ann") == IDENTITY
    await api.call("CreateGroup", GroupName="senders")
    await api.call("PutGroupPolicy", GroupName="senders", PolicyName="p", PolicyDocument=ALLOW)
    await api.call("AddUserToGroup", GroupName="senders", UserName="ann")
    assert reason(access(api), "user/ann") == ""
    await api.call("PutUserPolicy", UserName="ann", PolicyName="no", PolicyDocument=DENY)
    assert reason(access(api), "user/ann") == "with an explicit deny in an identity-based policy"
    await api.call("DeleteUserPolicy", UserName="ann", PolicyName="no")
    assert reason(access(api), "user/ann") == ""
    assert reason(access(api), "user/nobody") == IDENTITY


async def test_a_boundary_bounds_even_when_it_is_gone(api: Api) -> None:
    await api.call("CreateUser", UserName="ann")
    await api.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=ALLOW)
    made = await api.call("CreatePolicy", PolicyName="edge", PolicyDocument=statement("Allow", "s3:*"))
    await api.call("PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=made["Policy"]["Arn"])
    bounded = "because no permissions boundary allows the sqs:SendMessage action"
    assert reason(access(api), "user/ann") == bounded
    wide = await api.call("CreatePolicy", PolicyName="wide", PolicyDocument=ALLOW)
    await api.call("PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=wide["Policy"]["Arn"])
    assert reason(access(api), "user/ann") == ""


async def test_a_session_may_what_its_role_and_its_own_policies_allow(api: Api) -> None:
    await api.call("CreateRole", RoleName="worker", AssumeRolePolicyDocument=TRUST)
    await api.call("PutRolePolicy", RoleName="worker", PolicyName="p", PolicyDocument=ALLOW)
    role = api.directory.role(ACCOUNT, "worker")
    assert role is not None
    claims = Claims(account=ACCOUNT, principal="", role=role.arn, role_id=role.id, name="one", issued=1000, expires=2000)
    assert reason(access(api), SESSION, claims) == ""
    narrow = Claims(
        account=ACCOUNT, principal="", role=role.arn, role_id=role.id, issued=1000, expires=2000,
        policies=(statement("Allow", "sqs:ReceiveMessage"),),
    )  # fmt: skip
    assert reason(access(api), SESSION, narrow) == ("because no session policy allows the sqs:SendMessage action")
    another = Claims(account=ACCOUNT, principal="", role=role.arn, role_id="AROAOLD", issued=1000, expires=2000)
    assert reason(access(api), SESSION, another) == IDENTITY, "a role made anew is another one"


async def test_a_session_token_ends_with_its_user(api: Api) -> None:
    await api.call("CreateUser", UserName="ann")
    await api.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=ALLOW)
    user = api.directory.user(ACCOUNT, "ann")
    assert user is not None
    claims = Claims(account=ACCOUNT, principal=ANN, user_id=user.id, issued=1000, expires=2000)
    who = replace(caller("user/ann"), session=claims)
    access(api).require(who, SEND)
    await api.call("DeleteUserPolicy", UserName="ann", PolicyName="p")
    await api.call("DeleteUser", UserName="ann")
    await api.call("CreateUser", UserName="ann")
    await api.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=ALLOW)
    access(api).require(caller("user/ann"), SEND)
    with pytest.raises(AccessDenied):
        access(api).require(who, SEND)


async def test_a_queues_own_policy_lets_another_account_in(api: Api) -> None:
    theirs = "arn:aws:sqs:us-east-1:999999999999:orders"
    need = Need("sqs:SendMessage", "999999999999", theirs)
    await api.call("CreateUser", UserName="ann")
    await api.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=ALLOW)
    of = access(api)
    with pytest.raises(AccessDenied, match="because no resource-based policy allows the sqs:SendMessage action"):
        of.require(caller("user/ann"), need)
    own = statement("Allow", "sqs:SendMessage", theirs, Principal={"AWS": ACCOUNT})
    of.require(caller("user/ann"), need, own)


def matched(source: str, start: tuple[int, int], end: tuple[int, int], kind: str = "IAM Policy") -> dict[str, Any]:
    return {
        "SourcePolicyId": source,
        "SourcePolicyType": kind,
        "StartPosition": {"Line": start[0], "Column": start[1]},
        "EndPosition": {"Line": end[0], "Column": end[1]},
    }


async def test_simulations_of_an_identity(api: Api) -> None:
    await api.call("CreateUser", UserName="ann")
    await api.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=ALLOW)
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    await api.call("AttachUserPolicy", UserName="ann", PolicyArn=basic)
    actions = ["sqs:SendMessage", "logs:PutLogEvents", "s3:GetObject"]
    found = (await api.call("SimulatePrincipalPolicy", PolicySourceArn=ANN, ActionNames=actions))["EvaluationResults"]
    assert [(each["EvalActionName"], each["EvalDecision"]) for each in found] == [
        ("sqs:SendMessage", "allowed"),
        ("logs:PutLogEvents", "allowed"),
        ("s3:GetObject", "implicitDeny"),
    ]
    assert found[0]["MatchedStatements"] == [matched("user_ann_p", (1, 41), (1, len(ALLOW) - 1))]
    (managed,) = found[1]["MatchedStatements"]
    assert (managed["SourcePolicyId"], managed["SourcePolicyType"]) == ("AWSLambdaBasicExecutionRole", "IAM Policy")
    assert found[2]["MatchedStatements"] == []
    denied = await api.call("SimulatePrincipalPolicy", PolicySourceArn=ANN, ActionNames=actions[:1], PolicyInputList=[DENY])
    (result,) = denied["EvaluationResults"]
    assert result["EvalDecision"] == "explicitDeny"
    assert result["MatchedStatements"] == [matched("PolicyInputList.1", (1, 41), (1, len(DENY) - 1))]
    code, _ = await api.refuses("SimulatePrincipalPolicy", PolicySourceArn=f"{ANN}x", ActionNames=actions)
    assert code == "NoSuchEntity"


async def test_simulations_of_documents(api: Api) -> None:
    asks = statement("Allow", "sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    params: dict[str, Any] = {
        "PolicyInputList": [asks],
        "ActionNames": ["sqs:SendMessage"],
        "ResourceArns": [QUEUE, f"{QUEUE}2"],
    }
    found = (await api.call("SimulateCustomPolicy", **params))["EvaluationResults"]
    assert [each["EvalResourceName"] for each in found] == [QUEUE, f"{QUEUE}2"]
    assert {each["EvalDecision"] for each in found} == {"implicitDeny"}
    assert [each.lower() for each in found[0]["MissingContextValues"]] == ["aws:principaltag/team"]
    entry = {"ContextKeyName": "aws:PrincipalTag/team", "ContextKeyValues": ["blue"], "ContextKeyType": "string"}
    found = (await api.call("SimulateCustomPolicy", **params, ContextEntries=[entry]))["EvaluationResults"]
    assert {each["EvalDecision"] for each in found} == {"allowed"}
    assert found[0]["MissingContextValues"] == []
    bounded = await api.call(
        "SimulateCustomPolicy", **params, ContextEntries=[entry],
        PermissionsBoundaryPolicyInputList=[statement("Allow", "s3:*")],
    )  # fmt: skip
    assert bounded["EvaluationResults"][0]["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    page = await api.call("SimulateCustomPolicy", **params, MaxItems=1)
    assert (page["IsTruncated"], len(page["EvaluationResults"])) == (True, 1)
    rest = await api.call("SimulateCustomPolicy", **params, MaxItems=1, Marker=page["Marker"])
    assert (rest["IsTruncated"], rest["EvaluationResults"][0]["EvalResourceName"]) == (False, f"{QUEUE}2")
    code, message = await api.refuses("SimulateCustomPolicy", **params | {"PolicyInputList": ["{"]})
    assert code == "InvalidInput"
    assert message.startswith("Invalid policy in PolicyInputList")


async def test_a_simulation_says_which_statements_of_which_policy_decided(api: Api) -> None:
    await api.role("worker")
    both = [*json.loads(DENY)["Statement"], *json.loads(ALLOW)["Statement"]]
    lines = json.dumps({"Version": "2012-10-17", "Statement": both}, indent=2)
    await api.call("PutRolePolicy", RoleName="worker", PolicyName="own", PolicyDocument=ALLOW)
    own = statement("Allow", "sqs:*", QUEUE, Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/worker"})
    asked: dict[str, Any] = {
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/worker",
        "ActionNames": ["sqs:SendMessage"],
        "ResourceArns": [QUEUE],
        "ResourcePolicy": own,
    }
    (result,) = (await api.call("SimulatePrincipalPolicy", **asked))["EvaluationResults"]
    ends = {each["SourcePolicyId"]: each["EndPosition"]["Column"] for each in result["MatchedStatements"]}
    assert result["MatchedStatements"] == [
        matched("role_worker_own", (1, 41), (1, ends["role_worker_own"])),
        matched("ResourcePolicy", (1, 41), (1, ends["ResourcePolicy"]), "Resource Policy"),
    ]
    assert ends == {"role_worker_own": len(ALLOW) - 1, "ResourcePolicy": len(own) - 1}
    await api.call("CreateGroup", GroupName="team")
    await api.user("ann")
    await api.call("AddUserToGroup", GroupName="team", UserName="ann")
    await api.call("PutGroupPolicy", GroupName="team", PolicyName="both", PolicyDocument=lines)
    (result,) = (await api.call("SimulatePrincipalPolicy", **asked | {"PolicySourceArn": ANN}))["EvaluationResults"]
    assert result["MatchedStatements"] == [matched("group_team_both", (3, 17), (8, 6))]


@pytest.mark.parametrize(("session", "decision"), [(SESSION, "allowed"), ("assumed-role/worker/two", "implicitDeny")])
async def test_a_simulation_of_one_session_of_a_role(api: Api, session: str, decision: str) -> None:
    await api.role("worker")
    named = f"arn:aws:sts::{ACCOUNT}:{SESSION}"
    (result,) = (
        await api.call(
            "SimulatePrincipalPolicy",
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/worker",
            CallerArn=f"arn:aws:sts::{ACCOUNT}:{session}",
            ActionNames=["sqs:SendMessage"],
            ResourceArns=[QUEUE],
            ResourcePolicy=statement("Allow", "sqs:*", QUEUE, Principal={"AWS": named}),
        )
    )["EvaluationResults"]
    assert result["EvalDecision"] == decision


@pytest.mark.parametrize(("boundary", "within"), [("sqs:*", True), ("s3:*", False)], ids=["allows", "does not"])
async def test_what_a_boundary_lets_pass_is_told_whatever_else_is_denied(api: Api, boundary: str, within: bool) -> None:
    answer = await api.call(
        "SimulateCustomPolicy",
        PolicyInputList=[statement("Allow", "logs:*")],
        PermissionsBoundaryPolicyInputList=[statement("Allow", boundary)],
        ActionNames=["sqs:SendMessage"],
    )
    (result,) = answer["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": within}
