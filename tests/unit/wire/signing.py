"""Requests that botocore has signed, as they arrive."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambdad.wire.messages import Request
from lambdad.wire.signature import credential
from lambdad.wire.sigv4 import SigningKeys, Verified, verify

AT = datetime(2026, 11, 21, 10, 0, 0)
NOW = AT.replace(tzinfo=UTC).timestamp()
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def signed(
    signer: Any,
    url: str,
    *,
    method: str = "POST",
    service: str = "lambda",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    token: str | None = None,
    context: Mapping[str, Any] | None = None,
    **options: Any,
) -> Request:
    """`signer` is one of the classes of `botocore.auth`. A client sends the bytes that it has signed, and then some."""
    request = AWSRequest(method, url, dict(headers or {}), body)
    request.context.update(context or {})
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda: AT):
        signer(Credentials("AKID", SECRET, token), service, "eu-west-1", **options).add_auth(request)
    found: dict[str, str] = {"host": urlsplit(url).netloc, "user-agent": "Boto3"}
    for name, value in request.headers.items():
        text = value.encode().decode("latin-1")
        found[name.lower()] = f"{found[name.lower()]},{text}" if name.lower() in found else text
    where = urlsplit(request.url)
    return Request(method, where.path or "/", where.query, found, body)


def verified(request: Request, now: float = NOW, secret: str = SECRET, **options: Any) -> Verified:
    return verify(request, credential(request), secret, now, **{"keys": SigningKeys(), **options})


def changed(request: Request, **fields: Any) -> Request:
    """A copy that differs in these fields; `headers` are added."""
    headers = {**request.headers, **fields.pop("headers", {})}
    parts = {"method": request.method, "path": request.path, "query": request.query, "body": request.body} | fields
    return Request(headers={name: value for name, value in headers.items() if value is not None}, **parts)
