"""Why a request is allowed or denied: IAM's simulation decides, and its answer is traced back to the texts of policies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from lambdad.cli.client import Target
from lambdad.cli.failure import Failure
from lambdad.cli.held_policies import Asker, Cited, Held, find_asker, held_policies, iam_client, resource_policy
from lambdad.iam.context import keys_of
from lambdad.iam.evaluate import Decision, Finding, NamedPolicy, Policies, Request, denial, explain
from lambdad.iam.patterns import Context
from lambdad.iam.policies import PolicyKind, parse
from lambdad.iam.positions import places, position
from lambdad.iam.principals import Principal

ALL: Final = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
"""A policy that allows everything, to find out what lacks."""
CONCERNED: Final[Mapping[PolicyKind, Sequence[str]]] = {
    "identity": ("identity", "resource"),
    "boundary": ("boundary",),
    "resource": ("resource",),
}
"""Where an Allow would have helped, by what lacks one: in one account a resource's own policy is as good as the identity's."""
ELSEWHERE: Final = frozenset({"Action", "NotAction", "Principal", "NotPrincipal"})
"""A statement that misses one of these is about something else."""
ABSENT: Final = "aws:principaltag/"
"""How keys begin that are known to be missing where they are."""

Verdict = Literal["allowed", "explicitDeny", "implicitDeny"]


@dataclass(frozen=True, slots=True)
class Close:
    """A statement that would allow the request, but for what it misses."""

    cited: Cited
    misses: Sequence[str]
    """As `lambdad.iam.evaluate.Finding`."""


@dataclass(frozen=True, slots=True)
class Explanation:
    asker: Asker
    action: str
    resource: str
    verdict: Verdict
    decided: Sequence[Cited]
    """The statements that allow or deny it; none where nothing allows it."""
    boundary: Held | None
    within: bool
    """Whether the boundary allows it; true without one."""
    lacking: PolicyKind | None
    """Which kind of policies lacks an Allow, in an implicit denial."""
    policies: Sequence[Held]
    """In an implicit denial, those of which one must allow it; else all that were asked."""
    close: Sequence[Close]
    unknown: Sequence[str]
    """Condition keys that statements ask for which are about the request, and that nothing is known of."""
    message: str | None
    """What AWS answers to a request that is denied."""

    @property
    def allowed(self) -> bool:
        return self.verdict == "allowed"


def explain_request(
    principal: str, action: str, resource: str, context: Mapping[str, Sequence[str]], target: Target, now: float
) -> Explanation:
    """`now`: epoch seconds. Raises BadParameter, Failure and what botocore raises."""
    asker = find_asker(principal, target)
    client = iam_client(replace(target, account=asker.account))
    own = resource_policy(resource, target)
    held = [*held_policies(asker, client), *([own] if own else [])]
    parts = resource.split(":")
    account = (parts[4] if len(parts) > 5 else "") or asker.account
    region = (parts[3] if len(parts) > 5 else "") or target.region
    request = Request(_principal(asker, now), action, resource, account, _context(asker, context, now, region, account))
    inquiry = Inquiry(client, asker, request, own)
    answer = inquiry.ask()
    verdict: Verdict = answer["EvalDecision"]
    # A policy that holds in two ways is named twice.
    decided = list(dict.fromkeys(_cite(each, held) for each in answer["MatchedStatements"]))
    lacking = inquiry.lacking() if verdict == "implicitDeny" else None
    asked = held if lacking is None else [each for each in held if each.kind in CONCERNED[lacking]]
    return Explanation(
        asker,
        action,
        resource,
        verdict,
        # What a boundary allows decides nothing; what it denies does.
        [each for each in decided if verdict != "allowed" or each.policy.kind != "boundary"],
        next((each for each in held if each.kind == "boundary"), None),
        answer.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True),
        lacking,
        asked,
        _close(request, asked) if lacking else [],
        _unknown(request, held, answer["MissingContextValues"]),
        None if verdict == "allowed" else _message(request, verdict, lacking, decided),
    )


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Simulations of one request, as it is and with other policies."""

    client: Any
    asker: Asker
    request: Request
    resource_policy: Held | None

    def ask(self, **more: Any) -> dict[str, Any]:
        request = self.request
        params = {
            "PolicySourceArn": self.asker.identity,
            "CallerArn": self.asker.caller,
            "ActionNames": [request.action],
            "ResourceArns": [request.resource],
            "ContextEntries": [_entry(key, value) for key, value in request.context.items()],
            **({"ResourcePolicy": self.resource_policy.document} if self.resource_policy else {}),
        }
        (result,) = self.client.simulate_principal_policy(**params | more)["EvaluationResults"]
        found: dict[str, Any] = result
        return found

    def lacking(self) -> PolicyKind:
        """Of which kind an Allow would have been needed first."""
        if self.ask(PolicyInputList=[ALL], PermissionsBoundaryPolicyInputList=[ALL])["EvalDecision"] != "allowed":
            return "resource"
        unbounded = self.ask(PermissionsBoundaryPolicyInputList=[ALL])["EvalDecision"] == "allowed"
        return "boundary" if unbounded else "identity"


def _principal(asker: Asker, now: float) -> Principal:
    if asker.kind == "user":
        return Principal(asker.caller, asker.account, "user", "", asker.user_id, asker.tags)
    return Principal(asker.caller, asker.account, "session", asker.identity, asker.user_id, asker.tags, now)


def _context(asker: Asker, given: Mapping[str, Sequence[str]], now: float, region: str, account: str) -> Context:
    """Of a request as lambdad gets it, over HTTP; what is given says otherwise or more."""
    more = {**asker.context, **{key: values[0] if len(values) == 1 else tuple(values) for key, values in given.items()}}
    return keys_of(_principal(asker, now), now=now, region=region, secure=False, resource_account=account, more=more)


def _entry(key: str, value: str | Sequence[str]) -> dict[str, Any]:
    one = isinstance(value, str)
    return {
        "ContextKeyName": key,
        "ContextKeyValues": [value] if one else list(value),
        "ContextKeyType": "string" if one else "stringList",
    }


def _cite(matched: Mapping[str, Any], held: Sequence[Held]) -> Cited:
    for policy in held:
        if policy.id == matched["SourcePolicyId"]:
            for index, place in enumerate(places(policy.document)):
                begin, end = position(policy.document, place.begin), position(policy.document, place.end)
                told = [matched[which] for which in ("StartPosition", "EndPosition")]
                if told == [{"Line": each.line, "Column": each.column} for each in (begin, end)]:
                    return Cited(policy, index)
    raise Failure(f"The policy {matched['SourcePolicyId']} has changed meanwhile; ask again.")


def _close(request: Request, held: Sequence[Held]) -> list[Close]:
    """Those that allow the action, to this principal."""
    return [
        Close(Cited(policy, each.index), each.misses)
        for policy, findings in _findings(request, held)
        for each in findings
        if each.allows and each.misses and ELSEWHERE.isdisjoint(each.misses)
    ]


def _unknown(request: Request, held: Sequence[Held], told: Sequence[str]) -> list[str]:
    asked = {
        condition.key
        for _, findings in _findings(request, held)
        for each in findings
        if ELSEWHERE.isdisjoint(each.misses) and "Resource" not in each.misses and "NotResource" not in each.misses
        for statement in (*each.source.policy.allows, *each.source.policy.denies)
        if statement.index == each.index
        for condition in statement.conditions
    }
    return [key for key in told if key in asked and not key.lower().startswith(ABSENT)]


def _findings(request: Request, held: Sequence[Held]) -> Iterator[tuple[Held, Sequence[Finding]]]:
    """Each policy is looked at alone, which says whose a statement is."""
    for policy in held:
        named = NamedPolicy(policy.id, parse(policy.document, policy.kind))
        alone = Policies(
            [named] if policy.kind == "identity" else [],
            named if policy.kind == "boundary" else None,
            None,
            named if policy.kind == "resource" else None,
        )
        yield policy, explain(request, alone)


def _message(request: Request, verdict: Verdict, lacking: PolicyKind | None, decided: Sequence[Cited]) -> str:
    if verdict == "implicitDeny":
        return denial(request, Decision(False, "implicit deny", lacking))
    kinds = [each.policy.kind for each in decided]
    kind: PolicyKind = next(kind for kind in ("identity", "resource", "boundary") if kind in kinds)
    return denial(request, Decision(False, "explicit deny", kind))
