"""Who calls. Each policy is an `Authenticator`; assembly chooses one."""

from typing import Protocol

from lambdad.domain.caller import Caller
from lambdad.wire.messages import Request
from lambdad.wire.signature import Credential

DEFAULT_ACCOUNT = "000000000000"


class Authenticator(Protocol):
    def authenticate(self, request: Request, credential: Credential, request_id: str) -> Caller:
        """Raises CallerError: UnrecognizedClient for an unknown key, InvalidSignatureException for a wrong signature, …

        Host and trace id are what the request says.
        """
        ...


class AnyCredentials:
    """For loopback only: any key is the root user of an account, and no signature is checked.

    A key id of twelve digits names the account itself, as other local AWS endpoints do it; any other is of the default account.
    """

    def __init__(self, default_account: str = DEFAULT_ACCOUNT) -> None:
        self._default = default_account

    def authenticate(self, request: Request, credential: Credential, request_id: str) -> Caller:
        key = credential.access_key_id
        account = key if len(key) == 12 and key.isascii() and key.isdigit() else self._default
        host, trace_id = request.headers.get("host", ""), request.headers.get("x-amzn-trace-id")
        return Caller(account, credential.region, request_id, key, f"arn:aws:iam::{account}:root", host, trace_id)
