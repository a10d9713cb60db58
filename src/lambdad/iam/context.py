"""The global condition keys that can be known of a request. Pure.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html, and for `aws:PrincipalType` and
`aws:userid` https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html. A key that AWS leaves out of
such a request is left out here: whether a key is there is something that policies ask.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from lambdad.domain.access import tag_context
from lambdad.iam.patterns import Context
from lambdad.iam.principals import Principal

_TYPES = {
    "root": "Account",
    "user": "User",
    "session": "AssumedRole",
    "federated": "FederatedUser",
    "anonymous": "Anonymous",
}


def keys_of(
    principal: Principal,
    *,
    now: float,
    region: str,
    secure: bool,
    resource_account: str = "",
    source_ip: str | None = None,
    user_agent: str | None = None,
    source_arn: str | None = None,
    source_account: str | None = None,
    called_via: Sequence[str] = (),
    request_tags: Mapping[str, str] | None = None,
    resource_tags: Mapping[str, str] | None = None,
    more: Context | None = None,
) -> dict[str, str | Sequence[str]]:
    """`now` in seconds since 1970; `source_arn` and `source_account` are what a service calls for; `called_via` names the
    services through which the principal's request came, the first one first; `more` has keys of the service that is called,
    in any case of letters."""
    keys: dict[str, str | Sequence[str]] = {
        "aws:currenttime": _date(now),
        "aws:epochtime": str(int(now)),
        "aws:requestedregion": region,
        "aws:securetransport": _boolean(secure),
        "aws:viaawsservice": _boolean(bool(called_via)),
    }
    optional = {
        "aws:resourceaccount": resource_account or None,
        "aws:sourceip": source_ip,
        "aws:useragent": user_agent,
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": source_account,
    }
    keys |= {key: value for key, value in optional.items() if value is not None}
    if called_via:
        keys["aws:calledvia"] = tuple(called_via)
        keys["aws:calledviafirst"], keys["aws:calledvialast"] = called_via[0], called_via[-1]
    keys |= _principal(principal)
    keys |= tag_context(request_tags)
    for name, value in (resource_tags or {}).items():
        keys[f"aws:resourcetag/{name.lower()}"] = value
    keys |= {key.lower(): value for key, value in (more or {}).items()}
    return keys


def _principal(principal: Principal) -> dict[str, str | Sequence[str]]:
    keys: dict[str, str | Sequence[str]] = {}
    if principal.kind in _TYPES:
        keys["aws:principaltype"] = _TYPES[principal.kind]
    if principal.kind == "anonymous":
        return keys | {"aws:userid": "anonymous"}
    keys["aws:principalisawsservice"] = _boolean(principal.kind == "service")
    if principal.kind == "service":
        return keys | {"aws:principalservicename": principal.arn}
    keys["aws:principalarn"] = principal.identity_arn or principal.arn
    if principal.account:
        keys["aws:principalaccount"] = principal.account
    if principal.kind == "user":
        keys["aws:username"] = principal.arn.rpartition("/")[2]
    user_id = principal.account if principal.kind == "root" else principal.user_id
    if user_id:
        keys["aws:userid"] = user_id
    if principal.token_issued is not None:
        keys["aws:tokenissuetime"] = _date(principal.token_issued)
        keys["aws:multifactorauthpresent"] = _boolean(principal.mfa)
    for name, value in principal.tags.items():
        keys[f"aws:principaltag/{name.lower()}"] = value
    return keys


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _boolean(value: bool) -> str:
    return "true" if value else "false"
