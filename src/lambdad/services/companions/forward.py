"""What is sent on of a request: what lambdad has read of it, and nothing that moto could read otherwise. Pure.

moto finds account, region, service and operation in many places of a request (host, path, query, User-Agent, body). Here each
is said once: the account in moto's own header (https://docs.getmoto.org/en/latest/docs/multi_account.html), the region in the
host and in the credential's scope, service and operation in two headers that `program` goes by. The signature has been
verified, and is no business of moto's.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urlencode

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError, IncompleteSignature
from lambdad.wire.match import Match, form, protocol_of
from lambdad.wire.messages import Request
from lambdad.wire.models import Model, Protocol

BACKEND: Final = "x-lambdad-backend"
OPERATION: Final = "x-lambdad-operation"

_FORM: Final = "application/x-www-form-urlencoded"
_DROPPED: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "date",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
    }
)
_DROPPED_PREFIXES: Final = ("x-moto-", "x-lambdad-", "x-forwarded-", "proxy-")
_REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]+){1,3}-\d{1,2}")
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")


def normal(caller: Caller, model: Model, operation: str, match: Match | None, request: Request) -> Request:
    """The request as lambdad has read it, unsigned. `match` is None for Smithy's RPC v2 protocol, whose bodies are not read.

    Raises CallerError for a region or a bucket that is none, and for a form that says a thing twice.
    """
    if not _REGION.fullmatch(caller.region):
        raise IncompleteSignature("Credential should be scoped to a valid region.")
    headers = dict(_passed(request))
    if match is None:
        path = f"/service/{model.target_prefix or model.name}/operation/{operation}"
        return Request("POST", path, "", headers, request.body)
    match protocol_of(request, model):
        case "json":
            headers["content-type"] = f"application/x-amz-json-{model.json_version}"
            headers["x-amz-target"] = f"{model.target_prefix}.{operation}"
            return Request("POST", "/", "", headers, request.body)
        case "query":
            headers["content-type"] = _FORM
            return Request("POST", "/", "", headers, _single_form(request))
        case protocol:
            return _rest(protocol, headers, model, match, request)


def for_moto(request: Request, caller: Caller, backend: str, model: Model, operation: str) -> Request:
    """`request` is normal; `backend`: moto's name of the service."""
    signed = f"{caller.region}/{model.signing_name}/aws4_request"
    headers = request.headers | {
        "host": f"{model.signing_name}.{caller.region}.amazonaws.com",
        "authorization": f"AWS4-HMAC-SHA256 Credential=lambdad/20000101/{signed}, SignedHeaders=host, Signature=0",
        "x-moto-account-id": caller.account,
        BACKEND: backend,
        OPERATION: operation,
    }
    return Request(request.method, request.path, request.query, headers, request.body)


def _rest(protocol: Protocol, headers: dict[str, str], model: Model, match: Match, request: Request) -> Request:
    if model.name == "s3":
        bucket = match.labels.get("Bucket")
        if bucket is not None and not _BUCKET.fullmatch(bucket):
            raise CallerError.named("InvalidBucketName", "The specified bucket is not valid.", BucketName=bucket)
    elif headers.get("content-type", "").startswith((_FORM, "multipart/form-data")):
        del headers["content-type"]
    return Request(request.method, request.path, _modelled_query(match, request), headers, request.body)


def _passed(request: Request) -> Iterator[tuple[str, str]]:
    for name, value in request.headers.items():
        # To WSGI an underscore is a dash, but in S3's metadata, where moto minds it.
        same = "_" not in name or name.startswith("x-amz-meta-")
        if same and name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES):
            yield name, value


def _single_form(request: Request) -> bytes:
    pairs = form(request)
    if len({name for name, _ in pairs}) != len(pairs):
        raise CallerError.named("MalformedQueryString", "The query string contains a parameter more than once", 400)
    return urlencode([pair for pair in pairs if not pair[0].startswith("X-Amz-")]).encode("ascii")


def _modelled_query(match: Match, request: Request) -> str:
    """Only what the operation knows: another parameter could make it another operation."""
    operation = match.operation
    members = [] if operation.input is None else list(operation.input.members.values())
    inside = [member for member in members if member.location == "querystring"]
    names = {member.wire_name for member in inside if member.shape.kind != "map"} | set(operation.literal_query)
    anything = any(member.shape.kind == "map" for member in inside)
    pairs = request.query_pairs
    kept = [(name, value) for name, value in pairs if name in names or (anything and name != "Action")]
    return urlencode(kept, quote_via=quote)
