"""Who has which credentials: access keys of users, sessions that STS made, and the execution roles of functions."""

import secrets
import time
from collections.abc import Mapping
from typing import Final

from lambdad.assembly.root_keys import RootKeys
from lambdad.domain.arns import FunctionName
from lambdad.domain.functions import Version
from lambdad.edge.authenticate import Known
from lambdad.iam import ids, sessions
from lambdad.iam.arns import root_arn
from lambdad.iam.directory import Directory
from lambdad.iam.execution import ExecutionRoles
from lambdad.iam.sessions import Claims, ExpiredToken, ForeignToken, InvalidToken
from lambdad.wire.signature import Credential
from lambdad.wire.signature_refusals import expired_token, unknown_key, wrong_token

TOKENS: Final = 4096
"""Session tokens whose seal was found good and is not looked at again."""
MARGIN: Final = 3600
"""Seconds between the end of an environment, which may be at work then for 15 minutes, and that of its credentials."""


class Keyring:
    """`key`: the server's, that seals session tokens; `roots`: keys of root users; `lifetime`: seconds for which an environment
    may live, so that its credentials outlive it."""

    def __init__(self, directory: Directory, roles: ExecutionRoles, key: bytes, roots: RootKeys, lifetime: float) -> None:
        self._directory = directory
        self._roles = roles
        self._key = key
        self._roots = roots
        self._lifetime = lifetime
        self._read: dict[tuple[str, str], tuple[Claims, str]] = {}

    def find(self, credential: Credential) -> Known | None:
        """None for a key that is not lambdad's. Raises CallerError for what is lambdad's, but no good: a key that was switched
        off, or has a token beside it; a token of another key, or that is over. Where any credentials will do, these do not."""
        key_id, token = credential.access_key_id, credential.session_token
        found = self._directory.access_key(key_id)
        if found is not None:
            user, key = found
            if not key.active:
                raise unknown_key(credential)
            return Known(key.secret, user.account, user.arn)
        if token is None:
            if key_id.startswith("ASIA") and ids.account_of(key_id) is not None:
                raise wrong_token(credential)  # A key of a session, of AWS's or ours, is nothing without its token.
            root = self._roots.find(key_id)
            return None if root is None else Known(root.secret_access_key, root.account, root_arn(root.account))
        try:
            claims, secret = self._session(token, key_id)
        except ForeignToken:
            raise wrong_token(credential) from None
        except InvalidToken:
            return None
        except ExpiredToken:
            raise expired_token(credential) from None
        return Known(secret, claims.account, claims.principal, token, claims.expires, claims)

    def _session(self, token: str, access_key_id: str) -> tuple[Claims, str]:
        found = self._read.get((token, access_key_id))
        if found is None:
            found = sessions.read(token, access_key_id, self._key, time.time())
            if len(self._read) >= TOKENS:
                self._read.clear()
            self._read[token, access_key_id] = found
        return found

    def of_function(self, version: Version) -> Mapping[str, str]:
        """Environment variables: credentials of its execution role, in a session that has the function's name."""
        issued = int(time.time())
        function = FunctionName(version.account, version.region, version.name)
        claims = self._roles.claims(version.role, function, issued, issued + int(self._lifetime) + MARGIN)
        made = sessions.issue(claims, self._key, secrets.token_bytes(ids.KEY_ID))
        return {
            "AWS_ACCESS_KEY_ID": made.access_key_id,
            "AWS_SECRET_ACCESS_KEY": made.secret_access_key,
            "AWS_SESSION_TOKEN": made.session_token,
        }
