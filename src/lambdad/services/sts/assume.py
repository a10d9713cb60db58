"""Temporary credentials: AssumeRole, GetSessionToken."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from lambdad.domain.access import Need, tag_context
from lambdad.domain.caller import Caller
from lambdad.iam import ids, sessions
from lambdad.iam.access import Access, named
from lambdad.iam.arns import parse_principal, session_arn
from lambdad.iam.directory import Directory
from lambdad.iam.entities import Role
from lambdad.iam.policies import MalformedPolicy, parse
from lambdad.iam.sessions import Claims
from lambdad.services.sts import errors
from lambdad.services.sts.tags import session_tags

HOUR: Final = 3600
HALF_A_DAY: Final = 43_200
"""Seconds of a session token, unless asked for otherwise."""
POLICIES: Final = 2048
"""Characters of a session policy and the ARNs of managed ones together."""


class Assume:
    """`now`: epoch seconds; `chance`: so many bytes that nobody can guess; `key`: the server's, that seals tokens."""

    def __init__(
        self,
        directory: Directory,
        *,
        key: bytes,
        now: Callable[[], float],
        chance: Callable[[int], bytes],
        access: Access,
    ) -> None:
        self._directory = directory
        self._key = key
        self._now = now
        self._chance = chance
        self._access = access

    async def role(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        role = self._directory.role_by_arn(params["RoleArn"])
        if role is None:
            raise errors.not_authorized(caller, params["RoleArn"])
        _refuse_mfa(params)
        self._require_trust(caller, role, params)
        claims = self._claims(caller, role, params)
        credentials, size = self._issue(claims)
        user = {"AssumedRoleId": f"{role.id}:{claims.name}", "Arn": claims.principal}
        packed = {"PackedPolicySize": size} if claims.policies or claims.policy_arns or claims.tags else {}
        return {"Credentials": credentials, "AssumedRoleUser": user, "SourceIdentity": claims.source_identity} | packed

    def _require_trust(self, caller: Caller, role: Role, params: dict[str, Any]) -> None:
        """What is said is the same as of a role that is not there."""
        need = Need("sts:AssumeRole", role.account, role.arn, _context(params))
        if not self._access.decide(caller, need, named(role.arn, role.trust, "trust"))[1].allowed:
            raise errors.not_authorized(caller, role.arn)

    def _claims(self, caller: Caller, role: Role, params: dict[str, Any]) -> Claims:
        calling, issued = caller.session, int(self._now())
        policies, arns = self._session_policies(role, params)
        tags, transitive = session_tags(params, calling)
        return Claims(
            account=role.account,
            principal=session_arn(role.account, role.name, params["RoleSessionName"]),
            role=role.arn,
            role_id=role.id,
            name=params["RoleSessionName"],
            issued=issued,
            expires=issued + _duration(caller, role, params),
            policies=policies,
            policy_arns=arns,
            tags=tags,
            transitive=transitive,
            source_identity=_source_identity(calling, params),
        )

    def _session_policies(self, role: Role, params: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        document = params.get("Policy")
        arns = tuple(each["arn"] for each in params.get("PolicyArns") or ())
        if document is not None:
            try:
                parse(document, "session")
            except MalformedPolicy as error:
                raise errors.malformed(error.message) from None
        for arn in arns:
            policy = self._directory.policy(arn)
            if policy is None or (policy.account != role.account and not policy.by_aws):
                raise errors.validation(f"Policy {arn} does not exist or is not attachable.")
        if len(document or "") + sum(map(len, arns)) > POLICIES:
            raise errors.too_large()
        return (document,) if document is not None else (), arns

    async def session_token(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Other credentials of the same caller; of the root user they hold for an hour at most."""
        principal = parse_principal(caller.principal_arn)
        if caller.session is not None or principal is None or principal.kind == "role":
            raise errors.denied("Cannot call GetSessionToken with session credentials")
        _refuse_mfa(params)
        duration = params.get("DurationSeconds") or HALF_A_DAY
        if principal.kind == "root":
            duration = min(duration, HOUR)
        issued = int(self._now())
        user = self._directory.identity_of(caller.principal_arn)
        claims = Claims(
            account=caller.account,
            principal=caller.principal_arn,
            user_id=None if user is None else user.id,
            issued=issued,
            expires=issued + duration,
        )
        return {"Credentials": self._issue(claims)[0]}

    def _issue(self, claims: Claims) -> tuple[dict[str, Any], int]:
        """Credentials as the API has them, and how much of the room in a token they take, in percent."""
        try:
            made = sessions.issue(claims, self._key, self._chance(ids.KEY_ID))
        except sessions.TokenTooLong:
            raise errors.too_large() from None
        shown = {
            "AccessKeyId": made.access_key_id,
            "SecretAccessKey": made.secret_access_key,
            "SessionToken": made.session_token,
            "Expiration": claims.expires,
        }
        return shown, 100 * len(made.session_token) // sessions.LONGEST


def _context(params: dict[str, Any]) -> dict[str, str | Sequence[str]]:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html"""
    texts = {"sts:externalid": "ExternalId", "sts:rolesessionname": "RoleSessionName", "sts:sourceidentity": "SourceIdentity"}
    keys: dict[str, str | Sequence[str]] = {key: params[name] for key, name in texts.items() if params.get(name) is not None}
    keys |= tag_context({tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()})
    if params.get("TransitiveTagKeys"):
        keys["sts:transitivetagkeys"] = tuple(params["TransitiveTagKeys"])
    return keys


def _duration(caller: Caller, role: Role, params: dict[str, Any]) -> int:
    """Seconds. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, "DurationSeconds"."""
    asked = int(params.get("DurationSeconds") or HOUR)
    principal = parse_principal(caller.principal_arn)
    if principal is not None and principal.kind == "role" and asked > HOUR:
        raise errors.validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    if asked > role.max_session:
        raise errors.validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return asked


def _source_identity(calling: Claims | None, params: dict[str, Any]) -> str | None:
    """Once it is set it goes on from session to session, and can't be changed."""
    asked: str | None = params.get("SourceIdentity")
    present = calling.source_identity if calling is not None else None
    if present is not None and asked not in (None, present):
        raise errors.denied("The source identity is already set for this assume role session")
    return present or asked


def _refuse_mfa(params: dict[str, Any]) -> None:
    """There are no devices, so no code is right."""
    if params.get("SerialNumber") or params.get("TokenCode"):
        raise errors.denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
