"""Who may do what: all policies together, each decision with its reason in words."""

from typing import Any

import pytest

from lambdad.iam.evaluate import Policies, decide, denial, explain
from tests.unit.iam.making import (
    FOREIGN_ROOT,
    FOREIGN_USER,
    FUNCTION,
    HERE,
    INVOKE,
    OTHER,
    PROVIDER,
    ROLE,
    ROOT,
    SESSION,
    THERE,
    USER,
    allow,
    deny,
    named,
    policies,
    request,
)

ASSUME = "sts:AssumeRole"
ALL = [allow("*", "*")]
NONE_OF_IT = [allow("s3:*", "*")]


def by(*arns: str, action: str = INVOKE, resource: str = FUNCTION, **more: Any) -> dict[str, Any]:
    return allow(action, resource, Principal={"AWS": list(arns)}, **more)


def not_by(*arns: str, **more: Any) -> dict[str, Any]:
    return deny(Principal={"AWS": list(arns)}, **more)


def trusting(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": ASSUME} | more


# What is expected: "allow identity" is allowed by an identity policy, "implicit deny boundary" lacks an Allow in the boundary.
LAYERS: list[tuple[str, str, dict[str, Any], str]] = [
    # Boundaries and session policies limit identity policies
    ("within the boundary", "user", {"identity": ALL, "boundary": ALL}, "allow identity"),
    ("outside of it", "user", {"identity": ALL, "boundary": NONE_OF_IT}, "implicit deny boundary"),
    ("a boundary gives nothing", "user", {"boundary": ALL}, "implicit deny identity"),
    ("a boundary may deny", "user", {"identity": ALL, "boundary": [*ALL, deny()]}, "explicit deny boundary"),
    ("within the session's policy", "session", {"identity": ALL, "session": ALL}, "allow identity"),
    ("outside of that", "session", {"identity": ALL, "session": NONE_OF_IT}, "implicit deny session"),
    ("a session policy gives nothing", "session", {"session": ALL}, "implicit deny identity"),
    ("a session policy may deny", "session", {"identity": ALL, "session": [*ALL, deny()]}, "explicit deny session"),
    (
        "boundary before session",
        "session",
        {"identity": ALL, "boundary": NONE_OF_IT, "session": NONE_OF_IT},
        "implicit deny boundary",
    ),
    ("all three agree", "session", {"identity": ALL, "boundary": ALL, "session": ALL}, "allow identity"),
    # The same account: the resource's policy
    ("user by ARN", "user", {"resource": [by(USER)]}, "allow resource"),
    ("despite the boundary", "user", {"resource": [by(USER)], "boundary": NONE_OF_IT}, "allow resource"),
    ("another user", "user", {"resource": [by(USER + "2")]}, "implicit deny identity"),
    ("everybody", "user", {"resource": [allow(Principal="*")]}, "allow resource"),
    ("everybody of AWS", "user", {"resource": [by("*")], "boundary": NONE_OF_IT}, "allow resource"),
    ("session by ARN", "session", {"resource": [by(SESSION)]}, "allow resource"),
    (
        "despite boundary and session policy",
        "session",
        {"resource": [by(SESSION)], "boundary": NONE_OF_IT, "session": NONE_OF_IT},
        "allow resource",
    ),
    (
        "everybody in a limited session",
        "session",
        {"resource": [allow(Principal="*")], "session": NONE_OF_IT},
        "allow resource",
    ),
    ("session by role", "session", {"resource": [by(ROLE)]}, "allow resource"),
    ("limited by the boundary", "session", {"resource": [by(ROLE)], "boundary": NONE_OF_IT}, "implicit deny boundary"),
    ("limited by the session's policy", "session", {"resource": [by(ROLE)], "session": NONE_OF_IT}, "implicit deny session"),
    ("within both", "session", {"resource": [by(ROLE)], "boundary": ALL, "session": ALL}, "allow resource"),
    ("the stronger grant counts", "session", {"resource": [by(ROLE), by(SESSION)], "boundary": NONE_OF_IT}, "allow resource"),
    ("the account delegates", "user", {"resource": [by(HERE)]}, "implicit deny identity"),
    ("by its root's ARN as well", "user", {"resource": [by(ROOT)]}, "implicit deny identity"),
    ("and identity policies agree", "user", {"resource": [by(ROOT)], "identity": ALL}, "allow identity"),
    ("either side is enough", "user", {"resource": [by(FOREIGN_USER)], "identity": ALL}, "allow identity"),
    ("deny by ARN", "user", {"identity": ALL, "resource": [not_by(USER)]}, "explicit deny resource"),
    ("deny of the account", "user", {"identity": ALL, "resource": [not_by(HERE)]}, "explicit deny resource"),
    ("deny of the role", "session", {"identity": ALL, "resource": [not_by(ROLE)]}, "explicit deny resource"),
    ("deny of another", "user", {"identity": ALL, "resource": [not_by(FOREIGN_USER)]}, "allow identity"),
    (
        "deny of a service",
        "user",
        {"identity": ALL, "resource": [deny(Principal={"Service": "s3.amazonaws.com"})]},
        "allow identity",
    ),
    ("deny in identity, allow in resource", "user", {"identity": [deny()], "resource": [by(USER)]}, "explicit deny identity"),
    ("deny in boundary, allow in resource", "user", {"boundary": [deny()], "resource": [by(USER)]}, "explicit deny boundary"),
    (
        "deny in session, allow in resource",
        "session",
        {"session": [deny()], "resource": [by(SESSION)]},
        "explicit deny session",
    ),
    ("about another action", "user", {"resource": [by(USER, action="lambda:GetFunction")]}, "implicit deny identity"),
    ("of a canonical user", "user", {"resource": [allow(Principal={"CanonicalUser": "abc"})]}, "implicit deny identity"),
    # NotPrincipal
    (
        "spared with its account",
        "user",
        {"identity": ALL, "resource": [deny(NotPrincipal={"AWS": [USER, ROOT]})]},
        "allow identity",
    ),
    ("not without it", "user", {"identity": ALL, "resource": [deny(NotPrincipal={"AWS": [USER]})]}, "explicit deny resource"),
    ("nor only with it", "user", {"identity": ALL, "resource": [deny(NotPrincipal={"AWS": [ROOT]})]}, "explicit deny resource"),
    (
        "nor with a boundary",
        "user",
        {"identity": ALL, "boundary": ALL, "resource": [deny(NotPrincipal={"AWS": [USER, ROOT]})]},
        "explicit deny resource",
    ),
    (
        "a session needs its role",
        "session",
        {"identity": ALL, "resource": [deny(NotPrincipal={"AWS": [SESSION, ROOT]})]},
        "explicit deny resource",
    ),
    (
        "and has it",
        "session",
        {"identity": ALL, "resource": [deny(NotPrincipal={"AWS": [SESSION, ROLE, ROOT]})]},
        "allow identity",
    ),
    ("the root user", "root", {"resource": [deny(NotPrincipal={"AWS": ROOT})]}, "root user None"),
    (
        "a service",
        "service",
        {"resource": [allow(Principal="*"), deny(NotPrincipal={"Service": "s3.amazonaws.com"})]},
        "allow resource",
    ),
    (
        "another service",
        "service",
        {"resource": [allow(Principal="*"), deny(NotPrincipal={"Service": "sns.amazonaws.com"})]},
        "explicit deny resource",
    ),
    # The root user
    ("root, without policies", "root", {}, "root user None"),
    ("root, denied by the resource", "root", {"resource": [not_by(ROOT)]}, "explicit deny resource"),
    ("root, everybody denied", "root", {"resource": [deny(Principal="*")]}, "explicit deny resource"),
    ("root, a user denied", "root", {"resource": [not_by(USER)]}, "root user None"),
    ("foreign root", "foreign root", {}, "implicit deny resource"),
    ("foreign root, allowed", "foreign root", {"resource": [by(THERE)]}, "allow resource"),
    # Between accounts
    ("only its own side", "foreign user", {"identity": ALL}, "implicit deny resource"),
    ("only the other side", "foreign user", {"resource": [by(FOREIGN_USER)]}, "implicit deny identity"),
    ("both sides", "foreign user", {"identity": ALL, "resource": [by(FOREIGN_USER)]}, "allow identity"),
    ("both, by account", "foreign user", {"identity": ALL, "resource": [by(FOREIGN_ROOT)]}, "allow identity"),
    ("both, by everybody", "foreign user", {"identity": ALL, "resource": [allow(Principal="*")]}, "allow identity"),
    ("another account", "foreign user", {"identity": ALL, "resource": [by(ROOT)]}, "implicit deny resource"),
    (
        "its boundary limits it",
        "foreign user",
        {"identity": ALL, "boundary": NONE_OF_IT, "resource": [by(FOREIGN_USER)]},
        "implicit deny boundary",
    ),
    (
        "denied there",
        "foreign user",
        {"identity": ALL, "resource": [by(FOREIGN_USER), not_by(THERE)]},
        "explicit deny resource",
    ),
    ("denied here", "foreign user", {"identity": [*ALL, deny()], "resource": [by(FOREIGN_USER)]}, "explicit deny identity"),
    # Those without policies of their own
    ("a service by name", "service", {"resource": [allow(Principal={"Service": "s3.amazonaws.com"})]}, "allow resource"),
    (
        "another service's name",
        "service",
        {"resource": [allow(Principal={"Service": "sns.amazonaws.com"})]},
        "implicit deny resource",
    ),
    ("a service as everybody", "service", {"resource": [allow(Principal="*")]}, "allow resource"),
    ("a service is of no account", "service", {"resource": [by(HERE)]}, "implicit deny resource"),
    ("a service without a policy", "service", {}, "implicit deny resource"),
    (
        "a service denied",
        "service",
        {"resource": [allow(Principal="*"), deny(Principal={"Service": "s3.amazonaws.com"})]},
        "explicit deny resource",
    ),
    ("anybody at all", "anonymous", {"resource": [allow(Principal="*")]}, "allow resource"),
    ("nobody", "anonymous", {"resource": [by(HERE, USER)]}, "implicit deny resource"),
    ("federated", "federated", {"trust": [trusting(Principal={"Federated": PROVIDER})]}, "allow trust"),
    (
        "federated elsewhere",
        "federated",
        {"trust": [trusting(Principal={"Federated": "accounts.google.com"})]},
        "implicit deny trust",
    ),
    # Trust policies
    ("trusted by ARN", "user", {"trust": [trusting(Principal={"AWS": USER})]}, "allow trust"),
    ("trusted by account", "user", {"trust": [trusting(Principal={"AWS": ROOT})]}, "implicit deny identity"),
    ("and allowed", "user", {"trust": [trusting(Principal={"AWS": ROOT})], "identity": ALL}, "allow identity"),
    (
        "allowed, not trusted",
        "user",
        {"trust": [trusting(Principal={"AWS": FOREIGN_USER})], "identity": ALL},
        "implicit deny trust",
    ),
    (
        "trusted with a condition",
        "user",
        {"trust": [trusting(Principal={"AWS": USER}, Condition={"StringEquals": {"sts:ExternalId": "x"}})], "identity": ALL},
        "implicit deny trust",
    ),
    (
        "trust denied",
        "user",
        {"trust": [trusting(Principal="*"), trusting(Effect="Deny", Principal={"AWS": USER})]},
        "explicit deny trust",
    ),
    ("root, not trusted", "root", {"trust": [trusting(Principal={"AWS": USER})]}, "implicit deny trust"),
    (
        "trusted service",
        "service",
        {"trust": [trusting(Principal={"Service": ["lambda.amazonaws.com", "s3.amazonaws.com"]})]},
        "allow trust",
    ),
    ("foreign, trusted", "foreign user", {"trust": [trusting(Principal={"AWS": FOREIGN_USER})]}, "implicit deny identity"),
    (
        "foreign, trusted and allowed",
        "foreign user",
        {"trust": [trusting(Principal={"AWS": FOREIGN_USER})], "identity": ALL},
        "allow identity",
    ),
]


@pytest.mark.parametrize(("why", "who", "layers", "expected"), LAYERS)
def test_all_policies_together(why: str, who: str, layers: dict[str, Any], expected: str) -> None:
    asked = request(who, ASSUME, ROLE) if "trust" in layers else request(who)
    decision = decide(asked, policies(**layers))
    assert f"{decision.why} {decision.kind}" == expected, why
    assert decision.allowed is expected.startswith(("allow", "root"))


def test_one_of_several_session_policies_is_enough() -> None:
    session = (named("session", *NONE_OF_IT), named("session", *ALL))
    assert decide(request("session"), Policies((named("identity", *ALL),), session=session)).allowed


def test_a_session_with_no_policy_left_may_nothing() -> None:
    decision = decide(request("session"), Policies((named("identity", *ALL),), session=()))
    assert (decision.why, decision.kind) == ("implicit deny", "session")


def test_a_decision_says_which_statement() -> None:
    decision = decide(request(), policies(identity=[allow("s3:*", Sid="first"), allow(Sid="second"), allow()]))
    assert (decision.policy, decision.statement, decision.index) == ("the identity policy", "second", 1)
    decision = decide(request(), policies(identity=ALL, boundary=[*ALL, deny(Sid="no")]))
    assert (decision.policy, decision.statement, decision.index) == ("the boundary policy", "no", 1)
    decision = decide(request(), policies())
    assert (decision.policy, decision.statement, decision.index) == ("", "", None)


START = f"User: {USER} is not authorized to perform: "


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({}, f"because no identity-based policy allows the {INVOKE} action"),
        ({"identity": [deny()]}, "with an explicit deny in an identity-based policy"),
        ({"identity": ALL, "boundary": NONE_OF_IT}, f"because no permissions boundary allows the {INVOKE} action"),
        ({"identity": ALL, "boundary": [deny()]}, "with an explicit deny in a permissions boundary"),
        ({"identity": ALL, "session": NONE_OF_IT}, f"because no session policy allows the {INVOKE} action"),
        ({"identity": ALL, "session": [deny()]}, "with an explicit deny in a session policy"),
        ({"identity": ALL, "resource": [not_by(USER)]}, "with an explicit deny in a resource-based policy"),
    ],
)
def test_the_sentence_of_a_denial(layers: dict[str, Any], expected: str) -> None:
    asked = request()
    assert denial(asked, decide(asked, policies(**layers))) == f"{START}{INVOKE} on resource: {FUNCTION} {expected}"


def test_sentences_of_other_forms() -> None:
    asked = request("foreign user")
    assert denial(asked, decide(asked, policies(identity=ALL))) == (
        f"User: {FOREIGN_USER} is not authorized to perform: {INVOKE} on resource: {FUNCTION} "
        f"because no resource-based policy allows the {INVOKE} action"
    )
    asked = request(action="lambda:ListFunctions", resource="*")
    assert denial(asked, decide(asked, policies())) == (
        f"{START}lambda:ListFunctions on resource: * because no identity-based policy allows the lambda:ListFunctions action"
    )
    asked = request(action="ec2:DescribeInstances", resource="")
    assert denial(asked, decide(asked, policies())) == (
        f"{START}ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action"
    )
    asked = request(action=ASSUME, resource=ROLE)
    untrusting = policies(trust=[trusting(Principal={"AWS": FOREIGN_USER})])
    assert (
        denial(asked, decide(asked, untrusting)) == f"{START}{ASSUME} because no role trust policy allows the {ASSUME} action"
    )
    refusing = policies(trust=[trusting(Effect="Deny", Principal="*")])
    assert denial(asked, decide(asked, refusing)) == f"{START}{ASSUME} with an explicit deny in the role trust policy"


def test_explain_says_what_each_statement_misses() -> None:
    condition = {"StringEquals": {"aws:RequestedRegion": "r"}, "Bool": {"aws:SecureTransport": "true"}}
    found = explain(
        request(context={"aws:securetransport": "true"}),
        policies(
            identity=[allow("s3:*", OTHER), allow(Condition=condition, Sid="mine"), deny("*", "*")],
            resource=[by(FOREIGN_USER), {"Effect": "Deny", "NotAction": INVOKE, "NotResource": FUNCTION, "NotPrincipal": "*"}],
        ),
    )
    assert [(each.source.policy.kind, each.index, each.allows, each.misses) for each in found] == [
        ("identity", 0, True, ("Action", "Resource")),
        ("identity", 1, True, ("StringEquals aws:RequestedRegion",)),
        ("identity", 2, False, ()),
        ("resource", 0, True, ("Principal",)),
        ("resource", 1, False, ("NotPrincipal", "NotAction", "NotResource")),
    ]
    assert found[1].statement == "mine"
