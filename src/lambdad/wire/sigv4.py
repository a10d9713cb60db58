"""Verification of AWS Signature Version 4, for requests that sign in a header and for presigned ones.

The signature covers method, path, query, the signed headers and the hash of the body, under a key that is derived from the
secret for one date, region and service. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Signed headers: AWS asks who signs to sign `host`, `content-type` if there is one, and every `x-amz-*` header. S3 refuses
requests where one of the first or the last is not signed ("There were headers present in the request which were not signed"),
other services where `host` is not; here both hold for every service. An unsigned `content-type` is accepted, as AWS does:
curl and AWS's own presigner for JavaScript leave it out (https://github.com/aws/aws-sdk-js-v3/pull/1017).
"""

import hmac
import re
from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256

from msgspec import Struct

from lambdad.wire import signature_refusals as refusals
from lambdad.wire.canonical import canonical_key, canonical_path, canonical_query, canonical_request
from lambdad.wire.messages import Request
from lambdad.wire.signature import ALGORITHM, Credential
from lambdad.wire.timestamps import parse as parse_date

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_PAYLOADS = (UNSIGNED, STREAMING_UNSIGNED_TRAILER, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER)

_HASH = re.compile("[0-9a-f]{64}")
_LONGEST_SCOPE = 128
"""Characters of region and service together, beyond which a key is not worth its memory."""


class SigningKeys:
    """Derived keys, so that a warm request costs one HMAC instead of five. Only keys that verified a signature get in, so a
    stranger can't push out those that are in use."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._keys: dict[tuple[str, str, str, str], bytes] = {}

    def __repr__(self) -> str:
        return f"<SigningKeys {len(self._keys)}>"

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, secret: str, credential: Credential) -> bytes:
        """From memory, else derived."""
        key = self._keys.get((secret, credential.date, credential.region, credential.service))
        return key if key is not None else signing_key(secret, credential.date, credential.region, credential.service)

    def keep(self, secret: str, credential: Credential, key: bytes) -> None:
        """The key has proved itself. When there are too many, the oldest goes."""
        scope = (secret, credential.date, credential.region, credential.service)
        if scope in self._keys or len(credential.region) + len(credential.service) > _LONGEST_SCOPE:
            return
        if len(self._keys) >= self._limit:
            del self._keys[next(iter(self._keys))]
        self._keys[scope] = key


class Verified(Struct, frozen=True):
    """A request whose signature holds; what a payload in signed chunks goes on from (`chunks`)."""

    payload: str
    """What was signed for the body: its SHA-256 in hex, or one of the words of S3 above."""
    key: bytes
    """The signing key."""
    date: str
    """`20261121T100000Z`."""
    scope: str
    """`DATE/REGION/SERVICE/aws4_request`."""
    signature: str

    def __repr__(self) -> str:
        return f"<Verified {self.scope} {self.payload}>"


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one day (`YYYYMMDD`), region and service."""
    key = f"AWS4{secret}".encode("utf-8", "replace")
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8", "replace"), "sha256")
    return key


def verify(
    request: Request,
    credential: Credential,
    secret: str,
    now: float,
    *,
    keys: SigningKeys,
    services: Collection[str] | None = None,
) -> Verified:
    """`credential` is the request's own (`signature.credential`), `secret` that of its access key, `now` in epoch seconds.
    `services` are the signing names that the endpoint answers to, None where the credential's own chooses the service.

    Raises CallerError (403 if not said otherwise): InvalidSignature for a wrong signature, a request that is too old or too
    early, a wrong scope or an unsigned header that must be signed; IncompleteSignature for a date that is none; for the
    service `s3` the errors that S3 has in their place, and XAmzContentSHA256Mismatch (400) for a body that is another.
    """
    if services is not None and credential.service not in services:
        raise refusals.wrong_service(services, credential)
    date = _date(request, credential, now)
    signed = frozenset(credential.signed_headers)
    headers = request.headers
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signed]
    if unsigned or "host" not in signed:
        raise refusals.unsigned_headers(["host", *unsigned] if "host" not in signed else unsigned, credential)
    s3 = credential.service == "s3"
    payload = _payload_of_s3(request, credential) if s3 else sha256(request.body).hexdigest()
    if not s3 and headers.get("x-amz-content-sha256", payload) != payload:
        raise refusals.mismatch(credential)
    try:
        path = canonical_key(request.path) if s3 else canonical_path(request.path)
        query = canonical_query(request.query, credential.presigned)
        canonical = canonical_request(request.method, path, query, headers, sorted(signed), payload)
    except UnicodeEncodeError:
        canonical = None
    if canonical is None:
        raise refusals.mismatch(credential)
    scope = f"{credential.date}/{credential.region}/{credential.service}/aws4_request"
    string_to_sign = f"{ALGORITHM}\n{date}\n{scope}\n{sha256(canonical).hexdigest()}"
    key = keys.get(secret, credential)
    computed = hmac.digest(key, string_to_sign.encode("utf-8", "replace"), "sha256").hex()
    if not hmac.compare_digest(computed.encode(), credential.signature.encode("utf-8", "replace")):
        raise refusals.mismatch(credential, string_to_sign)
    keys.keep(secret, credential, key)
    if s3 and payload not in _PAYLOADS:
        hashed = sha256(request.body).hexdigest()
        if hashed != payload:
            raise refusals.wrong_payload(payload, hashed)
    return Verified(payload, key, date, scope, computed)


def _date(request: Request, credential: Credential, now: float) -> str:
    """The date that is signed, `20261121T100000Z`, once it is found to be in time and that of the scope."""
    if credential.presigned:
        date = dict(request.query_pairs).get("X-Amz-Date", "")
    else:
        sent = request.headers.get("x-amz-date")
        date = sent if sent is not None else _http_date(request.headers.get("date", ""))
    moment = _moment(date)
    if moment is None:
        raise refusals.malformed_date(date, credential)
    if date[:8] != credential.date:
        raise refusals.wrong_scope_date(date, credential)
    wrong = refusals.wrong_time(date, moment, int(now), credential)
    if wrong is not None:
        raise wrong
    return date


def _http_date(text: str) -> str:
    """A `Date` header in the form that is signed; unchanged if it is in that form already, or no date."""
    if _moment(text) is not None:
        return text
    try:
        return refusals.basic(parse_date(text))
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return text


def _moment(text: str) -> int | None:
    """Epoch seconds of `20261121T100000Z`; None for anything else."""
    if not (len(text) == 16 and text[8] == "T" and text[15] == "Z" and text.isascii()):
        return None
    if not (text[:8].isdigit() and text[9:15].isdigit()):
        return None
    try:
        return int(datetime.fromisoformat(text[:15]).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _payload_of_s3(request: Request, credential: Credential) -> str:
    """What S3 is told of the body; a presigned request need not say anything, for who signed it did not know the body.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    said = request.headers.get("x-amz-content-sha256")
    if said is None and credential.presigned:
        said = dict(request.query_pairs).get("X-Amz-Content-Sha256", UNSIGNED)
    if said is None:
        raise refusals.missing_payload_hash()
    accepted = (UNSIGNED,) if credential.presigned else _PAYLOADS
    if said not in accepted and not _HASH.fullmatch(said):
        raise refusals.malformed_payload_hash(said, accepted)
    return said
