import msgspec
import pytest

from lambdad.domain.errors import PlatformError
from lambdad.iam.arns import PrincipalName, is_policy, parse_principal, session_arn
from lambdad.iam.encoding import Entity, decode, encode, key_of
from lambdad.iam.entities import AccessKey, ManagedPolicy, PolicyVersion, Role, User
from lambdad.iam.managed import managed_policies
from lambdad.iam.policies import parse

USER = User(account="123456789012", name="Ann", path="/staff/", id="AIDAX", created=5, keys=(AccessKey("AKIAX", "s", 6),))
ROLE = Role(account="123456789012", name="Worker", id="AROAX", created=5, trust="{}", tags={"a": "1"}, attached=("arn",))
POLICY = ManagedPolicy(
    account="123456789012",
    name="Reads",
    path="/team/",
    id="ANPAX",
    created=1,
    updated=2,
    versions=(PolicyVersion(2, "two", 1), PolicyVersion(3, "three", 2)),
    default=2,
    newest=3,
)


def test_arns() -> None:
    assert USER.arn == "arn:aws:iam::123456789012:user/staff/Ann"
    assert ROLE.arn == "arn:aws:iam::123456789012:role/Worker"
    assert POLICY.arn == "arn:aws:iam::123456789012:policy/team/Reads"
    assert session_arn("123456789012", "Worker", "s") == "arn:aws:sts::123456789012:assumed-role/Worker/s"


def test_the_document_in_force_is_that_of_the_default_version() -> None:
    assert POLICY.document == "two"
    found = POLICY.version("v3")
    assert found is not None and found.document == "three"
    assert POLICY.version("v1") is None


@pytest.mark.parametrize("entity", [USER, ROLE, POLICY])
def test_what_is_written_is_read_again(entity: Entity) -> None:
    assert decode(key_of(entity), encode(entity)) == entity


def test_members_of_a_newer_lambdad_are_tolerated() -> None:
    stored = msgspec.json.decode(encode(USER)) | {"new": 1}
    assert decode(key_of(USER), msgspec.json.encode(stored)) == USER


@pytest.mark.parametrize(("key", "value"), [("iam/user/1/x", b"{}"), ("iam/user/1/x", b"\xff"), ("iam/other/1/x", b"{}")])
def test_a_record_that_can_not_be_read_is_named(key: str, value: bytes) -> None:
    with pytest.raises(PlatformError, match=key):
        decode(key, value)


def test_names_that_differ_in_case_only_are_one_record() -> None:
    assert key_of(USER) == "iam/user/123456789012/ann"


@pytest.mark.parametrize(
    ("arn", "principal"),
    [
        ("arn:aws:iam::123456789012:root", PrincipalName("root", "123456789012")),
        ("arn:aws:iam::123456789012:user/ann", PrincipalName("user", "123456789012", "ann")),
        ("arn:aws:iam::123456789012:user/a/b/ann", PrincipalName("user", "123456789012", "ann")),
        ("arn:aws:sts::123456789012:assumed-role/r/s", PrincipalName("role", "123456789012", "r", "s")),
        ("arn:aws:iam::123456789012:role/r", None),
        ("", None),
    ],
)
def test_who_a_caller_is(arn: str, principal: PrincipalName | None) -> None:
    assert parse_principal(arn) == principal


def test_policy_arns() -> None:
    assert is_policy("arn:aws:iam::aws:policy/service-role/X")
    assert not is_policy("arn:aws:iam::aws:role/X")


def test_awss_policies_are_whole() -> None:
    policies = managed_policies()
    basic = policies["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
    statement = msgspec.json.decode(basic.document)["Statement"][0]
    assert statement["Action"] == ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    for policy in policies.values():
        parse(policy.document, "identity")
        assert policy.by_aws
    assert len({policy.id for policy in policies.values()}) == len(policies)
