"""What a request to run a function must fulfil. Pure; each check raises the error that Lambda answers.

Texts: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html and answers of AWS. On the invoke path each check costs
well under a microsecond for an ordinary request: no objects are built of the payload.
"""

import base64
import binascii
import re

import msgspec
from msgspec import Struct

from lambdad.domain import limits
from lambdad.domain.access import Need
from lambdad.domain.arns import LATEST, FunctionName, parse_function_name
from lambdad.domain.caller import Caller
from lambdad.domain.errors import (
    InvalidParameterValue,
    InvalidRequestContent,
    NotImplementedOperation,
    RequestTooLarge,
    ResourceConflict,
    SnapStartNotReady,
)
from lambdad.domain.functions import Version
from lambdad.frontend.api import INVOKE
from lambdad.frontend.jackson import fault
from lambdad.wire.validate import violation

_LIMITS = {"RequestResponse": limits.SYNC_PAYLOAD, "DryRun": limits.SYNC_PAYLOAD, "Event": limits.EVENT_PAYLOAD}
_QUALIFIER = re.compile(r"[a-zA-Z0-9$_-]{1,128}")
_NAME_LENGTH = 64
_JSON = msgspec.json.Decoder(msgspec.Raw)
"""Checks the grammar without building anything; stateless."""


class Target(Struct, frozen=True):
    """Which function a request means, as far as its text tells."""

    name: FunctionName
    need: Need
    """The permission to invoke it; its resource is the ARN, with the qualifier that the caller used."""


def target(function: str, qualifier: str | None, caller: Caller) -> Target:
    """Raises InvalidParameterValue, ValidationError or ResourceNotFound (another region)."""
    if qualifier is not None and not _QUALIFIER.fullmatch(qualifier):
        raise violation(qualifier, "qualifier", "Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)")
    name = parse_function_name(function, qualifier, account=caller.account, region=caller.region)
    if len(name.name) > _NAME_LENGTH:
        raise violation(name.name, "functionName", f"Member must have length less than or equal to {_NAME_LENGTH}")
    return Target(name, Need(INVOKE, name.account, name.arn))


def types(invocation_type: str, log_type: str, *, streaming: bool) -> None:
    """Raises ValidationError for what the service model does not know."""
    if invocation_type not in _LIMITS or (streaming and invocation_type == "Event"):
        allowed = "[RequestResponse, DryRun]" if streaming else "[Event, RequestResponse, DryRun]"
        raise violation(invocation_type, "invocationType", f"Member must satisfy enum value set: {allowed}")
    if log_type not in ("None", "Tail"):
        raise violation(log_type, "logType", "Member must satisfy enum value set: [None, Tail]")


def payload(data: bytes, invocation_type: str) -> bytes:
    """The event. Raises RequestTooLarge, or InvalidRequestContent for what is no JSON; nothing at all means `{}`."""
    limit = _LIMITS[invocation_type]
    if len(data) > limit:
        raise RequestTooLarge(
            f"{len(data)} byte payload is too large for the {invocation_type} invocation type (limit {limit} bytes)"
        )
    if not data:
        return b"{}"
    if not _is_json(data):
        # The fast check refuses a little more than the grammar does (lone surrogates, deep nesting).
        found = fault(data)
        if found is not None:
            raise InvalidRequestContent(f"Could not parse request body into json: Could not parse payload into json: {found}")
    return data


def client_context(text: str | None) -> str | None:
    """The JSON object inside. Raises InvalidRequestContent."""
    if not text:
        return None
    if len(text) > limits.CLIENT_CONTEXT:
        raise InvalidRequestContent(f"Client context must be no more than {limits.CLIENT_CONTEXT} bytes.")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data.lstrip().startswith(b"{") or (not _is_json(data) and fault(data) is not None):
        raise InvalidRequestContent("Client context must be a valid Base64-encoded JSON object.")
    return data.decode()


def invocable(version: Version) -> None:
    """Raises ResourceConflict, or SnapStartNotReady, unless the version is Active.

    A function that is being updated is not concerned: what is resolved is then the version from before.
    """
    if version.state == "Pending" and version.version != LATEST and version.snap_start != "None":
        raise SnapStartNotReady()
    if version.state != "Active":
        raise ResourceConflict(
            f"The operation cannot be performed at this time. The function is currently in the following state: {version.state}"
        )


def tenant(version: Version, tenant_id: str | None) -> None:
    """Raises InvalidParameterValue where the request's tenant does not go with the function.

    https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html
    """
    isolated = "TenancyConfig" in version.stored
    if isolated and tenant_id is None:
        raise InvalidParameterValue(
            "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
        )
    if isolated:
        raise NotImplementedOperation("lambdad does not isolate tenants yet, so it does not run functions that ask for it.")
    if tenant_id is not None:
        raise InvalidParameterValue("The invoked function is not enabled with tenancy configuration.")


def _is_json(data: bytes) -> bool:
    try:
        _JSON.decode(data)
        if not data.isascii():
            data.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True
