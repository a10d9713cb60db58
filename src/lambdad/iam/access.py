"""Whether a caller may do what it asks: what the directory knows of it, and the decision. No I/O."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Literal

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied, PlatformError
from lambdad.iam.arns import parse_principal
from lambdad.iam.context import keys_of
from lambdad.iam.directory import Directory
from lambdad.iam.entities import Group, Role, User
from lambdad.iam.evaluate import Decision, NamedPolicy, Policies, Request, decide, denial
from lambdad.iam.policies import MalformedPolicy, Policy, PolicyKind, parse
from lambdad.iam.principals import Kind, Principal
from lambdad.iam.sessions import Claims

DOCUMENTS: Final = 4096
"""Compiled documents that are remembered."""

CALLERS: Final = 4096
"""Whose policies are remembered."""

UNLOCKING: Final = frozenset(
    {
        "lambda:AddPermission",
        "lambda:DeleteResourcePolicy",
        "lambda:GetPolicy",
        "lambda:GetResourcePolicy",
        "lambda:PutResourcePolicy",
        "lambda:RemovePermission",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:SetQueueAttributes",
    }
)
"""What no policy of a resource can keep its own account's root user from, or nobody could ever reach it again. AWS has that for
queues (SQSUnlockQueuePolicy): https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html"""
SOURCE: Final = "lambda:sourcefunctionarn"
"""The function in whose environment the caller's credentials are:
https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html"""

_KINDS: Final[dict[Literal["root", "user", "role"], Kind]] = {"root": "root", "user": "user", "role": "session"}


class Access:
    """`now`: epoch seconds. What the directory knows of a caller is remembered until something in it changes."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory = directory
        self._now = now
        self._known: dict[tuple[str, str | None], tuple[User | Role | None, Policies]] = {}
        self._changes = -1

    def require(self, caller: Caller, need: Need, document: str | None = None) -> None:
        """Raises AccessDenied in AWS's words. `document`: the resource's own policy."""
        at_home = caller.session is None and caller.account == need.account and caller.is_root
        if at_home and (document is None or need.action in UNLOCKING):
            return
        request, decision = self.decide(caller, need, None if document is None else named(need.resource, document, "resource"))
        if not decision.allowed:
            raise AccessDenied(denial(request, decision))

    def decide(self, caller: Caller, need: Need, resource: NamedPolicy | None = None) -> tuple[Request, Decision]:
        """`resource`: the resource's own policy, or the trust policy of a role. Raises PlatformError where a stored document
        can't be read: what it denies is not known."""
        claims: Claims | None = caller.session
        identity, own = self._own(caller, claims)
        principal = principal_of(caller.principal_arn, caller.account, identity, claims)
        context = keys_of(
            principal,
            now=self._now(),
            region=caller.region,
            secure=False,
            resource_account=need.account,
            source_ip=caller.source_ip,
            user_agent=caller.user_agent,
            more=need.context if claims is None or claims.function is None else {**need.context, SOURCE: claims.function},
        )
        request = Request(principal, need.action, need.resource, need.account, context)
        return request, decide(request, Policies(own.identity, own.boundary, self._session(claims), resource))

    def _own(self, caller: Caller, claims: Claims | None) -> tuple[User | Role | None, Policies]:
        """A role or user that was deleted and made again is not the one that a session was made of."""
        made_of = None if claims is None else claims.role_id or claims.user_id
        if self._directory.changes != self._changes or len(self._known) >= CALLERS:
            self._known.clear()
            self._changes = self._directory.changes
        found = self._known.get((caller.principal_arn, made_of))
        if found is None:
            identity = self._directory.identity_of(caller.principal_arn)
            if made_of is not None and identity is not None and identity.id != made_of:
                identity = None
            found = (identity, Policies() if identity is None else own_policies(self._directory, identity))
            self._known[caller.principal_arn, made_of] = found
        return found

    def _session(self, claims: Claims | None) -> Sequence[NamedPolicy] | None:
        if claims is None or not (claims.policies or claims.policy_arns):
            return None
        inline = [named("session", each, "session") for each in claims.policies]
        return inline + [named(each.name, each.document, "session") for each in self._directory.managed(claims.policy_arns)]


def own_policies(directory: Directory, identity: User | Role | Group) -> Policies:
    """Those of an identity itself. A boundary that is gone allows nothing."""
    grants = [named(each.source, each.document, "identity") for each in directory.grants(identity)]
    arn = identity.boundary
    if arn is None:
        return Policies(grants)
    found = directory.managed([arn])
    bounds = named(arn, found[0].document, "boundary") if found else NamedPolicy(arn, Policy("boundary", (), ()))
    return Policies(grants, bounds)


def principal_of(arn: str, account: str, identity: User | Role | None, claims: Claims | None) -> Principal:
    """`arn` and `account` of who calls; `identity`: the user, or the role that was assumed; None for the root user, and for
    who is gone."""
    parsed = parse_principal(arn)
    if parsed is None:
        return Principal(arn, account, "anonymous")
    user_id = "" if identity is None else identity.id
    if parsed.kind == "role" and user_id:
        user_id = f"{user_id}:{parsed.session}"
    return Principal(
        arn,
        parsed.account,
        _KINDS[parsed.kind],
        identity.arn if isinstance(identity, Role) else "",
        user_id,
        {**({} if identity is None else identity.tags), **({} if claims is None else claims.tags)},
        None if claims is None else float(claims.issued),
    )


def named(name: str, document: str, kind: PolicyKind) -> NamedPolicy:
    """A stored document, compiled once. Raises PlatformError."""
    try:
        return NamedPolicy(name, _compiled(document, kind), document)
    except MalformedPolicy as error:
        raise PlatformError(f"The policy {name} can't be read: {error.message}") from error


_compiled = lru_cache(DOCUMENTS)(parse)
