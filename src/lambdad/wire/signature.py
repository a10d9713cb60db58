"""The credential of a request: who signed it, for which date, region and service. `sigv4` verifies it.

Header form: `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…`.
Query form (presigned): `X-Amz-Algorithm`, `X-Amz-Credential`, `X-Amz-SignedHeaders`, `X-Amz-Signature`, `X-Amz-Date` and
`X-Amz-Expires`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import re
from urllib.parse import parse_qsl

from msgspec import Struct

from lambdad.domain.errors import CallerError, IncompleteSignature, MissingAuthenticationToken
from lambdad.wire.messages import Request

ALGORITHM = "AWS4-HMAC-SHA256"

_USUAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request, ?"
    r"SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})"
)


class Credential(Struct, frozen=True):
    access_key_id: str
    date: str
    """`YYYYMMDD`."""
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    session_token: str | None = None
    presigned: bool = False
    expires: int | None = None
    """Seconds, of a presigned request."""


def credential(request: Request) -> Credential:
    """Raises MissingAuthenticationToken where the request carries none, and IncompleteSignature for a malformed one."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        if "X-Amz-" in request.query:
            return _presigned(request)
        raise MissingAuthenticationToken
    found = _USUAL.fullmatch(authorization)
    token = request.headers.get("x-amz-security-token")
    if found is not None:
        if "x-amz-date" not in request.headers and "date" not in request.headers:
            raise _lacking(authorization, ["existence of either a 'X-Amz-Date' or a 'Date' header"])
        key, date, region, service, signed, signature = found.groups()
        return Credential(key, date, region, service, tuple(signed.split(";")), signature, token)
    return _spelled_out(request, authorization, token)


def _spelled_out(request: Request, authorization: str, token: str | None) -> Credential:
    """A header that is unusual: in another order, or wrong, and then AWS says exactly how."""
    algorithm, _, rest = authorization.partition(" ")
    _require_algorithm(algorithm)
    parts: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in re.split(r"[,\s]+", rest))):
        name, equals, value = part.partition("=")
        if not equals:
            raise IncompleteSignature(
                f"'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{authorization}'."
            )
        parts[name] = value
    lacking = [f"'{name}' parameter" for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if "x-amz-date" not in request.headers and "date" not in request.headers:
        lacking.append("existence of either a 'X-Amz-Date' or a 'Date' header")
    if lacking:
        raise _lacking(authorization, lacking)
    key, date, region, service = _scope(parts["Credential"])
    return Credential(key, date, region, service, tuple(parts["SignedHeaders"].split(";")), parts["Signature"], token)


def _lacking(authorization: str, lacking: list[str]) -> IncompleteSignature:
    said = " ".join(f"Authorization header requires {what}." for what in lacking)
    return IncompleteSignature(f"{said} Authorization={authorization.split(' ', 1)[0]}")


def _require_algorithm(algorithm: str) -> None:
    if algorithm.startswith("AWS4-ECDSA"):
        raise IncompleteSignature(
            "lambdad does not support multi-region signatures (AWS4-ECDSA-P256-SHA256, SigV4A); sign with AWS4-HMAC-SHA256."
        )
    if algorithm != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{algorithm}'.")


def _scope(text: str) -> tuple[str, str, str, str]:
    parts = text.split("/")
    if len(parts) < 5:
        raise IncompleteSignature(
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
        )
    *key, date, region, service, term = parts  # An access key id may contain slashes.
    if term != "aws4_request":
        raise IncompleteSignature(f"Credential should be scoped with a valid terminator: 'aws4_request', not '{term}'.")
    if not (len(date) == 8 and date.isascii() and date.isdigit()):
        raise IncompleteSignature(f"Date in Credential scope must be YYYYMMDD, got '{date}'.")
    if not region:
        raise IncompleteSignature("Credential should be scoped to a valid region.")
    if not service or not any(key):
        raise IncompleteSignature(
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
        )
    return "/".join(key), date, region, service


def _presigned(request: Request) -> Credential:
    parts = dict(parse_qsl(request.query, keep_blank_values=True))
    _require_algorithm(parts.get("X-Amz-Algorithm", ""))
    wanted = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
    lacking = [name for name in wanted if not parts.get(name)]
    if lacking:
        raise IncompleteSignature(" ".join(f"AWS query-string parameters must include '{name}'." for name in lacking))
    expires = parts["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 6 and int(expires) <= 604_800):
        raise CallerError.named(
            "AuthorizationQueryParametersError", "X-Amz-Expires must be a number of seconds, at most a week (604800)", 400
        )
    key, date, region, service = _scope(parts["X-Amz-Credential"])
    signed = tuple(parts["X-Amz-SignedHeaders"].split(";"))
    token = parts.get("X-Amz-Security-Token")
    return Credential(key, date, region, service, signed, parts["X-Amz-Signature"], token, True, int(expires))
