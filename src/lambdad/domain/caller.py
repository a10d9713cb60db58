"""Who calls, and for which account and region: what the edge learnt of a request before a service sees it."""

from typing import Any

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
    host: str = ""
    """The `Host` by which the caller reaches lambdad: addresses that it is given begin with it."""
    trace_id: str | None = None
    """The request's `X-Amzn-Trace-Id`, unchecked: AWS's SDKs send that of the invocation in which they run, others anything."""

    session: Any = None
    """The claims of temporary credentials (`lambdad.iam.sessions.Claims`); None for users and the root user."""
    source_ip: str | None = None
    """Of the connection; None inside lambdad, and for functions, whose connections have none that means anything."""
    user_agent: str | None = None

    @property
    def is_root(self) -> bool:
        """Whether it is the root user of its account, or one of that user's sessions."""
        return self.principal_arn.endswith(":root")
