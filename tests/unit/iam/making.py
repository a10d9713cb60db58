"""Principals, policies and requests for tests, in a line each."""

import json
from typing import Any

from lambdad.iam.evaluate import NamedPolicy, Policies, Request
from lambdad.iam.patterns import Context
from lambdad.iam.policies import PolicyKind, parse
from lambdad.iam.principals import ANONYMOUS, Principal

HERE, THERE = "111122223333", "444455556666"
FUNCTION = f"arn:aws:lambda:eu-west-1:{HERE}:function:f"
OTHER = f"arn:aws:lambda:eu-west-1:{HERE}:function:g"
INVOKE = "lambda:InvokeFunction"

USER = f"arn:aws:iam::{HERE}:user/team/alice"
ROLE = f"arn:aws:iam::{HERE}:role/service/worker"
SESSION = f"arn:aws:sts::{HERE}:assumed-role/worker/s"
ROOT = f"arn:aws:iam::{HERE}:root"
FOREIGN_USER = f"arn:aws:iam::{THERE}:user/bob"
FOREIGN_ROOT = f"arn:aws:iam::{THERE}:root"
PROVIDER = f"arn:aws:iam::{HERE}:oidc-provider/example.com"

PRINCIPALS = {
    "user": Principal(USER, HERE, "user", user_id="AIDAEXAMPLE"),
    "session": Principal(SESSION, HERE, "session", identity_arn=ROLE, user_id="AROAEXAMPLE:s", token_issued=1e9),
    "root": Principal(ROOT, HERE, "root"),
    "foreign user": Principal(FOREIGN_USER, THERE, "user"),
    "foreign root": Principal(FOREIGN_ROOT, THERE, "root"),
    "service": Principal("s3.amazonaws.com", "", "service"),
    "federated": Principal(PROVIDER, "", "federated"),
    "anonymous": ANONYMOUS,
}


def allow(action: Any = INVOKE, resource: Any = FUNCTION, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = INVOKE, resource: Any = FUNCTION, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def named(kind: PolicyKind, *statements: dict[str, Any]) -> NamedPolicy:
    return NamedPolicy(f"the {kind} policy", parse(document(*statements), kind))


def policies(**statements: list[dict[str, Any]] | None) -> Policies:
    """`identity=[…]`, `boundary=[…]`, `session=[…]`, `resource=[…]` or `trust=[…]`, each a list of statements."""
    made: dict[str, NamedPolicy | None] = {
        kind: named(kind, *found) if found else None  # type: ignore[arg-type]
        for kind, found in statements.items()
    }
    identity, session = made.get("identity"), made.get("session")
    return Policies(
        (identity,) if identity else (),
        made.get("boundary"),
        (session,) if session else None,
        made.get("resource") or made.get("trust"),
    )


def request(
    who: str | Principal = "user",
    action: str = INVOKE,
    resource: str = FUNCTION,
    context: Context | None = None,
    account: str = HERE,
) -> Request:
    principal = PRINCIPALS[who] if isinstance(who, str) else who
    return Request(principal, action, resource, account, context or {})
