"""Links to stored packages, as GetFunction and GetLayerVersion give them: good for ten minutes, for whoever holds them."""

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied
from lambdad.domain.functions import Code
from lambdad.wire.messages import Request

PATH = "/_lambdad/code/"
VALID = 600
"""Seconds; https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html"""


class CodeLinks:
    """Makes links and checks them. `base_url` is asked each time, because the port is known only when the server listens."""

    def __init__(self, secret: bytes, base_url: Callable[[], str], now: Callable[[], float]) -> None:
        self._secret = secret
        self._base_url = base_url
        self._now = now

    def location(self, code: Code, caller: Caller) -> str:
        expires = int(self._now()) + VALID
        signature = self._sign(code.digest, code.size, expires, caller.account)
        query = f"size={code.size}&account={caller.account}&expires={expires}&signature={signature}"
        return f"{self._base_url().rstrip('/')}{PATH}{code.digest}?{query}"

    def verified(self, request: Request) -> Code:
        """The package that a link names. Raises AccessDenied if it is not a link of ours, or has expired."""
        digest = request.path.removeprefix(PATH)
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        try:
            size, expires = int(query["size"]), int(query["expires"])
            account, signature = query["account"], query["signature"]
        except (KeyError, ValueError):
            raise AccessDenied("This link is incomplete.") from None
        wanted = self._sign(digest, size, expires, account)
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            raise AccessDenied("The signature of this link does not match.")
        if expires < self._now():
            raise AccessDenied("Request has expired")
        return Code(digest, size)

    def _sign(self, digest: str, size: int, expires: int, account: str) -> str:
        text = f"{digest}\n{size}\n{expires}\n{account}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
