"""What is a policy document, and AWS's words for what is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.iam.policies import MAX_DOCUMENT, MalformedPolicy, PolicyKind, parse

SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"
OLD = "Policy document must be version 2012-10-17 or greater."
ACTIONS = "Policy statement must contain actions."
RESOURCES = "Policy statement must contain resources."
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
BUCKET = "arn:aws:s3:::b"


def statement(**fields: Any) -> dict[str, Any]:
    """A sound one, with some fields replaced; None takes one away."""
    sound = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": BUCKET} | fields
    return {field: value for field, value in sound.items() if value is not None}


def trust(**fields: Any) -> dict[str, Any]:
    return statement(
        **{"Action": "sts:AssumeRole", "Resource": None, "Principal": {"Service": "lambda.amazonaws.com"}} | fields
    )


def resource(**fields: Any) -> dict[str, Any]:
    return statement(**{"Principal": "*"} | fields)


def document(*statements: Any, **fields: Any) -> str:
    whole = {"Version": "2012-10-17", "Statement": list(statements)} | fields
    return json.dumps({field: value for field, value in whole.items() if value is not None})


def refusal(text: str, kind: PolicyKind = "identity") -> str | None:
    try:
        parse(text, kind)
    except MalformedPolicy as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("This is no JSON", SYNTAX),
        ("", SYNTAX),
        ("[]", SYNTAX),
        ("null", SYNTAX),
        ('{"Version": NaN}', SYNTAX),
        ("[" * 100_000, SYNTAX),
        ('{"a":' * 20_000, SYNTAX),
        (" " * (MAX_DOCUMENT + 1), SYNTAX),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX),
        (" " + document(statement()), LEGACY),
        (document(statement(), Version=None), OLD),
        (document(statement(), Version="2008-10-17"), OLD),
        (document(statement(), Version="2013-10-17"), SYNTAX),
        (document(statement(), Version=["2012-10-17"]), SYNTAX),
        (document(Statement=None), SYNTAX),
        (document(), SYNTAX),
        (document("afd"), SYNTAX),
        (document(statement(), Extra="x"), SYNTAX),
        (document(statement(), Id=["x"]), SYNTAX),
        (document(statement(Extra="x")), SYNTAX),
        (document(statement(Effect=None)), SYNTAX),
        (document(statement(Effect="invalid")), SYNTAX),
        (document(statement(Effect=["Allow"])), SYNTAX),
        (document(statement(Effect="denY")), LEGACY),
        (document(statement(Effect="denY"), Version=None), OLD),
        (document(statement(Sid={})), SYNTAX),
        (
            document(statement(Sid="a b")),
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (
            document(statement(Sid="x"), {"Sid": "x", "Effect": "Allow"}),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (document(statement(Effect="aLLow", Sid="x"), {"Sid": "x", "Effect": "Allow"}), LEGACY),
        (document(statement(Action=None)), ACTIONS),
        (document(statement(Action=[])), ACTIONS),
        (document(statement(Action=None, Resource=None)), ACTIONS),
        (document(statement(Resource=None)), RESOURCES),
        (document(statement(Resource=[])), RESOURCES),
        (document(statement(Action="invalid", Resource=None)), RESOURCES),
        (document(statement(NotAction="s3:x")), SYNTAX),
        (document(statement(NotResource=[])), SYNTAX),
        (document(statement(Action={})), SYNTAX),
        (document(statement(Action=[[]])), SYNTAX),
        (document(statement(Resource=["adf", {}])), SYNTAX),
        (document(statement(Resource=BUCKET + "x" * 2048)), SYNTAX),
        (document(statement(Action="invalid")), VENDOR),
        (document(statement(Action=None, NotAction="")), VENDOR),
        (document(statement(Action="a a:ListBucket")), "Vendor a a is not valid"),
        (document(statement(Action="s3:List:Bucket")), "Actions/Condition can contain only one colon."),
        (document(statement(Action="s:3:x", Resource="sdfsadf")), 'Resource sdfsadf must be in ARN format or "*".'),
        (document(statement(Resource="")), 'Resource  must be in ARN format or "*".'),
        (document(statement(Resource="a:bsdf")), 'Partition "bsdf" is not valid for resource "arn:bsdf:*:*:*:*".'),
        (document(statement(Resource="a:b:c")), 'Partition "b" is not valid for resource "arn:b:c:*:*:*".'),
        (document(statement(Resource="a:b:c:d:e:f:g")), 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g".'),
        (document(statement(Resource="aws:s3:::b")), 'Partition "s3" is not valid for resource "arn:s3:::b:*".'),
        (document(statement(Resource="arn:aws")), "Resource vendor must be fully qualified and cannot contain regexes."),
        (document(statement(Resource="arn:aws:s3::b")), LEGACY),
        (document(statement(Action=None, Resource="arn:aws:s3::b")), LEGACY),
        (document(statement(Resource="arn:aws::::b")), LEGACY),
        (document(statement(Resource="arn:aws::b")), LEGACY),
        (
            document(statement(Resource="arn:aws:s3:eu-west-1::b")),
            "Resource arn:aws:s3:eu-west-1::b can not contain region information.",
        ),
        (
            document(statement(Resource="arn:aws:iam:eu-west-1::user/b")),
            "IAM resource arn:aws:iam:eu-west-1::user/b cannot contain region information.",
        ),
        (
            document(statement(Resource="arn:aws:iam:::b")),
            'IAM resource path must either be "*" or start with user/, federated-user/, role/, '
            "group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, "
            "oidc-provider/, report/, access-report/.",
        ),
        (document(statement(Principal="*")), "Policy document should not specify a principal."),
        (document(statement(NotPrincipal="*")), "Policy document should not specify a principal."),
        (document(statement(Condition=[])), SYNTAX),
        (document(statement(Condition={"a": "b"})), SYNTAX),
        (document(statement(Condition={"x": {"a": "1"}})), SYNTAX),
        (document(statement(Condition={"StringEquals": {"a": {}}})), SYNTAX),
        (document(statement(Condition={"StringEquals": {"a": None}})), SYNTAX),
        (document(statement(Condition={"ForAnyValue::StringEqualsIfExists": {"a": "b"}})), SYNTAX),
        (document(statement(Condition={"DateGreaterThan": {"a": "sdfdsf"}})), LEGACY),
        (document(statement(Condition={"DateGreaterThan": {"a": "sdfdsf"}}), Version=None), OLD),
        (document(statement(Action=None, Condition={"DateGreaterThan": {"a": "sdfdsf"}})), LEGACY),
    ],
)
def test_policies_of_identities_that_aws_refuses(text: str, message: str) -> None:
    kinds: tuple[PolicyKind, ...] = ("identity", "boundary", "session")
    assert [refusal(text, kind) for kind in kinds] == [message] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax error in policy."),
        (document(trust(), Version="2013-10-17"), "The policy must contain a valid version string"),
        (document(), "Could not parse the policy: Statement is empty!"),
        (document(trust(Sid="a"), trust(Sid="a")), "The Statement Ids in the policy are not unique"),
        (document(trust(Effect=None)), "Missing required field Effect"),
        (document(trust(Effect="Maybe")), "Invalid effect: Maybe"),
        (document(trust(Effect="allow")), "Invalid effect: allow"),
        (document(trust(Action=None)), "Missing required field Action"),
        (document(trust(Action="*")), "AssumeRole policy may only specify STS AssumeRole actions."),
        (document(trust(Action="s3:GetObject")), "AssumeRole policy may only specify STS AssumeRole actions."),
        (document(trust(Resource="*")), "Has prohibited field Resource"),
        (document(trust(NotResource="*")), "AssumeRole policy must not contain resources."),
        (document(trust(Principal=None)), "Missing required field Principal"),
        (document(trust(Principal={})), "Missing required field Principal cannot be empty!"),
        (document(trust(Principal={"AWS": []})), "Missing required field Principal cannot be empty!"),
        (document(trust(Principal=None, NotPrincipal="*")), "Allow with NotPrincipal is not allowed."),
        (
            document(trust(Effect="Deny", Principal=None, NotPrincipal="*")),
            "AssumeRole policy must not contain NotPrincipal field.",
        ),
        (document(trust(Principal=["*"])), "Principal must be a JSON object."),
        (document(trust(Principal="bob")), 'Invalid principal in policy: "bob"'),
        (document(trust(Principal={"Aws": "*"})), 'Invalid principal in policy: "Aws"'),
        (document(trust(Principal={"AWS": "bob"})), 'Invalid principal in policy: "AWS":"bob"'),
        (
            document(trust(Principal={"AWS": "arn:aws:iam::111122223333:user/*"})),
            'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"',
        ),
        (document(trust(Principal={"Service": "*"})), 'Invalid principal in policy: "SERVICE":"*"'),
        (document(trust(Principal={"Service": [{}]})), 'Invalid principal in policy: "SERVICE":""'),
        (document(trust(Condition={"x": {"a": "b"}})), "Syntax error in policy."),
    ],
)
def test_trust_policies_that_aws_refuses(text: str, message: str) -> None:
    assert refusal(text, "trust") == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(resource(Principal=None)), "Missing required field Principal"),
        (document(resource(Resource=None)), "Missing required field Resource"),
        (document(resource(Principal=None, NotPrincipal="*")), "Allow with NotPrincipal is not allowed."),
        (document(resource(NotPrincipal="*")), "Syntax error in policy."),
        (document(resource(Action="x")), VENDOR),
        (document(resource(Condition={"IpAddress": {"aws:SourceIp": "home"}})), "Syntax error in policy."),
    ],
)
def test_policies_of_resources_that_are_refused(text: str, message: str) -> None:
    assert refusal(text, "resource") == message


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("identity", document(Statement=statement())),
        ("identity", document(statement(Action="*", Resource="*"))),
        ("identity", document(statement(Action="service-prefix:action-name", Resource=["arn:aws:s33:::b", "*"]))),
        ("identity", document(statement(Action="iam: asdf safdsf af "))),
        ("identity", document(statement(Resource="arn:aws:fdsasf"))),
        ("identity", document(statement(Resource="arn:aws:iam:::user/b"))),
        ("identity", document(statement(Resource="arn:aws:s3:eu-west-1:111122223333:accesspoint/a"))),
        ("identity", document(statement(Resource="arn:aws:ec2:us-east-1::image/i"))),
        ("identity", document(statement(Resource="arn:aws:s3:::${aws:username}/*"))),
        ("identity", document(statement(), Id="an id")),
        ("identity", document(statement(Sid=""), statement(Sid=""))),
        ("identity", document(statement(Condition={}))),
        ("identity", document(statement(Condition={"DateGreaterThan": {}}))),
        ("identity", document(statement(Condition={"DateGreaterThan": {"a": []}}))),
        ("identity", document(statement(Condition={"a": {}}))),
        (
            "identity",
            document(statement(Condition={"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"a": [1, 2.5]}})),
        ),
        ("trust", document(trust())),
        ("trust", document(trust(), Version=None)),
        ("trust", document(trust(), Version="2008-10-17")),
        ("trust", document(trust(Action=["sts:AssumeRole", "sts:TagSession"]))),
        (
            "trust",
            document(trust(Principal={"AWS": ["111122223333", "arn:aws:iam::111122223333:root", "AROAEXAMPLEEXAMPLE123"]})),
        ),
        ("trust", document(trust(Principal={"Federated": "cognito-identity.amazonaws.com"}))),
        ("resource", " " + document(resource(), Version=None)),
        ("resource", document(resource(Principal={"CanonicalUser": "abc"}))),
        ("resource", document(resource(Effect="Deny", Principal=None, NotPrincipal={"AWS": "111122223333"}))),
        ("resource", document(resource(Sid="with-hyphens_and such"))),
    ],
)
def test_documents_that_are_taken(kind: PolicyKind, text: str) -> None:
    assert refusal(text, kind) is None


def test_a_message_can_be_sent_whatever_the_document_spells() -> None:
    message = refusal(document(statement(Resource="\ud800")))
    assert message == 'Resource ? must be in ARN format or "*".'


@pytest.mark.parametrize(("version", "own"), [("2012-10-17", True), ("2008-10-17", False), (None, False)])
def test_variables_are_of_the_current_version(version: str | None, own: bool) -> None:
    """In older documents they are plain text."""
    text = document(resource(Action="S3:GetObject", Resource="arn:aws:s3:::b/${aws:username}"), Version=version)
    (only,) = parse(text, "resource").allows
    context = {"aws:username": "alice"}
    assert only.matches("s3:getobject", "arn:aws:s3:::b/alice", context) is own
    assert only.matches("s3:getobject", "arn:aws:s3:::b/${aws:username}", context) is not own


KINDS: tuple[PolicyKind, ...] = ("identity", "resource", "trust", "boundary", "session")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"]
VALUES = st.sampled_from(
    ["Allow", "Deny", "*", "s3:x", BUCKET, "arn:aws", {"AWS": "*"}, {"Service": "a.b"}, {"StringEquals": {"a": ["b"]}}, []]
)
STATEMENTS = st.dictionaries(st.sampled_from(FIELDS), VALUES | JSON, max_size=6)
DOCUMENTS = st.fixed_dictionaries(
    {"Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | JSON, "Statement": st.lists(STATEMENTS, max_size=3) | JSON}
)


@given(st.text() | JSON.map(json.dumps) | DOCUMENTS.map(json.dumps), st.sampled_from(KINDS))
def test_a_policy_or_malformed_and_nothing_else(text: str, kind: PolicyKind) -> None:
    try:
        policy = parse(text, kind)
    except MalformedPolicy as error:
        assert error.message
    else:
        for each in policy.allows + policy.denies:
            each.matches("s3:x", BUCKET, {"a": "b"})
