"""Which permissions IAM's operations need, by AWS's service authorization reference."""

from typing import Any

import pytest

from lambdad.assembly.compatibility import services
from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.iam.directory import Directory
from lambdad.iam.encoding import encode, key_of
from lambdad.iam.entities import AccessKey, Group, ManagedPolicy, PolicyVersion, Role, User
from lambdad.services.iam.access import needs
from lambdad.substrate.api import Change
from lambdad.testing.substrate import MemoryKeyValues

ACCOUNT, OTHER = "111122223333", "999999999999"
IAM = f"arn:aws:iam::{ACCOUNT}"
EDGE, BASIC = f"{IAM}:policy/edge", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one"
KNOWN = (
    User(
        account=ACCOUNT, name="ann", path="/staff/", id="AIDAX", created=1, tags={"Team": "blue"},
        keys=(AccessKey("K", "s", 1),),
    ),
    User(account=OTHER, name="eve", id="AIDAY", created=1, keys=(AccessKey("THEIRS", "s", 1),)),
    Group(account=ACCOUNT, name="senders", path="/all/", id="AGPAX", created=1),
    Role(account=ACCOUNT, name="worker", path="/service/", id="AROAX", created=1, trust="{}", boundary=EDGE),
    ManagedPolicy(
        account=ACCOUNT, name="reads", path="/team/", id="ANPAX", created=1, updated=1, tags={"a": "b"},
        versions=(PolicyVersion(1, "{}", 1),), default=1, newest=1,
    ),
)  # fmt: skip
ANN = {"aws:resourcetag/team": "blue", "iam:resourcetag/team": "blue"}
BOUNDED = {"iam:permissionsboundary": EDGE}


def caller(principal: str = "user/staff/ann") -> Caller:
    arn = principal if principal.startswith("arn:") else f"{IAM}:{principal}"
    return Caller(ACCOUNT, "eu-west-1", "request", "AKIA", arn)


@pytest.fixture
async def directory() -> Directory:
    memory = MemoryKeyValues()
    await memory.commit([Change(key_of(entity), encode(entity), 0) for entity in KNOWN])
    directory = Directory(memory)
    await directory.start()
    return directory


CASES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    # What exists has its path, whatever the case in which it is named; what does not has none.
    ("GetUser", {"UserName": "ANN"}, ":user/staff/ann", ANN),
    ("GetUser", {"UserName": "bob"}, ":user/bob", {}),
    ("GetUser", {}, ":user/staff/ann", ANN),
    ("CreateAccessKey", {}, ":user/staff/ann", ANN),
    ("DeleteAccessKey", {"UserName": "ann", "AccessKeyId": "K"}, ":user/staff/ann", ANN),
    ("GetAccessKeyLastUsed", {"AccessKeyId": "K"}, ":user/staff/ann", ANN),
    ("GetAccessKeyLastUsed", {"AccessKeyId": "THEIRS"}, "*", {}),
    ("GetAccessKeyLastUsed", {"AccessKeyId": "NONE"}, "*", {}),
    ("GetGroup", {"GroupName": "senders"}, ":group/all/senders", {}),
    ("AddUserToGroup", {"GroupName": "senders", "UserName": "ann"}, ":group/all/senders", {}),
    ("ListAttachedRolePolicies", {"RoleName": "worker"}, ":role/service/worker", {}),
    ("GetRolePolicy", {"RoleName": "none", "PolicyName": "p"}, ":role/none", {}),
    ("GetPolicyVersion", {"PolicyArn": f"{IAM}:policy/team/reads"}, ":policy/team/reads", {"aws:resourcetag/a": "b"}),
    ("GetPolicy", {"PolicyArn": BASIC}, BASIC, {}),
    ("SimulatePrincipalPolicy", {"PolicySourceArn": f"{IAM}:role/service/worker"}, ":role/service/worker", {}),
    # Those that know no resource.
    ("ListUsers", {"PathPrefix": "/staff/"}, "*", {}),
    ("ListPolicies", {}, "*", {}),
    ("GetAccountSummary", {}, "*", {}),
    ("SimulateCustomPolicy", {}, "*", {}),
    # What is made has the path that is asked for.
    ("CreateUser", {"UserName": "bob", "Path": "/staff/"}, ":user/staff/bob", {}),
    ("CreateGroup", {"GroupName": "all"}, ":group/all", {}),
    (
        "CreateRole",
        {"RoleName": "r", "PermissionsBoundary": EDGE, "Tags": [{"Key": "Team", "Value": "red"}]},
        ":role/r",
        {"aws:requesttag/team": "red", "aws:tagkeys": ("Team",), **BOUNDED},
    ),
    (
        "CreatePolicy",
        {"PolicyName": "p", "Path": "/team/", "Tags": [{"Key": "a", "Value": ""}]},
        ":policy/team/p",
        {"aws:requesttag/a": "", "aws:tagkeys": ("a",)},
    ),
    # Which policy is attached, and which boundary there is or is to be.
    ("AttachUserPolicy", {"UserName": "bob", "PolicyArn": BASIC}, ":user/bob", {"iam:policyarn": BASIC}),
    ("DetachGroupPolicy", {"GroupName": "senders", "PolicyArn": BASIC}, ":group/all/senders", {"iam:policyarn": BASIC}),
    (
        "AttachRolePolicy",
        {"RoleName": "worker", "PolicyArn": BASIC},
        ":role/service/worker",
        {"iam:policyarn": BASIC, **BOUNDED},
    ),
    ("PutRolePolicy", {"RoleName": "worker", "PolicyName": "p"}, ":role/service/worker", BOUNDED),
    ("DeleteRolePermissionsBoundary", {"RoleName": "worker"}, ":role/service/worker", BOUNDED),
    ("UpdateAssumeRolePolicy", {"RoleName": "worker"}, ":role/service/worker", BOUNDED),
    ("DeleteUser", {"UserName": "bob"}, ":user/bob", {}),
    ("PutUserPermissionsBoundary", {"UserName": "bob", "PermissionsBoundary": EDGE}, ":user/bob", BOUNDED),
    (
        "PutRolePermissionsBoundary",
        {"RoleName": "worker", "PermissionsBoundary": BASIC},
        ":role/service/worker",
        {"iam:permissionsboundary": BASIC},
    ),
    # Tags of the request, besides those that are there.
    (
        "TagUser",
        {"UserName": "ann", "Tags": [{"Key": "Team", "Value": "red"}]},
        ":user/staff/ann",
        {"aws:requesttag/team": "red", "aws:tagkeys": ("Team",), **ANN},
    ),
    ("UntagUser", {"UserName": "ann", "TagKeys": ["Team"]}, ":user/staff/ann", {"aws:tagkeys": ("Team",), **ANN}),
    (
        "UntagPolicy",
        {"PolicyArn": f"{IAM}:policy/team/reads", "TagKeys": ["a"]},
        ":policy/team/reads",
        {"aws:tagkeys": ("a",), "aws:resourcetag/a": "b"},
    ),
]


@pytest.mark.parametrize(("operation", "params", "resource", "context"), CASES)
def test_needs(operation: str, params: dict[str, Any], resource: str, context: dict[str, Any], directory: Directory) -> None:
    arn = IAM + resource if resource.startswith(":") else resource
    assert needs(operation, caller(), params, directory) == [Need(f"iam:{operation}", ACCOUNT, arn, context)]


@pytest.mark.parametrize(
    ("operation", "params", "resources"),
    [
        ("UpdateUser", {"UserName": "ann", "NewUserName": "anne"}, ["user/staff/ann", "user/staff/anne"]),
        ("UpdateUser", {"UserName": "ann", "NewPath": "/"}, ["user/staff/ann", "user/ann"]),
        ("UpdateGroup", {"GroupName": "none", "NewGroupName": "all", "NewPath": "/x/"}, ["group/none", "group/x/all"]),
        ("UpdateGroup", {"GroupName": "senders"}, ["group/all/senders"]),
    ],
)
def test_who_renames_may_do_so_to_both(
    operation: str, params: dict[str, Any], resources: list[str], directory: Directory
) -> None:
    found = needs(operation, caller(), params, directory)
    assert [each.resource.removeprefix(f"{IAM}:") for each in found] == resources


def test_who_is_no_user_has_no_name_to_leave_out(directory: Directory) -> None:
    assert needs("GetUser", caller("root"), {}, directory) == [Need("iam:GetUser", ACCOUNT, f"{IAM}:root")]
    assert needs("ListAccessKeys", caller(SESSION), {}, directory) == [], "the operation refuses it"
    assert needs("ListAccessKeys", caller(SESSION), {"UserName": "bob"}, directory)[0].resource == f"{IAM}:user/bob"


def test_another_accounts_policy_is_that_accounts(directory: Directory) -> None:
    arn = f"arn:aws:iam::{OTHER}:policy/p"
    assert needs("GetPolicy", caller(), {"PolicyArn": arn}, directory)[0].account == OTHER
    assert needs("GetPolicy", caller(), {"PolicyArn": "no ARN at all, but long"}, directory)[0].account == ACCOUNT


def test_names_are_those_of_the_callers_account(directory: Directory) -> None:
    elsewhere = Caller(OTHER, "eu-west-1", "request", "AKIA", f"arn:aws:iam::{OTHER}:root")
    assert needs("GetRole", elsewhere, {"RoleName": "worker"}, directory)[0].resource == f"arn:aws:iam::{OTHER}:role/worker"


def test_every_operation_says_what_it_needs(directory: Directory) -> None:
    (iam,) = [each for each in services() if each.name == "iam"]
    anything = {
        "UserName": "ann", "GroupName": "senders", "RoleName": "worker", "PolicyName": "p", "AccessKeyId": "K",
        "PolicyArn": BASIC, "PolicySourceArn": f"{IAM}:user/ann",
    }  # fmt: skip
    for operation in iam.operations:
        (need,) = needs(operation, caller(), anything, directory)
        assert need.action == f"iam:{operation}"
