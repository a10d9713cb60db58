"""Whether a caller may do what it asks: what the directory knows of it, and the decision. No I/O."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias

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

SessionOf: TypeAlias = Callable[[Caller], Claims | None]
"""The session in which a caller calls; None for a user or the root user."""

_KINDS: Final[dict[Literal["root", "user", "role"], Kind]] = {"root": "root", "user": "user", "role": "session"}


class Access:
    """`now`: epoch seconds."""

    def __init__(self, directory: Directory, now: Callable[[], float], session_of: SessionOf = lambda caller: None) -> None:
        self._directory = directory
        self._now = now
        self._session_of = session_of

    def require(self, caller: Caller, need: Need, resource: NamedPolicy | None = None) -> None:
        """Raises AccessDenied in AWS's words."""
        request, decision = self.decide(caller, need, resource)
        if not decision.allowed:
            raise AccessDenied(denial(request, decision))

    def decide(self, caller: Caller, need: Need, resource: NamedPolicy | None = None) -> tuple[Request, Decision]:
        """`resource`: the resource's own policy, or the trust policy of a role. Raises PlatformError where a stored document
        can't be read: what it denies is not known."""
        claims = self._session_of(caller)
        identity = self._identity(caller, claims)
        principal = principal_of(caller.principal_arn, caller.account, identity, claims)
        context = keys_of(
            principal,
            now=self._now(),
            region=caller.region,
            secure=False,
            resource_account=need.account,
            more=need.context,
        )
        request = Request(principal, need.action, need.resource, need.account, context)
        return request, decide(request, self._policies(identity, claims, resource))

    def _identity(self, caller: Caller, claims: Claims | None) -> User | Role | None:
        """A role that was deleted and made again is not the one that a session was made of."""
        identity = self._directory.identity_of(caller.principal_arn)
        recreated = claims is not None and claims.role_id is not None and identity is not None and identity.id != claims.role_id
        return None if recreated else identity

    def _policies(self, identity: User | Role | None, claims: Claims | None, resource: NamedPolicy | None) -> Policies:
        own = Policies() if identity is None else own_policies(self._directory, identity)
        return Policies(own.identity, own.boundary, self._session(claims), resource)

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
