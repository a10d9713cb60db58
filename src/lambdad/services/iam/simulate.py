"""Simulation of policies: what would be decided, without anybody asking for it.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html and API_SimulateCustomPolicy.html. One
result for each action and resource. Where in a document a statement stands is not told.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lambdad.domain.caller import Caller
from lambdad.iam.access import own_policies, principal_of
from lambdad.iam.arns import AWS, identity_arn, session_arn
from lambdad.iam.entities import Group, Identity, Role, User
from lambdad.iam.evaluate import Decision, NamedPolicy, Policies, Request, decide, explain
from lambdad.iam.policies import MalformedPolicy, PolicyKind, parse
from lambdad.iam.principals import Principal
from lambdad.services.iam import errors
from lambdad.services.iam.ledger import Ledger
from lambdad.services.iam.pages import page

DECISIONS: Final = {
    "allow": "allowed",
    "root user": "allowed",
    "explicit deny": "explicitDeny",
    "implicit deny": "implicitDeny",
}

GIVEN: Final = ("PolicyInputList.", "PermissionsBoundaryPolicyInputList.")
"""How the names of policies begin that a request brings along."""


class Simulation:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def principal(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """With the policies of a user, group or role, and those that are given besides."""
        identity = self._identity(caller, params["PolicySourceArn"])
        return _simulated(caller, params, own_policies(self._ledger.directory, identity), identity)

    async def custom(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """With nothing but the policies that are given."""
        return _simulated(caller, params, Policies(), None)

    def _identity(self, caller: Caller, arn: str) -> User | Role | Group:
        directory, account = self._ledger.directory, caller.account
        every: Iterable[User | Role | Group] = (
            *directory.users(account), *directory.roles(account), *directory.groups(account)
        )  # fmt: skip
        found = next((each for each in every if each.arn == arn), None)
        if found is None:
            raise errors.no_entity(f"{arn} does not exist.")
        return found


def _given(params: Mapping[str, Any], member: str, kind: PolicyKind) -> list[NamedPolicy]:
    """Documents of the request. Raises InvalidInput."""
    found = []
    for number, document in enumerate(params.get(member) or (), 1):
        try:
            found.append(NamedPolicy(f"{member}.{number}", parse(document, kind)))
        except MalformedPolicy as error:
            raise errors.invalid(f"Invalid policy in {member}: {error.message}") from None
    return found


def _simulated(
    caller: Caller,
    params: dict[str, Any],
    own: Policies,
    identity: User | Role | Group | None,
) -> dict[str, Any]:
    bounds = _given(params, "PermissionsBoundaryPolicyInputList", "boundary")
    identities = [*own.identity, *_given(params, "PolicyInputList", "identity")]
    text = params.get("ResourcePolicy")
    resources = _given({"ResourcePolicy": [text]} if text else {}, "ResourcePolicy", "resource")
    policies = Policies(identities, bounds[0] if bounds else own.boundary, None, resources[0] if resources else None)
    principal = _principal(caller, params, identity)
    context = {each["ContextKeyName"].lower(): _values(each) for each in params.get("ContextEntries") or ()}
    results = []
    for action in params["ActionNames"]:
        for arn in params.get("ResourceArns") or ["*"]:
            request = Request(principal, action, arn, _owner(params, arn, principal), context)
            results.append(_result(request, policies, identity))
    numbered = [(f"{number:06}", each) for number, each in enumerate(results)]
    found, more = page(numbered, lambda each: each[0], params)
    return {"EvaluationResults": [each for _, each in found], **more}


def _principal(caller: Caller, params: Mapping[str, Any], identity: User | Role | Group | None) -> Principal:
    """Who is taken to ask: the user, or a session of the role."""
    arn = params.get("CallerArn")
    if isinstance(identity, User) and arn in (None, identity.arn):
        return principal_of(identity.arn, caller.account, identity, None)
    if isinstance(identity, Role) and arn is None:
        return principal_of(session_arn(caller.account, identity.name, "simulation"), caller.account, identity, None)
    return principal_of(arn or identity_arn(caller.account, "user", "/", "simulation"), caller.account, None, None)


def _values(entry: Mapping[str, Any]) -> str | tuple[str, ...]:
    values = tuple(entry.get("ContextKeyValues") or ())
    return values if str(entry.get("ContextKeyType", "")).endswith("List") or len(values) != 1 else values[0]


def _owner(params: Mapping[str, Any], arn: str, principal: Principal) -> str:
    owner = params.get("ResourceOwner") or arn
    parts = owner.split(":")
    return (parts[4] if len(parts) > 4 else "") or principal.account


def _result(request: Request, policies: Policies, identity: Identity | None) -> dict[str, Any]:
    decision = decide(request, policies)
    result: dict[str, Any] = {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": DECISIONS[decision.why],
        "MatchedStatements": _matched(request, policies, decision, identity),
        "MissingContextValues": _missing(request, policies),
    }
    if policies.boundary is not None:
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": decision.kind != "boundary"}
    return result


def _matched(request: Request, policies: Policies, decision: Decision, identity: Identity | None) -> list[dict[str, Any]]:
    """The statements that say what was decided."""
    if decision.why == "implicit deny":
        return []
    return [
        {"SourcePolicyId": each.policy, "SourcePolicyType": _source(each.kind, each.policy, identity)}
        for each in explain(request, policies)
        if not each.misses and each.allows == decision.allowed
    ]


def _source(kind: PolicyKind, policy: str, identity: Identity | None) -> str:
    if kind == "resource":
        return "resource"
    if policy.startswith("arn:"):
        return "aws-managed" if policy.split(":")[4] == AWS else "user-managed"
    if identity is None or policy.startswith(GIVEN):
        return "none"
    return type(identity).__name__.lower()


def _missing(request: Request, policies: Policies) -> list[str]:
    """Condition keys that a statement asks for which is otherwise about the request."""
    keys = {
        condition.key
        for named_policy in (*policies.identity, *(each for each in (policies.boundary, policies.resource) if each))
        for statement in (*named_policy.policy.allows, *named_policy.policy.denies)
        for condition in statement.conditions
    }
    return sorted(key for key in keys if key.lower() not in request.context)
