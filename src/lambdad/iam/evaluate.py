"""The decision over all policies that concern a request, and AWS's sentence for a denial. Pure.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html for the
order and for what a resource's policy is worth in the same account,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html, and for the words
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.

1. A Deny that matches, in any policy, decides.
2. The root user may do everything in its account.
3. In one account, a resource's policy that names the caller itself or everybody decides; one that names a session's role
   decides unless the boundary or the session policies lack an Allow; one that names the account asks identity policies.
   A role's trust policy must name the caller in one of these ways.
4. Between accounts the resource's policy must allow it, and so must the caller's own policies.
5. Identity policies must allow it, and the boundary, and one of the session policies, where there are any.

Services, federated and anonymous callers have no policies of their own: the resource's policy decides.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from lambdad.iam.patterns import Context
from lambdad.iam.policies import Policy, PolicyKind, Statement
from lambdad.iam.principals import Grant, Principal

Why = Literal["root user", "allow", "explicit deny", "implicit deny"]

_NO_POLICIES_OF_THEIR_OWN = ("service", "federated", "anonymous")
_PHRASES: dict[PolicyKind, tuple[str, str]] = {
    "identity": ("an identity-based policy", "identity-based policy"),
    "resource": ("a resource-based policy", "resource-based policy"),
    "trust": ("the role trust policy", "role trust policy"),
    "boundary": ("a permissions boundary", "permissions boundary"),
    "session": ("a session policy", "session policy"),
}
"""Of each kind, after `with an explicit deny in`, and after `because no`."""


class NamedPolicy(Struct, frozen=True):
    name: str
    """Its ARN, or what tells an inline policy from others, e.g. `role_worker_own`."""
    policy: Policy
    document: str = ""
    """Its text, for who wants to show it."""


class Policies(Struct, frozen=True):
    """All that concern one request."""

    identity: Sequence[NamedPolicy] = ()
    """Of the user and its groups, or of the role."""
    boundary: NamedPolicy | None = None
    session: Sequence[NamedPolicy] | None = None
    """None where the session was made without any; one of several must allow the request."""
    resource: NamedPolicy | None = None
    """The resource's own, or the trust policy of the role that is to be assumed."""


class Request(Struct, frozen=True):
    principal: Principal
    action: str
    """E.g. `lambda:InvokeFunction`."""
    resource: str
    """An ARN, or `*` for operations without one."""
    resource_account: str
    """Twelve digits; for operations without a resource the caller's own."""
    context: Context
    """See `context.keys_of`."""


class Decision(Struct, frozen=True):
    allowed: bool
    why: Why
    kind: PolicyKind | None = None
    """Which kind allowed or denied it, or lacks an Allow; None for the root user."""
    policy: str = ""
    """The name of the policy that allowed or denied it."""
    statement: str = ""
    """The Sid of the statement that did."""
    index: int | None = None
    """Where that statement is in its policy, from 0."""


class Finding(Struct, frozen=True):
    """How one statement looks at a request."""

    source: NamedPolicy
    statement: str
    """Its Sid."""
    index: int
    allows: bool
    misses: tuple[str, ...]
    """What does not match: `Principal`, `Action`, `Resource`, `StringEquals aws:username`; nothing where all does."""


def decide(request: Request, policies: Policies) -> Decision:
    """By the five rules above. Where several kinds lack an Allow, the reason is one of them, as in AWS's messages."""
    action = request.action.lower()
    denied = _explicit_deny(request, policies, action)
    if denied is not None:
        return denied
    principal, resource = request.principal, policies.resource
    foreign = principal.account != request.resource_account
    alone = principal.kind in _NO_POLICIES_OF_THEIR_OWN
    trust = resource is not None and resource.policy.kind == "trust"
    grant, granted = _grant(request, resource, action) if resource else (Grant.NONE, None)
    if granted is None:
        if foreign or alone or trust:
            return Decision(False, "implicit deny", "trust" if trust else "resource")
    elif alone or (grant is Grant.DIRECT and not foreign):
        return granted
    if principal.kind == "root":
        return granted or Decision(True, "root user")
    limit = _limit(request, policies, action)
    if grant is Grant.ENTITY and granted is not None and not foreign:
        return granted if limit is None else Decision(False, "implicit deny", limit)
    allowed = _first_allow(request, policies.identity, action)
    if allowed is None:
        return Decision(False, "implicit deny", "identity")
    return allowed if limit is None else Decision(False, "implicit deny", limit)


def _explicit_deny(request: Request, policies: Policies, action: str) -> Decision | None:
    for named in _all(policies):
        for statement in named.policy.denies:
            if statement.matches(action, request.resource, request.context) and _concerns(statement, request, policies):
                return _decision(False, named, statement)
    return None


def _concerns(statement: Statement, request: Request, policies: Policies) -> bool:
    """Whether a Deny means this caller."""
    principals = statement.principals
    if principals is None:
        return True
    if statement.not_principals:
        # AWS: such a Deny always denies those who have a boundary, whoever is named.
        return policies.boundary is not None or not principals.spare(request.principal)
    return principals.grant(request.principal) is not Grant.NONE


def _grant(request: Request, named: NamedPolicy, action: str) -> tuple[Grant, Decision | None]:
    """The strongest of those that the resource's policy gives."""
    best: tuple[Grant, Decision | None] = (Grant.NONE, None)
    for statement in named.policy.allows:
        grant = statement.principals.grant(request.principal) if statement.principals else Grant.NONE
        if grant > best[0] and statement.matches(action, request.resource, request.context):
            best = (grant, _decision(True, named, statement))
    return best


def _limit(request: Request, policies: Policies, action: str) -> PolicyKind | None:
    """Which of boundary and session policies lacks an Allow."""
    if policies.boundary is not None and _first_allow(request, (policies.boundary,), action) is None:
        return "boundary"
    if policies.session is not None and _first_allow(request, policies.session, action) is None:
        return "session"
    return None


def _first_allow(request: Request, policies: Iterable[NamedPolicy], action: str) -> Decision | None:
    for named in policies:
        for statement in named.policy.allows:
            if statement.matches(action, request.resource, request.context):
                return _decision(True, named, statement)
    return None


def _decision(allowed: bool, named: NamedPolicy, statement: Statement) -> Decision:
    why: Why = "allow" if allowed else "explicit deny"
    return Decision(allowed, why, named.policy.kind, named.name, statement.sid, statement.index)


def _all(policies: Policies) -> Iterator[NamedPolicy]:
    yield from policies.identity
    if policies.resource is not None:
        yield policies.resource
    if policies.boundary is not None:
        yield policies.boundary
    yield from policies.session or ()


def denial(request: Request, decision: Decision) -> str:
    """AWS's sentence for a decision that denies. It names no resource where that is empty, nor the role that was to be
    assumed; Lambda says `on resource: *` of operations without one."""
    resource = f" on resource: {request.resource}" if request.resource and decision.kind != "trust" else ""
    explicit, implicit = _PHRASES[decision.kind or "identity"]
    reason = (
        f"with an explicit deny in {explicit}"
        if decision.why == "explicit deny"
        else f"because no {implicit} allows the {request.action} action"
    )
    return f"User: {request.principal.arn} is not authorized to perform: {request.action}{resource} {reason}"


def explain(request: Request, policies: Policies) -> tuple[Finding, ...]:
    """How each statement looks at the request, for somebody who wonders about a decision."""
    return tuple(
        Finding(
            named,
            statement.sid,
            statement.index,
            statement.allows,
            tuple(_misses(statement, request, policies)),
        )
        for named in _all(policies)
        for statement in sorted(named.policy.allows + named.policy.denies, key=lambda each: each.index)
    )


def _misses(statement: Statement, request: Request, policies: Policies) -> Iterator[str]:
    if not _concerns(statement, request, policies):
        yield "NotPrincipal" if statement.not_principals else "Principal"
    if statement.actions.matches(request.action.lower(), request.context) is statement.not_actions:
        yield "NotAction" if statement.not_actions else "Action"
    resources = statement.resources
    if resources is not None and resources.matches(request.resource, request.context) is statement.not_resources:
        yield "NotResource" if statement.not_resources else "Resource"
    for condition in statement.conditions:
        if not condition.test(request.context):
            yield f"{condition.operator} {condition.key}"
