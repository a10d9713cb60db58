"""Who calls. Each policy is an `Authenticator`; assembly chooses one."""

import hmac
from collections.abc import Callable, Collection
from typing import Any, Protocol

from msgspec import Struct

from lambdad.domain.caller import Caller
from lambdad.iam.arns import root_arn
from lambdad.wire import signature_refusals as refusals
from lambdad.wire.messages import Request
from lambdad.wire.signature import Credential
from lambdad.wire.sigv4 import SigningKeys, verify

DEFAULT_ACCOUNT = "000000000000"


class Authenticator(Protocol):
    def authenticate(self, request: Request, credential: Credential, request_id: str) -> Caller:
        """Raises CallerError: UnrecognizedClient for an unknown key, InvalidSignatureException for a wrong signature, …

        Host and trace id are what the request says.
        """
        ...


class Known(Struct, frozen=True):
    """What is known of an access key."""

    secret: str
    account: str
    """Twelve digits."""
    principal_arn: str
    session_token: str | None = None
    """Of temporary credentials: the token that their requests have to carry."""
    expires: float | None = None
    """Epoch seconds, of temporary credentials."""
    session: Any = None
    """What else is known of the session, for `Caller.session`."""

    def __repr__(self) -> str:
        return f"<Known {self.principal_arn}>"


class SignedRequests:
    """Only requests whose signature holds, of access keys that `find` knows; it answers None for any other.

    `now` is wall-clock time in epoch seconds. `services` are the signing names that are accepted; None: any, for the
    signature covers the name, and the name chooses the service.
    """

    def __init__(
        self,
        find: Callable[[Credential], Known | None],
        now: Callable[[], float],
        services: Collection[str] | None = None,
    ) -> None:
        self.find = find
        self._now = now
        self._services = services
        self._keys = SigningKeys()

    def authenticate(self, request: Request, credential: Credential, request_id: str) -> Caller:
        """Raises CallerError: UnrecognizedClient for an unknown key or another session token than the key's, ExpiredToken for
        credentials that were temporary, and what `sigv4.verify` raises."""
        known = self.find(credential)
        if known is None:
            raise refusals.unknown_key(credential)
        return self.admit(request, credential, known, request_id)

    def admit(self, request: Request, credential: Credential, known: Known, request_id: str) -> Caller:
        """Raises CallerError as `authenticate` does."""
        if not _same(known.session_token or "", credential.session_token or ""):
            raise refusals.wrong_token(credential)
        now = self._now()
        verify(request, credential, known.secret, now, keys=self._keys, services=self._services)
        if known.expires is not None and known.expires <= now:
            raise refusals.expired_token(credential)
        return _caller(request, credential, request_id, known.account, known.principal_arn, known.session)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


class AnyCredentials:
    """For loopback only: any key is the root user of an account, and its signature is not checked; but the keys that lambdad
    itself has given out are those of their owners, by `signed`.

    A key id of twelve digits names the account itself, as other local AWS endpoints do it; any other is of the default account.
    """

    def __init__(self, default_account: str = DEFAULT_ACCOUNT, signed: SignedRequests | None = None) -> None:
        self._default = default_account
        self._signed = signed

    def authenticate(self, request: Request, credential: Credential, request_id: str) -> Caller:
        signed, key = self._signed, credential.access_key_id
        account = key if len(key) == 12 and key.isascii() and key.isdigit() else None
        if account is None:
            known = None if signed is None else signed.find(credential)
            if signed is not None and known is not None:
                return signed.admit(request, credential, known, request_id)
            account = self._default
        return _caller(request, credential, request_id, account, root_arn(account))


def _caller(request: Request, credential: Credential, request_id: str, account: str, arn: str, session: Any = None) -> Caller:
    headers = request.headers
    return Caller(
        account,
        credential.region,
        request_id,
        credential.access_key_id,
        arn,
        headers.get("host", ""),
        headers.get("x-amzn-trace-id"),
        session,
        request.peer or None,
        headers.get("user-agent"),
    )
