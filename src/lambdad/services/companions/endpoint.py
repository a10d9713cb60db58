"""An endpoint elsewhere that has one service: AWS's own, or another server such as DynamoDB local.

Requests are signed anew, by botocore: with the credentials of a profile of AWS's configuration files, or, where none is named,
with the caller's account as the access key, by which such servers tell accounts apart.
"""

import asyncio
import re
import ssl
from typing import Any, Final

from lambdad.domain.caller import Caller
from lambdad.domain.errors import NotImplementedOperation
from lambdad.services.companions.connection import CompanionFailed, Connection
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Model
from lambdad.wire.sigv4 import STREAMING_SIGNED, STREAMING_SIGNED_TRAILER

FORM: Final = re.compile(r"(https?)://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?(?:,(.+))?")
"""`http://127.0.0.1:8000`, `https://dynamodb.eu-west-1.amazonaws.com,PROFILE`."""

_PORTS: Final = {"http": 80, "https": 443}


class Endpoint:
    """`text` has the form above. Certificates are verified against the host's authorities."""

    def __init__(self, text: str) -> None:
        found = FORM.fullmatch(text)
        if found is None:
            raise ValueError(text)
        scheme, host, port, self._profile = found.groups()
        self._url = f"{scheme}://{host}" + (f":{port}" if port else "")
        self._host, self._port = host.strip("[]"), int(port or _PORTS[scheme])
        self._tls = ssl.create_default_context() if scheme == "https" else None
        self._credentials: Any = None

    def __repr__(self) -> str:
        return f"<Endpoint {self._url}>"

    async def exchange(self, request: Request, caller: Caller, model: Model) -> Response:
        """`request` is normal (see `forward`). Raises CompanionFailed."""
        if request.headers.get("x-amz-content-sha256") in (STREAMING_SIGNED, STREAMING_SIGNED_TRAILER):
            raise NotImplementedOperation("lambdad does not sign a body in signed chunks anew; send it with one signature.")
        # Credentials may have to be fetched, which blocks.
        signed = await asyncio.to_thread(self._signed, request, caller, model)
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._tls)
        except OSError as error:  # ssl.SSLError is one.
            raise CompanionFailed(f"{self._url} can't be reached: {error}") from error
        return await connection.exchange(signed)

    def _signed(self, request: Request, caller: Caller, model: Model) -> Request:
        """In a thread. Raises CompanionFailed for a profile without credentials."""
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        target = f"{request.path}?{request.query}" if request.query else request.path
        made = AWSRequest(request.method, self._url + target, dict(request.headers), request.body)
        made.headers["host"] = self._url.partition("://")[2]
        kind = S3SigV4Auth if model.signing_name == "s3" else SigV4Auth
        try:
            kind(self._known(caller), model.signing_name, caller.region).add_auth(made)
        except BotoCoreError as error:
            raise CompanionFailed(f"There are no credentials for {self._url}: {error}") from error
        headers = {name.lower(): str(value) for name, value in made.headers.items()}
        return Request(request.method, request.path, request.query, headers, request.body)

    def _known(self, caller: Caller) -> Any:
        from botocore.credentials import Credentials
        from botocore.session import Session

        if self._profile is None:
            return Credentials(caller.account, "lambdad")
        if self._credentials is None:
            self._credentials = Session(profile=self._profile).get_credentials()
        return self._credentials
