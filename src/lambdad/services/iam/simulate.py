"""Simulation of policies: what would be decided, without anybody asking for it.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html and API_SimulateCustomPolicy.html. One
result for each action and resource. Ids and types of policies are those that AWS was seen to answer, in tests of
https://github.com/hashicorp/terraform-provider-aws (principal_policy_simulation_data_source_test.go) among others; its model
has other types.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lambdad.domain.caller import Caller
from lambdad.iam.access import own_policies, principal_of
from lambdad.iam.arns import identity_arn, parse_principal, session_arn
from lambdad.iam.entities import Group, Role, User
from lambdad.iam.evaluate import Finding, NamedPolicy, Policies, Request, decide, explain
from lambdad.iam.policies import MalformedPolicy, PolicyKind, parse
from lambdad.iam.positions import places, position
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
            found.append(NamedPolicy(f"{member}.{number}", parse(document, kind), document))
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
            results.append(_result(request, policies))
    numbered = [(f"{number:06}", each) for number, each in enumerate(results)]
    found, more = page(numbered, lambda each: each[0], params)
    return {"EvaluationResults": [each for _, each in found], **more}


def _principal(caller: Caller, params: Mapping[str, Any], identity: User | Role | Group | None) -> Principal:
    """Who is taken to ask: the user, or a session of the role, of which CallerArn may say which one."""
    arn = params.get("CallerArn")
    if isinstance(identity, User) and arn in (None, identity.arn):
        return principal_of(identity.arn, caller.account, identity, None)
    if isinstance(identity, Role):
        asked = parse_principal(arn or session_arn(caller.account, identity.name, "simulation"))
        if asked is not None and (asked.kind, asked.account, asked.name) == ("role", caller.account, identity.name):
            return principal_of(session_arn(caller.account, identity.name, asked.session), caller.account, identity, None)
    return principal_of(arn or identity_arn(caller.account, "user", "/", "simulation"), caller.account, None, None)


def _values(entry: Mapping[str, Any]) -> str | tuple[str, ...]:
    values = tuple(entry.get("ContextKeyValues") or ())
    return values if str(entry.get("ContextKeyType", "")).endswith("List") or len(values) != 1 else values[0]


def _owner(params: Mapping[str, Any], arn: str, principal: Principal) -> str:
    owner = params.get("ResourceOwner") or arn
    parts = owner.split(":")
    return (parts[4] if len(parts) > 4 else "") or principal.account


def _result(request: Request, policies: Policies) -> dict[str, Any]:
    decision = decide(request, policies)
    # How each statement that is about the request looks at it.
    matching = [each for each in explain(request, policies) if not each.misses]
    result: dict[str, Any] = {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": DECISIONS[decision.why],
        "MatchedStatements": []
        if decision.why == "implicit deny"
        else [_shown(each) for each in matching if each.allows == decision.allowed],
        "MissingContextValues": _missing(request, policies),
    }
    if policies.boundary is not None:
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": _within(matching)}
    return result


def _within(matching: Sequence[Finding]) -> bool:
    """Whether the boundary lets it pass, whatever the other policies say."""
    bounds = [each.allows for each in matching if each.source.policy.kind == "boundary"]
    return bool(bounds) and all(bounds)


def _shown(finding: Finding) -> dict[str, Any]:
    document, place = finding.source.document, places(finding.source.document)[finding.index]
    resource = finding.source.policy.kind == "resource"
    name = finding.source.name
    return {
        "SourcePolicyId": "ResourcePolicy" if resource else name.rpartition("/")[2] if name.startswith("arn:") else name,
        "SourcePolicyType": "Resource Policy" if resource else "IAM Policy",
        "StartPosition": _position(document, place.begin),
        "EndPosition": _position(document, place.end),
    }


def _position(document: str, offset: int) -> dict[str, int]:
    found = position(document, offset)
    return {"Line": found.line, "Column": found.column}


def _missing(request: Request, policies: Policies) -> list[str]:
    """Condition keys that a statement asks for which is otherwise about the request."""
    keys = {
        condition.key
        for named_policy in (*policies.identity, *(each for each in (policies.boundary, policies.resource) if each))
        for statement in (*named_policy.policy.allows, *named_policy.policy.denies)
        for condition in statement.conditions
    }
    return sorted(key for key in keys if key.lower() not in request.context)
