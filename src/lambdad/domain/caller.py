"""Who calls, and for which account and region: what the edge learnt of a request before a service sees it."""

from msgspec import Struct


class Caller(Struct, frozen=True):
    """The authenticated sender of one request."""

    account: str
    """Twelve digits."""
    region: str
    request_id: str
    """A uuid; the same in the answer's `x-amzn-RequestId`, in the logs and in the function's context."""
    access_key_id: str
    principal_arn: str
    """E.g. `arn:aws:iam::000000000000:root`."""
