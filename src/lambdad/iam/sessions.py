"""Temporary credentials that nobody stores: all of a session is in its token, sealed with the server's key. Pure.

    token  = base64( version (1 byte) | claims (MessagePack) | HMAC-SHA256(key, "token" | access key id | version | claims) )
    secret = base64( HMAC-SHA256(key, "secret" | token as bytes) ), 40 characters

The token is signed, not encrypted: who has it can read its claims. HMAC: RFC 2104.
"""

import hmac
from base64 import b64decode, b64encode
from typing import Final

import msgspec
from msgspec import Struct

from lambdad.iam import ids

LONGEST: Final = 8192
"""Characters of a token: it travels in a header and in a function's environment."""
VERSION: Final = b"\x01"
_ARRAYS: Final = frozenset(bytes([0x90 | length]) for length in range(16))
"""How claims begin: with an array of that length in MessagePack. AWS's older tokens begin with the same version byte."""
_MAC: Final = 32


class InvalidToken(Exception):
    """The token was not made by this server for this access key id."""


class ForeignToken(InvalidToken):
    """A lambdad made it, but for another access key id, or it was another one, or it has been changed since."""


class ExpiredToken(Exception):
    """The token was made by this server, but its time is over."""


class TokenTooLong(Exception):
    """The claims do not fit into a token."""


class Claims(Struct, frozen=True, array_like=True, kw_only=True):
    """What is known of a session. Members are told apart by their place: new ones go last, with a default."""

    account: str
    principal: str
    """ARN of the caller: of the session of a role, or of the user who asked for a session token."""
    role: str | None = None
    """ARN of the role that was assumed; None: it is a session of the principal itself."""
    role_id: str | None = None
    """`AROA…`: a role that was deleted and made again is another one."""
    name: str = ""
    """RoleSessionName."""
    issued: int
    expires: int
    """Epoch seconds; at `expires` the session is over."""
    policies: tuple[str, ...] = ()
    """Documents of session policies."""
    policy_arns: tuple[str, ...] = ()
    """Managed policies that are session policies."""
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    """Keys of the tags that go on to roles which this session assumes."""
    source_identity: str | None = None
    user_id: str | None = None
    """`AIDA…` of the user who asked for a session token: one who was deleted and made again is another one."""
    function: str | None = None
    """ARN, without a qualifier, of the function whose environment has these credentials."""


class Credentials(Struct, frozen=True):
    access_key_id: str
    """`ASIA…`"""
    secret_access_key: str
    session_token: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Claims).decode


def issue(claims: Claims, key: bytes, randomness: bytes) -> Credentials:
    """`randomness`: `ids.KEY_ID` bytes. Raises TokenTooLong."""
    access_key_id = ids.access_key_id("ASIA", claims.account, randomness)
    body = VERSION + _encode(claims)
    token = body + _seal(key, access_key_id, body)
    text = b64encode(token).decode()
    if len(text) > LONGEST:
        raise TokenTooLong(f"{len(text)} characters, {LONGEST} are allowed")
    return Credentials(access_key_id, _secret(key, token), text)


def read(token: str, access_key_id: str, key: bytes, now: float) -> tuple[Claims, str]:
    """The claims and the secret access key. Raises InvalidToken, or ExpiredToken for one that is genuine but over."""
    # Ids are all of one length, so that no byte can move between id and claims under the same seal.
    if len(token) > LONGEST or len(access_key_id) != ids.KEY_ID_LENGTH:
        raise InvalidToken("too long, or not for an access key id")
    try:
        data = b64decode(token, validate=True)
        given_id = access_key_id.encode("ascii")
    except ValueError:
        raise InvalidToken("not base64") from None
    body, seal = data[:-_MAC], data[-_MAC:]
    if body[:1] != VERSION or body[1:2] not in _ARRAYS:
        raise InvalidToken("not of this form")
    if not hmac.compare_digest(seal, _seal(key, given_id.decode(), body)):
        raise ForeignToken("not sealed with this server's key for this access key id")
    try:
        claims = _decode(body[1:])
    except msgspec.MsgspecError as error:
        raise InvalidToken("its claims can't be read") from error
    if now >= claims.expires:
        raise ExpiredToken
    return claims, _secret(key, data)


def _seal(key: bytes, access_key_id: str, body: bytes) -> bytes:
    return hmac.digest(key, b"token" + access_key_id.encode() + body, "sha256")


def _secret(key: bytes, token: bytes) -> str:
    return ids.secret(hmac.digest(key, b"secret" + token, "sha256"))
